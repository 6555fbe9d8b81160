//! The network: the host's loopback, its abstract sockets, and socket families.

use core::net::IpAddr;

use ringfence_bpf::table::Abi;

use super::{Claim, ESCAPE, PROTECTION, Scene, against_outside};
use crate::control::net::attempt;
use crate::policy::model::{NetMode, Transport};
use crate::verify::{Intent, Part, Subject};

/// Families that no key of `[net]` opens: (name, family, type, protocol).
const FAMILIES: [(&str, u64, u64, u64); 9] = [
    ("AF_PACKET", 17, 3, 0),
    ("AF_VSOCK", 40, 1, 0),
    ("AF_ALG", 38, 5, 0),
    ("AF_KEY", 15, 3, 2),
    ("AF_BLUETOOTH", 31, 1, 3),
    ("AF_CAN", 29, 3, 1),
    ("AF_TIPC", 30, 5, 0),
    ("AF_XDP", 44, 3, 0),
    ("AF_NETLINK of NETLINK_NETFILTER", 16, 3, 12),
];

pub(super) fn claims(subject: &Subject<'_>, scene: &Scene) -> Vec<Claim> {
    let net = &subject.policy.net;
    let mut all = Vec::new();
    let own = net.mode.value != NetMode::Host;
    let listed = |transport, port| {
        net.connect
            .iter()
            .any(|entry| entry.value.transport == transport && entry.value.port.is_none_or(|p| p == port))
    };
    if let Some(port) = scene.port
        && (own || !listed(Transport::Tcp, port))
        && let Some(trial) = attempt::connect(IpAddr::from([127, 0, 0, 1]), port, true)
    {
        all.push(
            Claim::new(
                Part::Network,
                Intent::Deny,
                "listener",
                "connect to a listener on the host's loopback",
                exact(trial),
            )
            .route("tcp, 127.0.0.1")
            .at(net.mode.at)
            .because("net.mode does not share the host's network, or net.connect does not list the port")
            .see(&["network_namespaces(7)", ESCAPE]),
        );
    }
    if let Some(name) = &scene.abstract_name
        && let Some(trial) = attempt::connect_unix(format!("\0{name}").as_bytes())
    {
        all.push(
            Claim::new(
                Part::Network,
                Intent::Deny,
                "abstract",
                "connect to an abstract Unix socket of the host",
                exact(trial),
            )
            .route("unix stream")
            .at(net.mode.at)
            .because("net.unix lists sockets by path; no abstract one is among them")
            .see(&["CVE-2020-15257", "unix(7)", ESCAPE]),
        );
    }
    for (name, family, kind, protocol) in FAMILIES {
        let Some(trial) = attempt::socket(Abi::X86_64, family, kind, protocol) else { continue };
        let allowed = subject.policy.syscalls.allow.iter().any(|rule| names_family(&rule.value, family));
        if allowed {
            continue;
        }
        all.push(
            Claim::new(
                Part::Network,
                Intent::Deny,
                format!("family/{name}"),
                format!("socket of {name}"),
                super::whole(trial),
            )
            .route("x86_64 by syscall")
            .at(net.mode.at)
            .because("no key of [net] opens this family")
            .see(&["address_families(7)", PROTECTION]),
        );
    }
    all
}

/// Only with somebody listening is a connection one.
fn exact(trial: crate::control::trial::Trial) -> crate::verify::Test {
    // EAGAIN: a queue of somebody who listens is full.
    against_outside(trial.passing(crate::control::trial::Passes::SuccessOr(vec![11])))
}

/// Whether a rule allows a socket of this family.
fn names_family(rule: &ringfence_bpf::rule::Rule, family: u64) -> bool {
    use ringfence_bpf::rule::Test;
    let is_socket = rule.target.calls().any(|call| call.name() == "socket");
    let first = rule.conditions.iter().find(|condition| condition.positions[0] == Some(0));
    is_socket
        && first.is_none_or(|condition| {
            condition.tests.iter().any(|test| match test {
                Test::Equal(value) => *value == i128::from(family) && family != 16,
                Test::Range(low, high) => (*low..=*high).contains(&i128::from(family)),
                _ => true,
            })
        })
}
