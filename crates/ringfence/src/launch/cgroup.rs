//! Makes the cgroups of a containment before it is cloned. They are removed by the janitor, and
//! those of a ringfence that was killed together with its janitor by the next one. cgroups(7).

use std::fs::{DirBuilder, File, OpenOptions, read_dir};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use ringfence_sys::janitor as sys;
use rustix::fs::OFlags;

use super::janitor::{Leftover, cstring};
use crate::control::limit::cgroup::{Group, Request, Setting, owner};
use crate::host::{Process, process};
use crate::policy::Origin;

/// The cgroups of one containment, made.
#[derive(Debug)]
#[must_use]
pub struct Cgroups {
    directory: Option<OwnedFd>,
}

/// A cgroup that could not be made as the policy asks.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {source}")]
pub struct Error {
    /// The call, with its path.
    pub doing: String,
    /// The kernel's answer.
    pub source: io::Error,
    /// The policy line.
    pub at: Option<Origin>,
}

impl Cgroups {
    /// Makes the cgroups and sets their limits. A janitor for [`leftovers`] must run already.
    ///
    /// # Errors
    /// Those of mkdir(2), open(2) and write(2), with the policy line; what was made meanwhile is the
    /// janitor's.
    pub fn make(request: &Request, own: Process) -> Result<Self, Error> {
        for group in &request.groups {
            sweep(&group.path, own);
            make(group)?;
        }
        let directory = request.v2().map(open).transpose()?;
        Ok(Self { directory })
    }

    /// The directory of the cgroup of version 2, for `CLONE_INTO_CGROUP`.
    #[must_use]
    pub fn directory(&self) -> Option<BorrowedFd<'_>> {
        self.directory.as_ref().map(AsFd::as_fd)
    }
}

/// What the janitor removes for a request.
pub fn leftovers(request: &Request) -> impl Iterator<Item = Leftover> {
    request.groups.iter().map(|group| Leftover::Cgroup(group.path.clone()))
}

fn make(group: &Group) -> Result<(), Error> {
    let at = group.settings.first().map(|setting| setting.at);
    let doing = || format!("mkdir {}", group.path.display());
    DirBuilder::new().mode(0o755).create(&group.path).map_err(|source| Error {
        doing: doing(),
        source,
        at,
    })?;
    group.settings.iter().try_for_each(|setting| set(&group.path, setting))
}

fn set(group: &Path, setting: &Setting) -> Result<(), Error> {
    let path = group.join(setting.file);
    // Never created: in a cgroup file system a file that is not there cannot be.
    let written = OpenOptions::new()
        .write(true)
        .open(&path)
        .and_then(|mut file: File| file.write_all(setting.value.as_bytes()));
    match written {
        Err(error) if setting.optional && error.kind() == ErrorKind::NotFound => Ok(()),
        Err(source) => {
            let doing = format!("write {} to {}", setting.value, path.display());
            Err(Error { doing, source, at: Some(setting.at) })
        }
        Ok(()) => Ok(()),
    }
}

fn open(group: &Group) -> Result<OwnedFd, Error> {
    let flags = (OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC).bits();
    let opened = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(&group.path);
    opened.map(OwnedFd::from).map_err(|source| Error {
        doing: format!("open {}", group.path.display()),
        source,
        at: group.settings.first().map(|setting| setting.at),
    })
}

/// Removes the cgroups beside `group` that belong to nobody who lives. Those of other pid namespaces
/// are not judged: their numbers mean other processes.
fn sweep(group: &Path, own: Process) {
    let Some(parent) = group.parent() else { return };
    for entry in read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(other) = name.to_str().and_then(owner) else { continue };
        if other.pid_namespace != own.pid_namespace || process::start_of(other.pid) == Some(other.start) {
            continue;
        }
        if let Ok(path) = cstring(&entry.path()) {
            // Another ringfence may be sweeping too, and what belongs to another user stays.
            let _ = sys::sweep(&path);
        }
    }
}

#[cfg(test)]
#[path = "cgroup_tests.rs"]
mod tests;
