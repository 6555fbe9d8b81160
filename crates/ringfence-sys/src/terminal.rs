//! pty(7): a terminal pair of the child's own, and descriptors over a socket (unix(7)).

use core::ffi::CStr;

use linux_raw_sys::general as nr;

use crate::raw::{Errno, close, syscall};

const AT_FDCWD: isize = -100;
const O_RDWR_NOCTTY_CLOEXEC: usize = 0o2 | 0o400 | 0o2000000;
const TIOCSPTLCK: usize = 0x4004_5431;
const TIOCGPTPEER: usize = 0x5441;
const TIOCSCTTY: usize = 0x540e;
const SOL_SOCKET: i32 = 1;
const SCM_RIGHTS: i32 = 1;

#[repr(C)]
struct IoVec {
    base: *const u8,
    len: usize,
}

#[repr(C)]
struct MsgHdr {
    name: *const u8,
    name_len: u32,
    iov: *const IoVec,
    iov_len: usize,
    control: *const RightsMessage,
    control_len: usize,
    flags: i32,
}

#[repr(C)]
struct RightsMessage {
    len: usize,
    level: i32,
    kind: i32,
    fd: i32,
    pad: i32,
}

/// Opens a pair: (master, slave). The master is close-on-exec, the slave too.
pub(crate) fn open_pair(ptmx: &CStr) -> Result<(i32, i32), Errno> {
    // SAFETY: the path lives across the call.
    let master =
        unsafe { syscall!(nr::__NR_openat, AT_FDCWD, ptmx.as_ptr(), O_RDWR_NOCTTY_CLOEXEC, 0) }? as i32;
    let unlocked = 0i32;
    // SAFETY: TIOCSPTLCK reads one int; TIOCGPTPEER takes open flags.
    let slave = unsafe {
        syscall!(nr::__NR_ioctl, master, TIOCSPTLCK, &raw const unlocked)
            .and_then(|_| syscall!(nr::__NR_ioctl, master, TIOCGPTPEER, O_RDWR_NOCTTY_CLOEXEC))
    };
    match slave {
        Ok(slave) => Ok((master, slave as i32)),
        Err(error) => {
            close(master);
            Err(error)
        }
    }
}

/// `TIOCSCTTY`: the session's terminal.
pub(crate) fn make_controlling(fd: i32) -> Result<(), Errno> {
    // SAFETY: TIOCSCTTY takes a number.
    unsafe { syscall!(nr::__NR_ioctl, fd, TIOCSCTTY, 0) }?;
    Ok(())
}

/// Sends `bytes` and a descriptor over a Unix socket.
pub(crate) fn send_descriptor(socket: i32, bytes: &[u8], fd: i32) -> Result<(), Errno> {
    let rights = RightsMessage { len: 20, level: SOL_SOCKET, kind: SCM_RIGHTS, fd, pad: 0 };
    let iov = IoVec { base: bytes.as_ptr(), len: bytes.len() };
    let message = MsgHdr {
        name: core::ptr::null(),
        name_len: 0,
        iov: &raw const iov,
        iov_len: 1,
        control: &raw const rights,
        control_len: size_of::<RightsMessage>(),
        flags: 0,
    };
    // SAFETY: all parts of the message live across the call and have the kernel's layout.
    unsafe { syscall!(nr::__NR_sendmsg, socket, &raw const message, 0x4000) }?;
    Ok(())
}

#[repr(C)]
struct MsgHdrMut {
    name: *mut u8,
    name_len: u32,
    iov: *mut IoVecMut,
    iov_len: usize,
    control: *mut RightsMessage,
    control_len: usize,
    flags: i32,
}

#[repr(C)]
struct IoVecMut {
    base: *mut u8,
    len: usize,
}

/// Receives at most `len` bytes, and a descriptor (close-on-exec) where one came along.
pub(crate) fn receive(
    socket: i32,
    bytes: *mut u8,
    len: usize,
    wait: bool,
) -> Result<(usize, Option<i32>), Errno> {
    let mut rights = RightsMessage { len: 0, level: 0, kind: 0, fd: -1, pad: 0 };
    let mut iov = IoVecMut { base: bytes, len };
    let mut message = MsgHdrMut {
        name: core::ptr::null_mut(),
        name_len: 0,
        iov: &raw mut iov,
        iov_len: 1,
        control: &raw mut rights,
        control_len: size_of::<RightsMessage>(),
        flags: 0,
    };
    let (cloexec, dont_wait) = (0x4000_0000usize, 0x40usize);
    let flags = if wait { cloexec } else { cloexec | dont_wait };
    // SAFETY: all parts of the message live across the call; the caller gives `len` writable bytes.
    let got = unsafe { syscall!(nr::__NR_recvmsg, socket, &raw mut message, flags) }?;
    let has = message.control_len >= 20 && rights.level == SOL_SOCKET && rights.kind == SCM_RIGHTS;
    Ok((got, has.then_some(rights.fd)))
}
