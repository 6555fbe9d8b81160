//! namespaces(7): unshare(2), sethostname(2), and `lo`.

use linux_raw_sys::general as nr;

use crate::raw::{Errno, close, syscall};

const AF_INET: usize = 2;
const SOCK_DGRAM_CLOEXEC: usize = 2 | 0o2000000;
const SIOCSIFFLAGS: usize = 0x8914;
const IFF_UP: i16 = 1;

/// `struct ifreq` of netdevice(7), with flags.
#[repr(C)]
struct Ifreq {
    name: [u8; 16],
    flags: i16,
    rest: [u8; 22],
}

/// unshare(2).
pub(crate) fn unshare(flags: u64) -> Result<(), Errno> {
    // SAFETY: no memory arguments; the caller is a single-threaded program about to exec.
    unsafe { syscall!(nr::__NR_unshare, flags) }?;
    Ok(())
}

/// sethostname(2).
pub(crate) fn hostname(name: &[u8]) -> Result<(), Errno> {
    // SAFETY: `name` lives across the call.
    unsafe { syscall!(nr::__NR_sethostname, name.as_ptr(), name.len()) }?;
    Ok(())
}

/// Sets `IFF_UP` on `lo`; the kernel gives it 127.0.0.1 and ::1.
pub(crate) fn loopback_up() -> Result<(), Errno> {
    // SAFETY: no memory arguments.
    let socket = unsafe { syscall!(nr::__NR_socket, AF_INET, SOCK_DGRAM_CLOEXEC, 0) }? as i32;
    let mut request = Ifreq { name: [0; 16], flags: IFF_UP, rest: [0; 22] };
    request.name[..2].copy_from_slice(b"lo");
    // SAFETY: SIOCSIFFLAGS reads one `struct ifreq` (40 bytes), which lives across the call.
    let answer = unsafe { syscall!(nr::__NR_ioctl, socket, SIOCSIFFLAGS, &raw const request) };
    close(socket);
    answer.map(|_| ())
}
