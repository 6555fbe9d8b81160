//! The BPF LSM program alone: each thing that it holds, with every other control left out.

use std::path::Path;

use super::{Claim, PROTECTION, Scene, Test, lsm};
use crate::control::Control;
use crate::control::bpf_lsm::attempt::{self, Way};
use crate::control::bpf_lsm::{Model, Ports};
use crate::control::trial::Trial;
use crate::policy::Origin;
use crate::verify::{Intent, Part, Reference, Subject};

/// CAP_MKNOD of linux/capability.h.
const CAP_MKNOD: u64 = 27;
/// Nobody's, by iana.org, above those that need a capability.
const UNUSED: u16 = 61_005;
const OTHERS: [Control; 8] = [
    Control::Mount,
    Control::Namespace,
    Control::Net,
    Control::Seccomp,
    Control::Credential,
    Control::Landlock,
    Control::Lsm,
    Control::Limit,
];

pub(super) fn claims(subject: &Subject<'_>, scene: &Scene) -> Vec<Claim> {
    let Some(guard) = &subject.plan.guard else { return Vec::new() };
    let model = &guard.model;
    let granted = |path: &Path| model.paths.iter().any(|rule| path.starts_with(&rule.path));
    let mut all = Vec::new();
    if let Some(room) = lsm::room(subject, &granted) {
        let device = scene.permitted >> CAP_MKNOD & 1 == 1;
        for each in attempt::files(&room, scene.process, device) {
            let words = format!("{}, below {}", each.words, room.display());
            all.push(claim(model.at, each.id, words, each.trial));
        }
    }
    for (id, words, ports, trial) in ports(model) {
        let closed = match ports {
            Ports::Every => false,
            Ports::Only(list) => list.iter().all(|rule| rule.port != UNUSED),
        };
        if closed {
            all.push(claim(model.at, id, words.to_owned(), trial));
        }
    }
    all
}

fn claim(at: Origin, id: &str, operation: String, trial: Trial) -> Claim {
    let test =
        Test::Trial { trial: trial.into(), without: OTHERS.to_vec(), controls: vec![Reference::Outside] };
    Claim::new(Part::Lsm, Intent::Deny, format!("bpf/{id}"), operation, test)
        .route("BPF LSM alone")
        .at(at)
        .because("lsm.bpf holds what no line grants, whatever the other controls do")
        .see(&["bpf(2)", PROTECTION])
}

fn ports(model: &Model) -> [(&'static str, &'static str, &Ports, Trial); 5] {
    let port = |way, stream| attempt::port(way, stream, UNUSED);
    [
        ("udp/connect", "connect a UDP socket", &model.udp_connect, port(Way::Connect, false)),
        ("udp/sendto", "send a UDP datagram", &model.udp_connect, port(Way::Send, false)),
        ("udp/bind", "bind a UDP port", &model.udp_bind, port(Way::Bind, false)),
        ("tcp/connect", "connect a TCP socket", &model.tcp_connect, port(Way::Connect, true)),
        ("tcp/bind", "bind a TCP port", &model.tcp_bind, port(Way::Bind, true)),
    ]
}
