//! Operations on what only the host's namespaces have: its processes, and the namespaces
//! themselves. namespaces(7).

use ringfence_bpf::table::Abi;

use crate::control::trial::{Deed, Passes, Reading, Trial, Word};

const AT_FDCWD: i64 = -100;

/// Which namespace a process is in: device and inode of `/proc/self/ns/NAME`, which all members
/// share.
#[must_use]
pub fn membership(name: &str) -> Option<Trial> {
    let path = Word::text(format!("/proc/self/ns/{name}").as_bytes());
    let stat = |path: Word| {
        Deed::call(
            Abi::X86_64,
            "newfstatat",
            vec![Word::number(AT_FDCWD), path, Word::Scratch(0), Word::Value(0)],
        )
    };
    Some(Trial::of(vec![stat(path.clone())?]).then(stat(path)))
}

/// Operations on a process outside, each harmless: signal 0, no memory, no descriptor.
#[must_use]
pub fn on_process(pid: u32) -> Vec<(&'static str, Trial)> {
    let proc = |name: &str| Word::text(format!("/proc/{pid}/{name}").as_bytes());
    let pid = Word::Value(u64::from(pid));
    let v = Word::Value;
    let open = |name: &str| {
        let args = vec![Word::number(AT_FDCWD), proc(name), v(0o2000000)];
        Trial::call(Abi::X86_64, "openat", args)
    };
    let list = [
        ("signal host", Trial::call(Abi::X86_64, "kill", vec![pid.clone(), v(0)])),
        ("pidfd_open of a process outside", Trial::call(Abi::X86_64, "pidfd_open", vec![pid.clone(), v(0)])),
        ("read /proc/PID/status of a process outside", open("status")),
        ("read /proc/PID/environ of a process outside", open("environ")),
        ("list /proc/PID/fd of a process outside", open("fd")),
        ("follow /proc/PID/root of a process outside", open("root")),
        (
            "getpriority of a process outside",
            Trial::call(Abi::X86_64, "getpriority", vec![v(0), pid.clone()]),
        ),
        (
            "prlimit of a process outside",
            Trial::call(Abi::X86_64, "prlimit64", vec![pid.clone(), v(7), v(0), Word::Scratch(512)]),
        ),
    ];
    list.into_iter().filter_map(|(words, trial)| Some((words, trial?))).collect()
}

/// What an init keeps from the program whose init it is: it is not dumpable, ptrace(2), proc(5).
#[must_use]
pub fn on_init() -> Vec<(&'static str, &'static str, Trial)> {
    let open = |name: &str| {
        let path = Word::text(format!("/proc/1/{name}").as_bytes());
        Trial::of(vec![Deed::of("openat", vec![Word::number(AT_FDCWD), path, Word::Value(0o2000000)])])
    };
    vec![
        ("memory", "open the memory of the init", open("mem")),
        ("environment", "read the environment of the init", open("environ")),
        ("program", "open the program of the init", open("exe")),
    ]
}

/// The process' parent is the init of its pid namespace: getppid(2) answers 1.
#[must_use]
pub fn child_of_init() -> Trial {
    Trial::of(vec![Deed::of("getppid", Vec::new())]).passing(Passes::Answer(1))
}

/// A session of the caller's: whoever leads one already cannot make another, setsid(2).
#[must_use]
pub fn callers_session() -> Trial {
    Trial::of(vec![Deed::of("setsid", Vec::new())])
}

/// No signal is blocked: rt_sigprocmask(2) tells an empty set.
#[must_use]
pub fn no_signal_blocked() -> Trial {
    let ask =
        Deed::of("rt_sigprocmask", vec![Word::Value(0), Word::Value(0), Word::Scratch(0), Word::Value(8)]);
    let bits = Reading::Any(vec![(0, u64::MAX)]);
    Trial::of(vec![ask]).reading(bits).passing(Passes::Answer(0))
}

/// The working directory is the caller's.
#[must_use]
pub fn working_directory() -> Trial {
    let stat = || {
        Deed::of(
            "newfstatat",
            vec![Word::number(AT_FDCWD), Word::text(b"."), Word::Scratch(0), Word::Value(0)],
        )
    };
    Trial::of(vec![stat()]).then(Some(stat()))
}
