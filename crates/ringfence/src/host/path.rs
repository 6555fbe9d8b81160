//! Resolves the paths of a policy, once, before anything is applied: to a place without symbolic
//! links, with every link that led there. path_resolution(7), symlink(7).
//!
//! What is found here can be changed by others before it is used. The child therefore opens it by
//! openat2(2) with `RESOLVE_NO_SYMLINKS`, so that a link put there meanwhile is an error.

mod variable;
mod walk;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;
use rustix::io::Errno;

use crate::control::Refusal;
use crate::policy::model::PathSpec;
use crate::policy::{At, Origin};

pub use ringfence_sys::janitor::PLACEHOLDER_MODE;
pub use variable::{Surroundings, VARIABLES};
pub use walk::Fault;

/// A path of the policy, found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// As the policy has it.
    pub written: String,
    /// Absolute, without `.`, `..`, or a symbolic link in any part that exists.
    pub real: PathBuf,
    /// What is there; `None`: nothing, see `missing`.
    pub found: Option<Object>,
    /// Every symbolic link on the way, in the order in which they were met.
    pub links: Vec<Link>,
    /// The deepest part of `real` that exists; all of it where the path exists.
    pub existing: PathBuf,
    /// What of `real` does not exist, by name; empty where the path exists.
    pub missing: Vec<OsString>,
    /// The directories at the end of `real` that stand or are to stand for it while it is denied
    /// and does not exist, outer ones first: those that are missing, and those that another
    /// containment has put there ([`PLACEHOLDER_MODE`]) and will remove unless they are locked.
    pub placeholders: Vec<PathBuf>,
}

impl Resolved {
    /// Whether there is something.
    #[must_use]
    pub const fn exists(&self) -> bool {
        self.found.is_some()
    }

    /// Whether there is a directory.
    #[must_use]
    pub fn is_dir(&self) -> bool {
        self.found.is_some_and(|object| object.kind == Kind::Dir)
    }
}

/// What a path leads to, lstat(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Object {
    /// Its type.
    pub kind: Kind,
    /// Its file system's device.
    pub device: u64,
    /// Its inode in it.
    pub inode: u64,
    /// Its owner.
    pub uid: u32,
    /// Its permission bits, with set-user-ID, set-group-ID and sticky.
    pub mode: u32,
}

/// The type of a file, inode(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A directory.
    Dir,
    /// A regular file.
    File,
    /// A Unix socket.
    Socket,
    /// A character device.
    CharDevice,
    /// A block device or a FIFO.
    Other,
}

impl Kind {
    /// The type that `st_mode` says, of what is no symbolic link.
    #[must_use]
    pub const fn of(mode: u32) -> Self {
        match FileType::from_raw_mode(mode) {
            FileType::Directory => Self::Dir,
            FileType::RegularFile => Self::File,
            FileType::Socket => Self::Socket,
            FileType::CharacterDevice => Self::CharDevice,
            _ => Self::Other,
        }
    }
}

/// A symbolic link that was followed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// Where it is; no symbolic link in its directory.
    pub at: PathBuf,
    /// What it says.
    pub target: PathBuf,
}

/// What a path may be that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// An error, unless the policy marks it with a leading `-`; then it is left out.
    Refused,
    /// Kept, with what is missing: what is denied stays denied when it comes to exist. With a leading
    /// `-` it is left out, unless a part of it that ends with `/./` exists (`-.git/./hooks`).
    Kept,
}

/// Resolves the paths of one policy. What it has looked at once it does not look at again, so
/// paths that share their beginning cost little.
#[derive(Debug)]
pub struct Resolver<'s> {
    surroundings: &'s Surroundings,
    seen: walk::Seen,
}

impl<'s> Resolver<'s> {
    /// A resolver that has seen nothing yet.
    #[must_use]
    pub const fn new(surroundings: &'s Surroundings) -> Self {
        Self { surroundings, seen: walk::Seen::new() }
    }

    /// Resolves one path of a policy. `base` is the directory of the policy's text, for relative
    /// paths; `None`: the working directory.
    ///
    /// `Ok(None)`: it does not exist, and the policy says to leave it out then.
    ///
    /// # Errors
    /// A path that is not there, not permitted, a loop, or not a path at all; with what to do.
    pub fn resolve(
        &mut self,
        spec: &At<PathSpec>,
        base: Option<&Path>,
        absent: Absent,
    ) -> Result<Option<Resolved>, Refusal> {
        let text = &spec.value.text;
        let optional = spec.value.optional && !(absent == Absent::Kept && self.is_anchored(text, base));
        let refuse = |fault: Fault| refusal(text, &fault, spec.at);
        let path = match self.surroundings.expand(text, base) {
            Ok(path) => path,
            Err(Fault::Unset(_)) if optional => return Ok(None),
            Err(fault) => return Err(refuse(fault)),
        };
        let resolved = match self.locate(&path) {
            Ok(resolved) => Resolved { written: text.clone(), ..resolved },
            // What the caller may not look for is as good as absent: the program may not either.
            Err(Fault::DotDot(_) | Fault::NotDirectory(_) | Fault::Errno { error: Errno::ACCESS, .. })
                if optional =>
            {
                return Ok(None);
            }
            Err(fault) => return Err(refuse(fault)),
        };
        match (resolved.exists(), absent) {
            (true, _) => Ok(Some(resolved)),
            (false, _) if optional => Ok(None),
            (false, Absent::Kept) => Ok(Some(resolved)),
            (false, Absent::Refused) => {
                Err(refuse(Fault::Missing { existing: resolved.existing, missing: resolved.missing }))
            }
        }
    }

    /// Whether the part of a denied path that ends with `/./` is a directory: what follows is then
    /// denied whether or not it exists.
    fn is_anchored(&mut self, text: &str, base: Option<&Path>) -> bool {
        let Some((anchor, _)) = text.split_once("/./") else { return false };
        let path = self.surroundings.expand(anchor, base);
        path.is_ok_and(|path| self.locate(&path).is_ok_and(|found| found.is_dir()))
    }

    /// Follows an absolute path, without variables in it, to where it leads.
    ///
    /// # Errors
    /// As [`Resolver::resolve`], but what does not exist is no error.
    pub fn locate(&mut self, path: &Path) -> Result<Resolved, Fault> {
        self.seen.walk(path)
    }

    /// What surrounds the policy.
    #[must_use]
    pub const fn surroundings(&self) -> &'s Surroundings {
        self.surroundings
    }
}

fn refusal(written: &str, fault: &Fault, at: Origin) -> Refusal {
    Refusal { message: format!("path {written:?}: {fault}"), help: fault.help(written), at: Some(at) }
}

#[cfg(test)]
mod tests;
