//! Which denials leave a record on this host: a table for people, JSON for programs.

use std::fmt::Write as _;

use serde::Serialize;

use crate::event::logged::{Branch, Case, branches};
use crate::event::prove::Proof;
use crate::host::Host;

/// Raised when a field changes its meaning or goes away.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document {
    version: u32,
    kind: &'static str,
    branches: Vec<Told>,
}

/// One branch of the tree.
#[derive(Serialize)]
struct Told {
    control: &'static str,
    what: String,
    flag: Option<bool>,
    recorded: Option<bool>,
    because: String,
    /// Where it was tried: whether there was a record; why it was not tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    tried: Option<Tried>,
}

#[derive(Serialize)]
struct Tried {
    recorded: Option<bool>,
    because: Option<String>,
    agrees: Option<bool>,
}

/// The tree as one JSON document with a final newline; beside it what was tried, where it was.
#[must_use]
pub fn json(host: &Host, proofs: &[Proof]) -> String {
    let document = Document { version: VERSION, kind: "ringfence.audit", branches: told(host, proofs) };
    // Nothing in the document can fail to serialise: strings, booleans and lists of them.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

/// The tree as text, a branch a line.
#[must_use]
pub fn human(host: &Host, proofs: &[Proof]) -> String {
    let mut text = String::new();
    for Told { control, what, flag, recorded, because, tried } in told(host, proofs) {
        let flag = match flag {
            Some(true) => ", log flag",
            Some(false) => ", no log flag",
            None => "",
        };
        let branch = format!("{control} {what}{flag}");
        let _ = write!(text, "{branch:<52} {:<13}", words(recorded));
        if let Some(tried) = tried {
            let _ = match (tried.agrees, tried.because) {
                (Some(true), _) => write!(text, "seen so      "),
                (Some(false), _) => write!(text, "SEEN: {} ", words(tried.recorded)),
                (None, Some(why)) => write!(text, "not tried: {why}; "),
                (None, None) => write!(text, "seen: {} ", words(tried.recorded)),
            };
        }
        let _ = writeln!(text, "{because}");
    }
    text
}

/// Whether what was seen is what the tree says, wherever both say something; `None` where nothing could
/// be tried.
#[must_use]
pub fn agrees(host: &Host, proofs: &[Proof]) -> Option<bool> {
    let all: Vec<bool> = told(host, proofs).into_iter().filter_map(|told| told.tried?.agrees).collect();
    (!all.is_empty()).then(|| all.iter().all(|agrees| *agrees))
}

fn words(recorded: Option<bool>) -> &'static str {
    match recorded {
        Some(true) => "recorded",
        Some(false) => "not recorded",
        None => "unknown",
    }
}

fn told(host: &Host, proofs: &[Proof]) -> Vec<Told> {
    let one = |(at, Branch { case, logged }): (usize, Branch)| {
        let (control, what, flag) = match case {
            Case::Seccomp(action, flag) => ("seccomp", action.words().join("/"), Some(flag)),
            Case::Landlock(domains) => ("landlock", domains.words().to_owned(), None),
            Case::AppArmor => ("apparmor", "deny rule".to_owned(), None),
        };
        let tried = proofs.get(at).map(|proof| Tried {
            recorded: proof.recorded,
            because: proof.because.clone(),
            agrees: proof.recorded.zip(logged.recorded).map(|(seen, said)| seen == said),
        });
        Told { control, what, flag, recorded: logged.recorded, because: logged.because, tried }
    };
    branches(host).into_iter().enumerate().map(one).collect()
}
