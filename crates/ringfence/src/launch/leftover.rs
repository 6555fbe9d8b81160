//! What a containment leaves in file systems: made here, before the child exists, and removed by the
//! janitor, however this process ends.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, set_permissions, symlink_metadata};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ringfence_sys::janitor::{PLACEHOLDER_MODE, Word};
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

use super::cgroup::{self, Cgroups};
use super::guard::Guarded;
use super::janitor::{Janitor, Leftover};
use super::profile::Loaded;
use crate::control::bpf_lsm;
use crate::control::limit::cgroup::Request;
use crate::control::lsm::Profile;
use crate::ebpf::guard::Ring;
use crate::host::Process;
use crate::policy::Origin;

/// What was made. Dropping it removes it all; nothing of the containment may live then.
#[derive(Debug, Default)]
#[must_use]
pub struct Leftovers {
    // In the order of dropping: the locks go before the janitor looks at them.
    locks: Vec<File>,
    cgroups: Option<Cgroups>,
    janitor: Option<Janitor>,
    profile: Option<Loaded>,
    guard: Option<Guarded>,
}

/// What could not be made.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {source}")]
pub struct Error {
    /// The call, with its path.
    pub doing: String,
    /// The kernel's answer.
    pub source: io::Error,
    /// The policy line, where one asked for it.
    pub at: Option<Origin>,
}

/// How long somebody else may hold a placeholder for himself: a janitor does so for microseconds.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(1);

impl Leftovers {
    /// Starts a janitor, then makes cgroups and placeholders. Without any of them, and without a
    /// terminal whose modes will change, does nothing.
    ///
    /// `placeholders` are made in this order: outer directories first.
    ///
    /// # Errors
    /// Those of the calls; what was made meanwhile is removed.
    pub fn make(
        cgroup: Option<(&Request, Process)>,
        placeholders: &[PathBuf],
        terminal: bool,
    ) -> Result<Self, Error> {
        let mut janitors: Vec<Leftover> =
            cgroup.into_iter().flat_map(|(request, _)| cgroup::leftovers(request)).collect();
        janitors.extend(placeholders.iter().rev().cloned().map(Leftover::Placeholder));
        if janitors.is_empty() && !terminal {
            return Ok(Self::default());
        }
        let failed = |doing: &str| {
            let doing = doing.to_owned();
            |source| Error { doing, source, at: None }
        };
        let janitor = Janitor::start(&janitors).map_err(failed("start the janitor"))?;
        let mut made = Self { janitor: Some(janitor), ..Self::default() };
        for path in placeholders {
            let lock = place(path).map_err(failed(&format!("mkdir {}", path.display())))?;
            if let Some(janitor) = &made.janitor {
                janitor.hold(lock.as_fd()).map_err(failed("tell the janitor"))?;
            }
            made.locks.push(lock);
        }
        let cgroups = cgroup.map(|(request, own)| Cgroups::make(request, own)).transpose();
        made.cgroups =
            cgroups.map_err(|error| Error { doing: error.doing, source: error.source, at: error.at })?;
        Ok(made)
    }

    /// Loads a generated AppArmor profile.
    ///
    /// # Errors
    /// It does not compile, or the kernel does not take it.
    pub(super) fn load(&mut self, profile: &Profile) -> Result<(), Error> {
        self.profile = Some(Loaded::load(profile)?);
        Ok(())
    }

    /// Loads BPF LSM programs, which hold nobody yet. The janitor keeps them, too.
    ///
    /// # Errors
    /// The kernel does not take them; or there is no janitor.
    pub(super) fn attach(&mut self, guard: &bpf_lsm::Guard, watched: bool) -> Result<(), Error> {
        let guarded = Guarded::attach(guard, watched)?;
        self.tell(|janitor| janitor.hold(guarded.links()))?;
        self.guard = Some(guarded);
        Ok(())
    }

    /// Holds the init and all that it will start, before it has done anything but wait.
    ///
    /// # Errors
    /// It is gone, or so is the janitor.
    pub(super) fn guard(&self, guard: Option<&bpf_lsm::Guard>, init: i32) -> Result<(), Error> {
        let (Some(guarded), Some(guard)) = (&self.guard, guard) else { return Ok(()) };
        guarded.hold(guard, init)?;
        let Some(namespace) = guarded.namespace() else { return Ok(()) };
        self.tell(|janitor| janitor.hold(namespace))
    }

    /// What keeps the programs attached.
    pub(super) fn links(&self) -> Option<BorrowedFd<'_>> {
        self.guard.as_ref().map(Guarded::links)
    }

    /// The programs' ring, for whoever reads it.
    pub(super) fn ring(&self) -> Option<Ring> {
        self.guard.as_ref().and_then(Guarded::ring)
    }

    /// How many operations the programs have denied; `None` without them.
    pub(super) fn denied(&self) -> Option<u64> {
        self.guard.as_ref().and_then(Guarded::denied)
    }

    /// A line that ends with the janitor, where it is needed as long as the containment lives.
    ///
    /// # Errors
    /// `EMFILE`.
    pub(super) fn keeper(&self) -> Result<Option<Word>, Error> {
        if self.guard.is_some() {
            return self.word();
        }
        let keeper = self.profile.as_ref().map_or(Ok(None), Loaded::keeper);
        keeper.map_err(|source| Error { doing: "tell the janitor".to_owned(), source, at: None })
    }

    fn tell(&self, say: impl FnOnce(&Janitor) -> io::Result<()>) -> Result<(), Error> {
        let said = self.janitor.as_ref().map_or(Err(ErrorKind::BrokenPipe.into()), say);
        said.map_err(|source| Error { doing: "tell the janitor".to_owned(), source, at: None })
    }

    /// The cgroup of version 2, for `CLONE_INTO_CGROUP`.
    #[must_use]
    pub fn cgroup(&self) -> Option<BorrowedFd<'_>> {
        self.cgroups.as_ref().and_then(Cgroups::directory)
    }

    /// Names the init of the containment to the janitor, before the command exists.
    ///
    /// # Errors
    /// The janitor is gone: nothing would hold denied paths once this process is killed.
    pub fn name_init(&self, pidfd: BorrowedFd<'_>) -> Result<(), Error> {
        let failed = |source| Error { doing: "tell the janitor".to_owned(), source, at: None };
        self.profile.as_ref().map_or(Ok(()), |profile| profile.name_init(pidfd)).map_err(failed)?;
        self.janitor.as_ref().map_or(Ok(()), |janitor| janitor.name_init(pidfd)).map_err(failed)
    }

    /// A way to tell the janitor of a terminal whose modes are about to change.
    ///
    /// # Errors
    /// `EMFILE`, `ENFILE`.
    pub fn word(&self) -> Result<Option<Word>, Error> {
        let word = self.janitor.as_ref().map_or(Ok(None), Janitor::word);
        word.map_err(|source| Error { doing: "tell the janitor".to_owned(), source, at: None })
    }

    /// Removes it all, and returns how many things could not be removed.
    pub fn remove(mut self) -> u8 {
        self.locks.clear();
        drop(self.guard.take());
        let profile = self.profile.take().map_or(0, Loaded::unload);
        profile.saturating_add(self.janitor.take().map_or(0, Janitor::finish))
    }
}

/// A placeholder, locked: made, or that of another containment which is still in use. While the lock
/// is held no janitor removes it, and with it the mounts on it.
fn place(path: &Path) -> io::Result<File> {
    let mut left = PATIENCE;
    loop {
        match DirBuilder::new().mode(PLACEHOLDER_MODE).create(path) {
            // The umask may have cut the bits that tell it from a directory of the user's.
            Ok(()) => set_permissions(path, Permissions::from_mode(PLACEHOLDER_MODE))?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        let flags = (OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC).bits() as i32;
        let directory = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
            Ok(directory) => directory,
            Err(error) if error.kind() == ErrorKind::NotFound && !left.is_zero() => {
                left = left.saturating_sub(PAUSE);
                continue;
            }
            Err(error) => return Err(error),
        };
        match flock(&directory, FlockOperation::NonBlockingLockShared) {
            Ok(()) if is_at(&directory, path)? => return Ok(directory),
            Err(errno) if errno != Errno::WOULDBLOCK => return Err(errno.into()),
            _ if left.is_zero() => return Err(Errno::WOULDBLOCK.into()),
            _ => {
                std::thread::sleep(PAUSE);
                left = left.saturating_sub(PAUSE);
            }
        }
    }
}

/// Whether the directory is still the one at `path`.
fn is_at(directory: &File, path: &Path) -> io::Result<bool> {
    let own = directory.metadata()?;
    match symlink_metadata(path) {
        Ok(there) => Ok((own.dev(), own.ino()) == (there.dev(), there.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
