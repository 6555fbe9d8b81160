//! Model and host become the steps by which the init shows the places, the tables that the program
//! reads, and a promise.

use std::collections::BTreeSet;

use bumpalo::Bump;
use ringfence_sys::step::Step;

use super::{Model, Ports};
use crate::control::{Actual, Compiled, Control, Planned, Promise, Refusal, Stage, arena};
use crate::host::Host;

/// `enum right` of `bpf/guard.bpf.c`.
pub mod right {
    /// Execute, and map executable.
    pub const EXEC: u32 = 1;
    /// Change modes, owners and attributes.
    pub const WRITE: u32 = 2;
    /// ioctl(2) on devices.
    pub const DEVICE: u32 = 4;
    /// Connect to Unix sockets.
    pub const UNIX: u32 = 8;
}

/// `enum holding` of `bpf/guard.bpf.c`: all of them.
const HOLDINGS: u32 = 0b11_1111;
/// How many places one containment may show: a sixteenth of the table.
const MOST_PLACES: usize = 4096;

/// What the program is told of one containment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// What it was compiled from, which explains what is denied.
    pub model: Model,
    /// The rights of each place that the init shows, in that order.
    pub places: Vec<u32>,
    /// Transport (0: TCP, 1: UDP), direction (0: connect, 1: bind) and port.
    pub ports: BTreeSet<(u8, u8, u16)>,
    /// Bit `transport * 2 + direction`: every port.
    pub every: u32,
    /// What is held, a bit each.
    pub holdings: u32,
}

/// What the room makes of its model.
#[derive(Debug, Default)]
#[must_use]
pub struct Outcome<'a> {
    /// Steps and the promise.
    pub compiled: Compiled<'a>,
    /// What the program is told; `None` where this host cannot give it.
    pub guard: Option<Guard>,
}

/// Compiles the model. A host that cannot give it gives no steps, and a missing promise.
///
/// # Errors
/// A containment that the program cannot know by a pid namespace; a path that the kernel does not
/// take; too many of them.
pub fn compile<'a>(model: Model, host: &Host, arena: &'a Bump) -> Result<Outcome<'a>, Refusal> {
    refuse(&model)?;
    let missing = host.bpf_lsm().value.clone().err();
    let given = missing.is_none();
    let mut compiled = Compiled::default();
    compiled.promises.push(Promise {
        name: "lsm.bpf",
        control: Control::BpfLsm,
        requested: "a BPF LSM program".to_owned(),
        actual: missing.map_or(Actual::Full, |why| Actual::Missing { why }),
        at: Some(model.at),
    });
    if !given {
        return Ok(Outcome { compiled, guard: None });
    }
    let mut places = Vec::with_capacity(model.paths.len());
    for rule in &model.paths {
        let pairs = [
            (rule.exec, right::EXEC),
            (rule.write, right::WRITE),
            (rule.device, right::DEVICE),
            (rule.unix, right::UNIX),
        ];
        let rights = pairs.iter().filter(|(granted, _)| *granted).fold(0, |sum, (_, right)| sum | right);
        if rights == 0 {
            continue;
        }
        places.push(rights);
        let step = Step::ShowPlace { path: arena::path(arena, &rule.path, rule.at)? };
        let at = rule.at.or(Some(model.at));
        compiled.steps.push(Planned { stage: Stage::LandlockRules, control: Control::BpfLsm, step, at });
    }
    if places.len() > MOST_PLACES {
        return Err(Refusal {
            message: format!("{} places; a BPF LSM program takes {MOST_PLACES}", places.len()),
            help: "name directories above them, or unmount what is mounted below them".to_owned(),
            at: Some(model.at),
        });
    }
    let (ports, every) = ports(&model);
    Ok(Outcome { compiled, guard: Some(Guard { model, places, ports, every, holdings: HOLDINGS }) })
}

fn refuse(model: &Model) -> Result<(), Refusal> {
    if !model.own_pids {
        return Err(Refusal {
            message: "a BPF LSM program knows the processes that it holds by their pid namespace, and this \
                      policy makes none"
                .to_owned(),
            help: "add \"pid\" to `namespaces.unshare`, or set lsm.bpf = \"off\"".to_owned(),
            at: Some(model.at),
        });
    }
    model.traces_init.map_or(Ok(()), |at| {
        Err(Refusal {
            message: "CAP_SYS_PTRACE outside of a user namespace reaches the init, which a BPF LSM program \
                      lets alone"
                .to_owned(),
            help: "add \"user\" to `namespaces.unshare`, or take it out of `process.capabilities`".to_owned(),
            at: Some(at),
        })
    })
}

/// As the Landlock room grants them: a first datagram binds its socket to a port that the kernel picks.
fn ports(model: &Model) -> (BTreeSet<(u8, u8, u16)>, u32) {
    let (tcp, udp, connect, bind) = (0, 1, 0, 1);
    let lists = [
        (&model.tcp_connect, tcp, connect),
        (&model.tcp_bind, tcp, bind),
        (&model.udp_connect, udp, connect),
        (&model.udp_bind, udp, bind),
    ];
    let (mut ports, mut every) = (BTreeSet::new(), 0);
    for (list, transport, direction) in lists {
        match list {
            Ports::Every => every |= 1 << (transport * 2 + direction),
            Ports::Only(list) => ports.extend(list.iter().map(|rule| (transport, direction, rule.port))),
        }
    }
    if !matches!(&model.udp_connect, Ports::Only(list) if list.is_empty()) {
        ports.insert((udp, bind, 0));
    }
    (ports, every)
}
