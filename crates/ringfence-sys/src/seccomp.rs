//! seccomp(2): filters. Strict mode is never set: it would kill at the execve that follows.

use linux_raw_sys::general as nr;

use crate::abi::SockFilter;
use crate::raw::{Errno, syscall};

const SET_MODE_FILTER: usize = 1;
const FILTER_FLAG_NEW_LISTENER: u64 = 1 << 3;

#[repr(C)]
struct Program {
    len: u16,
    filter: *const SockFilter,
}

/// `SECCOMP_SET_MODE_FILTER` on the calling thread. `EINVAL` for more than 65,535 instructions.
pub(crate) fn filter(flags: u64, program: &[SockFilter]) -> Result<(), Errno> {
    install(flags, program).map(|_| ())
}

/// As [`filter`], and gives the listener of its notifications (close-on-exec). `EBUSY` where a
/// filter with a listener stands already: the kernel takes one.
pub(crate) fn listen(flags: u64, program: &[SockFilter]) -> Result<i32, Errno> {
    install(flags | FILTER_FLAG_NEW_LISTENER, program).map(|fd| fd as i32)
}

fn install(flags: u64, program: &[SockFilter]) -> Result<usize, Errno> {
    let Ok(len) = u16::try_from(program.len()) else { return Err(Errno::INVAL) };
    let program = Program { len, filter: program.as_ptr() };
    // SAFETY: the program lives across the call; the kernel copies and checks it.
    unsafe { syscall!(nr::__NR_seccomp, SET_MODE_FILTER, flags, &raw const program) }
}
