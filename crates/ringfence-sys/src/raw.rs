//! The gate itself: `syscall` on x86-64, with no libc and no thread-local errno in between.

use core::arch::asm;
use core::fmt;

/// An error number of errno(3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Errno(pub u16);

#[allow(missing_docs)]
impl Errno {
    pub const PERM: Self = Self(1);
    pub const NOENT: Self = Self(2);
    pub const SRCH: Self = Self(3);
    pub const INTR: Self = Self(4);
    pub const BADF: Self = Self(9);
    pub const CHILD: Self = Self(10);
    pub const AGAIN: Self = Self(11);
    pub const ACCES: Self = Self(13);
    pub const BUSY: Self = Self(16);
    pub const EXIST: Self = Self(17);
    pub const NOTDIR: Self = Self(20);
    pub const INVAL: Self = Self(22);
    pub const PIPE: Self = Self(32);
    pub const NOSYS: Self = Self(38);
    pub const LOOP: Self = Self(40);
    pub const IO: Self = Self(5);
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Errno({})", self.0)
    }
}

/// Passes the gate. An unused argument is 0.
///
/// # Errors
/// The kernel's negative answer as an [`Errno`].
///
/// # Safety
/// The number and the arguments must be what syscalls(2) asks for that number: pointers valid for
/// what the kernel reads and writes, descriptors and processes that the caller may act on.
#[inline]
pub unsafe fn call(number: u32, a: [usize; 6]) -> Result<usize, Errno> {
    let answer: isize;
    // SAFETY: the caller vouches for number and arguments; the clobbers are those of the ABI.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as isize => answer,
            in("rdi") a[0], in("rsi") a[1], in("rdx") a[2],
            in("r10") a[3], in("r8") a[4], in("r9") a[5],
            lateout("rcx") _, lateout("r11") _,
            options(nostack, preserves_flags)
        );
    }
    check(answer)
}

/// Splits a raw answer: `-4095..0` is an error.
#[inline]
pub(crate) fn check(answer: isize) -> Result<usize, Errno> {
    if (-4095..0).contains(&answer) { Err(Errno((-answer) as u16)) } else { Ok(answer as usize) }
}

/// `syscall!(NR, a, b, …)`: [`call`] with the missing arguments 0. Unsafe like it.
macro_rules! syscall {
    ($n:expr $(, $a:expr)* $(,)?) => {{
        let mut args = [0usize; 6];
        let given: &[usize] = &[$($a as usize),*];
        let mut i = 0;
        while i < given.len() && i < 6 { args[i] = given[i]; i += 1; }
        $crate::raw::call($n, args)
    }};
}
pub(crate) use syscall;

/// close(2), ignoring what cannot be helped.
pub(crate) fn close(fd: i32) {
    // SAFETY: close takes a number; the interpreter only closes what it opened itself.
    let _ = unsafe { syscall!(linux_raw_sys::general::__NR_close, fd) };
}

/// exit_group(2); where a filter denies that, exit(2), which ends a process of one thread as well.
pub fn exit(code: i32) -> ! {
    loop {
        // SAFETY: neither has memory arguments, and they do not return but where they are denied.
        unsafe {
            let _ = syscall!(linux_raw_sys::general::__NR_exit_group, code);
            let _ = syscall!(linux_raw_sys::general::__NR_exit, code);
        }
    }
}
