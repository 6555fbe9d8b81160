//! How a process stands, as far as two launches of one sandbox have it in common.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

use crate::verify::outside::Stance;

/// Lines of proc_pid_status(5).
const LINES: [&str; 9] =
    ["Uid", "Gid", "CapInh", "CapPrm", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp", "Seccomp_filters"];

/// The stance of this process. What is hidden is told as that.
#[must_use]
pub(super) fn own() -> Stance {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut facts = BTreeMap::new();
    for name in LINES {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let text = line
            .map_or_else(|| "hidden".into(), |line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        facts.insert(name.to_owned(), text);
    }
    // Numbers of namespaces differ from launch to launch; whether they are the machine's first does not.
    let first = std::fs::metadata("/proc/self/ns/user")
        .map_or("hidden", |found| if found.ino() == 0xefff_fffd { "initial" } else { "another" });
    facts.insert("user namespace".into(), first.into());
    Stance { facts }
}
