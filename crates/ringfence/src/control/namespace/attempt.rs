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

/// The name of the machine: uname(2)'s `nodename`, of which eight bytes are compared with those of
/// `name`; `None` where they say nothing.
#[must_use]
pub fn machine(name: &str) -> Option<Trial> {
    // `struct new_utsname`: the second of six fields of 65 bytes.
    const NODENAME: usize = 65;
    let mut bytes = [0u8; 8];
    for (to, from) in bytes.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    // The highest bit is no part of a reading.
    let mask = u64::MAX >> 1;
    let uname = Trial::call(Abi::X86_64, "uname", vec![Word::Scratch(0)])?;
    let there = uname.reading(Reading::Bits { at: NODENAME, mask });
    (!name.is_empty()).then(|| there.passing(Passes::Answer(u64::from_le_bytes(bytes) & mask)))
}

/// The caller's: /proc/sys/kernel/hostname, proc(5).
#[must_use]
pub fn machine_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim_end().to_owned())
}

/// A network interface by its name: `SIOCGIFINDEX`, netdevice(7).
#[must_use]
pub fn interface(name: &str) -> Option<Trial> {
    let (unix, datagram, get_index) = (1, 2, 0x8933);
    let mut request = [0u8; 40];
    if name.len() > 15 {
        return None;
    }
    request[..name.len()].copy_from_slice(name.as_bytes());
    let socket = vec![Word::Value(unix), Word::Value(datagram), Word::Value(0)];
    let socket = Deed::call(Abi::X86_64, "socket", socket)?;
    let args = vec![Word::Answer(0), Word::Value(get_index), Word::Bytes(request.to_vec())];
    Some(Trial::of(vec![socket, Deed::call(Abi::X86_64, "ioctl", args)?]))
}

/// The interfaces of the caller but for loopback: /sys/class/net, sysfs(5).
#[must_use]
pub fn interfaces() -> Vec<String> {
    let entries = std::fs::read_dir("/sys/class/net").into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| name != "lo" && name != "bonding_masters");
    names.sort();
    names
}

/// Setting the clocks' offsets to what they are: time_namespaces(7). EACCES, of a namespace that has
/// members already, comes after the check for `CAP_SYS_TIME` (`proc_timens_set_offset`); that of the open is a
/// denial: of a process that is not dumpable, the file is root's.
#[must_use]
pub fn offsets() -> Option<Trial> {
    let (write_only, eacces) = (0o2_000_001, 13);
    let path = Word::text(b"/proc/self/timens_offsets");
    let open = vec![Word::number(AT_FDCWD), path, Word::Value(write_only), Word::Value(0)];
    let text = b"monotonic 0 0\n".to_vec();
    let len = text.len() as u64;
    let write = vec![Word::Answer(0), Word::Bytes(text), Word::Value(len)];
    let deeds = vec![Deed::call(Abi::X86_64, "openat", open)?, Deed::call(Abi::X86_64, "write", write)?];
    Some(Trial::of(deeds).passing(Passes::SuccessOrAt(1, eacces)))
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
