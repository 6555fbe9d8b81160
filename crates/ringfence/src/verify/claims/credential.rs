//! Who the program is: capabilities absent or present, no_new_privs.

use super::{Claim, ESCAPE, PROTECTION, Scene, unmasked, whole};
use std::path::Path;

use ringfence_bpf::table::Abi;
use ringfence_sys::step::Step;

use crate::control::Control;
use crate::control::credential::attempt;
use crate::control::mount::attempt::may_change;
use crate::control::seccomp::judge::{Expected, Law};
use crate::control::trial::{Entry, Probe};
use crate::policy::Origin;
use crate::policy::model::Capability;
use crate::verify::{Intent, Part, Subject};

/// linux/capability.h up to CAP_CHECKPOINT_RESTORE.
const LAST: u8 = 40;

/// Every room but that of credentials: the others would not show what belongs to another user.
const ALL_OTHERS: &[Control] = &[
    Control::Seccomp,
    Control::Namespace,
    Control::Mount,
    Control::Net,
    Control::Landlock,
    Control::Lsm,
    Control::Limit,
];
const NONE: &[Control] = &[];

/// CAP_CHOWN and CAP_SETUID: who has them can make something that is another user's.
const MAKES_ANOTHERS: u64 = 1 | 1 << 7;

/// Directories in which the caller may make a file for a while.
const ROOMS: [&str; 2] = ["/dev/shm", "/var/tmp"];

/// Capabilities that no operation is tried for, but to have them, each with why.
pub(super) const WITHOUT_OPERATION: [(u8, &str); 3] = [
    (11, "nothing in the kernel asks for it"),
    (32, "Smack alone asks for it"),
    (33, "Smack, AppArmor and SELinux alone ask for it"),
];

pub(super) fn claims(subject: &Subject<'_>, scene: &Scene) -> Vec<Claim> {
    let process = &subject.policy.process;
    let kept = |number: u8| process.capabilities.iter().find(|kept| kept.value.0 == number);
    let at = super::origin_of(&process.capabilities).unwrap_or(process.no_new_privs.at);
    let mut all = Vec::new();
    permitted(subject, at, &mut all);
    let mut needs = attempt::needs();
    needs.extend(attempt::file::others());
    // A private directory, which both sides can write.
    if let Some(directory) = process_directory(subject) {
        needs.extend(attempt::file::needs(directory, scene.process));
    }
    // What only a capability over the host can do, only who has it can show to work.
    let has = |need: &attempt::Need| scene.permitted >> need.capability & 1 == 1;
    needs.extend(attempt::alone::own().into_iter().filter(has));
    let mut needs: Vec<_> = needs.into_iter().map(|need| (need, NONE)).collect();
    if scene.permitted & MAKES_ANOTHERS == MAKES_ANOTHERS
        && let Some(directory) = ROOMS.map(Path::new).into_iter().find(|path| may_change(path))
    {
        let others = attempt::alone::others(directory, scene.process, &own_ids(subject, scene));
        let others = others.into_iter().filter(has);
        needs.extend(others.map(|need| (need, ALL_OTHERS)));
    }
    for (need, without) in needs {
        if kept(need.capability).is_some() {
            continue;
        }
        let name = Capability(need.capability).name();
        let id = format!("operation/{}", need.operation);
        let test = if without.is_empty() { whole(need.trial) } else { unmasked(need.trial, without) };
        let claim = Claim::new(Part::Credential, Intent::Deny, id, need.operation, test);
        let reason = format!("it needs {name}, which process.capabilities does not keep");
        all.push(claim.route("x86_64 by syscall").at(at).because(reason).see(&["capabilities(7)", ESCAPE]));
    }
    all.push(nested(subject, at));
    if let Some(trial) = attempt::root_is_special() {
        let test = unmasked(trial, &[Control::Seccomp]);
        all.push(
            Claim::new(
                Part::Credential,
                Intent::Deny,
                "root-is-special",
                "capabilities by user 0 at execve",
                test,
            )
            .route("prctl(PR_GET_SECUREBITS), without the filter")
            .at(at)
            .because("process.capabilities lists all that the program may have")
            .see(&["capabilities(7)", PROTECTION]),
        );
    }
    if process.no_new_privs.value
        && let Some(trial) = attempt::new_privileges()
    {
        let test = unmasked(trial, &[Control::Seccomp]);
        all.push(
            Claim::new(
                Part::Credential,
                Intent::Deny,
                "new-privileges",
                "privilege by set-user-ID programs",
                test,
            )
            .route("prctl(PR_GET_NO_NEW_PRIVS), without the filter")
            .at(process.no_new_privs.at)
            .because("process.no_new_privs = true")
            .see(&["prctl(2)", PROTECTION]),
        );
    }
    all
}

/// The ids of the caller, and those that the program gets.
fn own_ids(subject: &Subject<'_>, scene: &Scene) -> Vec<u32> {
    let mut ids = vec![scene.user];
    ids.extend(subject.plan.steps.iter().filter_map(|planned| match planned.step {
        Step::Setuid(id) => Some(id),
        _ => None,
    }));
    ids
}

/// Every capability, in the permitted set or not.
fn permitted(subject: &Subject<'_>, at: Origin, all: &mut Vec<Claim>) {
    let process = &subject.policy.process;
    let kept = |number: u8| process.capabilities.iter().find(|kept| kept.value.0 == number);
    for number in 0..=LAST {
        let name = Capability(number).name();
        let Some(trial) = attempt::permitted(number) else { continue };
        let (intent, at, reason) = match kept(number) {
            Some(kept) => (Intent::Allow, kept.at, "process.capabilities keeps it"),
            None => (Intent::Deny, at, "process.capabilities does not keep it"),
        };
        let id = format!("permitted/{name}");
        // A filter may refuse capset(2) itself, which would say nothing about the set.
        let test = unmasked(trial, &[Control::Seccomp]);
        let claim = Claim::new(Part::Credential, intent, id, format!("capability {name}"), test);
        all.push(
            claim
                .route("capset(2) to it alone, without the filter")
                .at(at)
                .because(reason)
                .see(&["capabilities(7)", PROTECTION]),
        );
    }
}

/// `/tmp` where it is private.
fn process_directory(subject: &Subject<'_>) -> Option<&'static Path> {
    let private = subject.policy.fs.tmp.iter().any(|spec| spec.value.text == "/tmp");
    private.then(|| Path::new("/tmp"))
}

/// Claimed where the policy lets no program make a user namespace.
fn nested(subject: &Subject<'_>, at: Origin) -> Claim {
    let (new_user, new_uts) = (0x1000_0000, 0x0400_0000);
    let number = ringfence_bpf::table::by_name(Abi::X86_64, "unshare").map_or(0, |call| call.number);
    let args = [new_user | new_uts, 0, 0, 0, 0, 0];
    let says =
        Law::of(&subject.policy.syscalls).map(|law| law.says(&Probe { entry: Entry::Syscall, number, args }));
    let denied = matches!(says, Some(Expected::Denied(_) | Expected::DeniedSomehow));
    let intent = if denied { Intent::Deny } else { Intent::Tell };
    let operation = "regain capabilities in a user namespace of one's own";
    let test = super::against_outside(attempt::file::nested());
    let claim = Claim::new(Part::Credential, intent, "nested", operation, test);
    let reason = "no rule of syscalls.allow has unshare(CLONE_NEWUSER)";
    let reason = if denied { reason } else { "no key of the policy denies it" };
    claim.route("unshare and sethostname").at(at).because(reason).see(&["user_namespaces(7)", PROTECTION])
}
