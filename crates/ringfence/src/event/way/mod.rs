//! The way of an operation through the gate, control by control in the kernel's order: predicted
//! from the plan, without trying anything. Pure.
//!
//! What is not modelled is said to be unknown: permission bits, other LSMs, limits, and what a call
//! checks by itself.

mod bits;
mod call;
mod file;
mod guard;
mod peer;

use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use ringfence_sys::step::Step;

use super::gate::{Gate, line};
use super::logged::{self, Logged};
use super::{Cause, Control, Known, Line, Remedy};
use crate::control::{bpf_lsm, mount};
use crate::host::Host;
use crate::operation::Operation;
use crate::plan::Plan;
use crate::policy::model::Transport;
use crate::policy::{Origin, Policy};
use ringfence_bpf::filter::Action;
use ringfence_bpf::program::SeccompData;
use ringfence_bpf::table::Abi;

pub use bits::{Bits, Node, Who};
pub use file::{Deed, Found};

/// What the ways are predicted from. It outlives the plan.
#[derive(Debug, Clone)]
pub struct Model {
    policy: Policy,
    gate: Option<Gate>,
    view: Option<mount::Model>,
    ruleset: Option<Ruleset>,
    /// What the BPF LSM programs are told.
    guard: Option<bpf_lsm::Model>,
    /// Whether each action of the filter is recorded, and Landlock's denials.
    of_seccomp: Vec<(logged::Action, Logged)>,
    of_landlock: Logged,
}

/// The Landlock rules that the plan's own steps set.
#[derive(Debug, Clone)]
struct Ruleset {
    /// Handled rights of files, of ports, and scopes.
    fs: u64,
    net: u64,
    scoped: u64,
    paths: Vec<(PathBuf, u64, Option<Origin>)>,
    ports: Vec<(u64, u64, Option<Origin>)>,
}

/// One way: an operation by one call and ABI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The call or the operation.
    pub what: String,
    /// The way through the gate.
    pub abi: Abi,
    /// The calls that are usually made for it, with their registers; empty where a rule names the call.
    pub calls: Vec<(&'static str, [u64; 6])>,
    /// Each control, in the order in which the kernel asks.
    pub stops: Vec<Stop>,
}

/// One control on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// Which one.
    pub control: Control,
    /// What it says.
    pub answer: Answer,
    /// What it looked at, in words.
    pub about: String,
    /// Why it denies.
    pub cause: Option<Cause>,
    /// The policy line behind it.
    pub line: Option<Line>,
    /// What would make it allow.
    pub remedy: Option<Known<Remedy>>,
    /// Whether a denial leaves a record.
    pub logged: Option<Logged>,
}

/// What a control says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It lets it pass.
    Allows,
    /// It denies with this errno.
    Denies(u16),
    /// It ends the process or the thread.
    Kills,
    /// It sends SIGSYS.
    Traps,
    /// Not modelled.
    Unknown,
}

impl Answer {
    /// Whether the operation ends here.
    #[must_use]
    pub fn stops(self) -> bool {
        matches!(self, Self::Denies(_) | Self::Kills | Self::Traps)
    }
}

impl Way {
    /// By x86_64, with what the filter says of each of these calls; other controls are added behind.
    fn by(model: &Model, what: String, calls: Vec<(&'static str, [u64; 6])>) -> Self {
        let stops = calls.iter().filter_map(|(name, args)| model.filter(name, *args)).collect();
        Self { what, abi: Abi::X86_64, calls, stops }
    }

    /// The first control that denies, and the answer that the program gets.
    #[must_use]
    pub fn denied_by(&self) -> Option<&Stop> {
        self.stops.iter().find(|stop| stop.answer.stops())
    }

    /// How many controls deny it, each by itself.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.stops.iter().filter(|stop| stop.answer.stops()).count()
    }
}

impl Stop {
    fn new(control: Control, answer: Answer, about: impl Into<String>) -> Self {
        Self { control, answer, about: about.into(), cause: None, line: None, remedy: None, logged: None }
    }
}

/// Every way of an operation. `found` answers what a path leads to on this host.
#[must_use]
pub fn ways(
    model: &Model,
    operation: &Operation,
    found: &dyn Fn(&crate::policy::model::PathSpec) -> Found,
) -> Vec<Way> {
    let way = match operation {
        Operation::Call(rule) => return call::ways(model, rule),
        Operation::Capability(capability) => return vec![call::capability(model, *capability)],
        Operation::File(access, path) => file::way(model, *access, &found(path)),
        Operation::Connect { transport, address, port } => peer::connect(model, *transport, *address, *port),
        Operation::ConnectUnix(path) => peer::connect_unix(model, &found(path)),
        Operation::Bind { transport, port } => peer::bind(model, *transport, *port),
        Operation::SignalHost => peer::signal(model),
    };
    let others =
        [Abi::I386, Abi::X32].into_iter().filter_map(|abi| through(model, &way, abi)).collect::<Vec<_>>();
    [way].into_iter().chain(others).collect()
}

/// The same operation by the same calls of another ABI: only the filter tells them apart. `None` where that
/// has no such call.
fn through(model: &Model, way: &Way, abi: Abi) -> Option<Way> {
    let gate = model.gate.as_ref()?;
    let mut stops = Vec::new();
    for (name, args) in &way.calls {
        let number = ringfence_bpf::table::call(name)?.number(abi)? | abi.bit();
        let args = args.map(|arg| if abi == Abi::I386 { arg & 0xffff_ffff } else { arg });
        let data = SeccompData { nr: number, arch: abi.audit_arch(), instruction_pointer: 0, args };
        let mut stop = model.judged(gate, &data, name);
        stop.about = format!("{name} of {}", abi.name());
        stops.push(stop);
    }
    stops.extend(way.stops.iter().filter(|stop| stop.control != Control::Seccomp).cloned());
    Some(Way { what: way.what.clone(), abi, calls: way.calls.clone(), stops })
}

/// What each control behind the filter says of a deed with a path.
pub(super) fn file_stops(model: &Model, deed: Deed, found: &Found) -> Vec<Stop> {
    file::stops(model, deed, found)
}

/// What Landlock and capabilities say of a port.
pub(super) fn port_stops(model: &Model, bind: bool, udp: bool, port: u16) -> Vec<Stop> {
    peer::port(model, bind, if udp { Transport::Udp } else { Transport::Tcp }, port)
}

/// The remedy that shows a path, or lets it be changed.
pub(super) fn to_see(deed: Deed, found: &Found) -> Known<Remedy> {
    file::to_allow(deed, found)
}

/// The way of a signal to a process outside.
pub(super) fn to_host(model: &Model) -> Way {
    peer::signal(model)
}

/// The remedy that keeps a capability.
pub(super) fn keep(capability: &str) -> Known<Remedy> {
    bits::capability(capability)
}

impl Model {
    /// Whether the plan has Landlock rules.
    #[must_use]
    pub fn has_landlock(&self) -> bool {
        self.ruleset.is_some()
    }

    /// Whether the view covers paths that are denied.
    #[must_use]
    pub fn covers(&self) -> bool {
        self.view.as_ref().is_some_and(|view| !view.deny.is_empty())
    }

    /// Of a plan that was compiled from this policy for this host.
    #[must_use]
    pub fn new(plan: &Plan<'_>, policy: &Policy, host: &Host) -> Self {
        let flag = plan.landlock.as_ref().is_some_and(|model| model.log);
        let recorded = |action| (action, logged::seccomp(action, plan.gate.log, host));
        Self {
            policy: policy.clone(),
            gate: Gate::new(&plan.gate, policy),
            view: plan.view.clone(),
            ruleset: Ruleset::of(plan),
            guard: plan.guard.as_ref().map(|guard| guard.model.clone()),
            of_seccomp: logged::Action::ALL.into_iter().map(recorded).collect(),
            of_landlock: logged::landlock(flag, host),
        }
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The filter; `None` without one.
    #[must_use]
    pub fn gate(&self) -> Option<&Gate> {
        self.gate.as_ref()
    }

    /// The line at an origin.
    #[must_use]
    pub fn line(&self, at: Option<Origin>) -> Option<Line> {
        at.map(|at| line(&self.policy, at))
    }

    /// What the filter says of a call of x86_64 by its name and registers.
    fn filter(&self, name: &str, args: [u64; 6]) -> Option<Stop> {
        let number = ringfence_bpf::table::call(name)?.number(Abi::X86_64)?;
        let data = SeccompData { nr: number, arch: Abi::X86_64.audit_arch(), instruction_pointer: 0, args };
        self.gate.as_ref().map(|gate| self.judged(gate, &data, name))
    }

    fn judged(&self, gate: &Gate, data: &SeccompData, about: &str) -> Stop {
        let judgement = gate.judge(data);
        let (answer, action) = match judgement.action {
            Action::Allow => (Answer::Allows, logged::Action::Allow),
            Action::Log => (Answer::Allows, logged::Action::Log),
            Action::Errno(errno) => (Answer::Denies(errno), logged::Action::Errno),
            Action::KillProcess | Action::KillThread => (Answer::Kills, logged::Action::Kill),
            Action::Trap(_) => (Answer::Traps, logged::Action::Trap),
            Action::UserNotif => (Answer::Unknown, logged::Action::Notify),
            Action::Trace(_) => (Answer::Unknown, logged::Action::Trace),
        };
        let mut stop = Stop::new(Control::Seccomp, answer, about);
        if answer.stops() {
            stop.cause = judgement.cause.value().cloned();
            stop.line = judgement.line.value().cloned();
            stop.remedy = Some(judgement.remedy);
            stop.logged =
                self.of_seccomp.iter().find(|(of, _)| *of == action).map(|(_, logged)| logged.clone());
        }
        stop
    }
}

impl Ruleset {
    fn of(plan: &Plan<'_>) -> Option<Self> {
        let mut ruleset: Option<Self> = None;
        for planned in &plan.steps {
            match (&mut ruleset, planned.step) {
                (_, Step::LandlockCreate { attr, .. }) => {
                    let (paths, ports) = (Vec::new(), Vec::new());
                    ruleset = Some(Self { fs: attr.fs, net: attr.net, scoped: attr.scoped, paths, ports });
                }
                (Some(ruleset), Step::LandlockPath { path, access, .. }) => {
                    let path = std::ffi::OsStr::from_bytes(path.to_bytes());
                    ruleset.paths.push((path.into(), access, planned.at));
                }
                (Some(ruleset), Step::LandlockPort { port, access, .. }) => {
                    ruleset.ports.push((port, access, planned.at));
                }
                _ => {}
            }
        }
        ruleset
    }
}
