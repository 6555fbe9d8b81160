//! AppArmor's and SELinux's records as events: of the labels that the command was given, with the
//! policy line that asked for them or, in a profile made from the policy, the one that comes nearest.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::assemble::{operation, process};
use super::landlock::as_setting;
use crate::control::lsm::{Intent, PathRule};
use crate::event::errno::{EACCES, EPERM};
use crate::event::gate::line;
use crate::event::record::{AppArmor, Avc, Syscall};
use crate::event::text::Text;
use crate::event::twice::Refused;
use crate::event::{
    Argument, Cause, Control, Event, Known, Line, Operation, Outcome, Remedy, Setting, SourceKind, Value,
};
use crate::plan::Plan;
use crate::policy::Policy;
use crate::policy::model::Label;

/// The labels of one command, and where they come from.
#[derive(Debug, Clone)]
pub struct Labels {
    policy: Policy,
    profile: Option<Profile>,
    context: Option<String>,
}

#[derive(Debug, Clone)]
struct Profile {
    name: String,
    /// What it was made from; `None` where somebody else wrote it.
    intent: Option<Intent>,
}

/// A record of an LSM that gives labels.
#[derive(Debug, Clone)]
pub(super) enum Denial {
    AppArmor(AppArmor),
    SeLinux(Avc),
}

impl Labels {
    /// Those that a plan gives; `None` where it gives none.
    #[must_use]
    pub fn of(plan: &Plan<'_>, policy: &Policy) -> Option<Self> {
        let given = |name: &str| !plan.degraded.contains(&name);
        let profile = match (&plan.profile, &policy.lsm.apparmor.value) {
            (Some(made), _) => Some(Profile { name: made.name.clone(), intent: Some(made.intent.clone()) }),
            (None, Label::Named(name)) if given("lsm.apparmor") => {
                Some(Profile { name: name.clone(), intent: None })
            }
            (None, _) => None,
        };
        let context = match &policy.lsm.selinux.value {
            Label::Named(context) if given("lsm.selinux") => Some(context.clone()),
            _ => None,
        };
        (profile.is_some() || context.is_some()).then(|| Self { policy: policy.clone(), profile, context })
    }

    /// Whether a denial is of one of these labels; a name that nobody else has needs no more proof.
    pub(super) fn about(&self, denial: &Denial) -> About {
        match (denial, &self.profile, &self.context) {
            (Denial::AppArmor(seen), Some(profile), _) if is(seen.profile.as_ref(), &profile.name) => {
                if profile.intent.is_some() {
                    About::Ours
                } else {
                    About::MayBe
                }
            }
            (Denial::SeLinux(seen), _, Some(context)) if seen.source == *context => About::MayBe,
            _ => About::Others,
        }
    }

    /// What a profile or policy of somebody else may deny without a record.
    #[must_use]
    pub fn silent(&self, noquiet: bool) -> Option<&'static str> {
        let foreign = self.profile.as_ref().is_some_and(|profile| profile.intent.is_none());
        if self.context.is_some() {
            return Some("an SELinux policy may have rules (dontaudit) that leave no record");
        }
        (foreign && !noquiet).then_some(
            "an explicit deny of the profile leaves no record: write noquiet to \
             /sys/module/apparmor/parameters/audit to have one",
        )
    }

    pub(super) fn event(&self, time_ms: u64, denial: &Denial, call: Option<&Syscall>) -> Event {
        let (pid, command) = match denial {
            Denial::AppArmor(seen) => (Some(seen.pid), seen.command.clone()),
            Denial::SeLinux(seen) => (seen.pid, seen.command.clone()),
        };
        let mut process = process(pid.unwrap_or(0), command);
        process.pid = pid;
        let mut operation = match call {
            Some(call) => operation(call.arch, call.number),
            None => Operation { call: None, abi: None, number: None, arguments: Vec::new() },
        };
        // Without a record of the call, what AppArmor calls it is all that is known of it.
        if let (None, Denial::AppArmor(AppArmor { operation: Some(word), .. })) = (call, denial) {
            operation.arguments.push(Argument { name: "operation", value: Value::Word(word.clone()) });
        }
        operation.arguments.extend(arguments(denial));
        let errno = call.and_then(errno);
        let (cause, line, remedy) = match denial {
            Denial::AppArmor(seen) => self.of_profile(seen),
            Denial::SeLinux(seen) => self.of_context(seen),
        };
        Event {
            source: SourceKind::Audit,
            outcome: Outcome::Denied,
            time_ms,
            process,
            operation,
            tried: None,
            control: Known::Observed(Control::Lsm),
            cause: Known::Observed(cause),
            line,
            errno: errno.map_or(Known::Predicted(usual(denial)), Known::Observed),
            remedy,
        }
    }

    fn of_profile(&self, seen: &AppArmor) -> (Cause, Known<Line>, Known<Remedy>) {
        let name = seen.profile.as_ref().map(ToString::to_string).unwrap_or_default();
        let what = wanted(seen);
        let cause = Cause::Profile(format!("the AppArmor profile {name} does not allow {what}"));
        let label = || line(&self.policy, self.policy.lsm.apparmor.at);
        match self.profile.as_ref().and_then(|profile| profile.intent.as_ref()) {
            Some(intent) => (cause, self.nearest(seen, intent), remedy(seen)),
            None => {
                let none = Remedy::None("the profile is not made from this policy: its own text decides");
                (cause, Known::Observed(label()), Known::Predicted(none))
            }
        }
    }

    /// In a profile made from the policy: the line that denies it there, or else the one that grants
    /// something near, or else the one that asks for a profile.
    fn nearest(&self, seen: &AppArmor, intent: &Intent) -> Known<Line> {
        let at = match seen.operation.as_deref() {
            Some("capable") => intent.capabilities_at,
            Some("create" | "connect" | "bind" | "listen" | "accept" | "sendmsg" | "recvmsg")
                if seen.family.is_some() =>
            {
                intent.sockets_at
            }
            _ => seen.name.as_ref().and_then(|name| {
                let path = Path::new(std::ffi::OsStr::from_bytes(name.bytes()));
                let denied = intent.deny.iter().find(|(denied, _)| path.starts_with(denied));
                let covers = |rule: &&PathRule| path.starts_with(&rule.path) && rule.at.is_some();
                let near =
                    || intent.paths.iter().filter(covers).max_by_key(|rule| rule.path.as_os_str().len());
                denied.map(|(_, at)| *at).or_else(|| near()?.at)
            }),
        };
        let label = || line(&self.policy, self.policy.lsm.apparmor.at);
        at.map_or_else(|| Known::Observed(label()), |at| Known::Predicted(line(&self.policy, at)))
    }

    fn of_context(&self, seen: &Avc) -> (Cause, Known<Line>, Known<Remedy>) {
        let Avc { source, target, class, .. } = seen;
        let permissions = seen.permissions.join(" ");
        let cause = Cause::Context(format!(
            "the SELinux policy does not allow {source} {{ {permissions} }} on {target} ({class})"
        ));
        let none = Remedy::None("the policy of the host decides: see audit2allow(1)");
        let line = line(&self.policy, self.policy.lsm.selinux.at);
        (cause, Known::Observed(line), Known::Predicted(none))
    }
}

/// Whether a record is of the watched command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// Nobody else has the label.
    Ours,
    /// Others may have it, too: the process decides.
    MayBe,
    /// Another label.
    Others,
}

impl Denial {
    /// Whether something was denied, and not merely told.
    pub(super) const fn denied(&self) -> bool {
        match self {
            Self::AppArmor(seen) => seen.denied,
            Self::SeLinux(seen) => seen.denied && !seen.permissive,
        }
    }

    pub(super) const fn pid(&self) -> Option<u32> {
        match self {
            Self::AppArmor(seen) => Some(seen.pid),
            Self::SeLinux(seen) => seen.pid,
        }
    }
}

/// The call of these denials, which all have one serial number; `None` where it did not fail.
pub(super) fn refused(denials: &[Denial], call: Option<&Syscall>) -> Option<Refused> {
    if call.is_some_and(|call| call.exit.is_some_and(|exit| exit >= 0)) {
        return None;
    }
    let name = |denial: &Denial| match denial {
        Denial::AppArmor(seen) => seen.name.as_ref().map(|name| name.bytes().to_vec()),
        Denial::SeLinux(seen) => seen.path.as_ref().or(seen.name.as_ref()).map(|name| name.bytes().to_vec()),
    };
    Some(Refused {
        process: denials.first()?.pid()?,
        call: call.map(|call| (operation(call.arch, call.number).abi, call.number)),
        errno: call.and_then(errno),
        names: denials.iter().filter_map(name).collect(),
    })
}

fn errno(call: &Syscall) -> Option<u16> {
    u16::try_from(call.exit?.checked_neg()?).ok()
}

fn is(label: Option<&Text>, name: &str) -> bool {
    label.is_some_and(|label| label.bytes() == name.as_bytes() && !label.is_cut())
}

/// The operation and what it asked, in AppArmor's words.
fn wanted(seen: &AppArmor) -> String {
    let parts = [seen.operation.as_deref(), seen.family.as_deref(), seen.socket.as_deref()];
    let rights = seen.denied_mask.as_deref().filter(|mask| seen.operation.as_deref() != Some(*mask));
    let words: Vec<&str> = parts.into_iter().chain([seen.capability.as_deref(), rights]).flatten().collect();
    words.join(" ")
}

fn arguments(denial: &Denial) -> Vec<Argument> {
    let one = |name, value| vec![Argument { name, value }];
    match denial {
        Denial::AppArmor(AppArmor { name: Some(name), .. }) => one("path", Value::String(name.clone())),
        Denial::AppArmor(AppArmor { capability: Some(name), .. }) => {
            one("capability", Value::Word(name.clone()))
        }
        Denial::AppArmor(AppArmor { family: Some(family), socket, .. }) => {
            let socket = socket.as_deref().unwrap_or("?");
            one("socket", Value::Word(format!("{family} {socket}")))
        }
        Denial::AppArmor(AppArmor { peer: Some(peer), .. }) => one("peer", Value::Word(peer.to_string())),
        Denial::AppArmor(_) => Vec::new(),
        Denial::SeLinux(seen) => match (&seen.path, &seen.name) {
            (Some(path), _) => one("path", Value::String(path.clone())),
            (None, Some(name)) => one("name", Value::String(name.clone())),
            (None, None) => one("object", Value::Word(seen.class.clone())),
        },
    }
}

/// What an LSM's hook gives where no record of the call says it.
fn usual(denial: &Denial) -> u16 {
    match denial {
        Denial::AppArmor(seen) if seen.operation.as_deref() == Some("capable") => EPERM,
        Denial::SeLinux(seen) if seen.class.starts_with("capability") => EPERM,
        _ => EACCES,
    }
}

/// What a policy says to grant it.
fn remedy(seen: &AppArmor) -> Known<Remedy> {
    let settings = |list: Vec<Setting>| Known::Predicted(Remedy::Settings(list));
    let list = |key, value: String| Setting { key, value, list: true };
    match (seen.operation.as_deref(), &seen.name) {
        (Some("capable"), _) => match &seen.capability {
            Some(name) => {
                settings(vec![list("process.capabilities", format!("CAP_{}", name.to_ascii_uppercase()))])
            }
            None => Known::Unknown("the record names no capability".to_owned()),
        },
        (Some("create"), _) if matches!(seen.family.as_deref(), Some("inet" | "inet6")) => {
            let protocol = match seen.socket.as_deref() {
                Some("stream") => "tcp:*",
                Some("dgram") => "udp:*",
                _ => return Known::Unknown("nothing is known of this kind of socket here".to_owned()),
            };
            let host = Setting { key: "net.mode", value: "host".to_owned(), list: false };
            settings(vec![host, list("net.connect", protocol.to_owned())])
        }
        (_, Some(name)) => {
            let Some(path) = as_setting(name) else {
                return Known::Unknown("a policy cannot name this path".to_owned());
            };
            match key(seen.denied_mask.as_deref().unwrap_or_default()) {
                Some(key) => settings(vec![list(key, path)]),
                None => Known::Unknown("nothing is known of these rights here".to_owned()),
            }
        }
        _ => Known::Unknown("nothing is known of this operation here".to_owned()),
    }
}

/// The key that grants AppArmor's letters (`aa_perms` of security/apparmor/include/perms.h).
fn key(mask: &str) -> Option<&'static str> {
    let has = |letters: &str| mask.contains(|letter| letters.contains(letter));
    if mask.is_empty() || !mask.bytes().all(|byte| b"rwacdklmx".contains(&byte)) {
        return None;
    }
    match (has("wacdkl"), has("mx"), has("r")) {
        (true, false, _) => Some("fs.write"),
        (false, true, _) => Some("fs.exec"),
        (false, false, true) => Some("fs.read"),
        _ => None,
    }
}

#[cfg(test)]
#[path = "mac_tests.rs"]
mod tests;
