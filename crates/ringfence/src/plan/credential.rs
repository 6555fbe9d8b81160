//! `[process]` and `[namespaces]` become the models of the namespace and credential rooms.

use crate::control::{credential, namespace};
use crate::host::caller::IdRange;
use crate::host::{Host, Reading, user};
use crate::policy::model::{IdMap, Namespace, User};
use crate::policy::{At, Policy};

use super::Refused;

/// Who the program is to be, with names resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Who {
    identity: namespace::Identity,
    /// Ids to change to, as numbers inside.
    ids: Option<(u32, u32)>,
    groups: Option<Vec<u32>>,
}

/// Resolves `process.user` and `process.groups`.
pub(super) fn who(policy: &Policy, host: &Host, refused: &mut Vec<Refused>) -> Who {
    let own_users = policy.namespaces.unshare.contains(&Namespace::User);
    let caller = &host.caller().value;
    let mut who = Who { identity: namespace::Identity::Keep, ids: None, groups: groups(policy, refused) };
    match &policy.process.user.value {
        User::Keep => {}
        User::RootInNamespace => who.identity = namespace::Identity::Root,
        User::Ids { uid, gid } => {
            if (*uid, *gid) != (caller.euid, caller.egid) {
                who.identity = namespace::Identity::Other { uid: *uid, gid: *gid };
                who.ids = Some((*uid, *gid));
                // Numbers bring no groups, and the caller's own are not theirs.
                who.groups.get_or_insert_default();
            }
        }
        User::Name(name) => named(name, policy, (caller.euid, caller.egid), &mut who, refused),
    }
    if !own_users && matches!(who.identity, namespace::Identity::Root) {
        refused.push(Refused {
            message: "`root-in-namespace` needs a user namespace".into(),
            help: "add \"user\" to `namespaces.unshare`".into(),
            at: Some(policy.process.user.at),
        });
    }
    who
}

fn named(name: &str, policy: &Policy, own: (u32, u32), who: &mut Who, refused: &mut Vec<Refused>) {
    match user::by_name(name) {
        Ok(Some(user)) => {
            if (user.uid, user.gid) != own {
                who.identity = namespace::Identity::Other { uid: user.uid, gid: user.gid };
                who.ids = Some((user.uid, user.gid));
                who.groups.get_or_insert(user.groups);
            }
        }
        found => refused.push(Refused {
            message: format!("no user `{name}`: {}", reason(found.err(), "/etc/passwd has no such line")),
            help: "name a user of /etc/passwd, or write uid:gid".into(),
            at: Some(policy.process.user.at),
        }),
    }
}

fn groups(policy: &Policy, refused: &mut Vec<Refused>) -> Option<Vec<u32>> {
    let names = policy.process.groups.as_ref()?;
    let mut ids = Vec::new();
    for At { value, at } in names {
        match user::group_by_name(value) {
            Ok(Some(gid)) => ids.push(gid),
            found => refused.push(Refused {
                message: format!(
                    "no group `{value}`: {}",
                    reason(found.err(), "/etc/group has no such line")
                ),
                help: "name a group of /etc/group, or write its number".into(),
                at: Some(*at),
            }),
        }
    }
    ids.sort_unstable();
    ids.dedup();
    Some(ids)
}

fn reason(error: Option<std::io::Error>, absent: &str) -> String {
    error.map_or_else(|| absent.to_owned(), |error| error.to_string())
}

/// Whether the id maps must be written by a process outside.
pub(super) fn parent_maps(policy: &Policy, who: &Who) -> bool {
    let other = matches!(who.identity, namespace::Identity::Other { .. });
    let many = policy.namespaces.id_map.value == IdMap::Range || who.groups.is_some() || other;
    policy.namespaces.unshare.contains(&Namespace::User) && many
}

/// The namespace room's model.
pub(super) fn namespaces(
    policy: &Policy,
    host: &Host,
    who: &Who,
    (in_place, enters_cgroup): (bool, bool),
    refused: &mut Vec<Refused>,
) -> namespace::Model {
    let spaces = &policy.namespaces;
    namespace::Model {
        unshare: spaces.unshare.clone(),
        unshare_at: Some(spaces.unshare_at),
        in_place,
        enters_cgroup,
        hostname: spaces.hostname.as_ref().map(|name| name.value.clone()),
        hostname_at: spaces.hostname.as_ref().map(|name| name.at),
        identity: who.identity,
        user_at: Some(policy.process.user.at),
        groups: who.groups.clone(),
        id_map: id_map(policy, host, refused),
        id_map_at: Some(spaces.id_map.at),
    }
}

fn id_map(policy: &Policy, host: &Host, refused: &mut Vec<Refused>) -> namespace::IdMap {
    if policy.namespaces.id_map.value == IdMap::Single {
        return namespace::IdMap::Single;
    }
    let ids = &host.id_maps().value;
    for reading in [&ids.uids, &ids.gids] {
        if let (true, Reading::Unknown(why)) = (ids.own, reading) {
            refused.push(Refused {
                message: format!("the ids that can be mapped are not known: {why}"),
                help: "mount proc, or set namespaces.id_map = \"single\"".into(),
                at: Some(policy.namespaces.id_map.at),
            });
        }
    }
    let outside = |ranges: &Reading<Vec<IdRange>>| {
        let ranges = ranges.known().into_iter().flatten();
        ranges.map(|range| namespace::Outside { first: range.first, count: range.count }).collect()
    };
    namespace::IdMap::Range { uids: outside(&ids.uids), gids: outside(&ids.gids), helper: ids.helper }
}

/// The credential room's model; `setgroups` is what the namespace room says of it.
pub(super) fn credentials(policy: &Policy, who: &Who, own_users: bool, setgroups: bool) -> credential::Model {
    let process = &policy.process;
    credential::Model {
        uid: who.ids.map(|ids| ids.0),
        gid: who.ids.map(|ids| ids.1),
        user_at: Some(process.user.at),
        groups: who.groups.clone(),
        groups_at: process.groups.as_ref().and_then(|groups| groups.first()).map(|group| group.at),
        user_namespace: own_users,
        setgroups,
        keep: process.capabilities.iter().fold(0, |set, capability| set | 1 << capability.value.0),
        keep_at: process.capabilities.first().map(|capability| capability.at),
        bounding: credential::Bounding::default(),
        no_new_privs: process.no_new_privs.value,
        no_new_privs_at: Some(process.no_new_privs.at),
        umask: process.umask.as_ref().map(|umask| umask.value),
        umask_at: process.umask.as_ref().map(|umask| umask.at),
    }
}
