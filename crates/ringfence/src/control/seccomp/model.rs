//! Which system calls a policy allows, and what its other intents withhold.

use ringfence_bpf::filter::{AbiSet, Action};
use ringfence_bpf::rule::Rule;

use crate::policy::Origin;
use crate::policy::model::{At, SyscallMode};

/// The intent, as `plan` fills it from `[syscalls]` and what the other sections cause.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// `syscalls.mode`. With `Off`, nothing else here is read.
    pub mode: SyscallMode,
    /// Where it was written.
    pub mode_at: Option<Origin>,
    /// `syscalls.abis`.
    pub abis: AbiSet,
    /// `syscalls.allow`.
    pub allow: Vec<At<Rule>>,
    /// `syscalls.deny`.
    pub deny: Vec<At<Rule>>,
    /// `syscalls.on_deny`.
    pub on_deny: Action,
    /// `syscalls.unknown`.
    pub unknown: Action,
    /// What a call through any other ABI gets; `ENOSYS` is what a kernel without it answers.
    pub bad_abi: Action,
    /// Which sockets may be made; `None`: all.
    pub families: Option<Families>,
    /// A terminal of the caller is shared: nothing may be typed into it.
    pub terminal: bool,
    /// Whether the program may make user namespaces of its own, where it has every capability.
    pub nested_user_namespaces: bool,
    /// Where the policy itself (not a group) allows io_uring_setup(2): a contradiction where
    /// `families` restricts, since io_uring opens sockets that no filter sees.
    pub io_uring_at: Option<Origin>,
    /// Denials are to be logged (`audit.events` is not `none`): `SECCOMP_FILTER_FLAG_LOG`.
    pub log: bool,
    /// Calls that would get an errno wait instead, and the holder of the filter's listener gives
    /// them that errno: every denial is seen, and none can be lost.
    pub notify: bool,
    /// `SECCOMP_FILTER_FLAG_SPEC_ALLOW`: leave the speculative store bypass mitigation off.
    pub spec_allow: bool,
    /// Whether seccomp(2) will be permitted: no_new_privs, or `CAP_SYS_ADMIN` kept.
    pub permitted: bool,
    /// What the `token` of the plan's `Step::Exec` is: 64 fresh random bits. Read where the policy
    /// does not allow execve(2) by itself, and always in strict mode; `None` refuses such a policy.
    pub token: Option<u64>,
}

/// Which sockets may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Families {
    /// `SOCK_STREAM` of `AF_INET` and `AF_INET6`.
    pub stream: Sockets,
    /// `SOCK_DGRAM` of `AF_INET` and `AF_INET6`.
    pub datagram: Sockets,
    /// `AF_UNIX`.
    pub unix: bool,
    /// `AF_NETLINK` with `NETLINK_ROUTE`, which getifaddrs(3) needs.
    pub netlink_route: bool,
    /// The policy line that causes it: `net.mode`.
    pub at: Option<Origin>,
}

/// Which sockets of one type may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sockets {
    /// None.
    None,
    /// TCP or UDP alone, since Landlock's port rules see no other protocol.
    Ports,
    /// Every protocol.
    Every,
}
