//! Known bugs, by the gate operation that each needs: the operation is attempted, not the exploit.
//! Nothing is claimed of them; the report says which the policy denies already.

use ringfence_bpf::table::Abi;

use super::calls::cases;
use super::{Claim, Scene};
use crate::operation::{self, Operation};
use crate::verify::{Intent, Part, Subject, Test};

/// A published defect of the kernel or of a sandbox.
#[derive(Debug, Clone, Copy)]
pub struct KnownBug {
    /// Its CVE number.
    pub cve: &'static str,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// The operation that every way to it needs.
    pub operation: &'static str,
}

const fn bug(cve: &'static str, title: &'static str, operation: &'static str) -> KnownBug {
    KnownBug { cve, title, operation }
}

/// By year. Source: the descriptions of the CVE records, and the kernel commits that they name.
pub const KNOWN_BUGS: [KnownBug; 48] = [
    bug(
        "CVE-2019-13272",
        "PTRACE_TRACEME keeps the credentials of an exiting parent",
        "ptrace(PTRACE_TRACEME)",
    ),
    bug("CVE-2013-1763", "sock_diag array index", "socket(AF_NETLINK, SOCK_RAW, 4)"),
    bug("CVE-2014-3153", "futex requeue to itself", "futex(op: FUTEX_CMP_REQUEUE_PI)"),
    bug("CVE-2014-4699", "ptrace and sysret to a non-canonical address", "ptrace(PTRACE_ATTACH)"),
    bug("CVE-2015-3290", "nested NMI by modify_ldt", "modify_ldt(func: 1)"),
    bug("CVE-2015-8660", "overlayfs setattr in a user namespace", "unshare(CLONE_NEWUSER)"),
    bug("CVE-2016-0728", "keyring reference count", "keyctl(1)"),
    bug("CVE-2016-3134", "netfilter target offset", "setsockopt(level: 0, optname: 64)"),
    bug("CVE-2016-4557", "bpf map reference by a bad descriptor", "bpf"),
    bug("CVE-2016-8655", "packet socket version race", "socket(AF_PACKET, SOCK_RAW)"),
    bug("CVE-2016-9793", "SO_SNDBUFFORCE with a negative size", "setsockopt(level: 1, optname: 32)"),
    bug("CVE-2017-5123", "waitid without access check", "waitid"),
    bug("CVE-2017-5226", "TIOCSTI types into the terminal of the caller", "ioctl(cmd: TIOCSTI)"),
    bug("CVE-2017-6074", "DCCP double free", "socket(AF_INET, SOCK_DCCP)"),
    bug("CVE-2017-7308", "packet socket ring size", "setsockopt(level: 263, optname: 5)"),
    bug("CVE-2017-11176", "mq_notify double release", "mq_notify"),
    bug("CVE-2017-16995", "bpf verifier sign extension", "bpf(5)"),
    bug("CVE-2017-1000112", "UFO to non-UFO path switch", "socket(AF_INET, SOCK_DGRAM)"),
    bug("CVE-2018-18955", "nested user namespace id map", "unshare(CLONE_NEWUSER)"),
    bug("CVE-2019-2215", "binder use after free by epoll", "epoll_ctl(op: 2)"),
    bug("CVE-2019-5736", "runC overwritten by /proc/self/exe", "execveat"),
    bug("CVE-2019-7303", "snapd filter compared 64 bits of a 32-bit ioctl", "ioctl(cmd: TIOCSTI)"),
    bug("CVE-2019-10063", "Flatpak filter compared 64 bits of a 32-bit ioctl", "ioctl(cmd: TIOCSTI)"),
    bug("CVE-2019-15666", "XFRM policy index", "socket(AF_NETLINK, SOCK_RAW, 6)"),
    bug("CVE-2020-8835", "bpf verifier 32-bit bounds", "bpf(5)"),
    bug("CVE-2020-14386", "packet socket header overflow", "socket(AF_PACKET, SOCK_RAW)"),
    bug("CVE-2020-15257", "containerd's abstract socket", "socket(AF_UNIX, SOCK_STREAM)"),
    bug("CVE-2021-3490", "bpf verifier bitwise bounds", "bpf(5)"),
    bug("CVE-2021-3493", "overlayfs capabilities in a user namespace", "unshare(CLONE_NEWUSER)"),
    bug("CVE-2021-22555", "netfilter compat out of bounds", "setsockopt(level: 0, optname: 64)"),
    bug("CVE-2021-31440", "bpf verifier 64-bit bounds", "bpf(5)"),
    bug("CVE-2021-33909", "seq_file size overflow by a deep mount", "mount"),
    bug("CVE-2021-41073", "io_uring loop read and write", "io_uring_setup"),
    bug("CVE-2021-43267", "TIPC crypto key size", "socket(AF_TIPC, SOCK_SEQPACKET)"),
    bug("CVE-2022-0185", "legacy mount parameter overflow", "fsopen"),
    bug("CVE-2022-0492", "cgroup release_agent in a user namespace", "mount"),
    bug("CVE-2022-0847", "Dirty Pipe: splice into the page cache", "splice"),
    bug("CVE-2022-1011", "FUSE read of freed pages", "mount"),
    bug("CVE-2022-2588", "route classifier use after free", "socket(AF_NETLINK, SOCK_RAW, 0)"),
    bug("CVE-2022-27666", "ESP transform overflow", "socket(AF_KEY, SOCK_RAW)"),
    bug("CVE-2022-29582", "io_uring timeout race", "io_uring_enter"),
    bug("CVE-2022-32250", "nf_tables set expressions", "socket(AF_NETLINK, SOCK_RAW, 12)"),
    bug("CVE-2023-0179", "nf_tables payload length", "socket(AF_NETLINK, SOCK_RAW, 12)"),
    bug("CVE-2023-0386", "overlayfs copies set-user-ID files up", "mount"),
    bug("CVE-2023-2598", "io_uring fixed buffers", "io_uring_register"),
    bug("CVE-2023-32233", "nf_tables anonymous sets", "socket(AF_NETLINK, SOCK_RAW, 12)"),
    bug("CVE-2023-3269", "StackRot: maple tree race", "mremap"),
    bug("CVE-2024-1086", "nf_tables verdict double free", "socket(AF_NETLINK, SOCK_RAW, 12)"),
];

pub(super) fn claims(_subject: &Subject<'_>, scene: &Scene) -> Vec<Claim> {
    KNOWN_BUGS.iter().filter_map(|bug| claim(bug, scene)).collect()
}

fn claim(bug: &KnownBug, scene: &Scene) -> Option<Claim> {
    let Ok(Operation::Call(rule)) = operation::parse(bug.operation) else { return None };
    let cases: Vec<_> =
        [Abi::X86_64, Abi::I386].into_iter().flat_map(|abi| cases(&rule, abi, &scene.entries)).collect();
    let claim = Claim::new(Part::KnownBug, Intent::Tell, bug.cve, bug.operation, Test::Calls(cases));
    let claim = claim.route("x86_64 and i386, by every entry").because(bug.title).see(&[bug.cve]);
    Some(claim)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_known_bug_has_an_operation_that_is_a_call() {
        for bug in KNOWN_BUGS {
            let parsed = operation::parse(bug.operation);
            assert!(matches!(parsed, Ok(Operation::Call(_))), "{}: {parsed:?}", bug.cve);
        }
        let numbers: BTreeSet<&str> = KNOWN_BUGS.iter().map(|bug| bug.cve).collect();
        assert_eq!(numbers.len(), KNOWN_BUGS.len());
        assert_eq!(KNOWN_BUGS[0].cve, "CVE-2019-13272");
    }
}
