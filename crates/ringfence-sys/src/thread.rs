//! How many threads the process has, proc(5).

use linux_raw_sys::general as nr;

use crate::raw::syscall;

const AT_FDCWD: i32 = -100;

/// Proof that the process has one thread, so that changing its state changes nobody else's.
#[derive(Debug)]
pub struct SingleThreaded(());

impl SingleThreaded {
    /// Counts the entries of `/proc/self/task`; `None` where there are several, or no `/proc`.
    #[must_use]
    pub fn check() -> Option<Self> {
        let mut stat = core::mem::MaybeUninit::<nr::stat>::uninit();
        // SAFETY: newfstatat writes one `struct stat`.
        let stat = unsafe {
            syscall!(
                nr::__NR_newfstatat,
                AT_FDCWD as isize,
                c"/proc/self/task".as_ptr(),
                stat.as_mut_ptr(),
                0
            )
            .ok()?;
            stat.assume_init()
        };
        (stat.st_nlink == 3).then_some(Self(()))
    }
}

/// Makes this process dumpable again, which its containments have changed: before it makes others that
/// need it to be. No process that shares its memory may be left.
pub fn dumpable_again(_proof: &SingleThreaded) {
    let _ = crate::capability::control(linux_raw_sys::prctl::PR_SET_DUMPABLE, 1, 0);
}
