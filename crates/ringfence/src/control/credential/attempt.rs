//! Operations that need a capability, each harmless where it succeeds: the last check is made to
//! fail, or only the attempting process changes. capabilities(7).

pub mod alone;
pub mod executed;
pub mod file;

use std::path::{Path, PathBuf};

use ringfence_bpf::table::Abi;

use crate::control::trial::{Deed, Passes, Trial, Word};

const EFAULT: u16 = 14;
const EINVAL: u16 = 22;
const ENOENT: u16 = 2;
const ENODEV: u16 = 19;

/// Set-user-ID and set-group-ID programs of Debian and others that print how they are called, and do
/// nothing else then.
const HARMLESS: [&str; 9] = ["chage", "expiry", "su", "passwd", "gpasswd", "chsh", "chfn", "mount", "umount"];

/// One of them in a directory, which would change the caller's ids.
#[must_use]
pub fn set_id_program(directory: &Path) -> Option<PathBuf> {
    use std::os::unix::fs::MetadataExt;
    // proc(5): the directory belongs to the effective ids of the process.
    let own = std::fs::metadata("/proc/self").ok()?;
    HARMLESS.into_iter().map(|name| directory.join(name)).find(|path| {
        std::fs::symlink_metadata(path).is_ok_and(|found| {
            let (user, group) = (found.mode() & 0o4001 == 0o4001, found.mode() & 0o2011 == 0o2011);
            found.is_file() && (user && found.uid() != own.uid() || group && found.gid() != own.gid())
        })
    })
}

/// One operation and the capability that it needs.
#[derive(Debug, Clone)]
pub struct Need {
    /// Its number, linux/capability.h.
    pub capability: u8,
    /// In words.
    pub operation: &'static str,
    /// How it is tried.
    pub trial: Trial,
}

fn call(name: &str, args: Vec<Word>, passes: Passes) -> Option<Trial> {
    Trial::call(Abi::X86_64, name, args).map(|trial| trial.passing(passes))
}

/// Whether a capability is in the permitted set: capset(2) of that one alone succeeds then, and
/// changes the attempting process only.
#[must_use]
pub fn permitted(capability: u8) -> Option<Trial> {
    let mut data = [0u8; 24];
    let (half, bit) = (usize::from(capability / 32) * 12, capability % 32);
    for set in [0, 4] {
        data[half + set..half + set + 4].copy_from_slice(&(1u32 << bit).to_le_bytes());
    }
    let header = [0x2008_0522u32.to_le_bytes(), 0u32.to_le_bytes()].concat();
    call("capset", vec![Word::Bytes(header), Word::Bytes(data.to_vec())], Passes::Success)
}

/// Whether set-user-ID programs may give privilege: prctl(2) `PR_GET_NO_NEW_PRIVS` answers 0.
#[must_use]
pub fn new_privileges() -> Option<Trial> {
    call("prctl", vec![Word::Value(39)], Passes::Answer(0))
}

/// Whether user 0 regains capabilities at execve(2): `PR_GET_SECUREBITS` answers 0.
#[must_use]
pub fn root_is_special() -> Option<Trial> {
    call("prctl", vec![Word::Value(27)], Passes::Answer(0))
}

/// Whether a capability is in the bounding set: `PR_CAPBSET_READ` answers 1.
#[must_use]
pub fn bounding(capability: u8) -> Option<Trial> {
    call("prctl", vec![Word::Value(23), Word::Value(u64::from(capability))], Passes::Answer(1))
}

/// Operations by capability.
#[must_use]
pub fn needs() -> Vec<Need> {
    let v = Word::Value;
    let or = |errno| Passes::SuccessOr(vec![errno]);
    let calls = [
        // No name is copied from a null pointer: EFAULT comes after the check.
        (21, "sethostname(NULL, 1)", call("sethostname", vec![v(0), v(1)], or(EFAULT))),
        (21, "setdomainname(NULL, 1)", call("setdomainname", vec![v(0), v(1)], or(EFAULT))),
        (18, "chroot(\"/\")", call("chroot", vec![Word::text(b"/")], Passes::Success)),
        (22, "reboot with wrong magic", call("reboot", vec![v(0), v(0), v(0), v(0)], or(EINVAL))),
        (16, "delete_module(NULL)", call("delete_module", vec![v(0), v(0o4000)], or(EFAULT))),
        (17, "iopl(3)", call("iopl", vec![v(3)], Passes::Success)),
        (17, "ioperm(0x80, 1, 1)", call("ioperm", vec![v(0x80), v(1), v(1)], Passes::Success)),
        (25, "settimeofday(NULL, NULL)", call("settimeofday", vec![v(0), v(0)], Passes::Success)),
        (25, "clock_adjtime(CLOCK_REALTIME) with a frequency", adjtime()),
        (
            23,
            "setpriority(PRIO_PROCESS, 0, -20)",
            call("setpriority", vec![v(0), v(0), Word::number(-20)], Passes::Success),
        ),
        (
            20,
            "acct of a file that does not exist",
            call("acct", vec![Word::text(b"/ringfence/none")], or(ENOENT)),
        ),
        (
            34,
            "syslog(SYSLOG_ACTION_CONSOLE_LEVEL) without a level",
            call("syslog", vec![v(8), v(0), v(0)], or(EINVAL)),
        ),
        (
            35,
            "timer_create(CLOCK_REALTIME_ALARM)",
            call("timer_create", vec![v(8), v(0), Word::Scratch(64)], Passes::Success),
        ),
        (6, "setgroups(0, NULL)", call("setgroups", vec![v(0), v(0)], Passes::Success)),
        (21, "bpf(BPF_PROG_GET_NEXT_ID)", bpf_next()),
        (
            13,
            "socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)",
            call("socket", vec![v(2), v(3), v(1)], Passes::Success),
        ),
        (12, "ioctl(SIOCSIFFLAGS) of an interface that does not exist", interface()),
        (10, "bind of port 1 of 127.0.0.1", low_port()),
    ];
    let need = |(capability, operation, trial): (u8, &'static str, Option<Trial>)| {
        Some(Need { capability, operation, trial: trial? })
    };
    calls.into_iter().filter_map(need).collect()
}

/// `struct timex` with `ADJ_FREQUENCY` and a frequency of 0 would change the clock; with
/// `ADJ_TICK` and a tick of 0 it is EINVAL after the capability check.
fn adjtime() -> Option<Trial> {
    let mut timex = vec![0u8; 208];
    timex[..4].copy_from_slice(&0x4000u32.to_le_bytes());
    call("clock_adjtime", vec![Word::Value(0), Word::Bytes(timex)], Passes::SuccessOr(vec![EINVAL]))
}

/// The next program after the highest id: ENOENT after the check.
fn bpf_next() -> Option<Trial> {
    let attr = 0x7fff_fffeu32.to_le_bytes();
    let args = vec![Word::Value(11), Word::Bytes([&attr[..], &[0; 12]].concat()), Word::Value(12)];
    call("bpf", args, Passes::SuccessOr(vec![ENOENT]))
}

fn interface() -> Option<Trial> {
    let mut request = [0u8; 40];
    request[..11].copy_from_slice(b"ringfence-0");
    let socket = Deed::call(Abi::X86_64, "socket", vec![Word::Value(2), Word::Value(2), Word::Value(0)])?;
    let args = vec![Word::Answer(0), Word::Value(0x8914), Word::Bytes(request.to_vec())];
    let ioctl = Deed::call(Abi::X86_64, "ioctl", args)?;
    Some(Trial::of(vec![socket, ioctl]).passing(Passes::SuccessOr(vec![ENODEV])))
}

/// EADDRINUSE and EADDRNOTAVAIL come after the check of the port.
fn low_port() -> Option<Trial> {
    let mut address = [0u8; 16];
    address[..8].copy_from_slice(&[2, 0, 0, 1, 127, 0, 0, 1]);
    let socket = Deed::call(Abi::X86_64, "socket", vec![Word::Value(2), Word::Value(2), Word::Value(0)])?;
    let bind = Deed::call(
        Abi::X86_64,
        "bind",
        vec![Word::Answer(0), Word::Bytes(address.to_vec()), Word::Value(16)],
    )?;
    Some(Trial::of(vec![socket, bind]).passing(Passes::SuccessOr(vec![98, 99])))
}
