//! Starts the janitor: the child that removes what a containment leaves in file systems, even where
//! ringfence itself is killed. Nothing is started where there is nothing to remove.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use ringfence_sys::Errno;
use ringfence_sys::janitor::{self as sys, Leftover as Raw, Word};

/// One thing that a containment leaves, by its absolute path. It need not exist yet: a janitor is
/// started before it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Leftover {
    /// A cgroup: all that lives in it is killed.
    Cgroup(PathBuf),
    /// A directory that stands for a denied path: left where it is not empty, or where another
    /// containment uses it.
    Placeholder(PathBuf),
    /// An AppArmor profile: the file that removes it, and its name.
    Profile(PathBuf, String),
}

/// A running janitor. It lives as long as this process at most, and then until all is removed, two
/// seconds for each thing that stays busy.
///
/// It has a session of its own, and holds no descriptor but those that it was sent, and no directory.
#[derive(Debug)]
#[must_use]
pub(super) struct Janitor {
    pid: i32,
    word: Option<Word>,
}

impl Janitor {
    /// Starts a janitor for these, removed in this order.
    ///
    /// # Errors
    /// Those of socketpair(2) and clone(2), and `InvalidInput` for a path that is not absolute or has a
    /// NUL in it; nothing is started then.
    pub(super) fn start(leftovers: &[Leftover]) -> io::Result<Self> {
        let paths: Vec<CString> = leftovers.iter().map(path).collect::<io::Result<_>>()?;
        let raw: Vec<Raw<'_>> = leftovers.iter().zip(&paths).map(|(kind, path)| raw(kind, path)).collect();
        let (pid, word) = sys::start(&raw).map_err(failed)?;
        Ok(Self { pid, word: Some(word) })
    }

    /// Lets the janitor hold a placeholder's lock as long as the program may need it: should this
    /// process be killed, other containments' janitors find it locked until the init has ended.
    ///
    /// # Errors
    /// `EPIPE` where the janitor is gone.
    pub(super) fn hold(&self, lock: BorrowedFd<'_>) -> io::Result<()> {
        self.word.as_ref().map_or(Ok(()), |word| word.hold(lock)).map_err(failed)
    }

    /// Names the init of the containment by its pidfd: should this process be killed, nothing is
    /// removed, and no lock let go, before the init has ended.
    ///
    /// # Errors
    /// `EPIPE` where the janitor is gone.
    pub(super) fn name_init(&self, pidfd: BorrowedFd<'_>) -> io::Result<()> {
        self.word.as_ref().map_or(Ok(()), |word| word.init(pidfd)).map_err(failed)
    }

    /// Another way to tell it. All of them are gone when [`Self::finish`] is called, or do no harm.
    ///
    /// # Errors
    /// Those of fcntl(2) `F_DUPFD_CLOEXEC`.
    pub(super) fn word(&self) -> io::Result<Option<Word>> {
        self.word.as_ref().map(Word::try_clone).transpose().map_err(failed)
    }

    /// Lets the janitor do its work and waits for it. Nothing of the containment may live any more.
    ///
    /// Returns how many things it could not remove.
    pub(super) fn finish(mut self) -> u8 {
        self.let_go()
    }

    /// Its process id.
    #[cfg(test)]
    pub(super) const fn pid(&self) -> i32 {
        self.pid
    }

    fn let_go(&mut self) -> u8 {
        let Some(word) = self.word.take() else { return 0 };
        word.done();
        sys::wait(self.pid).unwrap_or(u8::MAX)
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        self.let_go();
    }
}

fn failed(errno: Errno) -> io::Error {
    io::Error::from_raw_os_error(errno.0.into())
}

fn path(leftover: &Leftover) -> io::Result<CString> {
    let (Leftover::Cgroup(path) | Leftover::Placeholder(path) | Leftover::Profile(path, _)) = leftover;
    if !path.is_absolute() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a janitor has no working directory"));
    }
    cstring(path)
}

fn raw<'a>(kind: &'a Leftover, path: &'a CStr) -> Raw<'a> {
    match kind {
        Leftover::Cgroup(_) => Raw::Cgroup(path),
        Leftover::Placeholder(_) => Raw::Placeholder(path),
        Leftover::Profile(_, name) => Raw::Profile { file: path, name: name.as_bytes() },
    }
}

/// A path as the kernel takes it.
pub(super) fn cstring(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(io::Error::from)
}
