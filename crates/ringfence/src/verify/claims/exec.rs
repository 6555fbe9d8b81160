//! What holds after execve(2), asked by a program that the containment has executed: privileges that
//! execve gives, descriptors that it leaves open, and the labels that come with it.

use super::{Claim, ESCAPE, PROTECTION, Scene, Test};
use crate::control::Control;
use crate::control::credential::attempt;
use crate::control::credential::attempt::executed::{self, Set};
use crate::control::trial::{Passes, Trial};
use crate::host::path::{Absent, Resolver};
use crate::policy::Origin;
use crate::policy::model::{Label, SyscallMode};
use crate::verify::{Intent, Part, Reference, Subject};

/// linux/capability.h up to CAP_CHECKPOINT_RESTORE.
const ALL: u64 = (1 << 41) - 1;

pub(super) fn claims(subject: &Subject<'_>, scene: &Scene) -> Vec<Claim> {
    let mut all = flags(subject);
    sets(subject, scene, &mut all);
    descriptors(subject, &mut all);
    all.extend(set_id(subject));
    labels(subject, &mut all);
    all
}

/// A filter may refuse the question itself, which would say nothing about what is asked.
fn without_filter(trial: Trial) -> Test {
    super::unmasked(trial, &[Control::Seccomp])
}

fn claim(id: &str, operation: &str, test: Test, at: Origin) -> Claim {
    Claim::new(Part::Exec, Intent::Deny, id, operation, test).route("after execve").at(at)
}

fn flags(subject: &Subject<'_>) -> Vec<Claim> {
    let process = &subject.policy.process;
    let at = super::origin_of(&process.capabilities).unwrap_or(process.no_new_privs.at);
    let mut all = Vec::new();
    let prctl = |option: u64, answer: u64| {
        let words = vec![crate::control::trial::Word::Value(option)];
        Trial::of(vec![crate::control::trial::Deed::of("prctl", words)])
            .passing(Passes::Answer(answer))
            .executed()
    };
    let (get_dumpable, get_seccomp) = (3, 21);
    if let Some(trial) = attempt::root_is_special() {
        let test = without_filter(trial.executed());
        let reason = "process.capabilities lists all that the program may have";
        all.push(claim("securebits", "capabilities by user 0 at execve", test, at).because(reason));
    }
    if process.no_new_privs.value
        && let Some(trial) = attempt::new_privileges()
    {
        let test = without_filter(trial.executed());
        let at = process.no_new_privs.at;
        let claim = claim("new-privileges", "privilege by set-user-ID programs", test, at);
        all.push(claim.because("process.no_new_privs = true").see(&["prctl(2)", PROTECTION]));
    }
    if subject.policy.syscalls.mode.value != SyscallMode::Off {
        let test = super::whole(prctl(get_seccomp, 0));
        let at = subject.policy.syscalls.mode.at;
        let claim = claim("filter", "run without a filter after execve", test, at);
        all.push(claim.because("a filter stays for good").see(&["seccomp(2)", PROTECTION]));
    }
    let test = super::whole(prctl(get_dumpable, 1));
    let told =
        claim("dumpable", "be traced by the same user", test, at).because("execve makes it so, prctl(2)");
    all.push(Claim { intent: Intent::Tell, at: None, ..told });
    all
}

/// The five sets: none has more than the policy keeps.
fn sets(subject: &Subject<'_>, scene: &Scene, all: &mut Vec<Claim>) {
    let process = &subject.policy.process;
    let kept = process.capabilities.iter().fold(0, |set, kept| set | 1u64 << kept.value.0);
    let at = super::origin_of(&process.capabilities).unwrap_or(process.no_new_privs.at);
    let reason = "process.capabilities does not keep it";
    // What the caller may hand on: one that the policy does not keep.
    let inherited = (0..41u8).find(|number| scene.permitted & !kept & 1 << number != 0);
    for (set, word) in Set::ALL {
        let trial = executed::any_of(set, ALL & !kept);
        let trial = match (set, inherited) {
            (Set::Inheritable, None) => continue,
            (Set::Inheritable, Some(number)) => trial.prepared(executed::inherit(scene.permitted, number)),
            _ => trial,
        };
        let operation = format!("a capability more in the {word} set");
        let claim = claim(word, &operation, without_filter(trial), at).because(reason);
        all.push(claim.see(&["capabilities(7)", PROTECTION]));
        for capability in &process.capabilities {
            let trial = executed::any_of(set, 1 << capability.value.0);
            let name = capability.value.name();
            let test =
                Test::Trial { trial: trial.into(), without: vec![Control::Seccomp], controls: Vec::new() };
            let claim = Claim::new(Part::Exec, Intent::Allow, format!("{word}/{name}"), name, test);
            all.push(claim.route("after execve").at(capability.at).because("process.capabilities keeps it"));
        }
    }
    if let Some(number) = inherited {
        let trial = executed::ambient(number).prepared(executed::make_ambient(scene.permitted, number));
        let claim = claim("ambient", "a capability more in the ambient set", without_filter(trial), at);
        all.push(claim.because(reason).see(&["capabilities(7)", PROTECTION]));
    }
    bounding(subject, kept, at, all);
}

/// The bounding set limits what execve(2) may add. Where no_new_privs lets it add nothing, what is in
/// the set has no effect, and is told of one capability only.
fn bounding(subject: &Subject<'_>, kept: u64, at: Origin, all: &mut Vec<Claim>) {
    let without_effect = subject.policy.process.no_new_privs.value;
    let most = if without_effect { 1 } else { 41 };
    for number in (0..41u8).filter(|number| kept & 1 << number == 0).take(most) {
        let Some(trial) = attempt::bounding(number) else { continue };
        let name = crate::policy::model::Capability(number).name();
        let test = without_filter(trial.executed());
        let operation = format!("{name} in the bounding set");
        let claim = claim(&format!("bounding/{name}"), &operation, test, at);
        all.push(if without_effect {
            let told = claim.because("no_new_privs: execve adds nothing, whatever is in the set");
            Claim { intent: Intent::Tell, at: None, ..told }
        } else {
            claim.because("process.capabilities does not keep it").see(&["capabilities(7)", PROTECTION])
        });
    }
}

fn descriptors(subject: &Subject<'_>, all: &mut Vec<Claim>) {
    let at = subject.policy.process.fds_at;
    for (id, operation, trial) in [
        ("descriptor", "use a descriptor that does not close at execve", executed::leaked_descriptor()),
        ("directory", "open a file below a directory that was open outside", executed::leaked_directory()),
    ] {
        let claim = claim(id, operation, super::against_outside(trial), at);
        let reason = "process.fds lists every descriptor that stays open";
        all.push(claim.because(reason).see(&["CVE-2024-21626", "close_range(2)", ESCAPE]));
    }
}

/// A set-user-ID or set-group-ID program that the policy lets the program execute.
fn set_id(subject: &Subject<'_>) -> Option<Claim> {
    let policy = subject.policy;
    let prints = policy.process.fds.contains(&1);
    if !policy.process.no_new_privs.value || !prints {
        return None;
    }
    let mut resolver = Resolver::new(subject.surroundings);
    let places: Vec<_> = policy
        .fs
        .exec
        .iter()
        .filter_map(|spec| resolver.resolve(spec, None, Absent::Kept).ok().flatten())
        .map(|found| found.real)
        .collect();
    let program = places.iter().find_map(|place| {
        [place.clone(), place.join("bin")].into_iter().find_map(|path| attempt::set_id_program(&path))
    })?;
    let trial = executed::gains_by(&program);
    let test = Test::Trial { trial: trial.into(), without: Vec::new(), controls: vec![Reference::Outside] };
    let operation = format!("gain an id by executing {}", program.display());
    let claim =
        claim(&format!("set-id{}", program.display()), &operation, test, policy.process.no_new_privs.at);
    Some(claim.route("execve").because("process.no_new_privs = true").see(&["execve(2)", "CWE-250", ESCAPE]))
}

/// The label that execve attaches.
fn labels(subject: &Subject<'_>, all: &mut Vec<Claim>) {
    let lsm = &subject.policy.lsm;
    let generated = subject.plan.profile.as_ref().map(|profile| profile.name.clone());
    let apparmor = match &lsm.apparmor.value {
        Label::Inherit => None,
        Label::Generate => generated,
        Label::Named(name) => Some(name.clone()),
    };
    let selinux = match &lsm.selinux.value {
        Label::Named(context) => Some(context.clone()),
        Label::Inherit | Label::Generate => None,
    };
    let apparmor = apparmor.map(|name| ("apparmor", format!("{name} (enforce)"), lsm.apparmor.at));
    let selinux = selinux.map(|context| ("selinux", context, lsm.selinux.at));
    for (word, label, at) in apparmor.into_iter().chain(selinux) {
        let trial = executed::labelled("/proc/self/attr/current", label.as_bytes());
        let test = Test::Trial { trial: trial.into(), without: Vec::new(), controls: Vec::new() };
        let operation = format!("run with the label {label}");
        let claim = Claim::new(Part::Exec, Intent::Allow, format!("label/{word}"), operation, test);
        let page = if word == "apparmor" { "apparmor(7)" } else { "selinux(8)" };
        all.push(claim.route("after execve").at(at).because(format!("lsm.{word} names it")).see(&[page]));
    }
}
