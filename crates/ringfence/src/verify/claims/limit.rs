//! Limits: each hard limit of the policy cannot be exceeded, and cannot be raised.

use std::path::Path;

use ringfence_bpf::table::Abi;

use super::{Claim, PROTECTION, unmasked};
use crate::control::Control;
use crate::control::trial::{Deed, Passes, Trial, Word};
use crate::plan::Mode;
use crate::policy::At;
use crate::policy::model::Namespace;
use crate::verify::{Habit, Intent, Part, Reference, Subject, Test};

pub(super) fn claims(subject: &Subject<'_>) -> Vec<Claim> {
    let limits = &subject.policy.limits;
    // asm-generic/resource.h
    let list: [(&str, u64, Option<At<u64>>); 5] = [
        ("core", 4, limits.core.clone()),
        ("file_size", 1, limits.file_size.clone()),
        ("open_files", 7, limits.open_files.clone()),
        ("stack", 3, limits.stack.clone()),
        ("cpu_time", 0, limits.cpu_time.clone()),
    ];
    let mut all: Vec<Claim> =
        list.into_iter().filter_map(|(name, resource, limit)| raise(name, resource, &limit?)).collect();
    all.extend(limits.open_files.as_ref().and_then(descriptors));
    all.extend(limits.pids.as_ref().and_then(tasks));
    all.extend(limits.memory.as_ref().and_then(memory));
    all.extend(limits.file_size.as_ref().and_then(|limit| file(subject, limit)));
    all.extend(supervised(subject));
    all
}

/// Programs that misbehave in a run. Each ends by itself after some seconds, where nothing ends it.
fn supervised(subject: &Subject<'_>) -> Vec<Claim> {
    let policy = subject.policy;
    let has_init = policy.namespaces.unshare.contains(&Namespace::Pid);
    if !has_init || !matches!(subject.plan.mode, Mode::Supervised { .. }) {
        return Vec::new();
    }
    let wait = |seconds| {
        let time = Word::Words(vec![Word::Value(seconds), Word::Value(0)]);
        Deed::of("ppoll", vec![Word::Value(0), Word::Value(0), time, Word::Value(0), Word::Value(8)])
    };
    let every = Word::Words(vec![Word::Value(u64::MAX)]);
    let block = Deed::of("rt_sigprocmask", vec![Word::Value(0), every, Word::Value(0), Word::Value(8)]);
    let page = Word::Bytes(vec![b'x'; 4096]);
    let write = Deed::of("write", vec![Word::Value(1), page, Word::Value(4096)]);
    let claim = |id: &str, operation: &str, deeds, habit, at, reason: &str| {
        Claim::new(Part::Limit, Intent::Deny, id, operation, Test::Run { deeds, habit })
            .route("a run of the policy")
            .at(at)
            .because(reason)
            .see(&["CWE-400", PROTECTION])
    };
    let at = policy.namespaces.unshare_at;
    let daemon = vec![Deed::Leave, Deed::of("setsid", Vec::new()), wait(3)];
    let reason = "whatever is left in a pid namespace ends with its init";
    let mut all =
        vec![claim("supervision/orphan", "leave a daemon behind", daemon, Habit::Orphan, at, reason)];
    if let Some(limit) = &policy.limits.wall_ms {
        let reason = format!("limits.wall = {} ms; tried with 300 ms", limit.value);
        let deaf = vec![block, wait(6)];
        let operation = "outlive the wall limit with every signal blocked";
        all.push(claim("supervision/deaf", operation, deaf, Habit::Deaf, limit.at, &reason));
        let flood = vec![write, Deed::Again(10_000), wait(6)];
        let operation = "outlive the wall limit while writing without end";
        all.push(claim("supervision/flood", operation, flood, Habit::Flood, limit.at, &reason));
    }
    all
}

fn exceeded(name: &str, operation: String, route: &str, limit: &At<u64>, trial: Trial) -> Claim {
    // Beside the same without limits; outside there are the caller's, and no cgroup.
    let test = Test::Trial { trial: trial.into(), without: Vec::new(), controls: vec![Reference::Unlimited] };
    Claim::new(Part::Limit, Intent::Deny, format!("{name}/exceed"), operation, test)
        .route(route)
        .at(limit.at)
        .because(format!("limits.{name} = {}", limit.value))
        .see(&["CWE-400", PROTECTION])
}

/// Each limit is tried by one more than it allows; one beyond these is too large to be tried without
/// harm, and not claimed.
const MOST: u64 = 100_000;
const MOST_BYTES: u64 = 256 << 20;

/// dup(2) until there are more descriptors than there may be.
fn descriptors(limit: &At<u64>) -> Option<Claim> {
    let times = u32::try_from(limit.value).ok().filter(|_| limit.value <= MOST)?;
    let open = Deed::of("epoll_create1", vec![Word::Value(0)]);
    let dup = Deed::of("dup", vec![Word::Answer(0)]);
    let trial = Trial::of(vec![open, dup, Deed::Again(times)]).limited();
    let operation = format!("open more than {} files", limit.value);
    Some(exceeded("open_files", operation, "dup", limit, trial))
}

/// A fork bomb that ends: each child ends at once, and counts until somebody waits for it.
fn tasks(limit: &At<u64>) -> Option<Claim> {
    let times = u32::try_from(limit.value).ok().filter(|_| limit.value <= 4096)?;
    let fork = || Deed::of("clone", vec![Word::Value(17)]);
    let trial = Trial::of(vec![fork(), Deed::Again(times)]).limited();
    let operation = format!("make more than {} processes", limit.value);
    Some(exceeded("pids", operation, "clone, children that end at once", limit, trial))
}

/// Memory that is used at once, half as much again as there may be: whoever takes too much is killed.
fn memory(limit: &At<u64>) -> Option<Claim> {
    let bytes = limit.value.checked_add(limit.value / 2).filter(|bytes| *bytes <= MOST_BYTES)?;
    let (read_write, private_anonymous_populate) = (3, 0x2 | 0x20 | 0x8000);
    let args = [0, bytes, read_write, private_anonymous_populate, u64::MAX, 0].map(Word::Value);
    let map = Deed::of("mmap", args.to_vec());
    // What could not be populated is populated by being read, which the kernel kills for.
    let read = Deed::of("write", vec![Word::Value(u64::MAX), Word::Answer(0), Word::Value(bytes)]);
    let bad_descriptor = 9;
    let trial = Trial::of(vec![map, read]).passing(Passes::SuccessOr(vec![bad_descriptor])).limited();
    let operation = format!("use more than {} bytes of memory", limit.value);
    Some(exceeded("memory", operation, "mmap with MAP_POPULATE", limit, trial))
}

/// One byte behind the last that a file may have: EFBIG or SIGXFSZ.
fn file(subject: &Subject<'_>, limit: &At<u64>) -> Option<Claim> {
    let private = subject.policy.fs.tmp.iter().any(|spec| spec.value.text == "/tmp");
    let path = || crate::control::mount::attempt::own(Path::new("/tmp"), "size");
    let (rdwr_creat_excl, mode) = (0o302, 0o600);
    let create = vec![Word::number(-100), path(), Word::Value(rdwr_creat_excl), Word::Value(mode)];
    let byte = vec![Word::Answer(0), Word::Bytes(b"x".to_vec()), Word::Value(1), Word::Value(limit.value)];
    let undo = Deed::of("unlinkat", vec![Word::number(-100), path(), Word::Value(0)]);
    let deeds = vec![Deed::of("openat", create), Deed::of("pwrite64", byte)];
    let trial = Trial::of(deeds).then(Some(undo)).limited();
    let operation = format!("make a file longer than {} bytes", limit.value);
    private.then(|| exceeded("file_size", operation, "pwrite", limit, trial))
}

/// Raising the hard limit by one: setrlimit(2) changes the attempting process only.
fn raise(name: &str, resource: u64, limit: &At<u64>) -> Option<Claim> {
    let more = limit.value.saturating_add(1).to_le_bytes();
    let args =
        vec![Word::Value(0), Word::Value(resource), Word::Bytes([more, more].concat()), Word::Value(0)];
    let trial = Trial::call(Abi::X86_64, "prlimit64", args)?;
    let test = unmasked(trial, &[Control::Seccomp]);
    Some(
        Claim::new(Part::Limit, Intent::Deny, name, format!("raise limits.{name} by one"), test)
            .route("prlimit64, without the filter")
            .at(limit.at)
            .because(format!("limits.{name} = {}", limit.value))
            .see(&["setrlimit(2)", PROTECTION]),
    )
}
