//! The deny rules that other intents cause: sockets, terminals, nested user namespaces.
//!
//! Values: `include/linux/socket.h`, `include/linux/net.h`, `include/uapi/linux/in.h`,
//! `include/uapi/asm-generic/ioctls.h`, `include/uapi/linux/sched.h`, asm-generic/errno.h.

use ringfence_bpf::filter::{AbiSet, Action};
use ringfence_bpf::rule::{Condition, Rule, Target, Test};
use ringfence_bpf::table::{self, Abi};

use super::model::{Families, Sockets};

const AF_UNIX: i128 = 1;
const AF_INET: i128 = 2;
const AF_INET6: i128 = 10;
const AF_NETLINK: i128 = 16;
const SOCK_STREAM: i128 = 1;
const SOCK_DGRAM: i128 = 2;
const SOCK_SEQPACKET: i128 = 5;
const IPPROTO_IP: i128 = 0;
const IPPROTO_TCP: i128 = 6;
const IPPROTO_UDP: i128 = 17;
const NETLINK_ROUTE: i128 = 0;
const MSG_FASTOPEN: u64 = 0x2000_0000;
const TIOCSTI: i128 = 0x5412;
const TIOCLINUX: i128 = 0x541c;
const CLONE_NEWUSER: u64 = 0x1000_0000;

const EPERM: Action = Action::Errno(1);
const EACCES: Action = Action::Errno(13);
const ENOSYS: Action = Action::Errno(38);
const EPROTONOSUPPORT: Action = Action::Errno(93);
const EOPNOTSUPP: Action = Action::Errno(95);
const EAFNOSUPPORT: Action = Action::Errno(97);

/// The calls that these rules name, with the place and name of each argument that they test.
#[cfg(test)]
pub(super) const TESTED: [(&str, u8, &str); 12] = [
    ("socket", 0, "family"),
    ("socket", 1, "type"),
    ("socket", 2, "protocol"),
    ("socketpair", 0, "family"),
    ("socketpair", 1, "type"),
    ("sendto", 3, "flags"),
    ("sendmsg", 2, "flags"),
    ("sendmmsg", 3, "flags"),
    ("ioctl", 1, "cmd"),
    ("clone", 0, "clone_flags"),
    ("unshare", 0, "unshare_flags"),
    ("sendmmsg", 2, "vlen"),
];

/// Sockets of other families, types and protocols, and what makes sockets without socket(2).
pub(super) fn families(families: &Families, abis: AbiSet) -> Vec<Rule> {
    let inet = families.stream != Sockets::None || families.datagram != Sockets::None;
    let mut domains = Vec::new();
    domains.extend(families.unix.then_some(AF_UNIX));
    domains.extend(inet.then_some([AF_INET, AF_INET6]).into_iter().flatten());
    domains.extend(families.netlink_route.then_some(AF_NETLINK));
    let mut rules = vec![deny("socket", vec![none_of(0, &domains)], EAFNOSUPPORT)];
    rules.push(deny("socketpair", vec![none_of(0, &[AF_UNIX])], EAFNOSUPPORT));
    if !families.unix {
        // A datagram socket of a pair still sends to any address, and still connects.
        rules.push(deny("socketpair", vec![none_of(1, &[SOCK_STREAM, SOCK_SEQPACKET])], EACCES));
    }
    if inet {
        internet(families, &mut rules);
    }
    if families.netlink_route {
        let conditions = vec![any_of(0, &[AF_NETLINK]), none_of(2, &[NETLINK_ROUTE])];
        rules.push(deny("socket", conditions, EPROTONOSUPPORT));
    }
    if abis.contains(Abi::I386) {
        rules.push(deny("socketcall", vec![], ENOSYS));
    }
    for call in ["io_uring_setup", "io_uring_enter", "io_uring_register"] {
        rules.push(deny(call, vec![], ENOSYS));
    }
    rules
}

/// Types and protocols of `AF_INET` and `AF_INET6`. Raw sockets are never among them.
fn internet(families: &Families, rules: &mut Vec<Rule>) {
    let inet = || any_of(0, &[AF_INET, AF_INET6]);
    let kinds = [(families.stream, SOCK_STREAM, IPPROTO_TCP), (families.datagram, SOCK_DGRAM, IPPROTO_UDP)];
    let types: Vec<i128> =
        kinds.iter().filter(|(sockets, ..)| *sockets != Sockets::None).map(|(_, kind, _)| *kind).collect();
    rules.push(deny("socket", vec![inet(), none_of(1, &types)], EACCES));
    for (sockets, kind, protocol) in kinds {
        if sockets == Sockets::Ports {
            let conditions = vec![inet(), any_of(1, &[kind]), none_of(2, &[IPPROTO_IP, protocol])];
            rules.push(deny("socket", conditions, EPROTONOSUPPORT));
        }
    }
    if families.stream == Sockets::Ports {
        for (call, flags) in [("sendto", 3), ("sendmsg", 2), ("sendmmsg", 3)] {
            rules.push(deny(call, vec![any_bit(flags, MSG_FASTOPEN)], EOPNOTSUPP));
        }
    }
}

/// ioctl(2) commands that type into a terminal.
pub(super) fn terminal() -> Vec<Rule> {
    vec![deny("ioctl", vec![any_of(1, &[TIOCSTI, TIOCLINUX])], EPERM)]
}

/// Every call that makes or enters a user namespace.
pub(super) fn nested_user_namespaces() -> Vec<Rule> {
    vec![
        deny("clone", vec![any_bit(0, CLONE_NEWUSER)], EPERM),
        deny("unshare", vec![any_bit(0, CLONE_NEWUSER)], EPERM),
        deny("setns", vec![], EPERM),
        // Its flags are in memory, where a filter cannot see; callers fall back to clone(2).
        deny("clone3", vec![], ENOSYS),
    ]
}

/// The four calls of strict mode, as `kernel/seccomp.c` lists them for x86 (`mode1_syscalls` and
/// its compat twin).
pub(super) fn strict(abis: AbiSet) -> Vec<Rule> {
    let mut calls = vec!["read", "write", "exit", "rt_sigreturn"];
    if abis.contains(Abi::I386) {
        calls.push("sigreturn");
    }
    calls
        .into_iter()
        .map(|call| Rule { target: target(call), conditions: Vec::new(), action: None })
        .collect()
}

fn deny(call: &str, conditions: Vec<Condition>, action: Action) -> Rule {
    Rule { target: target(call), conditions, action: Some(action) }
}

fn target(call: &str) -> Target {
    let call = table::call(call).expect("the names in this file are in the table, as its test shows");
    Target::Call(call)
}

fn any_of(argument: u8, values: &[i128]) -> Condition {
    Condition {
        positions: [Some(argument); 3],
        tests: values.iter().map(|value| Test::Equal(*value)).collect(),
    }
}

/// Complement of a set, as ranges between its members: tests of one condition are alternatives.
fn none_of(argument: u8, values: &[i128]) -> Condition {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let mut tests = Vec::with_capacity(sorted.len() + 1);
    let mut next = 0;
    for value in sorted {
        if next < value {
            tests.push(Test::Range(next, value - 1));
        }
        next = value + 1;
    }
    tests.push(Test::Range(next, i128::from(u32::MAX)));
    Condition { positions: [Some(argument); 3], tests }
}

fn any_bit(argument: u8, bit: u64) -> Condition {
    let tests = vec![Test::Masked { mask: bit, value: bit }];
    Condition { positions: [Some(argument); 3], tests }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tested_arguments_are_where_the_kernel_has_them() {
        for (call, place, name) in TESTED {
            for abi in Abi::ALL {
                let Some(prototype) = table::by_name(abi, call) else { continue };
                let argument = &prototype.args[usize::from(place)];
                assert_eq!(argument.name, name, "{call} of {}", abi.name());
            }
        }
    }

    #[test]
    fn constants_are_those_of_the_table() {
        let table = |name: &str| table::constant(name).map(i128::from);
        assert_eq!(table("AF_NETLINK"), Some(AF_NETLINK));
        assert_eq!(table("SOCK_SEQPACKET"), Some(SOCK_SEQPACKET));
        assert_eq!(table("IPPROTO_UDP"), Some(IPPROTO_UDP));
        assert_eq!(table("TIOCSTI"), Some(TIOCSTI));
        assert_eq!(table("TIOCLINUX"), Some(TIOCLINUX));
        assert_eq!(table("MSG_FASTOPEN"), Some(MSG_FASTOPEN.into()));
        assert_eq!(table("CLONE_NEWUSER"), Some(CLONE_NEWUSER.into()));
        let errnos = ["EPERM", "EACCES", "ENOSYS", "EPROTONOSUPPORT", "EOPNOTSUPP", "EAFNOSUPPORT"];
        let actions = [EPERM, EACCES, ENOSYS, EPROTONOSUPPORT, EOPNOTSUPP, EAFNOSUPPORT];
        assert_eq!(errnos.map(|name| table::errno(name).map(Action::Errno)), actions.map(Some));
    }
}
