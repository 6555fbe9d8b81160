//! The gate: every number of every ABI through every entry.

use super::{Claim, PROTECTION, Scene};
use crate::control::seccomp::attempt::{Question, questions, witnessed};
use crate::control::seccomp::judge::{Expected, Law};
use crate::control::trial::Entry;
use crate::verify::{Intent, Part, Subject, Test};
use ringfence_sys::step::Step;

/// Calls that the kernel passes by every filter since 6.14 (`kernel/seccomp.c`): they do nothing but
/// from a trampoline of the kernel's own.
pub(super) const PASSED_BY: [&str; 2] = ["uprobe", "uretprobe"];

pub(super) fn claims(subject: &Subject<'_>, scene: &Scene) -> Vec<Claim> {
    let syscalls = &subject.policy.syscalls;
    let Some(law) = Law::of(syscalls) else { return Vec::new() };
    let mut asked = questions(syscalls, &scene.entries);
    for planned in &subject.plan.steps {
        if let Step::SeccompFilter { program, .. } = planned.step {
            // The launcher's own execve passes by a word that is made for each plan.
            let secret: &[&str] = if subject.plan.gate.token.is_some() { &["execve"] } else { &[] };
            // What is too complex has the boundaries of its rules, which are asked already.
            let _ = witnessed(program, secret, &mut asked);
        }
    }
    let asked = asked
        .into_iter()
        .filter(|question| question.call.is_none_or(|call| !PASSED_BY.contains(&call.name())));
    asked.map(|question| claim(subject, &law, question)).collect()
}

fn claim(subject: &Subject<'_>, law: &Law, question: Question) -> Claim {
    let syscalls = &subject.policy.syscalls;
    let through = question.probes.iter().any(|probe| matches!(law.says(probe), Expected::Through));
    let name = question.call.map_or_else(|| format!("#{}", question.number), |call| call.name().to_owned());
    let id = format!("{}/{}/{name}", question.abi.name(), entry_name(question.entry));
    let (intent, reason, at) = match question.call {
        _ if !law.has(question.abi) => {
            (Intent::Deny, "syscalls.abis does not name this ABI", syscalls.abis.first().map(|abi| abi.at))
        }
        None => (Intent::Deny, "the number is in no table: syscalls.unknown", Some(syscalls.unknown.at)),
        Some(_) if through => (Intent::Allow, "syscalls.allow has it", Some(syscalls.mode.at)),
        Some(_) => (Intent::Deny, "no rule of syscalls.allow has it", Some(syscalls.on_deny.at)),
    };
    let at = line_of(subject, &question).or(at);
    let route = format!("{} by {}", question.abi.name(), entry_words(question.entry));
    let claim = Claim::new(Part::Gate, intent, id, name, Test::Gate(question)).route(route).because(reason);
    let claim = if intent == Intent::Deny { claim.see(&["seccomp(2)", PROTECTION]) } else { claim };
    match at {
        Some(at) => claim.at(at),
        None => claim,
    }
}

/// The rule that names the call itself, rather than a group.
fn line_of(subject: &Subject<'_>, question: &Question) -> Option<crate::policy::Origin> {
    let call = question.call?;
    let syscalls = &subject.policy.syscalls;
    let rules = syscalls.deny.iter().chain(&syscalls.allow);
    rules.filter(|rule| rule.value.target.calls().any(|target| target == call)).map(|rule| rule.at).next()
}

/// Stable words of an entry.
pub(super) const fn entry_name(entry: Entry) -> &'static str {
    match entry {
        Entry::Syscall => "syscall",
        Entry::Int80 => "int80",
        Entry::Syscall32 => "syscall32",
        Entry::Sysenter => "sysenter",
    }
}

const fn entry_words(entry: Entry) -> &'static str {
    match entry {
        Entry::Syscall => "syscall",
        Entry::Int80 => "int 0x80",
        Entry::Syscall32 => "syscall in 32-bit mode",
        Entry::Sysenter => "sysenter in 32-bit mode",
    }
}
