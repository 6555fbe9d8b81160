//! Which namespaces a policy wants, and which ids the program has in them.

use std::collections::BTreeSet;

use crate::policy::Origin;
use crate::policy::model::Namespace;

/// The intent, as `plan` fills it from `[namespaces]` and `process.user`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// The new namespaces.
    pub unshare: BTreeSet<Namespace>,
    /// Where `namespaces.unshare` was written.
    pub unshare_at: Option<Origin>,
    /// Entered by unshare(2) in the calling process rather than by clone3(2) of a child. Impossible
    /// with a pid namespace: only children of the caller enter that.
    pub in_place: bool,
    /// Whether the child enters a cgroup of its own by a step (version 1). The root of a cgroup
    /// namespace is the cgroup of whoever makes it, so it is then made after that step; with
    /// `CLONE_INTO_CGROUP` clone3(2) itself takes the new cgroup (`cgroup_post_fork` of
    /// kernel/cgroup/cgroup.c).
    pub enters_cgroup: bool,
    /// The host name inside.
    pub hostname: Option<String>,
    /// Where `namespaces.hostname` was written.
    pub hostname_at: Option<Origin>,
    /// Who the program is inside. Without a user namespace: not read.
    pub identity: Identity,
    /// Where `process.user` was written.
    pub user_at: Option<Origin>,
    /// Supplementary groups that are to be set (`process.groups`, or those of a named user), by
    /// number: they need a place in the group map, and setgroups(2) must stay usable. `None`: the
    /// caller's stay.
    pub groups: Option<Vec<u32>>,
    /// How many ids the user namespace has.
    pub id_map: IdMap,
    /// Where `namespaces.id_map` was written.
    pub id_map_at: Option<Origin>,
}

/// Who the program is inside a user namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// The caller's own ids, by the same numbers.
    Keep,
    /// The caller, seen as 0:0.
    Root,
    /// Another user and group, by the same numbers outside: needs `CAP_SETUID` and `CAP_SETGID`.
    Other {
        /// User id.
        uid: u32,
        /// Group id.
        gid: u32,
    },
}

/// How many ids the user namespace has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdMap {
    /// The program's own user and group.
    Single,
    /// Those of `outside` as well.
    Range {
        /// User ids that may be mapped. For a caller with `CAP_SETUID`: the ids of its own
        /// namespace (first and third column of `/proc/self/uid_map`). Otherwise: its ranges of
        /// subuid(5).
        uids: Vec<Outside>,
        /// Group ids, likewise, from `/proc/self/gid_map` or subgid(5).
        gids: Vec<Outside>,
        /// Whether newuidmap(1) and newgidmap(1) are there.
        helper: bool,
    },
}

/// A run of ids as the caller's own namespace names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outside {
    /// The first.
    pub first: u32,
    /// How many; at least 1.
    pub count: u32,
}

/// One line of an id map (user_namespaces(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Extent {
    /// First id inside.
    pub inside: u32,
    /// First id outside.
    pub outside: u32,
    /// How many.
    pub count: u32,
}
