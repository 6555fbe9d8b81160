//! What seccomp can do here, and which ways lead through the gate. seccomp(2), syscall(2).

use ringfence_sys::Errno;
use ringfence_sys::probe::{self, Answer};
use rustix::thread::{SecureComputingMode, secure_computing_mode};

use super::{Fact, Host, Reading, kernel};

/// What the kernel's seccomp knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seccomp {
    /// Actions that a filter may return, the strongest first, as `actions_avail` names them.
    pub actions: Vec<String>,
    /// Actions that may be logged, `actions_logged`: a setting of the whole host.
    pub logged: Reading<Vec<String>>,
    /// `SECCOMP_FILTER_FLAG_*` that are known.
    pub flags: u32,
}

/// `SECCOMP_FILTER_FLAG_*` of linux/seccomp.h: bit, name, first release.
pub const FLAGS: &[(u32, &str, &str)] = &[
    (1, "TSYNC", "3.17"),
    (1 << 1, "LOG", "4.14"),
    (1 << 2, "SPEC_ALLOW", "4.17"),
    (1 << 3, "NEW_LISTENER", "5.0"),
    (1 << 4, "TSYNC_ESRCH", "5.7"),
    (1 << 5, "WAIT_KILLABLE_RECV", "5.19"),
];

/// `SECCOMP_RET_*` of linux/seccomp.h, the strongest first.
const ACTIONS: &[(u32, &str)] = &[
    (0x8000_0000, "kill_process"),
    (0, "kill_thread"),
    (0x0003_0000, "trap"),
    (0x0005_0000, "errno"),
    (0x7fc0_0000, "user_notif"),
    (0x7ff0_0000, "trace"),
    (0x7ffc_0000, "log"),
    (0x7fff_0000, "allow"),
];

/// Which of the three ABIs the kernel answers. `x86_64` always is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Abis {
    /// `int 0x80`.
    pub i386: Reading<()>,
    /// `syscall` with bit 30 set.
    pub x32: Reading<()>,
}

const LOGGED: &str = "/proc/sys/kernel/seccomp/actions_logged";

pub(super) fn read(_: &Host) -> Fact<Seccomp> {
    let known = |flag: u32| {
        // WAIT_KILLABLE_RECV is only taken together with NEW_LISTENER.
        probe::seccomp_flags(if flag == 1 << 5 { flag | 1 << 3 } else { flag })
    };
    let seccomp = Seccomp {
        actions: ACTIONS
            .iter()
            .filter(|(value, _)| probe::seccomp_action(*value))
            .map(|(_, name)| (*name).to_owned())
            .collect(),
        logged: match kernel::read_small(LOGGED) {
            Ok(text) => Reading::Known(text.split_whitespace().map(str::to_owned).collect()),
            Err(error) => Reading::Unknown(format!("{LOGGED}: {error}")),
        },
        flags: FLAGS.iter().map(|(flag, ..)| *flag).filter(|flag| known(*flag)).sum(),
    };
    Fact::new(seccomp, "seccomp(2), /proc/sys/kernel/seccomp/actions_logged")
}

pub(super) fn synthetic() -> Seccomp {
    let actions: Vec<String> = ACTIONS.iter().map(|(_, name)| (*name).to_owned()).collect();
    let logged = actions.iter().filter(|name| *name != "allow").cloned().collect();
    Seccomp { actions, logged: Reading::Known(logged), flags: 0b11_1111 }
}

pub(super) fn abis(_: &Host) -> Fact<Abis> {
    let filtered = secure_computing_mode().ok() != Some(SecureComputingMode::Disabled);
    let abis = Abis {
        i386: judge(probe::i386(), filtered, "the kernel has no 32-bit entry (IA32_EMULATION)"),
        x32: judge(probe::x32(), filtered, "the kernel has no x32 (X86_X32_ABI)"),
    };
    Fact::new(abis, "getpid(2), tried")
}

/// SIGSEGV is the processor's answer where there is no gate, ENOSYS the kernel's. A filter that
/// ringfence itself runs under can answer anything but a process id.
fn judge(answer: Answer, filtered: bool, absent: &'static str) -> Reading<()> {
    const SIGSEGV: i32 = 11;
    match answer {
        Answer::Yes => Reading::Known(()),
        Answer::Signal(SIGSEGV) => Reading::Absent(absent),
        Answer::Errno(Errno::NOSYS) if !filtered => Reading::Absent(absent),
        Answer::Errno(errno) => Reading::Unknown(format!(
            "a seccomp filter around ringfence answers {}",
            std::io::Error::from_raw_os_error(errno.0.into())
        )),
        Answer::Signal(signal) => {
            Reading::Unknown(format!("a seccomp filter around ringfence kills with signal {signal}"))
        }
        Answer::Unasked(errno) => {
            Reading::Unknown(format!("fork(2): {}", std::io::Error::from_raw_os_error(errno.0.into())))
        }
    }
}

pub(super) fn synthetic_abis() -> Abis {
    Abis { i386: Reading::Known(()), x32: Reading::Absent("the kernel has no x32 (X86_X32_ABI)") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_agree_with_proc() {
        let text = std::fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail").unwrap();
        let listed: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(Host::live().seccomp().value.actions, listed);
    }

    #[test]
    fn flags_are_those_of_the_release() {
        let host = Host::live();
        let release = &host.release().value;
        for (flag, name, since) in FLAGS {
            let (major, minor) = since.split_once('.').unwrap();
            let expected = release.at_least(major.parse().unwrap(), minor.parse().unwrap());
            assert_eq!(host.seccomp().value.flags & flag != 0, expected, "{name}");
        }
        assert!(!probe::seccomp_flags(1 << 20));
    }

    #[test]
    fn nothing_was_installed_by_asking() {
        let host = Host::live();
        let _ = host.seccomp();
        let _ = host.abis();
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        assert!(status.contains("Seccomp:\t0\n"), "{status}");
    }

    #[test]
    fn answers_are_judged() {
        assert_eq!(judge(Answer::Yes, true, "a"), Reading::Known(()));
        assert_eq!(judge(Answer::Errno(Errno::NOSYS), false, "a"), Reading::Absent("a"));
        assert!(matches!(judge(Answer::Errno(Errno::NOSYS), true, "a"), Reading::Unknown(_)));
        assert_eq!(judge(Answer::Signal(11), true, "a"), Reading::Absent("a"));
        assert!(matches!(judge(Answer::Signal(31), false, "a"), Reading::Unknown(_)));
        assert!(matches!(judge(Answer::Unasked(Errno::AGAIN), false, "a"), Reading::Unknown(_)));
    }

    #[test]
    fn i386_agrees_with_the_sysctls_of_its_emulation() {
        let there = std::path::Path::new("/proc/sys/abi/vsyscall32").exists();
        let host = Host::live();
        // The file is there with IA32_EMULATION compiled in, even where it is off at boot.
        if host.abis().value.i386 == Reading::Known(()) {
            assert!(there);
        }
    }
}
