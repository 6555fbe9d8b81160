//! Which profile and which context a policy wants, and what a generated profile holds.

use std::path::PathBuf;

use ringfence_sys::step::Slot;

use crate::policy::{At, Origin, Policy, model::Label};

/// `lsm.apparmor` and `lsm.selinux`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// apparmor(7).
    pub apparmor: At<Label>,
    /// selinux(8).
    pub selinux: At<Label>,
    /// The context of the file systems that the view is made of.
    pub mounts: At<Label>,
    /// What a generated profile holds.
    pub intent: Intent,
    /// What tells a generated profile from every other: a name nobody else has.
    pub unique: u64,
    /// All processes end with the containment (a pid namespace): only then can a profile be unloaded
    /// without setting one of them free.
    pub ends_together: bool,
    /// Where the descriptors of `/proc` go, one for each LSM.
    pub slots: [Slot; 3],
}

/// The part of a policy that an AppArmor profile can hold; all else is denied by it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Intent {
    /// What may be done where, by paths as the program sees them.
    pub paths: Vec<PathRule>,
    /// What must not be reached even below a path that is allowed.
    pub deny: Vec<(PathBuf, Origin)>,
    /// Kinds of sockets that may be made.
    pub sockets: Sockets,
    /// What of the kernel passes the gate.
    pub gate: Gate,
    /// The policy line that decides of sockets.
    pub sockets_at: Option<Origin>,
    /// Capabilities by their numbers.
    pub capabilities: Vec<(u8, Origin)>,
    /// The policy line that decides of capabilities.
    pub capabilities_at: Option<Origin>,
}

/// What may be done at a path, and below it where it is a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathRule {
    /// Absolute, without symbolic links.
    pub path: PathBuf,
    /// Whether all below it is meant, too.
    pub directory: bool,
    /// Read files, list directories.
    pub read: bool,
    /// Execute files, and map them executable; what is executed keeps the profile.
    pub exec: bool,
    /// Write, create, remove, rename, link and lock.
    pub write: bool,
    /// The policy line.
    pub at: Option<Origin>,
}

/// Calls that an LSM's rules have words for, where the filter lets them through or there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gate {
    /// ptrace(2), of its own processes.
    pub ptrace: bool,
    /// mount(2), umount2(2), pivot_root(2).
    pub mount: bool,
    /// A user namespace inside.
    pub userns: bool,
    /// io_uring_setup(2).
    pub io_uring: bool,
}

/// Kinds of sockets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sockets {
    /// TCP, of both families.
    pub stream: bool,
    /// UDP, of both families.
    pub datagram: bool,
    /// unix(7).
    pub unix: bool,
    /// `NETLINK_ROUTE` and the like: netlink(7).
    pub netlink: bool,
}

impl Model {
    /// The part of a policy that names labels; a generated profile needs the rest as well.
    #[must_use]
    pub fn of(policy: &Policy, intent: Intent, unique: u64, ends_together: bool) -> Self {
        let last = Slot::COUNT as u8;
        Self {
            apparmor: policy.lsm.apparmor.clone(),
            selinux: policy.lsm.selinux.clone(),
            mounts: policy.lsm.selinux_mount.clone(),
            intent,
            unique,
            ends_together,
            // The last one is Landlock's.
            slots: [Slot(last - 2), Slot(last - 3), Slot(last - 4)],
        }
    }
}
