//! Which denials leave a record on this host: a table for people, JSON for programs.

use std::fmt::Write as _;

use serde::Serialize;

use crate::event::logged::{self, Action, Logged};
use crate::host::Host;

/// Raised when a field changes its meaning or goes away.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document {
    version: u32,
    kind: &'static str,
    branches: Vec<Branch>,
}

/// One branch of the tree.
#[derive(Serialize)]
struct Branch {
    control: &'static str,
    what: String,
    flag: Option<bool>,
    recorded: Option<bool>,
    because: String,
}

/// The tree as one JSON document with a final newline.
#[must_use]
pub fn json(host: &Host) -> String {
    let document = Document { version: VERSION, kind: "ringfence.audit", branches: branches(host) };
    // Nothing in the document can fail to serialise: strings, booleans and lists of them.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

/// The tree as text, a branch a line.
#[must_use]
pub fn human(host: &Host) -> String {
    let mut text = String::new();
    for Branch { control, what, flag, recorded, because } in branches(host) {
        let flag = match flag {
            Some(true) => ", log flag",
            Some(false) => ", no log flag",
            None => "",
        };
        let recorded = match recorded {
            Some(true) => "recorded",
            Some(false) => "not recorded",
            None => "unknown",
        };
        let branch = format!("{control} {what}{flag}");
        let _ = writeln!(text, "{branch:<46} {recorded:<13} {because}");
    }
    text
}

fn branches(host: &Host) -> Vec<Branch> {
    let branch = |control, what: &str, flag, Logged { recorded, because }: Logged| Branch {
        control,
        what: what.to_owned(),
        flag,
        recorded,
        because,
    };
    let mut branches = Vec::new();
    for action in Action::ALL {
        let what = action.words().join("/");
        for flag in [true, false] {
            branches.push(branch("seccomp", &what, Some(flag), logged::seccomp(action, flag, host)));
        }
    }
    for flag in [true, false] {
        branches.push(branch("landlock", "denial", Some(flag), logged::landlock(flag, host)));
    }
    branches.push(branch("apparmor", "deny rule", None, logged::apparmor_deny(host)));
    branches
}
