//! What concerns the system call gate: ABIs, rules and actions. The names are the tables' of
//! `ringfence-bpf`.

use ringfence_bpf::filter::Action;
use ringfence_bpf::rule::{self, Rule};
use ringfence_bpf::table::{self, Abi};

use super::Fault;

/// The actions that have a word of their own, and what it says. Every errno name is one too.
pub(crate) const ACTIONS: &[(&str, Action, &str)] = &[
    ("kill", Action::KillProcess, "the process ends, as by SIGSYS"),
    ("kill-thread", Action::KillThread, "the calling thread ends"),
    ("trap", Action::Trap(0), "the caller gets SIGSYS"),
    ("log", Action::Log, "the call runs and is logged: nothing is denied"),
];

/// An ABI by its name.
pub(crate) fn abi(text: &str) -> Result<Abi, Fault> {
    Abi::from_name(text).ok_or_else(|| {
        let help = "the three ways through the gate are x86_64, i386 and x32";
        Fault::name(text, "ABI", Abi::ALL.map(Abi::name), help)
    })
}

/// An action's word, or an errno name.
pub(crate) fn action(text: &str) -> Result<Action, Fault> {
    if let Some((_, action, _)) = ACTIONS.iter().find(|(word, ..)| *word == text) {
        return Ok(*action);
    }
    table::errno(text).map(Action::Errno).ok_or_else(|| {
        let words = ACTIONS.iter().map(|(word, ..)| *word);
        let help = "write kill, kill-thread, trap, log, or an errno name such as EPERM or ENOSYS";
        Fault::name(text, "action", words.chain(table::errnos().iter().map(|errno| errno.name)), help)
    })
}

/// A rule that allows: an action of its own would contradict its list.
pub(crate) fn allow(text: &str) -> Result<Rule, Fault> {
    let rule = deny(text)?;
    match rule.action {
        None => Ok(rule),
        Some(_) => {
            let at = text.find("->").unwrap_or(0);
            let help = "leave the action out, or move the rule to syscalls.deny";
            Err(Fault::value(text, "a rule that allows has no other action", help).within(at..text.len()))
        }
    }
}

/// A rule that denies, possibly with an action of its own.
pub(crate) fn deny(text: &str) -> Result<Rule, Fault> {
    rule::parse(text).map_err(|error| Fault {
        code: "bad-rule",
        range: error.offset..error.offset + error.len,
        message: error.message,
        label: None,
        help: error.help,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_words_or_errno_names() {
        assert_eq!(action("EPERM"), Ok(Action::Errno(1)));
        assert_eq!(action("ENOSYS"), Ok(Action::Errno(38)));
        assert_eq!(action("kill"), Ok(Action::KillProcess));
        assert_eq!(action("EPREM").unwrap_err().label.as_deref(), Some("did you mean `EPERM`?"));
        assert_eq!(action("kil").unwrap_err().label.as_deref(), Some("did you mean `kill`?"));
        assert!(action("allow").is_err() && action("").is_err());
    }

    #[test]
    fn abis() {
        assert_eq!(abi("i386"), Ok(Abi::I386));
        assert_eq!(abi("x86-64").unwrap_err().label.as_deref(), Some("did you mean `x86_64`?"));
    }

    #[test]
    fn a_rule_that_allows_has_no_action() {
        assert!(allow("read").is_ok() && deny("clone3 -> ENOSYS").is_ok());
        assert_eq!(allow("clone3 -> ENOSYS").unwrap_err().range, 7..16);
    }
}
