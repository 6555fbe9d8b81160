//! The launcher's own signals: blocked while a child is attended to, and taken one by one, or read
//! from a descriptor where there is more to wait for.

use linux_raw_sys::general as nr;
use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::raw::{Errno, syscall};

const SET_MASK: usize = 2;

/// All signals of the calling thread are blocked as long as this lives; then the mask is as before.
#[derive(Debug)]
#[must_use]
pub struct Blocked {
    before: u64,
}

impl Blocked {
    /// sigprocmask(2).
    ///
    /// # Errors
    /// Those of sigprocmask(2), none of which can happen with valid pointers.
    pub fn all() -> Result<Self, Errno> {
        let (all, mut before) = (u64::MAX, 0u64);
        // SAFETY: rt_sigprocmask reads and writes one 64-bit set each.
        unsafe { syscall!(nr::__NR_rt_sigprocmask, SET_MASK, &raw const all, &raw mut before, 8) }?;
        Ok(Self { before })
    }

    /// The mask that there was: bit n-1 is signal n.
    #[must_use]
    pub fn before(&self) -> u64 {
        self.before
    }

    /// Waits for a signal, at most `nanoseconds` (`None`: for ever), and takes it. The end of a
    /// child is one where [`children_are_told`]. `None`: the time is over, or the wait was cut short.
    pub fn take(&self, nanoseconds: Option<u64>) -> Option<i32> {
        let (all, time) = (u64::MAX, nanoseconds.map(timespec));
        // SAFETY: rt_sigtimedwait reads one 64-bit set and one `struct timespec`; no info.
        unsafe { syscall!(nr::__NR_rt_sigtimedwait, &raw const all, 0, pointer(&time), 8) }
            .ok()
            .map(|signal| signal as i32)
    }

    /// As [`Self::take`], but lets go of the program's resident code first ([`crate::trim::code`]):
    /// for a wait that is expected to be long.
    pub fn take_lean(&self, nanoseconds: Option<u64>) -> Option<i32> {
        let (all, time) = (u64::MAX, nanoseconds.map(timespec));
        crate::trim::take(&all, pointer(&time)).ok().map(|signal| signal as i32)
    }

    /// signalfd(2) of every signal.
    ///
    /// # Errors
    /// Those of signalfd(2): `EMFILE`, `ENFILE`, `ENOMEM`.
    pub fn descriptor(&self) -> Result<OwnedFd, Errno> {
        let all = u64::MAX;
        let cloexec_nonblock = 0o2000000 | 0o4000;
        // SAFETY: signalfd4 reads one 64-bit set, and gives a new descriptor.
        unsafe {
            syscall!(nr::__NR_signalfd4, -1isize, &raw const all, 8, cloexec_nonblock)
                .map(|fd| OwnedFd::from_raw_fd(fd as i32))
        }
    }
}

/// `struct timespec`.
fn timespec(nanoseconds: u64) -> [u64; 2] {
    [nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000]
}

fn pointer(time: &Option<[u64; 2]>) -> *const u64 {
    time.as_ref().map_or(core::ptr::null(), |time| time.as_ptr())
}

/// Whether the end of a child is told by SIGCHLD: it is not where the signal is ignored or
/// `SA_NOCLDWAIT` is set (do_notify_parent of kernel/signal.c).
#[must_use]
pub fn children_are_told() -> bool {
    let (sigchld, ignore, no_wait) = (17, 1, 2);
    // struct kernel_sigaction: handler, flags, restorer, mask.
    let mut action = [0usize; 4];
    // SAFETY: rt_sigaction writes one kernel_sigaction of 32 bytes, and changes nothing for a null new one.
    let asked = unsafe { syscall!(nr::__NR_rt_sigaction, sigchld, 0, action.as_mut_ptr(), 8) };
    asked.is_ok() && action[0] != ignore && action[1] & no_wait == 0
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // SAFETY: rt_sigprocmask reads one 64-bit set.
        let _ = unsafe { syscall!(nr::__NR_rt_sigprocmask, SET_MASK, &raw const self.before, 0, 8) };
    }
}

/// The next signal of a descriptor that [`Blocked::descriptor`] made, if there is one.
pub fn next(descriptor: BorrowedFd<'_>) -> Option<i32> {
    // struct signalfd_siginfo: 128 bytes, the number first.
    let mut info = [0u32; 32];
    // SAFETY: read writes at most 128 bytes.
    match unsafe { syscall!(nr::__NR_read, descriptor.as_raw_fd(), info.as_mut_ptr(), 128) } {
        Ok(128) => Some(info[0] as i32),
        _ => None,
    }
}

/// Sends SIGCHLD to this process: whoever reads signals comes back to what SIGCHLD asks for.
pub fn tell_self_of_child() {
    let sigchld = 17;
    // SAFETY: numbers only; the signal does nothing where it is not taken.
    unsafe {
        if let Ok(own) = syscall!(nr::__NR_getpid) {
            let _ = syscall!(nr::__NR_kill, own, sigchld);
        }
    }
}
