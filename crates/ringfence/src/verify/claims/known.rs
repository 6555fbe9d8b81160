//! Known bugs, by the operations that each needs: those are attempted, not the exploit. A bug is out of
//! reach where one of the steps to it is denied in all its ways. Nothing is claimed of them; the report
//! says which the policy denies already.

use std::path::Path;

use ringfence_bpf::table::Abi;

use super::calls::cases;
use super::{Claim, Scene};
use crate::control::mount::attempt::Target;
use crate::control::{mount, net};
use crate::operation::{self, Operation};
use crate::verify::{Intent, Part, Subject, Test};

/// Ways to a step of a bug, each in the language of `[[expect]]`, but for `connect abstract`.
type Ways = &'static [&'static str];

/// A published defect of the kernel or of a sandbox.
#[derive(Debug, Clone, Copy)]
pub struct KnownBug {
    /// Its CVE number.
    pub cve: &'static str,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// What an exploit cannot do without, step by step, and the ways to each.
    pub steps: &'static [Ways],
}

const fn bug(cve: &'static str, title: &'static str, steps: &'static [Ways]) -> KnownBug {
    KnownBug { cve, title, steps }
}

/// A user namespace of one's own, in which one has every capability.
const USER: Ways = &["unshare(CLONE_NEWUSER)", "clone(flags: & CLONE_NEWUSER == CLONE_NEWUSER)", "clone3"];
/// Administering some network: kept, or regained in a user namespace.
const NETWORK: Ways = &[
    "capability CAP_NET_ADMIN",
    "unshare(CLONE_NEWUSER)",
    "clone(flags: & CLONE_NEWUSER == CLONE_NEWUSER)",
    "clone3",
];
/// A new file system.
const MOUNT: Ways = &["mount", "fsopen"];
/// The program of the first process inside, which is the launcher's own.
const INIT: Ways = &["read /proc/1/exe"];
/// A listener of the host without a path.
const ABSTRACT: Ways = &["connect abstract"];

/// By year, the first one first of all. Source: the descriptions of the CVE records, the kernel commits
/// that they name, and for what an exploit needs the reports of those who found them.
pub const KNOWN_BUGS: [KnownBug; 48] = [
    bug(
        "CVE-2019-13272",
        "PTRACE_TRACEME keeps the credentials of an exiting parent",
        &[&["ptrace(PTRACE_TRACEME)"]],
    ),
    bug("CVE-2013-1763", "sock_diag array index", &[&["socket(domain: AF_NETLINK, protocol: 4)"]]),
    bug("CVE-2014-3153", "futex requeue to itself", &[&["futex(op: & 0x7f == 12)"]]),
    bug("CVE-2014-4699", "ptrace sets a non-canonical address for sysret", &[&["ptrace"]]),
    bug("CVE-2015-3290", "nested NMI on a 16-bit stack segment", &[&["modify_ldt"]]),
    bug("CVE-2015-8660", "overlayfs setattr in a user namespace", &[USER, MOUNT]),
    bug("CVE-2016-0728", "keyring reference count by joining a session keyring", &[&["keyctl(1)"]]),
    bug("CVE-2016-3134", "netfilter target offset", &[&["setsockopt(level: 0, optname: 64)"], NETWORK]),
    bug("CVE-2016-4557", "bpf map reference by a bad descriptor", &[&["bpf(5)"]]),
    bug("CVE-2016-8655", "packet socket version race", &[&["socket(domain: AF_PACKET)"]]),
    bug(
        "CVE-2016-9793",
        "SO_SNDBUFFORCE with a negative size",
        &[&["setsockopt(level: 1, optname: 32)"], &["capability CAP_NET_ADMIN"]],
    ),
    bug("CVE-2017-5123", "waitid writes to kernel memory", &[&["waitid"]]),
    bug("CVE-2017-5226", "TIOCSTI types into the terminal of the caller", &[&["ioctl(cmd: TIOCSTI)"]]),
    bug("CVE-2017-6074", "DCCP double free by IPV6_RECVPKTINFO", &[&["socket(AF_INET6, SOCK_DCCP)"]]),
    bug(
        "CVE-2017-7308",
        "packet socket ring size",
        &[&["socket(domain: AF_PACKET)"], &["setsockopt(level: 263, optname: 5)"]],
    ),
    bug("CVE-2017-11176", "mq_notify double release", &[&["mq_notify"]]),
    bug("CVE-2017-16995", "bpf verifier sign extension", &[&["bpf(5)"]]),
    bug(
        "CVE-2017-1000112",
        "UFO to non-UFO path switch",
        &[&["socket(AF_INET, SOCK_DGRAM)", "socket(AF_INET6, SOCK_DGRAM)"]],
    ),
    bug("CVE-2018-18955", "nested user namespace id map", &[USER]),
    bug("CVE-2019-2215", "binder use after free by epoll", &[&["write /dev/binder"], &["epoll_ctl(op: 1)"]]),
    bug("CVE-2019-5736", "runC's own program overwritten through /proc", &[INIT]),
    bug("CVE-2019-7303", "snapd filter compared 64 bits of a 32-bit ioctl", &[&["ioctl(cmd: TIOCSTI)"]]),
    bug("CVE-2019-10063", "Flatpak filter compared 64 bits of a 32-bit ioctl", &[&["ioctl(cmd: TIOCSTI)"]]),
    bug("CVE-2019-15666", "XFRM policy index", &[&["socket(domain: AF_NETLINK, protocol: 6)"], NETWORK]),
    bug("CVE-2020-8835", "bpf verifier 32-bit bounds", &[&["bpf(5)"]]),
    bug("CVE-2020-14386", "packet socket header overflow", &[&["socket(domain: AF_PACKET)"]]),
    bug("CVE-2020-15257", "containerd's abstract socket", &[ABSTRACT]),
    bug("CVE-2021-3490", "bpf verifier bitwise bounds", &[&["bpf(5)"]]),
    bug("CVE-2021-3493", "overlayfs capabilities in a user namespace", &[USER, MOUNT]),
    bug(
        "CVE-2021-22555",
        "netfilter compat out of bounds",
        &[&["setsockopt(level: 0, optname: 64)"], NETWORK],
    ),
    bug("CVE-2021-31440", "bpf verifier 64-bit bounds", &[&["bpf(5)"]]),
    bug("CVE-2021-33909", "seq_file size overflow by a deep mount", &[USER, &["mount", "open_tree"]]),
    bug("CVE-2021-41073", "io_uring loop read and write", &[&["io_uring_setup"]]),
    bug("CVE-2021-43267", "TIPC crypto key size", &[&["socket(domain: AF_TIPC)"]]),
    bug("CVE-2022-0185", "legacy mount parameter overflow", &[USER, &["fsopen"], &["fsconfig"]]),
    bug("CVE-2022-0492", "cgroup release_agent in a user namespace", &[USER, MOUNT]),
    bug("CVE-2022-0847", "Dirty Pipe: splice into the page cache", &[&["splice"]]),
    bug("CVE-2022-1011", "FUSE read of freed pages", &[MOUNT]),
    bug(
        "CVE-2022-2588",
        "route classifier use after free",
        &[&["socket(domain: AF_NETLINK, protocol: 0)"], NETWORK],
    ),
    bug(
        "CVE-2022-27666",
        "ESP transform overflow",
        &[&["socket(domain: AF_KEY)", "socket(domain: AF_NETLINK, protocol: 6)"], NETWORK],
    ),
    bug("CVE-2022-29582", "io_uring timeout race", &[&["io_uring_setup"]]),
    bug(
        "CVE-2022-32250",
        "nf_tables set expressions",
        &[&["socket(domain: AF_NETLINK, protocol: 12)"], NETWORK],
    ),
    bug(
        "CVE-2023-0179",
        "nf_tables payload length",
        &[&["socket(domain: AF_NETLINK, protocol: 12)"], NETWORK],
    ),
    bug("CVE-2023-0386", "overlayfs copies set-user-ID files up", &[USER, MOUNT]),
    bug("CVE-2023-2598", "io_uring fixed buffers", &[&["io_uring_setup"], &["io_uring_register"]]),
    bug(
        "CVE-2023-32233",
        "nf_tables anonymous sets",
        &[&["socket(domain: AF_NETLINK, protocol: 12)"], NETWORK],
    ),
    bug("CVE-2023-3269", "StackRot: maple tree race of a growing stack", &[&["mmap"]]),
    bug(
        "CVE-2024-1086",
        "nf_tables verdict double free",
        &[&["socket(domain: AF_NETLINK, protocol: 12)"], NETWORK],
    ),
];

pub(super) fn claims(subject: &Subject<'_>, scene: &Scene) -> Vec<Claim> {
    KNOWN_BUGS.iter().map(|bug| claim(bug, subject, scene)).collect()
}

fn claim(bug: &KnownBug, subject: &Subject<'_>, scene: &Scene) -> Claim {
    let steps = bug.steps.iter().map(|ways| ways.iter().map(|way| test(way, subject, scene)).collect());
    let test = Test::Chain(steps.collect());
    let words: Vec<String> = bug.steps.iter().map(|ways| ways.join(" or ")).collect();
    let claim = Claim::new(Part::KnownBug, Intent::Tell, bug.cve, words.join("; "), test);
    claim.route("x86_64 and i386, by every entry").because(bug.title).see(&[bug.cve])
}

/// How one way is tried.
fn test(way: &str, subject: &Subject<'_>, scene: &Scene) -> Test {
    if way == "connect abstract" {
        let name = scene.abstract_name.as_ref().map(|name| format!("\0{name}"));
        let trial = name.and_then(|name| net::attempt::connect_unix(name.as_bytes()));
        return trial.map_or_else(|| Test::Not("nobody listens outside".into()), super::against_outside);
    }
    if INIT.contains(&way) {
        let any = Target::File { mode: 0, size: 0 };
        let trial = mount::attempt::read(Abi::X86_64, Path::new("/proc/1/exe"), any);
        return trial.map_or_else(|| Test::Not("no openat".into()), super::against_outside);
    }
    match operation::parse(way) {
        Ok(Operation::Call(rule)) => {
            let abis = [Abi::X86_64, Abi::I386].into_iter();
            Test::Calls(abis.flat_map(|abi| cases(&rule, abi, &scene.entries)).collect())
        }
        Ok(operation) => super::expect::test(subject, scene, Intent::Tell, &operation).0,
        Err(error) => Test::Not(error.message),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_known_bug_has_operations_that_can_be_tried() {
        for bug in KNOWN_BUGS {
            assert!(!bug.steps.is_empty() && bug.steps.iter().all(|ways| !ways.is_empty()));
            for way in bug.steps.iter().copied().flatten().filter(|way| **way != "connect abstract") {
                let parsed = operation::parse(way);
                assert!(parsed.is_ok(), "{}: {way}: {parsed:?}", bug.cve);
            }
        }
        let numbers: BTreeSet<&str> = KNOWN_BUGS.iter().map(|bug| bug.cve).collect();
        assert_eq!(numbers.len(), KNOWN_BUGS.len());
        assert_eq!(KNOWN_BUGS[0].cve, "CVE-2019-13272");
    }
}
