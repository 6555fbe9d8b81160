//! The ways to a path that must not be reached: calls, ABIs, and names that lead to it.

use std::path::{Path, PathBuf};

use ringfence_bpf::table::Abi;

use super::file::{Places, file};
use super::{ESCAPE, against_outside};
use crate::control::mount::attempt::{self, Target};
use crate::control::trial::Trial;
use crate::policy::Origin;
use crate::verify::{Claim, Intent, Test};

/// A path that must not be reached, by every way there is.
pub(super) fn denied(path: &Path, at: Option<Origin>, reason: &str, places: &Places, all: &mut Vec<Claim>) {
    let target = attempt::target(path);
    let mut claim = |word: &str, route: &str, test: Test| {
        let claim = file(Intent::Deny, word, path, route, test).because(reason).see(&[ESCAPE]);
        all.push(at.map_or(claim.clone(), |at| claim.at(at)));
    };
    if target == Target::Absent {
        if let Some(trial) = attempt::write(Abi::X86_64, path, target) {
            claim("create", "openat", against_outside(trial));
        }
        return;
    }
    for (route, trial) in ways(path, target, places) {
        claim("read", &route, against_outside(trial));
    }
    if let Some(trial) = attempt::write(Abi::X86_64, path, target) {
        claim("write", "openat", against_outside(trial));
    }
    if target == Target::Directory
        && let Some(trial) = attempt::unlink(path, target)
    {
        claim("unlink", "unlinkat", against_outside(trial));
    }
}

/// Names that lead to the root of somebody's view, and whether from a working directory, which may lie
/// deep.
const STARTS: [(&str, bool); 5] = [
    ("/proc/self/root", false),
    ("/proc/thread-self/root", false),
    ("/usr/..", false),
    ("/proc/self/cwd", true),
    (".", true),
];
/// Deeper than working directories lie.
const UP: usize = 100;

/// Ways to read a path: calls, ABIs, and names that lead to it.
fn ways(path: &Path, target: Target, places: &Places) -> Vec<(String, Trial)> {
    let below = |start: &str| PathBuf::from(format!("{start}{}", path.display()));
    let mut ways = vec![
        ("openat".to_owned(), attempt::read(Abi::X86_64, path, target)),
        ("open".to_owned(), attempt::read_by_open(Abi::X86_64, path)),
        ("openat2".to_owned(), attempt::read_by_openat2(path)),
        ("openat of i386".to_owned(), attempt::read(Abi::I386, path, target)),
        ("open of i386".to_owned(), attempt::read_by_open(Abi::I386, path)),
    ];
    for (start, deep) in STARTS {
        let (words, name) = match deep {
            true => (format!("{start}/../…"), format!("{start}{}", "/..".repeat(UP))),
            false => (format!("{start}/…"), start.to_owned()),
        };
        ways.push((words, attempt::read(Abi::X86_64, &below(&name), target)));
    }
    // The init's are closed to an ordinary user outside as well.
    let init = below("/proc/1/root");
    if attempt::target(&init) != Target::Absent {
        ways.push(("/proc/1/root/…".to_owned(), attempt::read(Abi::X86_64, &init, target)));
    }
    ways.push(("a descriptor left open".to_owned(), attempt::read_by_descriptor(path)));
    if let Some(tmp) = places.tmp.first() {
        ways.push(("symbolic link".to_owned(), attempt::read_by_link(path, &tmp.path)));
    }
    ways.into_iter().filter_map(|(route, trial)| Some((route, trial?))).collect()
}
