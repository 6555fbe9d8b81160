//! Another mount namespace, seen by a thread that does nothing else. setns(2).

use linux_raw_sys::general::{__NR_setns, __NR_unshare, CLONE_FS, CLONE_NEWNS};
use rustix::fd::{AsRawFd, BorrowedFd};

use crate::raw::{Errno, syscall};

/// Proof that the calling thread was made for one look, and ends after it.
#[derive(Debug)]
pub struct Passing(());

impl Passing {
    /// Said by whoever makes the thread.
    #[must_use]
    pub const fn promised() -> Self {
        Self(())
    }
}

/// Moves the calling thread into a mount namespace, at its root; other threads stay where they are.
///
/// # Errors
/// `EPERM` without `CAP_SYS_ADMIN` in both user namespaces and `CAP_SYS_CHROOT` in the caller's;
/// `EINVAL` where the descriptor is of something else.
pub fn enter(_proof: &Passing, namespace: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: no memory arguments; what is unshared (root and working directory) is what nobody else
    // of this process has to share with a thread that ends.
    unsafe { syscall!(__NR_unshare, CLONE_FS) }?;
    // SAFETY: no memory arguments.
    unsafe { syscall!(__NR_setns, namespace.as_raw_fd(), CLONE_NEWNS) }?;
    Ok(())
}
