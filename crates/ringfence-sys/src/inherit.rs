//! Descriptors that came with the process, by number.

use linux_raw_sys::general as nr;
use rustix::fd::{FromRawFd, OwnedFd};

use crate::raw::syscall;

/// Descriptors that are to pass execve(2) get numbers from this on: others rarely use them.
pub const HIGH: i32 = 900;
const F_DUPFD_CLOEXEC: usize = 1030;

/// A descriptor of its own, close-on-exec, for what a number leads to; `None` where it is not open.
/// The number itself stays as it is.
#[must_use]
pub fn inherited(number: i32) -> Option<OwnedFd> {
    // SAFETY: numbers only: a new descriptor is made, and none is closed or changed.
    let new = unsafe { syscall!(nr::__NR_fcntl, number, F_DUPFD_CLOEXEC, 3) }.ok()?;
    // SAFETY: the kernel has just made it, for this process alone.
    Some(unsafe { OwnedFd::from_raw_fd(new as i32) })
}

/// Closes every descriptor from [`HIGH`] on.
pub fn close_high() {
    // SAFETY: numbers only. No value of this program owns a descriptor up there, unless it has opened
    // hundreds of them.
    let _ = unsafe { syscall!(nr::__NR_close_range, HIGH, u32::MAX, 0) };
}
