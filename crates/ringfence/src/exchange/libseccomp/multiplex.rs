//! socketcall(2) and ipc(2) of i386: calls that stand behind one number, socketcall(2), ipc(2).

use ringfence_bpf::table::{self, Abi};

use super::{Compare, Condition, Rule};

/// `include/uapi/linux/net.h`, `SYS_*`, from 1.
const SOCKETCALL: [&str; 20] = [
    "socket",
    "bind",
    "connect",
    "listen",
    "accept",
    "getsockname",
    "getpeername",
    "socketpair",
    "send",
    "recv",
    "sendto",
    "recvfrom",
    "shutdown",
    "setsockopt",
    "getsockopt",
    "sendmsg",
    "recvmsg",
    "accept4",
    "recvmmsg",
    "sendmmsg",
];

/// `include/uapi/linux/ipc.h`.
const IPC: [(&str, u64); 12] = [
    ("semop", 1),
    ("semget", 2),
    ("semctl", 3),
    ("semtimedop", 4),
    ("msgsnd", 11),
    ("msgrcv", 12),
    ("msgget", 13),
    ("msgctl", 14),
    ("shmat", 21),
    ("shmdt", 22),
    ("shmget", 23),
    ("shmctl", 24),
];

/// Whether libseccomp knows a name as one of those calls. `send` and `recv` have no number anywhere
/// on x86, and are names for it all the same.
pub(in crate::exchange) fn is_multiplexed(name: &str) -> bool {
    behind(name).is_some()
}

/// Whether only other architectures have a name. libseccomp knows one that the table has not:
/// 32-bit ARM's first name of sync_file_range2(2).
pub(in crate::exchange) fn elsewhere(name: &str) -> bool {
    table::elsewhere(name) || name == "arm_sync_file_range"
}

/// The number of the multiplexer, and what its first register says.
fn behind(name: &str) -> Option<(u32, u64)> {
    let number = |name| table::by_name(Abi::I386, name).map(|prototype| prototype.number);
    if let Some(at) = SOCKETCALL.iter().position(|call| *call == name) {
        return Some((number("socketcall")?, at as u64 + 1));
    }
    let (_, call) = IPC.iter().find(|(call, _)| *call == name)?;
    Some((number("ipc")?, *call))
}

/// The numbers that a rule is about on i386, with the conditions of each, in libseccomp's order.
pub(super) fn rules(rule: &Rule) -> Vec<(u32, Vec<Condition>)> {
    let mut rules = Vec::new();
    if let Some((number, call)) = behind(&rule.call) {
        let first = Condition { argument: 0, op: Compare::Eq, value: call };
        let rest = rule.conditions.iter().filter(|condition| condition.argument != 0);
        rules.push((number, std::iter::once(first).chain(rest.copied()).collect()));
    }
    if let Some(prototype) = table::by_name(Abi::I386, &rule.call) {
        rules.push((prototype.number, rule.conditions.clone()));
    }
    rules
}
