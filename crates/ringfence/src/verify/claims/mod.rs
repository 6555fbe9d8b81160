//! Claims: what a policy says, one by one, with how each is tried.

mod calls;
mod channel;
mod cpu;
mod credential;
mod exec;
mod expect;
mod file;
mod gate;
mod guard;
mod host;
mod known;
mod limit;
mod lsm;
mod namespace;
mod network;
mod way;
mod written;

use super::{Claim, Intent, Part, Reference, Subject, Test};
use crate::control::Control;
use crate::control::trial::{Entry, Trial};
use crate::policy::model::{Capability, SyscallMode};
use crate::policy::{At, Diagnostics, Origin};

pub use known::KNOWN_BUGS;

/// Failure to protect: <https://cwe.mitre.org/data/definitions/693.html>.
const PROTECTION: &str = "CWE-693";
/// Escape to host: <https://attack.mitre.org/techniques/T1611/>.
const ESCAPE: &str = "ATT&CK T1611";

/// What the caller knows of this machine.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The entries that exist here.
    pub entries: Vec<Entry>,
    /// A process outside, which stays: this one.
    pub process: u32,
    /// Whether the processor has user-mode instruction prevention.
    pub umip: bool,
    /// A descriptor of this process that a contained one must not have.
    pub descriptor: i32,
    /// A TCP port of 127.0.0.1 on which somebody listens outside.
    pub port: Option<u16>,
    /// The name of an abstract Unix socket on which somebody listens outside, without its null byte.
    pub abstract_name: Option<String>,
    /// The caller's user id.
    pub user: u32,
    /// Capabilities that the caller has, and could hand on.
    pub permitted: u64,
    /// The Landlock ABI of this kernel; 0: none.
    pub landlock: u32,
}

/// Every claim of a subject.
///
/// # Errors
/// What is wrong with the operations of `[[expect]]`.
pub fn claims(subject: &Subject<'_>, scene: &Scene) -> Result<Vec<Claim>, Diagnostics> {
    let mut all = expect::claims(subject, scene)?;
    all.extend(cpu::claims(scene));
    all.extend(gate::claims(subject, scene));
    all.extend(credential::claims(subject, scene));
    all.extend(namespace::claims(subject, scene));
    all.extend(file::claims(subject));
    all.extend(network::claims(subject, scene));
    all.extend(channel::claims(subject, scene));
    all.extend(exec::claims(subject, scene));
    all.extend(lsm::claims(subject, scene));
    all.extend(guard::claims(subject, scene));
    all.extend(limit::claims(subject));
    all.extend(known::claims(subject, scene));
    all.sort_by(|a, b| (a.part, &a.id).cmp(&(b.part, &b.id)));
    Ok(distinct(all))
}

/// Two rules may say the same of one file, by two names: that is one claim. What is tried in another way
/// is another claim, and gets an id of its own: none goes untried for its name.
fn distinct(sorted: Vec<Claim>) -> Vec<Claim> {
    let mut all: Vec<Claim> = Vec::with_capacity(sorted.len());
    let mut group = 0;
    for mut claim in sorted {
        if all.get(group).is_none_or(|first| (first.part, &first.id) != (claim.part, &claim.id)) {
            group = all.len();
            all.push(claim);
            continue;
        }
        let same = |other: &Claim| {
            (other.intent, other.depth, &other.test) == (claim.intent, claim.depth, &claim.test)
        };
        if !all[group..].iter().any(same) {
            claim.id = format!("{}#{}", claim.id, all.len() - group + 1);
            all.push(claim);
        }
    }
    all
}

impl Claim {
    fn new(
        part: Part,
        intent: Intent,
        id: impl Into<String>,
        operation: impl Into<String>,
        test: Test,
    ) -> Self {
        Self {
            id: format!("{}/{}", part.name(), id.into()),
            part,
            intent,
            operation: operation.into(),
            route: String::new(),
            at: None,
            reason: String::new(),
            references: Vec::new(),
            depth: None,
            test,
        }
    }

    fn route(self, route: impl Into<String>) -> Self {
        Self { route: route.into(), ..self }
    }

    fn at(self, at: Origin) -> Self {
        Self { at: Some(at), ..self }
    }

    fn because(self, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), ..self }
    }

    fn see(mut self, references: &[&str]) -> Self {
        self.references.extend(references.iter().map(|&reference| reference.to_owned()));
        self
    }
}

/// Tried in the whole containment, with a control outside or in the namespaces alone.
fn whole(trial: Trial) -> Test {
    Test::Trial {
        trial: trial.into(),
        without: Vec::new(),
        controls: vec![Reference::Outside, Reference::Namespaces],
    }
}

/// Tried in the whole containment, with a control outside.
fn against_outside(trial: Trial) -> Test {
    Test::Trial { trial: trial.into(), without: Vec::new(), controls: vec![Reference::Outside] }
}

/// Tried in the whole containment, with a control as the same user without capabilities: permission
/// bits hold outside as well, and are not the policy's.
fn as_plain_user(trial: Trial) -> Test {
    Test::Trial { trial: trial.into(), without: Vec::new(), controls: vec![Reference::PlainUser] }
}

/// Tried with rooms left out that would mask the one that is meant.
fn unmasked(trial: Trial, without: &[Control]) -> Test {
    Test::Trial {
        trial: trial.into(),
        without: without.to_vec(),
        controls: vec![Reference::Outside, Reference::Namespaces],
    }
}

/// Where any of these was written, the last one for the eye.
fn origin_of<T>(list: &[At<T>]) -> Option<Origin> {
    list.last().map(|item| item.at)
}

/// What is not covered here, and why.
#[must_use]
pub fn notes(subject: &Subject<'_>, scene: &Scene) -> Vec<String> {
    let mut notes = Vec::new();
    for (entry, words) in [
        (Entry::Int80, "int 0x80"),
        (Entry::Syscall32, "syscall in 32-bit mode"),
        (Entry::Sysenter, "sysenter in 32-bit mode"),
    ] {
        if !scene.entries.contains(&entry) {
            notes.push(format!("{words}: this processor or kernel has no such entry, or its vDSO is sealed"));
        }
    }
    notes.push(format!(
        "{}: the kernel passes them by every filter (Linux 6.14)",
        gate::PASSED_BY.join(" and ")
    ));
    if subject.policy.syscalls.mode.value == SyscallMode::Off {
        notes.push("the gate: syscalls.mode is off, so the policy claims nothing of it".into());
    }
    if !scene.umip {
        notes.push("UMIP: this processor has none".into());
    }
    let names =
        credential::WITHOUT_OPERATION.map(|(number, why)| format!("{} ({why})", Capability(number).name()));
    notes.push(format!("{}: only that they cannot be had, no operation that needs them", names.join(", ")));
    let limits = &subject.policy.limits;
    for (name, is) in [
        ("cpu", limits.cpu_milli.is_some()),
        ("cpu_time", limits.cpu_time.is_some()),
        ("stack", limits.stack.is_some()),
    ] {
        if is {
            notes.push(format!("limits.{name}: its amount is not tried, only that it cannot be raised"));
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(id: &str, test: &str) -> Claim {
        Claim::new(Part::File, Intent::Deny, id, "", Test::Not(test.to_owned()))
    }

    #[test]
    fn what_is_tried_in_another_way_is_another_claim() {
        let all = vec![claim("a", "1"), claim("a", "1"), claim("a", "2"), claim("a", "1"), claim("b", "1")];
        let ids: Vec<String> = distinct(all).into_iter().map(|claim| claim.id).collect();
        assert_eq!(ids, ["file/a", "file/a#2", "file/b"]);
        let deeper = Claim { depth: Some(2), ..claim("a", "1") };
        let ids: Vec<String> =
            distinct(vec![claim("a", "1"), deeper]).into_iter().map(|claim| claim.id).collect();
        assert_eq!(ids, ["file/a", "file/a#2"]);
    }
}
