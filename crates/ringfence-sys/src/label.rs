//! The label that the next execve(2) takes, by the files of `/proc/thread-self/attr`. proc(5),
//! Documentation/admin-guide/LSM: `exec`, and `apparmor/exec` where several LSMs have one.

use core::ffi::CStr;

use linux_raw_sys::general as nr;

use crate::raw::{Errno, close, syscall};

const AT_FDCWD: isize = -100;
const PATH_DIRECTORY_CLOEXEC: usize = 0o10000000 | 0o200000 | 0o2000000;
const WRITE_CLOEXEC: usize = 1 | 0o2000000;

/// A directory, open as a place to start from only (`O_PATH`).
pub(crate) fn open_directory(path: &CStr) -> Result<i32, Errno> {
    // SAFETY: the path lives across the call.
    let fd = unsafe { syscall!(nr::__NR_openat, AT_FDCWD, path.as_ptr(), PATH_DIRECTORY_CLOEXEC, 0) }?;
    Ok(fd as i32)
}

/// A new session keyring in place of the caller's: keyctl(2).
pub(crate) fn join_session_keyring() -> Result<(), Errno> {
    // include/uapi/linux/keyctl.h
    const JOIN_SESSION_KEYRING: usize = 1;
    // SAFETY: no memory is passed; only this thread's credentials change.
    unsafe { syscall!(nr::__NR_keyctl, JOIN_SESSION_KEYRING, 0) }.map(|_| ())
}

/// Opens a file below a directory and writes all of `text` by one write(2), as files of the kernel
/// need it. A label is taken only from the thread that it is for, with the credentials of the open.
pub(crate) fn set(dir: i32, file: &CStr, text: &[u8]) -> Result<(), Errno> {
    // SAFETY: the path lives across the call.
    let fd = unsafe { syscall!(nr::__NR_openat, dir as isize, file.as_ptr(), WRITE_CLOEXEC, 0) }? as i32;
    // SAFETY: the text lives across the call.
    let written = unsafe { syscall!(nr::__NR_write, fd, text.as_ptr(), text.len()) };
    close(fd);
    match written {
        Ok(count) if count == text.len() => Ok(()),
        Ok(_) => Err(Errno::IO),
        Err(errno) => Err(errno),
    }
}
