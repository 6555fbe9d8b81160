//! What the view shall be: resolved places with their rights. Pure.

use std::path::{Path, PathBuf};

use crate::control::tree::lies_in;
use crate::policy::Origin;

/// The whole view.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// Readable places of the host; everything is relative to these.
    pub places: Vec<Place>,
    /// What must not be reachable although a place contains it.
    pub deny: Vec<Deny>,
    /// Private, empty directories.
    pub tmp: Vec<Tmp>,
    /// `/proc`.
    pub proc: Proc,
    /// `/dev`.
    pub dev: Dev,
    /// Set-user-id bits and file capabilities are without effect (`MOUNT_ATTR_NOSUID`).
    pub nosuid: bool,
    /// Where `fs.proc` was written.
    pub proc_at: Option<Origin>,
    /// Where `fs.dev` was written.
    pub dev_at: Option<Origin>,
}

/// What may be done at a place, beside reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Access {
    /// execve(2), and mmap(2) with `PROT_EXEC`.
    pub exec: bool,
    /// Everything that changes it.
    pub write: bool,
}

/// A path of the host that is part of the view.
#[derive(Debug, Clone)]
pub struct Place {
    /// Absolute, without any symbolic link in it.
    pub path: PathBuf,
    /// Whether it is a directory.
    pub kind: Kind,
    /// Beside reading.
    pub access: Access,
    /// Symbolic links that were followed to reach it; the view has them too.
    pub links: Vec<Link>,
    /// The policy line.
    pub at: Option<Origin>,
}

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// Anything else: a mount covers it alike.
    File,
}

/// A symbolic link.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// Where it is; its directory has no link in it.
    pub at: PathBuf,
    /// What it says.
    pub target: PathBuf,
}

/// A path that must not be reachable.
#[derive(Debug, Clone)]
pub struct Deny {
    /// Absolute, without any symbolic link in it. Where it did not exist, the launcher makes an
    /// empty directory of that name before the child starts and removes it afterwards.
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
    /// The policy line.
    pub at: Option<Origin>,
}

/// Whether a path lies in what is denied, and is not denied by its own name.
#[must_use]
pub fn is_below_a_deny(path: &Path, deny: &[Deny]) -> bool {
    deny.iter().any(|outer| outer.path != path && lies_in(path, &outer.path))
}

/// A private directory.
#[derive(Debug, Clone)]
pub struct Tmp {
    /// Absolute, without any symbolic link in it.
    pub path: PathBuf,
    /// Whether programs in it may be executed.
    pub exec: bool,
    /// The policy line.
    pub at: Option<Origin>,
}

/// `/proc`.
#[derive(Debug, Clone, Default)]
pub enum Proc {
    /// The mount stays as the places say.
    #[default]
    Untouched,
    /// A read-only procfs of the own pid namespace, with these entries covered.
    Own {
        /// What is covered.
        masks: Vec<Mask>,
    },
    /// Nothing there.
    Absent,
}

/// An entry that is covered.
#[derive(Debug, Clone)]
pub struct Mask {
    /// Absolute.
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
}

/// `/dev`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dev {
    /// The mount stays as the places say.
    #[default]
    Untouched,
    /// null, zero, full, urandom, tty, own pts, shm.
    Minimal {
        /// The kernel's random and urandom are one (since 5.18): a link is enough.
        random_is_urandom: bool,
    },
    /// Nothing there.
    Absent,
}

impl Model {
    /// Whether `path` has a name in this view.
    #[must_use]
    pub fn shows(&self, path: &Path) -> bool {
        let below = |above: &Path| lies_in(path, above);
        if self.deny.iter().any(|deny| below(&deny.path)) {
            return false;
        }
        let place = self.places.iter().filter(|place| below(&place.path)).map(|place| place.path.as_os_str());
        let tmp = self.tmp.iter().filter(|tmp| below(&tmp.path)).map(|tmp| tmp.path.as_os_str());
        match (place.max(), tmp.max()) {
            (Some(place), Some(tmp)) => place > tmp || path.as_os_str() == tmp,
            (Some(_), None) => true,
            (None, tmp) => tmp.is_some_and(|tmp| path.as_os_str() == tmp),
        }
    }

    /// Whether a program at `path` may be executed in this view.
    #[must_use]
    pub fn executes(&self, path: &Path) -> bool {
        self.shows(path) && self.places.iter().any(|place| place.access.exec && lies_in(path, &place.path))
    }
}
