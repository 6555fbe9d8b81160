//! `verify --via` and `--here`: honest launchers, and those that hang, lie, replay, print noise, hide
//! or remove what they are to run, change its words, or leave processes behind. None of them makes
//! a claim held that is not.

#[path = "../harness/mod.rs"]
mod harness;

mod bad;
mod honest;
mod input;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use harness::ground::Ground;
use harness::run::{Outcome, Run};

/// What was found about one claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) claim: String,
    pub(crate) verdict: String,
    pub(crate) why: String,
}

/// Every finding of a report by id.
pub(crate) type Findings = BTreeMap<String, Found>;

/// A launcher that is a shell script; the words of the prober's command line are its arguments.
pub(crate) fn script(ground: &Ground, text: &str) -> String {
    let path = ground.file("launcher", &format!("#!/bin/sh\n{text}\n"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// `ringfence verify WORDS`; claims of every part but the gate's, which are most.
pub(crate) fn verify(ground: &Ground, words: &[&str]) -> Run {
    let mut all = vec!["verify", "--format", "json"];
    all.extend_from_slice(words);
    ground.command(&ground.binary(), &all)
}

/// Verifies by a launcher, quickly given up.
pub(crate) fn via(ground: &Ground, launcher: &str) -> (Outcome, Findings) {
    let words = ["--syscalls-mode", "off", "--net-mode", "host", "--patience", "3", "--via", launcher];
    let outcome = verify(ground, &words).go();
    let found = findings(&outcome);
    (outcome, found)
}

/// Reads a report; one entry a line is all that is known of JSON here.
pub(crate) fn findings(outcome: &Outcome) -> Findings {
    let mut all = Findings::new();
    let (mut id, mut found) =
        (String::new(), Found { claim: String::new(), verdict: String::new(), why: String::new() });
    for line in outcome.out.lines().map(str::trim) {
        let Some((name, value)) = line.split_once(": ") else { continue };
        let value = value.trim_end_matches(',').trim_matches('"').to_owned();
        match name {
            "\"id\"" => id = value,
            "\"claim\"" => found.claim = value,
            "\"verdict\"" => found.verdict = value,
            "\"why\"" => {
                found.why = value;
                all.insert(id.clone(), found.clone());
            }
            _ => {}
        }
    }
    assert!(all.len() > 100, "{outcome}");
    all
}

/// Denials that are called held, but for instructions, which trap everywhere.
pub(crate) fn held(found: &Findings) -> Vec<&str> {
    let is = |(id, found): &(&String, &Found)| {
        found.claim == "deny" && found.verdict == "held" && !id.starts_with("cpu/")
    };
    found.iter().filter(is).map(|(id, _)| id.as_str()).collect()
}

/// Every claim is unverifiable, and says why.
#[track_caller]
pub(crate) fn nothing_known(outcome: &Outcome, found: &Findings, why: &str) {
    let known: Vec<_> = found.iter().filter(|(_, found)| found.verdict != "unverifiable").collect();
    assert!(known.is_empty(), "{:?} of {}\n{outcome}", &known[..known.len().min(5)], found.len());
    let said = found.values().filter(|found| found.why.contains(why)).count();
    assert!(
        said * 10 > found.len() * 9,
        "{said} of {} say `{why}`: {:?}",
        found.len(),
        found.values().next()
    );
    outcome.exits(3);
}

/// Denials that are called held, and for which somebody must have contained the process.
pub(crate) fn contained<'f>(ground: &Ground, found: &'f Findings) -> Vec<&'f str> {
    held(found).into_iter().filter(|id| !by_privilege(ground, id)).collect()
}

/// What a process without any privilege cannot do wherever it is: no launcher is needed for that.
fn by_privilege(ground: &Ground, id: &str) -> bool {
    let root = ground.ids().0 == 0;
    let lacks = |name: &str| id.ends_with(name) && id.starts_with("credential/");
    (!root && id.starts_with("credential/"))
        // What a virtual machine or a container around the tests withholds from root as well.
        || (root && (lacks("CAP_SYS_RESOURCE") || id.starts_with("credential/permitted/") && !has(id)))
        || (!root && (id.starts_with("network/family/") || id.starts_with("exec/")))
        || id.starts_with("limit/")
}

/// Whether this process has the capability of an id.
fn has(id: &str) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("CapPrm:")).unwrap();
    let set = u64::from_str_radix(line.trim(), 16).unwrap();
    // linux/capability.h, those that machines for tests usually lack.
    let known = [
        ("CAP_SYS_MODULE", 16),
        ("CAP_SYS_RAWIO", 17),
        ("CAP_SYS_BOOT", 22),
        ("CAP_SYS_RESOURCE", 24),
        ("CAP_SYS_TIME", 25),
        ("CAP_AUDIT_CONTROL", 30),
        ("CAP_AUDIT_READ", 37),
        ("CAP_PERFMON", 38),
        ("CAP_BPF", 39),
    ];
    known.iter().find(|(name, _)| id.ends_with(name)).is_none_or(|(_, bit)| set & 1 << bit != 0)
}
