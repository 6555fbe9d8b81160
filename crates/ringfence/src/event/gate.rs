//! Why a filter denied a call: the rule that decided, the policy line behind it, and what would
//! let the call pass.
//!
//! Two witnesses: the compiled program, run by the interpreter of `ringfence_bpf`, says what the
//! call gets; the rules, read without the compiler, say why. Where they disagree the cause is
//! unknown.

use ringfence_bpf::eval;
use ringfence_bpf::filter::{Action, FilterSpec};
use ringfence_bpf::program::{Program, SeccompData};
use ringfence_bpf::rule::{self, Decision, Rule, Target};
use ringfence_bpf::table::{self, Abi};

use super::{Cause, Known, Line, Remedy, Setting};
use crate::control::seccomp::{Families, Model, Reason, Sockets, Specified, specify};
use crate::policy::source::Kind;
use crate::policy::{Origin, Policy};

/// The gate as the policy means it, ready to explain what it did.
#[derive(Debug, Clone)]
pub struct Gate {
    model: Model,
    specified: Specified,
    program: Program,
    policy: Policy,
}

/// What a filter does with a call, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What the call gets.
    pub action: Action,
    /// Why; for a call that runs it is unknown, because nothing denied it.
    pub cause: Known<Cause>,
    /// The policy line that made it so.
    pub line: Known<Line>,
    /// What would let it pass this control.
    pub remedy: Known<Remedy>,
}

impl Gate {
    /// `None` without a filter (`syscalls.mode = "off"`), or for a model that has no program.
    #[must_use]
    pub fn new(model: &Model, policy: &Policy) -> Option<Self> {
        let specified = specify(model).ok()??;
        let program = ringfence_bpf::compile::compile(&specified.spec).ok()?;
        Some(Self { model: model.clone(), specified, program, policy: policy.clone() })
    }

    /// Whether the filter kills or traps for anything.
    #[must_use]
    pub fn ends(&self) -> bool {
        let spec = &self.specified.spec;
        let own = spec.deny.iter().filter_map(|rule| rule.action);
        own.chain([spec.on_deny, spec.unknown, spec.bad_abi])
            .any(|action| matches!(action, Action::KillProcess | Action::KillThread | Action::Trap(_)))
    }

    /// What the filter does with a call.
    #[must_use]
    pub fn action(&self, data: &SeccompData) -> Action {
        // The compiler's programs always answer; what could not would be killed by the kernel.
        eval::action(self.program.insns(), data).unwrap_or(Action::KillProcess)
    }

    /// What the filter does with a call, and why.
    #[must_use]
    pub fn judge(&self, data: &SeccompData) -> Judgement {
        let action = self.action(data);
        let spec = &self.specified.spec;
        let decision = rule::decide(spec, data);
        if rule::meaning(spec, data) != action {
            let why =
                || "the filter and its rules disagree: this is a defect of ringfence, report it".to_owned();
            return Judgement {
                action,
                cause: Known::Unknown(why()),
                line: Known::Unknown(why()),
                remedy: Known::Unknown(why()),
            };
        }
        let (cause, at) = self.cause(decision, data);
        let known = || "nothing denied it".to_owned();
        Judgement {
            action,
            cause: cause.clone().map_or_else(|| Known::Unknown(known()), Known::Observed),
            line: at
                .map_or_else(|| Known::Unknown(no_line(cause.as_ref())), |at| Known::Observed(self.line(at))),
            remedy: match cause {
                Some(cause) => self.remedy(&cause, decision, data),
                None => Known::Unknown(known()),
            },
        }
    }

    fn cause(&self, decision: Decision, data: &SeccompData) -> (Option<Cause>, Option<Origin>) {
        let syscalls = &self.policy.syscalls;
        match decision {
            Decision::Allowed(_) => (None, None),
            Decision::Denied(rule) => match self.specified.deny[rule] {
                Reason::Policy(at) => (Some(Cause::DenyRule), Some(at)),
                Reason::Families(at) => (Some(Cause::Network), at),
                Reason::Terminal => (Some(Cause::SharedTerminal), None),
                Reason::NestedUserNamespace => (Some(Cause::NestedUserNamespace), None),
            },
            Decision::Unknown => (Some(Cause::UnknownCall), Some(syscalls.unknown.at)),
            Decision::ClosedAbi => (Some(Cause::ClosedAbi), syscalls.abis.first().map(|abi| abi.at)),
            Decision::NotAllowed => {
                let names = |rule: &Rule| rule.target.calls().any(|call| Some(call) == called(data));
                match self.specified.spec.allow.iter().position(names) {
                    Some(rule) => (Some(Cause::OtherArguments), self.specified.allow[rule]),
                    None => (Some(Cause::NotAllowed), Some(syscalls.on_deny.at)),
                }
            }
        }
    }

    /// What would allow the call, as far as the model of the filter tells: each change is made to
    /// the model, and what the rules then mean is what counts.
    fn remedy(&self, cause: &Cause, decision: Decision, data: &SeccompData) -> Known<Remedy> {
        let spec = &self.specified.spec;
        let settings = |settings| Known::Predicted(Remedy::Settings(settings));
        let none = |why| Known::Predicted(Remedy::None(why));
        match (cause, decision) {
            (Cause::NotAllowed | Cause::OtherArguments, _) => match allow(spec, data) {
                Some((allowing, setting)) if passes(&allowing, data) => settings(vec![setting]),
                _ => Known::Unknown("another rule would still deny it".to_owned()),
            },
            (Cause::DenyRule, Decision::Denied(rule)) => {
                let mut without = spec.clone();
                without.deny.remove(rule);
                match passes(&without, data) {
                    true => Known::Predicted(Remedy::Remove),
                    false => Known::Unknown("without that rule, another one would still deny it".to_owned()),
                }
            }
            (Cause::ClosedAbi, _) => self.open_abi(data),
            (Cause::Network, _) => self.open_network(data),
            (Cause::UnknownCall, _) => none("no rule can name a call that the tables do not have"),
            (Cause::SharedTerminal, _) => none(
                "a program that shares the caller's terminal may not type into it: add \"pid\" to namespaces.unshare",
            ),
            (Cause::NestedUserNamespace, _) => {
                none("a program inside makes no user namespaces, in which it would have every capability")
            }
            _ => Known::Unknown("no rule decided".to_owned()),
        }
    }

    fn open_abi(&self, data: &SeccompData) -> Known<Remedy> {
        let Some((abi, _)) = Abi::of(data) else {
            return Known::Predicted(Remedy::None(
                "the architecture is none of those that a policy can open",
            ));
        };
        let mut spec = self.specified.spec.clone();
        spec.abis = spec.abis.with(abi);
        if !passes(&spec, data) {
            return Known::Unknown(format!("with {} open, another rule would still deny it", abi.name()));
        }
        let setting = |abi: Abi| Setting { key: "syscalls.abis", value: abi.name().to_owned(), list: true };
        Known::Predicted(Remedy::Settings(spec.abis.iter().map(setting).collect()))
    }

    /// The smallest change to `[net]` that opens such a socket.
    fn open_network(&self, data: &SeccompData) -> Known<Remedy> {
        let (Some(families), Some("socket")) = (self.model.families, called(data).map(|call| call.name()))
        else {
            return Known::Predicted(Remedy::None(
                "while sockets are restricted, nothing opens this way to make or use one",
            ));
        };
        let Some((families, mut settings)) = wider(families, data) else {
            return Known::Predicted(Remedy::None("no key of [net] opens sockets of this kind"));
        };
        let mut model = self.model.clone();
        model.families = Some(families);
        let Ok(Some(specified)) = specify(&model) else {
            return Known::Unknown("the policy would not compile with it".to_owned());
        };
        if passes(&specified.spec, data) {
            return Known::Predicted(Remedy::Settings(settings));
        }
        match allow(&specified.spec, data) {
            Some((allowing, setting)) if passes(&allowing, data) => {
                settings.push(setting);
                Known::Predicted(Remedy::Settings(settings))
            }
            _ => Known::Unknown("another rule would still deny it".to_owned()),
        }
    }

    fn line(&self, at: Origin) -> Line {
        line(&self.policy, at)
    }
}

/// A policy line as an event carries it.
#[must_use]
pub fn line(policy: &Policy, at: Origin) -> Line {
    let place = policy.place(at);
    let numbered = matches!(place.kind, Kind::File | Kind::Builtin);
    let value: String = place.text.chars().skip(place.column - 1).take(place.len).collect();
    // A list with several values on a line: the one that is meant.
    let text = if place.text.contains(',') { &value } else { place.text.trim() };
    Line { file: place.file.to_owned(), number: numbered.then_some(place.line), text: text.to_owned() }
}

fn no_line(cause: Option<&Cause>) -> String {
    match cause {
        None => "nothing denied it",
        Some(Cause::SharedTerminal | Cause::NestedUserNamespace) => "no line asks for it: it always holds",
        Some(_) => "no line says it",
    }
    .to_owned()
}

fn called(data: &SeccompData) -> Option<table::CallId> {
    let (abi, number) = Abi::of(data)?;
    table::call(table::by_number(abi, number)?.name)
}

/// The rules with one more that allows this call, whatever its arguments; and how a policy says so.
fn allow(spec: &FilterSpec, data: &SeccompData) -> Option<(FilterSpec, Setting)> {
    let call = called(data)?;
    let mut allowing = spec.clone();
    allowing.allow.push(Rule { target: Target::Call(call), conditions: Vec::new(), action: None });
    Some((allowing, Setting { key: "syscalls.allow", value: call.name().to_owned(), list: true }))
}

fn passes(spec: &FilterSpec, data: &SeccompData) -> bool {
    matches!(rule::meaning(spec, data), Action::Allow | Action::Log)
}

/// The families with this kind of socket as well, and the settings that give them.
fn wider(families: Families, data: &SeccompData) -> Option<(Families, Vec<Setting>)> {
    const AF_UNIX: u32 = 1;
    const AF_INET: u32 = 2;
    const AF_INET6: u32 = 10;
    const AF_NETLINK: u32 = 16;
    const SOCK_STREAM: u64 = 1;
    const SOCK_DGRAM: u64 = 2;
    let one = |key, value: &str, list| Setting { key, value: value.to_owned(), list };
    let mode = |value| one("net.mode", value, false);
    let connect = |value| one("net.connect", value, true);
    match (data.args[0] as u32, data.args[1] & 0xf) {
        (AF_UNIX, _) => Some((Families { unix: true, ..families }, vec![one("net.unix", "PATH", true)])),
        (AF_INET | AF_INET6, SOCK_STREAM) => Some((
            Families { stream: Sockets::Ports, netlink_route: true, ..families },
            vec![mode("host"), connect("tcp:*")],
        )),
        (AF_INET | AF_INET6, SOCK_DGRAM) => Some((
            Families { datagram: Sockets::Ports, netlink_route: true, ..families },
            vec![mode("host"), connect("udp:*"), one("net.bind", "udp:*", true)],
        )),
        (AF_NETLINK, _) => Some((Families { netlink_route: true, ..families }, vec![mode("loopback")])),
        _ => None,
    }
}
