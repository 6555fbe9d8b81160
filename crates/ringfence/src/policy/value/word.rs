//! Keys whose value is one of a few words.

use super::Fault;
use crate::policy::diagnostic::quote;
use crate::policy::model::{DevView, Events, IdMap, NetMode, ProcView, SyscallMode};
use crate::policy::nearest::nearest;

/// A closed list of words: the word, what it stands for, and what that means.
pub(crate) type Words<T> = &'static [(&'static str, T, &'static str)];

/// `fs.proc`.
pub(crate) const PROC: Words<ProcView> = &[
    ("own", ProcView::Own, "a new /proc with the processes of the own pid namespace"),
    ("masked", ProcView::Masked, "own, with what concerns the whole host hidden or read-only"),
    ("none", ProcView::None, "no /proc but what fs.read names of the host's"),
];

/// `fs.dev`.
pub(crate) const DEV: Words<DevView> = &[
    ("minimal", DevView::Minimal, "null, zero, full, random, urandom, tty, own pts and shm"),
    ("none", DevView::None, "no /dev but what fs.read and fs.write name of the host's"),
];

/// `net.mode`.
pub(crate) const NET: Words<NetMode> = &[
    ("none", NetMode::None, "an own, empty network"),
    ("loopback", NetMode::Loopback, "an own network with `lo` up"),
    ("host", NetMode::Host, "the host's network"),
];

/// `syscalls.mode`.
pub(crate) const SYSCALLS: Words<SyscallMode> = &[
    ("filter", SyscallMode::Filter, "a filter program made from the rules"),
    ("strict", SyscallMode::Strict, "read, write, _exit and sigreturn only"),
    ("off", SyscallMode::Off, "no seccomp"),
];

/// `namespaces.id_map`.
pub(crate) const ID_MAP: Words<IdMap> = &[
    ("single", IdMap::Single, "one user and one group"),
    ("range", IdMap::Range, "the caller's ids of subuid(5) and subgid(5) as well; for root, every id"),
];

/// `lsm.bpf`.
pub(crate) const BPF: Words<bool> = &[
    ("off", false, "no program"),
    (
        "require",
        true,
        "a program of ringfence's own holds it; it takes root, the pid namespace and Linux 5.10",
    ),
];

/// `audit.events`.
pub(crate) const EVENTS: Words<Events> = &[
    ("none", Events::None, "nothing is recorded"),
    ("denials", Events::Denials, "what was denied"),
    ("all", Events::All, "everything at the gate"),
];

/// What `text` stands for in `words`.
pub(crate) fn word<T: Clone>(text: &str, words: Words<T>) -> Result<T, Fault> {
    if let Some((_, value, _)) = words.iter().find(|(word, ..)| *word == text) {
        return Ok(value.clone());
    }
    let label = nearest(text, words.iter().map(|(word, ..)| *word));
    let known: Vec<&str> = words.iter().map(|(word, ..)| *word).collect();
    Err(Fault {
        code: "unknown-word",
        range: 0..text.len(),
        message: format!("unknown word {}", quote(text)),
        label: label.map(|word| format!("did you mean `{word}`?")),
        help: Some(format!("write one of {}", known.join(", "))),
    })
}

/// The words and their meaning, for help and the reference.
pub(crate) fn meanings<T>(words: Words<T>) -> Vec<(&'static str, &'static str)> {
    words.iter().map(|(word, _, meaning)| (*word, *meaning)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_word_names_the_known_ones() {
        assert_eq!(word("own", PROC), Ok(ProcView::Own));
        let fault = word("maskd", PROC).unwrap_err();
        assert_eq!(fault.label.as_deref(), Some("did you mean `masked`?"));
        assert_eq!(fault.help.as_deref(), Some("write one of own, masked, none"));
        assert!(word("", NET).is_err() && word("None", NET).is_err());
    }
}
