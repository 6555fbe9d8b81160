//! bpf(2): what a loader leaves to its caller. A link lives as long as a descriptor of it does.

use linux_raw_sys::general::__NR_bpf;
use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::raw::{Errno, syscall};

/// `BPF_RAW_TRACEPOINT_OPEN` of linux/bpf.h.
const RAW_TRACEPOINT_OPEN: usize = 17;

/// `union bpf_attr`, its `raw_tracepoint` part of Linux 4.17.
#[repr(C)]
struct Attach {
    name: u64,
    program: u32,
    unused: u32,
}

/// Attaches a program to the place that it was loaded for: a hook of the security modules, or a
/// tracepoint with the kernel's types. It is detached when the last copy of the descriptor, which is
/// close-on-exec, is closed.
///
/// # Errors
/// `EPERM`; `E2BIG` where the place has as many programs as it takes (`BPF_MAX_TRAMP_LINKS`, 38, or
/// fewer where the calls of so many do not fit a page);
/// `EINVAL` for programs of other types.
pub fn attach(program: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let attr = Attach { name: 0, program: program.as_raw_fd() as u32, unused: 0 };
    // SAFETY: the kernel reads as many bytes of `attr` as it has; a new descriptor is ours.
    unsafe {
        syscall!(__NR_bpf, RAW_TRACEPOINT_OPEN, &raw const attr, size_of::<Attach>())
            .map(|fd| OwnedFd::from_raw_fd(fd as i32))
    }
}
