//! From the names of namespaces to clone flags, id maps and steps.

use bumpalo::Bump;
use ringfence_sys::step::Step;

use super::map::{self, Own};
use super::model::{Extent, IdMap, Identity, Model, Outside};
use crate::control::{self, Actual, Control, Planned, Promise, Refusal, Stage};
use crate::host::{Caller, Host};
use crate::policy::Origin;
use crate::policy::model::Namespace;

/// `__NEW_UTS_LEN` of linux/utsname.h.
const HOSTNAME_MAX: usize = 64;

// linux/capability.h
const CAP_SETGID: u32 = 6;
const CAP_SETUID: u32 = 7;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_SETFCAP: u32 = 31;

/// What the room gives: steps and promises, and what the launcher itself must do.
#[derive(Debug, Default)]
#[must_use]
pub struct Compiled<'a> {
    /// Steps and promises, as every room gives them.
    pub room: control::Compiled<'a>,
    /// `CLONE_NEW*` for clone3(2); 0 where the plan is applied in place.
    pub flags: u64,
    /// Whether a user namespace is made, by `flags` or in place: for `credential::Model`.
    pub user: bool,
    /// The id maps that the launcher writes when the child says [`Step::Sync`].
    pub by_parent: Option<IdMapByParent>,
    /// Whether setgroups(2) may be called inside: for `credential::Model`.
    pub setgroups: bool,
}

/// Id maps that a process outside must write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdMapByParent {
    /// `/proc/PID/uid_map`.
    pub uids: Vec<Extent>,
    /// `/proc/PID/gid_map`.
    pub gids: Vec<Extent>,
    /// By newuidmap(1) and newgidmap(1) rather than by the launcher itself.
    pub helper: bool,
}

/// The flags, steps and promises of the namespaces.
///
/// Steps are of the stages `Unshare`, `IdMap` and `Names`. What the host cannot give is a missing
/// promise, and its flag is left out.
///
/// # Errors
/// A host name without an own UTS namespace, or one that the kernel does not take; a plan in place
/// that needs a child (pid namespace, maps of many ids).
pub fn compile<'a>(model: &Model, host: &Host, arena: &'a Bump) -> Result<Compiled<'a>, Refusal> {
    refuse(model)?;
    let mut room = Room { model, host, caller: &host.caller().value, out: Compiled::default() };
    room.out.setgroups = true;
    let flags = room.flags();
    if model.in_place && flags != 0 {
        room.push(Stage::Unshare, Step::Unshare(flags), model.unshare_at);
    } else {
        let late = if model.enters_cgroup { flags & flag(Namespace::Cgroup) } else { 0 };
        room.out.flags = flags & !late;
        if late != 0 {
            room.push(Stage::Unshare, Step::Unshare(late), model.unshare_at);
        }
    }
    room.out.user = flags & flag(Namespace::User) != 0;
    if room.out.user {
        room.id_maps(arena)?;
    }
    if let Some(name) = &model.hostname {
        let name = arena.alloc_slice_copy(name.as_bytes());
        room.push(Stage::Names, Step::Hostname(name), model.hostname_at);
    }
    Ok(room.out)
}

/// The `CLONE_NEW*` flag of linux/sched.h.
const fn flag(namespace: Namespace) -> u64 {
    match namespace {
        Namespace::Time => 0x0000_0080,
        Namespace::Mnt => 0x0002_0000,
        Namespace::Cgroup => 0x0200_0000,
        Namespace::Uts => 0x0400_0000,
        Namespace::Ipc => 0x0800_0000,
        Namespace::User => 0x1000_0000,
        Namespace::Pid => 0x2000_0000,
        Namespace::Net => 0x4000_0000,
    }
}

const fn promise_name(namespace: Namespace) -> &'static str {
    match namespace {
        Namespace::Time => "namespace.time",
        Namespace::Mnt => "namespace.mnt",
        Namespace::Cgroup => "namespace.cgroup",
        Namespace::Uts => "namespace.uts",
        Namespace::Ipc => "namespace.ipc",
        Namespace::User => "namespace.user",
        Namespace::Pid => "namespace.pid",
        Namespace::Net => "namespace.net",
    }
}

fn refuse(model: &Model) -> Result<(), Refusal> {
    let refusal = |message: &str, help: &str, at| {
        Err(Refusal { message: message.to_owned(), help: help.to_owned(), at })
    };
    if let Some(name) = &model.hostname {
        if !model.unshare.contains(&Namespace::Uts) {
            return refusal(
                "a host name without an own UTS namespace would rename the host",
                "add \"uts\" to namespaces.unshare, or remove namespaces.hostname",
                model.hostname_at,
            );
        }
        if name.len() > HOSTNAME_MAX || name.is_empty() || name.contains('\0') {
            return refusal(
                "a host name has 1 to 64 bytes and no null byte (sethostname(2))",
                "shorten namespaces.hostname",
                model.hostname_at,
            );
        }
    }
    if model.in_place && model.unshare.contains(&Namespace::Pid) {
        return refusal(
            "a pid namespace is entered by children only, not by a process in place (pid_namespaces(7))",
            "launch through a child, or remove \"pid\" from namespaces.unshare",
            model.unshare_at,
        );
    }
    Ok(())
}

struct Room<'m, 'a> {
    model: &'m Model,
    host: &'m Host,
    caller: &'m Caller,
    out: Compiled<'a>,
}

impl<'a> Room<'_, 'a> {
    fn has(&self, capability: u32) -> bool {
        self.caller.effective & (1 << capability) != 0
    }

    /// The flags of what this host can give, with a promise for each namespace.
    fn flags(&mut self) -> u64 {
        let user = self.model.unshare.contains(&Namespace::User);
        let no_user = user.then(|| self.no_user_namespace()).flatten();
        let mut flags = 0;
        for &namespace in &self.model.unshare {
            let obstacle = match (&no_user, namespace) {
                (Some(why), Namespace::User) => Some(why.clone()),
                (None, Namespace::User) => None,
                _ if self.has(CAP_SYS_ADMIN) || user && no_user.is_none() => self.no_time(namespace),
                _ if user => Some("needs CAP_SYS_ADMIN or the user namespace, which is missing too".to_owned()),
                _ => Some(
                    "needs CAP_SYS_ADMIN, which the caller has not, or an own user namespace: add \"user\" to \
                     namespaces.unshare"
                        .to_owned(),
                ),
            };
            if obstacle.is_none() {
                flags |= flag(namespace);
            }
            let requested = format!("own {} namespace", format!("{namespace:?}").to_lowercase());
            self.promise(promise_name(namespace), requested, obstacle, self.model.unshare_at);
        }
        flags
    }

    /// Why no user namespace can be made, where the host's settings say so. A chroot(2) is not
    /// looked for here: clone3(2) fails there, and nothing is started.
    fn no_user_namespace(&self) -> Option<String> {
        let first = self.host.user_namespaces().value.restrictions.first()?;
        Some(format!("{} ({}); {}", first.what, first.from, first.lift))
    }

    /// unshare(2) of a time namespace moves the caller itself only at execve(2), where the kernel
    /// does so: see the head of this room.
    fn no_time(&self, namespace: Namespace) -> Option<String> {
        let release = &self.host.release().value;
        let old = !release.at_least(6, 2);
        (namespace == Namespace::Time && self.model.in_place && old).then(|| {
            format!(
                "execve(2) enters an unshared time namespace since Linux 6.2; this is {}: remove \"time\" from \
                 namespaces.unshare",
                release.text
            )
        })
    }

    fn id_maps(&mut self, arena: &'a Bump) -> Result<(), Refusal> {
        let privileged = self.has(CAP_SETUID) && self.has(CAP_SETGID);
        let (own_uid, own_gid) = (self.caller.euid, self.caller.egid);
        let (uid, gid) = match self.model.identity {
            Identity::Keep => (own_uid, own_gid),
            Identity::Root => (0, 0),
            Identity::Other { uid, gid } => (uid, gid),
        };
        let other = matches!(self.model.identity, Identity::Other { .. }) && (uid, gid) != (own_uid, own_gid);
        if other && !privileged {
            let why = format!(
                "only a caller with CAP_SETUID and CAP_SETGID may map another user than its own ({own_uid}); \
                 run as root, or let process.user be \"keep\" or \"root-in-namespace\""
            );
            self.promise(
                "namespace.user-id",
                format!("user {uid}, group {gid}"),
                Some(why),
                self.model.user_at,
            );
        }
        let root = self.model.identity == Identity::Root;
        let own_uid = Own { inside: if root { 0 } else { own_uid }, outside: own_uid };
        let own_gid = Own { inside: if root { 0 } else { own_gid }, outside: own_gid };
        let others = (other && privileged).then_some((uid, gid));
        self.id_map_of(&own_uid, &own_gid, others, privileged, arena)
    }

    fn id_map_of(
        &mut self,
        uid: &Own,
        gid: &Own,
        others: Option<(u32, u32)>,
        privileged: bool,
        arena: &'a Bump,
    ) -> Result<(), Refusal> {
        match &self.model.id_map {
            IdMap::Range { uids, gids, .. } if privileged => {
                self.by_parent(map::identity(uid, uids), map::identity(gid, gids), false)
            }
            IdMap::Range { uids, gids, helper } => match no_range(uids, gids, *helper) {
                None => self.by_parent(map::packed(uid, uids), map::packed(gid, gids), true),
                Some(why) => {
                    let requested = "a user namespace with a range of ids".to_owned();
                    self.promise("namespace.id-map", requested, Some(why), self.model.id_map_at);
                    self.by_child(uid, gid, arena);
                    Ok(())
                }
            },
            IdMap::Single if others.is_some() || privileged && self.model.groups.is_some() => {
                let mut groups = self.model.groups.clone().unwrap_or_default();
                groups.extend(others.map(|(_, gid)| gid));
                let users: Vec<u32> = others.map(|(uid, _)| uid).into_iter().collect();
                self.by_parent(map::listed(uid, &users), map::listed(gid, &groups), false)
            }
            IdMap::Single => {
                self.by_child(uid, gid, arena);
                Ok(())
            }
        }
    }

    /// The child writes maps of one id itself: no other process, no waiting.
    fn by_child(&mut self, uid: &Own, gid: &Own, arena: &'a Bump) {
        let line = |own: &Own| &*arena.alloc_str(&format!("{} {} 1\n", own.inside, own.outside));
        let files = [
            (c"/proc/self/setgroups", "deny"),
            (c"/proc/self/uid_map", line(uid)),
            (c"/proc/self/gid_map", line(gid)),
        ];
        for (path, data) in files {
            self.push(Stage::IdMap, Step::WriteFile { path, data: data.as_bytes() }, self.model.id_map_at);
        }
        self.out.setgroups = false;
        self.root_promise(uid.outside == 0);
    }

    fn by_parent(&mut self, uids: Vec<Extent>, gids: Vec<Extent>, helper: bool) -> Result<(), Refusal> {
        if self.model.in_place {
            return Err(Refusal {
                message:
                    "a map of many ids must be written from outside the user namespace, and a plan in place \
                          has no process there"
                        .to_owned(),
                help: "launch through a child, or use namespaces.id_map = \"single\"".to_owned(),
                at: self.model.id_map_at,
            });
        }
        if uids.len().max(gids.len()) > map::MAX_EXTENTS
            || map::text(&uids).len().max(map::text(&gids).len()) >= 4096
        {
            return Err(Refusal {
                message: "the id map has more lines than the kernel takes (340, within 4096 bytes)"
                    .to_owned(),
                help: "join the ranges of /etc/subuid and /etc/subgid, or name fewer groups".to_owned(),
                at: self.model.id_map_at,
            });
        }
        self.push(Stage::IdMap, Step::Sync, self.model.id_map_at);
        self.root_promise(!helper && uids.iter().any(|extent| extent.outside == 0));
        self.out.by_parent = Some(IdMapByParent { uids, gids, helper });
        Ok(())
    }

    /// Since Linux 5.12, whoever maps user 0 of the parent namespace needs `CAP_SETFCAP` there
    /// (`verify_root_map` of kernel/user_namespace.c).
    fn root_promise(&mut self, maps_root: bool) {
        let obstacle = (maps_root && !self.has(CAP_SETFCAP)).then(|| {
            "mapping user 0 needs CAP_SETFCAP (user_namespaces(7), Linux 5.12), which the caller has not: give it, \
             run as another user, or remove \"user\" from namespaces.unshare"
                .to_owned()
        });
        let missing_already = self.out.room.promises.iter().any(|promise| promise.name == "namespace.id-map");
        if obstacle.is_some() || !missing_already {
            self.promise(
                "namespace.id-map",
                "ids of the user namespace".to_owned(),
                obstacle,
                self.model.id_map_at,
            );
        }
    }

    fn push(&mut self, stage: Stage, step: Step<'a>, at: Option<Origin>) {
        self.out.room.steps.push(Planned { stage, control: Control::Namespace, step, at });
    }

    fn promise(
        &mut self,
        name: &'static str,
        requested: String,
        obstacle: Option<String>,
        at: Option<Origin>,
    ) {
        let actual = obstacle.map_or(Actual::Full, |why| Actual::Missing { why });
        self.out.room.promises.push(Promise { name, control: Control::Namespace, requested, actual, at });
    }
}

/// Why newuidmap(1) cannot give a range.
fn no_range(uids: &[Outside], gids: &[Outside], helper: bool) -> Option<String> {
    if !helper {
        return Some(
            "the caller has not CAP_SETUID and CAP_SETGID, and newuidmap(1) and newgidmap(1) are not there: install \
             the package uidmap, or use namespaces.id_map = \"single\""
                .to_owned(),
        );
    }
    (uids.is_empty() || gids.is_empty()).then(|| {
        "/etc/subuid or /etc/subgid gives the caller no ids: add a range with usermod(8), or use \
         namespaces.id_map = \"single\""
            .to_owned()
    })
}
