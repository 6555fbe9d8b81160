//! Reading the filters of a live thread: ptrace(2), `PTRACE_SECCOMP_GET_FILTER`.

use core::marker::PhantomData;

use linux_raw_sys::general as nr;

use crate::abi::SockFilter;
use crate::raw::{Errno, syscall};

// include/uapi/linux/ptrace.h
const DETACH: usize = 17;
const SEIZE: usize = 0x4206;
const INTERRUPT: usize = 0x4207;
const SECCOMP_GET_FILTER: usize = 0x420c;
const EVENT_STOP: i32 = 128;
/// `include/uapi/linux/wait.h`: without waiting, and for every kind of child.
const WNOHANG: usize = 1;
const WALL: usize = 0x4000_0000;
/// `BPF_MAXINSNS`.
pub const MAX_INSNS: usize = 4096;
/// A thread stops within microseconds unless it sleeps in the kernel; after two seconds it will not.
const TRIES: usize = 2000;
static MILLISECOND: [i64; 2] = [0, 1_000_000];

/// A thread that is stopped for as long as this lives, and runs on afterwards as it was.
///
/// Belongs to the calling thread, as ptrace(2) demands.
#[derive(Debug)]
#[must_use]
pub struct Stopped {
    thread: i32,
    /// The signal that the thread was about to get, which it gets when it runs on.
    signal: i32,
    own: PhantomData<*const ()>,
}

/// What failed: the call's name, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// `PTRACE_SEIZE`, `PTRACE_INTERRUPT`, `wait4`.
    pub call: &'static str,
    /// Why; `EAGAIN` from `wait4`: the thread did not stop within two seconds.
    pub errno: Errno,
}

impl Stopped {
    /// Attaches to a thread and stops it. Sends no signal, and does not change a stop that it is in.
    ///
    /// # Errors
    /// `ESRCH`: no such thread; `EPERM`: not permitted, already traced, or it has ended.
    pub fn attach(thread: i32) -> Result<Self, Failure> {
        request(SEIZE, thread, 0, 0).map_err(|errno| Failure { call: "PTRACE_SEIZE", errno })?;
        let mut stopped = Self { thread, signal: 0, own: PhantomData };
        request(INTERRUPT, thread, 0, 0).map_err(|errno| Failure { call: "PTRACE_INTERRUPT", errno })?;
        stopped.wait().map_err(|errno| Failure { call: "wait4", errno })?;
        Ok(stopped)
    }

    fn wait(&mut self) -> Result<(), Errno> {
        for _ in 0..TRIES {
            let mut status = 0i32;
            // SAFETY: wait4 writes one int; no rusage is asked for.
            let waited =
                unsafe { syscall!(nr::__NR_wait4, self.thread, &raw mut status, WNOHANG | WALL, 0) }?;
            if waited == 0 {
                // SAFETY: nanosleep reads one struct timespec; what remains is not asked for.
                let _ = unsafe { syscall!(nr::__NR_nanosleep, &raw const MILLISECOND, 0) };
                continue;
            }
            if status & 0xff != 0x7f {
                return Err(Errno::SRCH);
            }
            if status >> 16 != EVENT_STOP {
                self.signal = status >> 8 & 0xff;
            }
            return Ok(());
        }
        Err(Errno::AGAIN)
    }

    /// Copies a filter, 0 being the one attached first; `None` where there are not so many.
    ///
    /// # Errors
    /// `EACCES`: the caller has no `CAP_SYS_ADMIN` in the first user namespace, or is under seccomp
    /// itself; `EINVAL`: the thread has no filter; `EIO`: the kernel was built without
    /// `CONFIG_CHECKPOINT_RESTORE`; `EMEDIUMTYPE`: not a classic program.
    pub fn filter(&self, index: usize, out: &mut [SockFilter; MAX_INSNS]) -> Result<Option<usize>, Errno> {
        match request(SECCOMP_GET_FILTER, self.thread, index, out.as_mut_ptr() as usize) {
            Ok(len) => Ok(Some(len)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // Where it has ended meanwhile there is nothing to let go.
        let _ = request(DETACH, self.thread, 0, self.signal as usize);
    }
}

/// ptrace(2). `data` is a number, or where the kernel writes a program of at most [`MAX_INSNS`].
fn request(request: usize, thread: i32, address: usize, data: usize) -> Result<usize, Errno> {
    // SAFETY: of the four requests of this file only SECCOMP_GET_FILTER writes memory: at most
    // BPF_MAXINSNS instructions, for which its only caller passes an array of that length.
    unsafe { syscall!(nr::__NR_ptrace, request, thread, address, data) }
}
