//! From rules and intents to one filter program.

use bumpalo::Bump;
use ringfence_bpf::filter::{Action, FilterSpec};
use ringfence_bpf::program::{Insn, Program, code};
use ringfence_sys::abi::SockFilter;
use ringfence_sys::step::Step;

use super::model::Model;
use super::{intent, launch};
use crate::control::{Actual, Compiled, Control, Planned, Promise, Refusal, Stage};
use crate::host::Host;
use crate::policy::Origin;
use crate::policy::model::SyscallMode;

// linux/seccomp.h
const FILTER_FLAG_LOG: u64 = 1 << 1;
const FILTER_FLAG_SPEC_ALLOW: u64 = 1 << 2;
const FILTER_FLAG_WAIT_KILLABLE_RECV: u64 = 1 << 5;

/// A model as rules, with the reason for each: what `explain` and attribution read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Specified {
    /// What the filter means, but for the launch's own execve(2).
    pub spec: FilterSpec,
    /// The reason for each rule of `spec.deny`.
    pub deny: Vec<Reason>,
    /// The policy line of each rule of `spec.allow`; `None` for strict mode's own.
    pub allow: Vec<Option<Origin>>,
    /// Whether the launch's own execve(2) needs a token.
    pub needs_token: bool,
}

/// Why a deny rule is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// `syscalls.deny` says so.
    Policy(Origin),
    /// [`super::Families`]: `net` allows no such socket.
    Families(Option<Origin>),
    /// A shared terminal.
    Terminal,
    /// No nested user namespaces.
    NestedUserNamespace,
}

/// The filter of a model as a step of the stage `Seccomp`; none for mode `off`.
///
/// # Errors
/// seccomp(2) would be `EACCES`; io_uring allowed and sockets restricted; a policy that no filter
/// of 4,096 instructions holds; execve(2) not allowed and no token.
pub fn compile<'a>(model: &Model, host: &Host, arena: &'a Bump) -> Result<Compiled<'a>, Refusal> {
    let mut out = Compiled::default();
    let Some(specified) = specify(model)? else { return Ok(out) };
    if !model.permitted {
        return refusal(
            "seccomp(2) needs no_new_privs, or CAP_SYS_ADMIN kept",
            "set process.no_new_privs = true, or syscalls.mode = \"off\"",
            model.mode_at,
        );
    }
    let (program, listens) = program(model, &specified)?;
    let insns = program.insns().iter().map(|i| SockFilter { code: i.code, jt: i.jt, jf: i.jf, k: i.k });
    let (program, flags) = (&*arena.alloc_slice_fill_iter(insns), flags(model, host));
    let step = match listens {
        Some(token) => Step::SeccompListen { flags: flags | killable(host), program, token },
        None => Step::SeccompFilter { flags, program },
    };
    out.steps.push(Planned { stage: Stage::Seccomp, control: Control::Seccomp, step, at: model.mode_at });
    promises(model, host, &mut out);
    Ok(out)
}

/// The rules of a model; `None` for mode `off`.
///
/// A rule that an intent causes stands before the first rule of `syscalls.deny` that may run the
/// call (`-> log`, `-> notify`, `-> trace`): such a rule must not open what the intent closes.
///
/// # Errors
/// io_uring allowed and sockets restricted.
pub fn specify(model: &Model) -> Result<Option<Specified>, Refusal> {
    match model.mode {
        SyscallMode::Off => Ok(None),
        SyscallMode::Strict => Ok(Some(strict(model))),
        SyscallMode::Filter => filter(model).map(Some),
    }
}

fn strict(model: &Model) -> Specified {
    let allow = intent::strict(model.abis);
    let reasons = vec![None; allow.len()];
    let kill = Action::KillProcess;
    let spec =
        FilterSpec { abis: model.abis, deny: vec![], allow, on_deny: kill, unknown: kill, bad_abi: kill };
    Specified { spec, deny: vec![], allow: reasons, needs_token: true }
}

fn filter(model: &Model) -> Result<Specified, Refusal> {
    if model.families.is_some()
        && let Some(at) = model.io_uring_at
    {
        return refusal(
            "io_uring is allowed while sockets are restricted: it opens and connects sockets without a system call \
             that the filter could see",
            "remove io_uring_setup from syscalls.allow; or open the host's network as a whole: net.mode = \"host\", \
             `tcp:*` and `udp:*` in net.connect and net.bind, and a path in net.unix",
            Some(at),
        );
    }
    let may_run = |rule: &crate::policy::model::At<ringfence_bpf::rule::Rule>| {
        !matches!(
            rule.value.action.unwrap_or(model.on_deny),
            Action::KillProcess | Action::KillThread | Action::Trap(_) | Action::Errno(_)
        )
    };
    let first = model.deny.iter().position(may_run).unwrap_or(model.deny.len());
    let (before, after) = model.deny.split_at(first);
    let mut deny: Vec<_> = before.iter().map(|rule| (rule.value.clone(), Reason::Policy(rule.at))).collect();
    if let Some(families) = &model.families {
        let rules = intent::families(families, model.abis);
        deny.extend(rules.into_iter().map(|rule| (rule, Reason::Families(families.at))));
    }
    if model.terminal {
        deny.extend(intent::terminal().into_iter().map(|rule| (rule, Reason::Terminal)));
    }
    if !model.nested_user_namespaces {
        let rules = intent::nested_user_namespaces();
        deny.extend(rules.into_iter().map(|rule| (rule, Reason::NestedUserNamespace)));
    }
    deny.extend(after.iter().map(|rule| (rule.value.clone(), Reason::Policy(rule.at))));
    let (deny, reasons) = deny.into_iter().unzip();
    let spec = FilterSpec {
        abis: model.abis,
        deny,
        allow: model.allow.iter().map(|rule| rule.value.clone()).collect(),
        on_deny: model.on_deny,
        unknown: model.unknown,
        bad_abi: model.bad_abi,
    };
    let needs_token = !launch::allowed(&spec);
    Ok(Specified {
        spec,
        deny: reasons,
        allow: model.allow.iter().map(|rule| Some(rule.at)).collect(),
        needs_token,
    })
}

/// The program, and the token of the call that gives its listener away, where it has one.
fn program(model: &Model, specified: &Specified) -> Result<(Program, Option<u64>), Refusal> {
    let mut program = ringfence_bpf::compile::compile(&specified.spec).map_err(|error| Refusal {
        message: error.to_string(),
        help: "use fewer or simpler argument conditions in [syscalls]".to_owned(),
        at: model.mode_at,
    })?;
    let mut calls = Vec::new();
    calls.extend(specified.needs_token.then_some(launch::EXECVE));
    if model.notify
        && let Some(notifying) = notifying(&program)
    {
        program = notifying;
        calls.push(launch::SENDMSG);
    }
    if calls.is_empty() {
        return Ok((program, None));
    }
    let Some(token) = model.token else {
        return refusal(
            "the policy does not allow execve(2), so nothing could be started",
            "allow execve in syscalls.allow",
            model.mode_at,
        );
    };
    let program = launch::with_token(&program, token, &calls).ok_or_else(|| Refusal {
        message: "the filter has no room for the launch's own calls: 4096 instructions at most".to_owned(),
        help: "use fewer or simpler argument conditions in [syscalls]".to_owned(),
        at: model.mode_at,
    })?;
    Ok((program, calls.contains(&launch::SENDMSG).then_some(token)))
}

/// The program with `SECCOMP_RET_USER_NOTIF` wherever it would answer an errno; `None` where it
/// never does. What runs, kills or traps stays as it is.
fn notifying(program: &Program) -> Option<Program> {
    let errno =
        |insn: &Insn| insn.code == code::RET && matches!(Action::from_value(insn.k), Action::Errno(_));
    let tell = |insn: &Insn| match errno(insn) {
        true => Insn::stmt(code::RET, Action::UserNotif.value()),
        false => *insn,
    };
    let any = program.insns().iter().any(errno);
    any.then(|| Program::new(program.insns().iter().map(tell).collect()))
}

/// From 5.19 on: a call that the launcher has taken up is not interrupted by a signal that does not
/// kill, so that it is seen once.
fn killable(host: &Host) -> u64 {
    if host.release().value.at_least(5, 19) { FILTER_FLAG_WAIT_KILLABLE_RECV } else { 0 }
}

fn flags(model: &Model, host: &Host) -> u64 {
    let log = if model.log && has_log(host) { FILTER_FLAG_LOG } else { 0 };
    let spec_allow = if model.spec_allow { FILTER_FLAG_SPEC_ALLOW } else { 0 };
    log | spec_allow
}

fn promises(model: &Model, host: &Host, out: &mut Compiled<'_>) {
    let requested = match model.mode {
        SyscallMode::Strict => {
            "read, write, _exit, sigreturn and the launch's own execve; as a filter, since the kernel's strict mode \
             would kill at that execve"
        }
        SyscallMode::Filter | SyscallMode::Off => "system calls within the policy's rules",
    };
    let mut promise = |name, requested: &str, why: Option<String>| {
        let actual = why.map_or(Actual::Full, |why| Actual::Missing { why });
        let requested = requested.to_owned();
        out.promises.push(Promise { name, control: Control::Seccomp, requested, actual, at: model.mode_at });
    };
    promise("seccomp.filter", requested, None);
    if model.log {
        let missing = (!has_log(host)).then(|| {
            let release = &host.release().value.text;
            format!(
                "SECCOMP_FILTER_FLAG_LOG needs Linux 4.14; this is {release}: use audit.events = \"none\""
            )
        });
        promise("seccomp.log", "denied calls are recorded by audit", missing);
    }
    if model.notify {
        let missing = (!host.release().value.at_least(5, 0)).then(|| {
            let release = &host.release().value.text;
            format!("SECCOMP_RET_USER_NOTIF needs Linux 5.0; this is {release}: use audit.events = \"none\"")
        });
        promise("seccomp.notify", "the launcher sees every call that is denied", missing);
    }
}

/// By the release: to try each flag and action costs 15 µs to 45 µs. A kernel without filters at
/// all fails the step, and nothing is started.
fn has_log(host: &Host) -> bool {
    host.release().value.at_least(4, 14)
}

fn refusal<T>(message: &str, help: &str, at: Option<Origin>) -> Result<T, Refusal> {
    Err(Refusal { message: message.to_owned(), help: help.to_owned(), at })
}
