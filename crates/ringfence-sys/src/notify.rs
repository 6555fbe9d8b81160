//! Notifications of a seccomp filter: a call that the filter does not decide waits until the
//! holder of the listener answers. seccomp_unotify(2).
//!
//! Only denials are ever answered here: there is no way to say "continue", because what a filter's
//! supervisor lets continue can change behind its back.

use linux_raw_sys::general as nr;
use rustix::fd::{AsRawFd, BorrowedFd};

use crate::raw::{Errno, syscall};

// include/uapi/linux/seccomp.h: `SECCOMP_IOWR(0, struct seccomp_notif)` and its neighbours.
const RECV: usize = 0xc050_2100;
const SEND: usize = 0xc018_2101;
const ID_VALID: usize = 0x4008_2102;
const SET_FLAGS: usize = 0x4008_2104;
/// `SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP` (6.6): wake the other side on the same processor.
const SYNC_WAKE_UP: usize = 1;

/// `struct seccomp_notif`: a call that waits.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Notification {
    /// Names this waiting call, until it is answered or its thread is gone.
    pub id: u64,
    /// The thread, in the pid namespace of whoever asks; 0 where it has no number there.
    pub thread: u32,
    flags: u32,
    /// The number, as the filter saw it.
    pub number: u32,
    /// `AUDIT_ARCH_*`.
    pub arch: u32,
    /// Where the call was made.
    pub instruction_pointer: u64,
    /// The argument registers.
    pub args: [u64; 6],
}

/// `struct seccomp_notif_resp`.
#[repr(C)]
struct Response {
    id: u64,
    value: i64,
    error: i32,
    flags: u32,
}

/// Asks the kernel to hand over the processor with each notification; older kernels do not know that.
pub fn hand_over_processor(listener: BorrowedFd<'_>) {
    // SAFETY: the flags are passed by value; the kernel refuses those that it does not know.
    let _ = unsafe { syscall!(nr::__NR_ioctl, listener.as_raw_fd(), SET_FLAGS, SYNC_WAKE_UP) };
}

/// The next waiting call. Blocks where there is none: poll(2) first.
///
/// # Errors
/// `ENOENT` where the thread went away meanwhile, `EINTR`.
pub fn receive(listener: BorrowedFd<'_>) -> Result<Notification, Errno> {
    let mut notification = Notification::default();
    // SAFETY: the kernel writes one `struct seccomp_notif`, which is laid out as `Notification`;
    // it demands that it is zero before.
    unsafe { syscall!(nr::__NR_ioctl, listener.as_raw_fd(), RECV, &raw mut notification) }?;
    Ok(notification)
}

/// Answers a waiting call with an errno; it is not carried out.
///
/// # Errors
/// `ENOENT` where the thread is gone, or was interrupted before the answer. `EINVAL` for errno 0,
/// and for what is no errno.
pub fn deny(listener: BorrowedFd<'_>, id: u64, errno: Errno) -> Result<(), Errno> {
    if errno.0 == 0 || errno.0 > 4095 {
        return Err(Errno::INVAL);
    }
    let response = Response { id, value: 0, error: -i32::from(errno.0), flags: 0 };
    // SAFETY: the kernel reads one `struct seccomp_notif_resp`.
    unsafe { syscall!(nr::__NR_ioctl, listener.as_raw_fd(), SEND, &raw const response) }?;
    Ok(())
}

/// Whether a call still waits: then its thread number has not been given to another one.
#[must_use]
pub fn waits(listener: BorrowedFd<'_>, id: u64) -> bool {
    // SAFETY: the kernel reads one 64-bit number.
    unsafe { syscall!(nr::__NR_ioctl, listener.as_raw_fd(), ID_VALID, &raw const id) }.is_ok()
}
