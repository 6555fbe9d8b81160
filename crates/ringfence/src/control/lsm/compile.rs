//! Model and host become the steps that label the command, a profile where one is generated, and
//! promises.

use std::ffi::CStr;

use bumpalo::Bump;
use ringfence_sys::step::{Slot, Step};

use super::{Intent, Model, profile};
use crate::control::{Actual, Compiled, Control, Planned, Promise, Refusal, Stage};
use crate::host::{AppArmor, Host, Reading, selinux};
use crate::policy::{At, Origin, model::Label};

/// A profile that is loaded before the command starts and unloaded when all of it has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Its text, apparmor.d(5).
    pub text: String,
    /// What it was made from.
    pub intent: Intent,
    /// apparmor_parser(8), which compiles it.
    pub parser: std::path::PathBuf,
    /// The policy line.
    pub at: Origin,
}

/// What the room makes of its model.
#[derive(Debug, Default)]
#[must_use]
pub struct Outcome<'a> {
    /// Steps and promises.
    pub compiled: Compiled<'a>,
    /// What is to be loaded.
    pub profile: Option<Profile>,
}

/// Below `/proc`; the thread that writes is the one that calls execve(2).
const APPARMOR: &CStr = c"thread-self/attr/apparmor/exec";
const SELINUX: &CStr = c"thread-self/attr/exec";
/// Keys that this thread makes; execve(2) forgets it again.
const KEYS: &CStr = c"thread-self/attr/keycreate";

/// Compiles the model. Inheriting asks for nothing and reads nothing.
///
/// # Errors
/// A generated profile that cannot be written, or could not be unloaded without setting a process free.
pub fn compile<'a>(model: &Model, host: &Host, arena: &'a Bump) -> Result<Outcome<'a>, Refusal> {
    let mut outcome = Outcome::default();
    apparmor(model, host, arena, &mut outcome)?;
    selinux(model, host, arena, &mut outcome.compiled);
    Ok(outcome)
}

fn apparmor<'a>(
    model: &Model,
    host: &Host,
    arena: &'a Bump,
    outcome: &mut Outcome<'a>,
) -> Result<(), Refusal> {
    let wanted = &model.apparmor;
    let generated = match &wanted.value {
        Label::Inherit => return Ok(()),
        Label::Generate => Some(generate(model, host)?),
        Label::Named(_) => None,
    };
    let (name, requested) = match (&generated, &wanted.value) {
        (Some((name, _)), _) => (name.clone(), "AppArmor profile made from this policy".to_owned()),
        (None, Label::Named(named)) => (named.clone(), format!("AppArmor profile {named}")),
        (None, _) => return Ok(()),
    };
    let given = match &host.apparmor().value {
        Reading::Known(fact) if generated.is_some() => may_load(fact).map(|parser| (fact, Some(parser))),
        Reading::Known(fact) => is_loaded(fact, &name).map(|()| (fact, None)),
        Reading::Absent(_) | Reading::Unknown(_) => Err(missing("apparmor", host)),
    };
    let actual = match given {
        Ok((fact, parser)) => {
            // A confined caller may only become more confined: its own profile goes on to hold.
            let verb = if fact.unconfined { "exec" } else { "stack" };
            let text = arena.alloc_str(&format!("{verb} {name}")).as_bytes();
            outcome.compiled.steps.extend(steps(model.slots[0], APPARMOR, text, wanted.at));
            outcome.profile = generated.zip(parser).map(|((name, text), parser)| Profile {
                name,
                text,
                intent: model.intent.clone(),
                parser,
                at: wanted.at,
            });
            Actual::Full
        }
        Err(why) => Actual::Missing { why },
    };
    outcome.compiled.promises.push(promise("lsm.apparmor", requested, actual, wanted));
    Ok(())
}

/// Name and text of a generated profile.
fn generate(model: &Model, host: &Host) -> Result<(String, String), Refusal> {
    if !model.ends_together {
        return Err(Refusal {
            message:
                "a generated AppArmor profile is unloaded at the end, and a process that is still there \
                      would be free of it"
                    .into(),
            help: "add \"pid\" to `namespaces.unshare`, or name a profile that stays loaded".into(),
            at: Some(model.apparmor.at),
        });
    }
    let name = format!("ringfence-{:016x}", model.unique);
    let text = profile::text(&name, &model.intent, words(host))?;
    Ok((name, text))
}

/// Of a parser whose version is not known, the oldest words.
fn words(host: &Host) -> profile::Words {
    let version = host.apparmor_parser().value.known().copied();
    profile::Words::of(version.unwrap_or((0, 0)))
}

fn may_load(fact: &AppArmor) -> Result<std::path::PathBuf, String> {
    fact.load.clone()?;
    fact.parser.clone().ok_or_else(|| "apparmor_parser(8) is not installed: install apparmor".to_owned())
}

/// Where the list cannot be read, the kernel itself says at the step that there is none.
fn is_loaded(fact: &AppArmor, name: &str) -> Result<(), String> {
    match &fact.profiles {
        Reading::Known(names) if !names.iter().any(|known| known == name) => {
            Err(format!("no profile of this name is loaded: aa-status(8) lists {}", names.len()))
        }
        _ => Ok(()),
    }
}

fn selinux<'a>(model: &Model, host: &Host, arena: &'a Bump, compiled: &mut Compiled<'a>) {
    let active = host.lsms().value.known().is_some_and(|names| names.iter().any(|name| name == "selinux"));
    if let Label::Named(context) = &model.selinux.value {
        let at = model.selinux.at;
        let actual = match enters(active, context, host) {
            Ok(()) => {
                let text = arena.alloc_str(context).as_bytes();
                // The session keyring of the caller stays outside, and the new one has the label.
                let join = Planned {
                    stage: Stage::Label,
                    control: Control::Lsm,
                    step: Step::JoinSessionKeyring,
                    at: Some(at),
                };
                compiled.steps.extend(steps(model.slots[2], KEYS, text, at));
                compiled.steps.push(join);
                compiled.steps.extend(steps(model.slots[1], SELINUX, text, at));
                Actual::Full
            }
            Err(why) => Actual::Missing { why },
        };
        let requested = format!("SELinux context {context}");
        compiled.promises.push(promise("lsm.selinux", requested, actual, &model.selinux));
    }
    if let Label::Named(context) = &model.mounts.value {
        let actual = match active {
            true => Actual::Full,
            false => Actual::Missing { why: missing("selinux", host) },
        };
        let requested = format!("SELinux context {context} of the file systems that are made");
        compiled.promises.push(promise("lsm.selinux", requested, actual, &model.mounts));
    }
}

/// Whether the policy that is loaded now lets the caller become this; the kernel asks again at
/// execve(2), and of another policy where one was loaded meanwhile.
fn enters(active: bool, context: &str, host: &Host) -> Result<(), String> {
    if !active {
        return Err(missing("selinux", host));
    }
    match selinux::transition(context) {
        Reading::Known(true) | Reading::Absent(_) | Reading::Unknown(_) => Ok(()),
        Reading::Known(false) => Err(format!(
            "the SELinux policy has no such context, or does not allow the transition to it: its rule would be \
             (allow {} TYPE (process (transition)))",
            selinux::own_type().unwrap_or_else(|| "CALLER".to_owned())
        )),
    }
}

/// `/proc` is opened before the view changes: a view may have none, or one without the host's names.
fn steps<'a>(slot: Slot, file: &'static CStr, text: &'a [u8], at: Origin) -> [Planned<'a>; 2] {
    let planned = |stage, step| Planned { stage, control: Control::Lsm, step, at: Some(at) };
    [
        planned(Stage::ViewOpen, Step::OpenDirectory { path: c"/proc", slot }),
        planned(Stage::Label, Step::ExecLabel { proc: slot, file, text }),
    ]
}

fn promise(name: &'static str, requested: String, actual: Actual, label: &At<Label>) -> Promise {
    Promise { name, control: Control::Lsm, requested, actual, at: Some(label.at) }
}

fn missing(lsm: &str, host: &Host) -> String {
    let fact = host.lsms();
    match &fact.value {
        Reading::Known(active) if active.iter().any(|name| name == lsm) => {
            format!("{lsm} is active here, but what this caller may do with it could not be read")
        }
        Reading::Known(active) => format!(
            "not available on this host: the active LSMs are {} (read from {}); a kernel with {lsm} on its \
             list (boot parameter lsm=) would give it",
            active.join(", "),
            fact.from
        ),
        Reading::Absent(why) => format!("not available on this host: {why}"),
        Reading::Unknown(why) => format!("whether this host has {lsm} is unknown: {why}"),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
