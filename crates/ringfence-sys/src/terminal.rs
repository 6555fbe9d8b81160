//! pty(7): a terminal pair of the child's own, and descriptors over a socket (unix(7)).

use core::ffi::CStr;

use linux_raw_sys::general as nr;
use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::raw::{Errno, close, syscall};

const AT_FDCWD: isize = -100;
const O_RDWR_NOCTTY_CLOEXEC: usize = 0o2 | 0o400 | 0o2000000;
const TIOCSPTLCK: usize = 0x4004_5431;
const TIOCGPTPEER: usize = 0x5441;
const TIOCSCTTY: usize = 0x540e;
const TCGETS2: usize = 0x802c_542a;
const TCSETS2: usize = 0x402c_542b;
/// `IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON` of asm-generic/termbits.h.
const INPUT: u32 = 0o1 | 0o2 | 0o10 | 0o40 | 0o100 | 0o200 | 0o400 | 0o2000;
/// `OPOST`.
const OUTPUT: u32 = 0o1;
/// `ECHO | ECHONL | ICANON | ISIG | IEXTEN`.
const LOCAL: u32 = 0o10 | 0o100 | 0o2 | 0o1 | 0o100000;
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

/// The modes of a terminal: `struct termios2` of asm-generic/termbits.h, in eleven words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Modes([u32; 11]);

impl Modes {
    /// In bytes.
    pub const SIZE: usize = 44;

    /// `TCGETS2`.
    ///
    /// # Errors
    /// `ENOTTY`; `EIO`: the terminal has hung up.
    pub fn of(terminal: BorrowedFd<'_>) -> Result<Self, Errno> {
        Self::get(terminal.as_raw_fd())
    }

    /// These modes made raw as cfmakeraw(3) would, as far as its flags are concerned.
    #[must_use]
    pub fn raw(&self) -> Self {
        let mut raw = *self;
        for (word, flags) in [(0, INPUT), (1, OUTPUT), (3, LOCAL)] {
            raw.0[word] &= !flags;
        }
        raw
    }

    /// Sets these modes where those of the terminal are still raw; does nothing elsewhere.
    pub(crate) fn restore(&self, terminal: i32) {
        let flags = |modes: &Self| [modes.0[0], modes.0[1], modes.0[3]];
        if Self::get(terminal).is_ok_and(|now| flags(&now) == flags(&self.raw())) {
            // SAFETY: TCSETS2 reads one `struct termios2`.
            let _ = unsafe { syscall!(nr::__NR_ioctl, terminal, TCSETS2, self.0.as_ptr()) };
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8; Self::SIZE] {
        // SAFETY: eleven words are forty-four bytes, and every byte is initialised.
        unsafe { &*self.0.as_ptr().cast() }
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut modes = Self([0; 11]);
        for (word, bytes) in modes.0.iter_mut().zip(bytes.chunks_exact(4)) {
            *word = u32::from_ne_bytes(bytes.try_into().ok()?);
        }
        (bytes.len() == Self::SIZE).then_some(modes)
    }

    fn get(terminal: i32) -> Result<Self, Errno> {
        let mut modes = Self([0; 11]);
        // SAFETY: TCGETS2 writes one `struct termios2`.
        unsafe { syscall!(nr::__NR_ioctl, terminal, TCGETS2, modes.0.as_mut_ptr()) }?;
        Ok(modes)
    }
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

/// The other end of a terminal, by its master: `TIOCGPTPEER`. Close-on-exec, and of no session.
///
/// # Errors
/// `EIO`, `EMFILE`, `ENOTTY`.
pub fn slave(master: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    // SAFETY: TIOCGPTPEER takes open flags, and gives a new descriptor.
    unsafe {
        syscall!(nr::__NR_ioctl, master.as_raw_fd(), TIOCGPTPEER, O_RDWR_NOCTTY_CLOEXEC)
            .map(|fd| OwnedFd::from_raw_fd(fd as i32))
    }
}

/// `TIOCSCTTY`: the session's terminal.
pub(crate) fn make_controlling(fd: i32) -> Result<(), Errno> {
    // SAFETY: TIOCSCTTY takes a number.
    unsafe { syscall!(nr::__NR_ioctl, fd, TIOCSCTTY, 0) }?;
    Ok(())
}

/// Sends `bytes` and a descriptor over a Unix socket. `token` goes into a register that sendmsg(2)
/// does not read, where a filter can see it.
pub(crate) fn send_descriptor(socket: i32, bytes: &[u8], fd: i32, token: u64) -> Result<(), Errno> {
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
    unsafe { syscall!(nr::__NR_sendmsg, socket, &raw const message, 0x4000, token) }?;
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
