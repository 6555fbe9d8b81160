//! From ids and capabilities to the fewest calls that hold them.

use bumpalo::Bump;
use ringfence_sys::step::Step;

use super::model::{Bounding, Model};
use crate::control::{Actual, Compiled, Control, Planned, Promise, Refusal, Stage};
use crate::host::{Caller, Host};
use crate::policy::Origin;

// linux/securebits.h
const NOROOT: u32 = 1 << 0;
const NOROOT_LOCKED: u32 = 1 << 1;
const NO_SETUID_FIXUP: u32 = 1 << 2;
const NO_SETUID_FIXUP_LOCKED: u32 = 1 << 3;
const KEEP_CAPS_LOCKED: u32 = 1 << 5;
const NO_CAP_AMBIENT_RAISE: u32 = 1 << 6;
const NO_CAP_AMBIENT_RAISE_LOCKED: u32 = 1 << 7;

/// Nothing to keep: no way to a capability stays open.
const LOCKED: u32 = NOROOT
    | NOROOT_LOCKED
    | NO_SETUID_FIXUP
    | NO_SETUID_FIXUP_LOCKED
    | KEEP_CAPS_LOCKED
    | NO_CAP_AMBIENT_RAISE
    | NO_CAP_AMBIENT_RAISE_LOCKED;

/// Something to keep: user id 0 means nothing at execve(2), and the rest is as for any program.
const KEEPING: u32 = NOROOT | NOROOT_LOCKED;

// linux/capability.h
const CAP_SETGID: u32 = 6;
const CAP_SETUID: u32 = 7;
const CAP_SETPCAP: u32 = 8;

/// `NGROUPS_MAX` of linux/limits.h: what setgroups(2) takes.
const NGROUPS_MAX: usize = 65536;

/// The steps that make the process who the policy says, and what the host cannot give of it.
///
/// Steps are of the stages `Credentials`, `NoNewPrivs` and `Limits` (umask). Never drops the
/// capabilities that a later stage needs: none does.
///
/// # Errors
/// An id or a list of groups that no kernel takes; a capability that this kernel does not know.
pub fn compile<'a>(model: &Model, host: &Host, arena: &'a Bump) -> Result<Compiled<'a>, Refusal> {
    let mut room = Room { model, caller: &host.caller().value, out: Compiled::default() };
    room.refuse(host.last_capability().value)?;
    room.umask();
    if room.switching() && model.keep != 0 && room.has(CAP_SETPCAP) {
        room.credential(Step::Securebits(NO_SETUID_FIXUP), model.keep_at);
    } else if model.keep == 0 {
        room.securebits(LOCKED, model.keep_at);
    }
    room.groups(arena);
    room.user();
    room.bounding(host);
    if model.keep != 0 {
        room.securebits(KEEPING, model.keep_at);
    }
    room.sets();
    room.no_new_privs();
    Ok(room.out)
}

struct Room<'m, 'a> {
    model: &'m Model,
    caller: &'m Caller,
    out: Compiled<'a>,
}

impl<'a> Room<'_, 'a> {
    fn refuse(&self, last: u32) -> Result<(), Refusal> {
        let model = self.model;
        let refusal = |message: String, help: &str, at| Err(Refusal { message, help: help.to_owned(), at });
        if let Some(unknown) = (last + 1..64).find(|number| model.keep & (1 << number) != 0) {
            return refusal(
                format!("capability {unknown} is newer than this kernel, whose last one is {last}"),
                "remove it from process.capabilities",
                model.keep_at,
            );
        }
        if model.uid == Some(u32::MAX) || model.gid == Some(u32::MAX) {
            return refusal(
                format!("{} is no id: setresuid(2) reads it as \"unchanged\"", u32::MAX),
                "name another user in process.user",
                model.user_at,
            );
        }
        if let Some(groups) = &model.groups
            && groups.len() > NGROUPS_MAX
        {
            return refusal(
                format!("{} supplementary groups; setgroups(2) takes {NGROUPS_MAX}", groups.len()),
                "name fewer groups in process.groups",
                model.groups_at,
            );
        }
        Ok(())
    }

    /// Whether the process has a capability in its present user namespace.
    fn has(&self, capability: u32) -> bool {
        self.model.user_namespace || self.caller.effective & (1 << capability) != 0
    }

    fn switching(&self) -> bool {
        self.model.uid.is_some_and(|uid| self.model.user_namespace || !self.is_user(uid))
    }

    /// Leaving user 0 empties the sets, unless `SECBIT_NO_SETUID_FIXUP` could be set before.
    fn lost_by_switching(&self) -> bool {
        let leaves_root = !self.model.user_namespace && self.caller.euid == 0 && self.model.uid != Some(0);
        leaves_root && self.switching() && !self.has(CAP_SETPCAP)
    }

    fn is_user(&self, uid: u32) -> bool {
        self.caller.uid == uid && self.caller.euid == uid
    }

    fn umask(&mut self) {
        if let Some(mask) = self.model.umask {
            self.push(Stage::Limits, Step::Umask(mask & 0o777), self.model.umask_at);
        }
    }

    fn groups(&mut self, arena: &'a Bump) {
        let Some(wanted) = &self.model.groups else { return };
        let mut sorted = wanted.clone();
        sorted.sort_unstable();
        sorted.dedup();
        let mut present = self.caller.groups.clone();
        present.sort_unstable();
        present.dedup();
        let requested = format!("supplementary groups {wanted:?} and no others");
        if sorted == present && !self.model.user_namespace || sorted.is_empty() && present.is_empty() {
            return self.full("credential.groups", requested, self.model.groups_at);
        }
        if !self.model.setgroups {
            let why = format!(
                "setgroups(2) is denied in a user namespace whose group map was written without CAP_SETGID \
                 outside (user_namespaces(7)): the caller's groups {present:?} stay; leave \
                 process.groups out, or use namespaces.id_map = \"range\""
            );
            return self.missing("credential.groups", requested, why, self.model.groups_at);
        }
        if !self.has(CAP_SETGID) {
            let why = format!(
                "setgroups(2) needs CAP_SETGID, which the caller has not: its groups {present:?} stay; leave \
                 process.groups out, or run as root"
            );
            return self.missing("credential.groups", requested, why, self.model.groups_at);
        }
        self.credential(Step::Setgroups(arena.alloc_slice_copy(&sorted)), self.model.groups_at);
        self.full("credential.groups", requested, self.model.groups_at);
    }

    fn user(&mut self) {
        let model = self.model;
        let gid = model
            .gid
            .filter(|gid| model.user_namespace || self.caller.gid != *gid || self.caller.egid != *gid);
        let uid = model.uid.filter(|uid| model.user_namespace || !self.is_user(*uid));
        if gid.is_none() && uid.is_none() {
            return;
        }
        let requested = format!("user {:?}, group {:?}", model.uid, model.gid);
        for (id, capability, name) in [(gid, CAP_SETGID, "CAP_SETGID"), (uid, CAP_SETUID, "CAP_SETUID")] {
            if id.is_some() && !self.has(capability) {
                let why = format!(
                    "changing ids needs {name}, which the caller (user {}) has not; run as root, or let \
                     process.user be \"keep\"",
                    self.caller.euid
                );
                return self.missing("credential.user", requested, why, model.user_at);
            }
        }
        if let Some(gid) = gid {
            self.credential(Step::Setgid(gid), model.user_at);
        }
        if let Some(uid) = uid {
            self.credential(Step::Setuid(uid), model.user_at);
        }
        self.full("credential.user", requested, model.user_at);
    }

    fn bounding(&mut self, host: &Host) {
        let (model, last) = (self.model, host.last_capability().value);
        let requested = format!("bounding set within {:#x}", model.keep);
        if model.no_new_privs && model.bounding == Bounding::WithoutEffect {
            let requested = format!("{requested} (left as it is: without effect under no_new_privs)");
            return self.full("credential.bounding", requested, model.keep_at);
        }
        if self.has(CAP_SETPCAP) {
            self.credential(Step::DropBounding { keep: model.keep, last }, model.keep_at);
            return self.full("credential.bounding", requested, model.keep_at);
        }
        if host.bounding().value & !model.keep == 0 {
            return self.full("credential.bounding", requested, model.keep_at);
        }
        let why = "PR_CAPBSET_DROP needs CAP_SETPCAP, which the caller has not; without no_new_privs a \
                   set-user-ID program or one with file capabilities would gain what the bounding set allows; \
                   set process.no_new_privs = true, or unshare \"user\""
            .to_owned();
        self.missing("credential.bounding", requested, why, model.keep_at);
    }

    fn securebits(&mut self, bits: u32, at: Option<Origin>) {
        let requested = "user id 0 gains nothing at execve(2) (SECBIT_NOROOT, locked)".to_owned();
        if self.has(CAP_SETPCAP) {
            self.credential(Step::Securebits(bits), at);
            self.full("credential.securebits", requested, at);
        } else if self.model.no_new_privs {
            self.full("credential.securebits", format!("{requested}: by no_new_privs"), at);
        } else {
            let why = "PR_SET_SECUREBITS needs CAP_SETPCAP, which the caller has not; set \
                       process.no_new_privs = true, or unshare \"user\""
                .to_owned();
            self.missing("credential.securebits", requested, why, at);
        }
    }

    /// Effective, permitted, inheritable, and so ambient: what is not kept is gone after this.
    fn sets(&mut self) {
        let model = self.model;
        let there = if self.lost_by_switching() {
            0
        } else if model.user_namespace {
            u64::MAX
        } else {
            self.caller.permitted
        };
        let keep = model.keep & there;
        self.credential(Step::Capset { effective: keep, permitted: keep, inheritable: keep }, model.keep_at);
        if keep != 0 {
            self.credential(Step::Ambient(keep), model.keep_at);
        }
        let requested = format!(
            "capabilities {:#x} and no others: effective, permitted, inheritable, ambient",
            model.keep
        );
        if keep == model.keep {
            return self.full("credential.capabilities", requested, model.keep_at);
        }
        let why = format!(
            "the caller's permitted set lacks {:#x} of them, or loses them with its user id for want of CAP_SETPCAP \
             (capget(2)); remove them from process.capabilities, run as root, or unshare \"user\"",
            model.keep & !there
        );
        self.missing("credential.capabilities", requested, why, model.keep_at);
    }

    fn no_new_privs(&mut self) {
        if self.model.no_new_privs {
            self.push(Stage::NoNewPrivs, Step::NoNewPrivs, self.model.no_new_privs_at);
            let requested = "execve(2) grants no privileges (no_new_privs)".to_owned();
            self.full("credential.no-new-privs", requested, self.model.no_new_privs_at);
        }
    }

    fn credential(&mut self, step: Step<'a>, at: Option<Origin>) {
        self.push(Stage::Credentials, step, at);
    }

    fn push(&mut self, stage: Stage, step: Step<'a>, at: Option<Origin>) {
        self.out.steps.push(Planned { stage, control: Control::Credential, step, at });
    }

    fn full(&mut self, name: &'static str, requested: String, at: Option<Origin>) {
        self.promise(name, requested, Actual::Full, at);
    }

    fn missing(&mut self, name: &'static str, requested: String, why: String, at: Option<Origin>) {
        self.promise(name, requested, Actual::Missing { why }, at);
    }

    fn promise(&mut self, name: &'static str, requested: String, actual: Actual, at: Option<Origin>) {
        self.out.promises.push(Promise { name, control: Control::Credential, requested, actual, at });
    }
}
