//! `[syscalls]`, and what other sections withhold at the gate, become the seccomp room's model;
//! `[lsm]`, `[net]` and the files become Landlock's.

use std::collections::BTreeSet;
use std::path::Path;

use ringfence_bpf::filter::{AbiSet, Action};
use ringfence_bpf::rule::{Rule, Target};
use ringfence_sys::step::Slot;

use crate::control::landlock::right::Right;
use crate::control::tree::lies_in;
use crate::control::{landlock, seccomp};
use crate::policy::Policy;
use crate::policy::model::{self, Events, NetMode, SyscallMode, Transport};

use super::net;

/// The slot that the mount room leaves to others.
const RULESET: Slot = Slot(Slot::COUNT as u8 - 1);
const SYS_ADMIN: u8 = 21;

/// The seccomp room's model. `terminal`: the caller's own terminal reaches the program.
pub(super) fn seccomp(policy: &Policy, terminal: bool, token: u64) -> seccomp::Model {
    let calls = &policy.syscalls;
    let io_uring = calls.allow.iter().find(|rule| names_io_uring(&rule.value)).map(|rule| rule.at);
    seccomp::Model {
        mode: calls.mode.value,
        mode_at: Some(calls.mode.at),
        abis: calls.abis.iter().fold(AbiSet::default(), |set, abi| set.with(abi.value)),
        allow: calls.allow.clone(),
        deny: calls.deny.clone(),
        on_deny: calls.on_deny.value,
        unknown: calls.unknown.value,
        bad_abi: Action::Errno(ENOSYS),
        // Where nothing is withheld of the host's network, io_uring opens nothing that is.
        families: (io_uring.is_none() || !net::everything(&policy.net)).then(|| net::families(&policy.net)),
        terminal,
        nested_user_namespaces: false,
        io_uring_at: io_uring,
        log: policy.audit.events.value != Events::None,
        notify: false,
        spec_allow: false,
        permitted: restricting_is_permitted(policy),
        token: Some(token),
    }
}

const ENOSYS: u16 = 38;

fn names_io_uring(rule: &Rule) -> bool {
    matches!(rule.target, Target::Call(call) if call.name() == "io_uring_setup")
}

fn restricting_is_permitted(policy: &Policy) -> bool {
    policy.process.no_new_privs.value
        || policy.process.capabilities.iter().any(|capability| capability.value.0 == SYS_ADMIN)
}

/// Whether the filter keeps TIOCSTI and TIOCLINUX from a terminal that is shared.
pub(super) fn filter_guards_terminal(policy: &Policy) -> bool {
    policy.syscalls.mode.value != SyscallMode::Off
}

/// What a BPF LSM program holds as well.
const OF_THE_GUARD: [Right; 6] = [
    Right::IoctlDev,
    Right::ConnectTcp,
    Right::BindTcp,
    Right::ConnectUdp,
    Right::BindUdp,
    Right::ResolveUnix,
];

/// The Landlock room's model; `None` where the policy says `off`. `guarded`: a BPF LSM program holds
/// its part, so that nothing of that is needed of Landlock.
pub(super) fn landlock(
    policy: &Policy,
    paths: Vec<landlock::PathRule>,
    own_view: bool,
    guarded: bool,
) -> Option<landlock::Model> {
    let model::Landlock::Require { abi } = policy.lsm.landlock.value else { return None };
    let host_network = policy.net.mode.value == NetMode::Host;
    let own_network = !host_network;
    let ports = |list, transport| net::ports(list, transport);
    let (connect, bind) = (&policy.net.connect, &policy.net.bind);
    let mut model = landlock::Model {
        least_abi: abi,
        at: Some(policy.lsm.landlock.at),
        paths,
        handle_truncate: true,
        tcp_connect: ports(connect, Transport::Tcp),
        tcp_bind: ports(bind, Transport::Tcp),
        udp_connect: ports(connect, Transport::Udp),
        udp_bind: ports(bind, Transport::Udp),
        scopes: BTreeSet::from([landlock::Scope::AbstractUnixSocket, landlock::Scope::Signal]),
        restrict_unix: true,
        unix_at: policy.net.unix.first().map(|path| path.at),
        log: policy.audit.events.value != Events::None,
        recorded: false,
        needed: BTreeSet::new(),
        permitted: restricting_is_permitted(policy),
        slot: RULESET,
    };
    model.needed = needed(policy, &model, own_view, own_network);
    if guarded {
        model.needed.retain(|right| !OF_THE_GUARD.contains(right));
    }
    Some(model)
}

/// The rights that nothing else in this plan holds.
fn needed(policy: &Policy, model: &landlock::Model, own_view: bool, own_network: bool) -> BTreeSet<Right> {
    let mut needed = BTreeSet::new();
    if !own_view {
        needed.extend([Right::Files, Right::Refer, Right::Truncate, Right::IoctlDev]);
    }
    let only = |ports: &landlock::Ports| matches!(ports, landlock::Ports::Only(_));
    let lists = [(&model.tcp_connect, Right::ConnectTcp), (&model.tcp_bind, Right::BindTcp)];
    needed.extend(lists.iter().filter(|(ports, _)| only(ports) && !own_network).map(|(_, right)| *right));
    // Where no list names a UDP port there is no UDP socket, and nothing to hold.
    let mut named = policy.net.connect.iter().chain(&policy.net.bind);
    let filtered = policy.syscalls.mode.value != SyscallMode::Off;
    if !filtered || named.any(|port| port.value.transport == Transport::Udp) {
        let lists = [(&model.udp_connect, Right::ConnectUdp), (&model.udp_bind, Right::BindUdp)];
        needed.extend(lists.iter().filter(|(ports, _)| only(ports) && !own_network).map(|(_, right)| *right));
    }
    if !policy.namespaces.unshare.contains(&model::Namespace::Pid) {
        needed.insert(Right::ScopeSignal);
    }
    // The filter leaves no Unix socket where the policy names none.
    let unix = !filtered || !policy.net.unix.is_empty();
    if !own_network && unix {
        needed.insert(Right::ScopeAbstractUnixSocket);
    }
    if unix && shows_other_sockets(&model.paths) {
        needed.insert(Right::ResolveUnix);
    }
    needed
}

/// Whether something is visible that `net.unix` does not name: connect(2) to a socket there passes
/// a read-only mount.
fn shows_other_sockets(rules: &[landlock::PathRule]) -> bool {
    let named = |path: &Path| rules.iter().any(|rule| rule.access.unix && lies_in(path, &rule.path));
    rules.iter().any(|rule| rule.access.read && !named(&rule.path))
}
