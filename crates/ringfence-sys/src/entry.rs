//! The beginning of a program: what Rust's own runtime does before `main` and is needed here, and
//! nothing else of it (no alternate signal stack, no handler that prints how deep a stack was).

use core::ffi::{CStr, c_char, c_int};

use linux_raw_sys::general as nr;

use crate::capability;
use crate::raw::{Errno, exit, syscall};

// uapi/linux/auxvec.h
const AT_NULL: u64 = 0;
const AT_UID: u64 = 11;
const AT_EUID: u64 = 12;
const AT_GID: u64 = 13;
const AT_EGID: u64 = 14;
const AT_SECURE: u64 = 23;
const O_RDWR: usize = 2;
const F_GETFD: usize = 1;
const AT_FDCWD: isize = -100;
const SIGPIPE: usize = 13;
const SIGCHLD: usize = 17;
const SIG_IGN: usize = 1;

/// The arguments, the program's own name first; or the environment.
#[derive(Debug, Clone)]
pub struct Arguments {
    next: *const *const c_char,
}

impl Iterator for Arguments {
    type Item = &'static CStr;

    fn next(&mut self) -> Option<Self::Item> {
        // SAFETY: `start` was given the vector of execve(2), which ends with a null pointer and
        // whose strings stay as long as the process; after the null pointer nothing is read.
        unsafe {
            if (*self.next).is_null() {
                return None;
            }
            let word = CStr::from_ptr(*self.next);
            self.next = self.next.add(1);
            Some(word)
        }
    }
}

impl Arguments {
    /// The environment, each as `NAME=value`: it follows the arguments in memory (System V ABI for
    /// x86-64, initial process stack).
    #[must_use]
    pub fn environment(&self) -> Self {
        Self { next: behind(self.next) }
    }

    /// Whether execve(2) gave the program rights that its caller did not have: by a set-user-id or
    /// set-group-id bit, or by capabilities of the file (capabilities(7)). getauxval(3): the auxiliary
    /// vector follows the environment.
    #[must_use]
    pub fn elevated(&self) -> bool {
        let (mut real, mut effective, mut secure) = ([0; 2], [0; 2], false);
        // SAFETY: the vector behind the environment has pairs of words, the last of which begins with AT_NULL.
        unsafe {
            let mut pair = behind(self.environment().next).cast::<[u64; 2]>();
            while (*pair)[0] != AT_NULL {
                let [kind, value] = *pair;
                match kind {
                    AT_UID => real[0] = value,
                    AT_GID => real[1] = value,
                    AT_EUID => effective[0] = value,
                    AT_EGID => effective[1] = value,
                    AT_SECURE => secure = value != 0,
                    _ => {}
                }
                pair = pair.add(1);
            }
        }
        // A security module may ask for AT_SECURE as well: then there are no capabilities.
        real != effective || (secure && effective[0] != 0 && capability::any())
    }
}

/// What follows the null pointer at the end of a vector of strings.
fn behind(mut strings: *const *const c_char) -> *const *const c_char {
    // SAFETY: as in `next`: the vector ends with a null pointer, and another one follows it.
    unsafe {
        while !(*strings).is_null() {
            strings = strings.add(1);
        }
        strings.add(1)
    }
}

/// Makes `$run`, a function from [`Arguments`](crate::entry::Arguments) to an exit status, the
/// `main` of a program that says `#![no_main]`.
#[macro_export]
macro_rules! main {
    ($run:path) => {
        const _: () = {
            const RUN: fn($crate::entry::Arguments) -> i32 = $run;
            #[unsafe(export_name = "main")]
            extern "C" fn begin(
                _: core::ffi::c_int,
                words: *const *const core::ffi::c_char,
            ) -> core::ffi::c_int {
                // SAFETY: the C library passes the argument vector of the process.
                unsafe { $crate::entry::start(words, RUN) }
            }
        };
    };
}

/// The stack that a launch needs, and some more.
const STACK: u64 = 128 * 1024;
const RLIMIT_STACK: usize = 3;
const FAILED: i32 = 125;
const SHALLOW: &str = "ringfence: error: the limit of the stack is below 128 kB\n  help: raise it: ulimit -s 128; \
                       limits.stack lowers it for the command\n";

/// The stack grows up to its limit, and a program that needs more ends by SIGSEGV: says so instead.
fn deep_enough() -> bool {
    let mut limit = [u64::MAX; 2];
    // SAFETY: prlimit64 writes one `struct rlimit64` of two words.
    let asked = unsafe {
        syscall!(nr::__NR_prlimit64, 0, RLIMIT_STACK, core::ptr::null::<u64>(), limit.as_mut_ptr())
    };
    asked.is_err() || limit[0] >= STACK
}

/// Descriptors 0, 1 and 2 are open; the stack is deep enough; a closed pipe is an error and no signal; children leave their
/// status, whatever the caller made of SIGCHLD; then `run`, and the end.
///
/// # Safety
/// `words` is the argument vector of the process: strings that end in NUL, then a null pointer.
#[doc(hidden)]
pub unsafe fn start(words: *const *const c_char, run: fn(Arguments) -> i32) -> c_int {
    open_standard();
    if !deep_enough() {
        // SAFETY: write reads a string that is static.
        let _ = unsafe { syscall!(nr::__NR_write, 2, SHALLOW.as_ptr(), SHALLOW.len()) };
        return FAILED;
    }
    for (signal, handler) in [(SIGPIPE, SIG_IGN), (SIGCHLD, 0)] {
        let action = [handler, 0, 0, 0];
        // SAFETY: rt_sigaction reads one kernel_sigaction of 32 bytes; nothing runs at the signal.
        let _ = unsafe { syscall!(nr::__NR_rt_sigaction, signal, action.as_ptr(), 0, 8) };
    }
    exit(run(Arguments { next: words }))
}

/// Where one of the standard descriptors is closed, the next file that is opened would become the
/// standard input or output of whoever is started: `/dev/null` takes the place, as in Rust's runtime.
fn open_standard() {
    let mut standard = [0, 1, 2].map(|fd| nr::pollfd { fd, events: 0, revents: 0 });
    let asked = loop {
        // SAFETY: poll reads and writes three `struct pollfd`.
        match unsafe { syscall!(nr::__NR_poll, standard.as_mut_ptr(), 3, 0) } {
            Err(Errno::INTR) => {}
            other => break other.is_ok(),
        }
    };
    for one in standard {
        if asked && one.revents & nr::POLLNVAL as i16 == 0 {
            continue;
        }
        // SAFETY: F_GETFD takes numbers only.
        if unsafe { syscall!(nr::__NR_fcntl, one.fd, F_GETFD) }.is_ok() {
            continue;
        }
        // SAFETY: the path is static; the lowest free number is taken.
        let opened = unsafe { syscall!(nr::__NR_openat, AT_FDCWD, c"/dev/null".as_ptr(), O_RDWR, 0) };
        if opened != Ok(one.fd as usize) {
            exit(125)
        }
    }
}
