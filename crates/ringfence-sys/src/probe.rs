//! Questions to the kernel that change nothing: what it offers, tried where no file says so.
//!
//! Whatever could harm the asker (an entry of the gate that may not exist, a namespace) is tried
//! in a forked child that never leaves this file.

use core::arch::asm;

use linux_raw_sys::errno::{EFAULT, ENOSYS};
use linux_raw_sys::general::{
    __NR_clone, __NR_exit_group, __NR_getpid, __NR_landlock_create_ruleset, __NR_lsm_list_modules,
    __NR_mount, __NR_mount_setattr, __NR_prctl, __NR_rt_sigaction, __NR_seccomp, __NR_sethostname,
    __NR_unshare, __NR_wait4, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER, CLONE_NEWUTS, SIGBUS, SIGILL,
    SIGSEGV, SIGSYS,
};
use linux_raw_sys::landlock::{LANDLOCK_CREATE_RULESET_ERRATA, LANDLOCK_CREATE_RULESET_VERSION};
use linux_raw_sys::prctl::{PR_CAPBSET_READ, PR_SET_DUMPABLE};

use crate::raw::{self, Errno};

/// `__WALL` of linux/wait.h.
const WALL: usize = 0x4000_0000;

/// `SECCOMP_SET_MODE_FILTER` and `SECCOMP_GET_ACTION_AVAIL` of linux/seccomp.h.
const SET_MODE_FILTER: usize = 1;
const GET_ACTION_AVAIL: usize = 2;

/// `__X32_SYSCALL_BIT` of asm/unistd.h.
const X32_SYSCALL_BIT: u32 = 0x4000_0000;

/// `getpid` of arch/x86/entry/syscalls/syscall_32.tbl.
const I386_GETPID: isize = 20;

/// What became of a question that was put in a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It worked.
    Yes,
    /// This errno.
    Errno(Errno),
    /// The child died of this signal.
    Signal(i32),
    /// No child could be made: this errno.
    Unasked(Errno),
}

/// Whether the kernel has mount_setattr(2), Linux 5.12, and nothing forbids to call it: asked with a
/// size that it never takes, so that it looks at nothing.
#[must_use]
pub fn mount_setattr() -> bool {
    // SAFETY: the size is checked before any pointer is followed (fs/namespace.c).
    let answer = unsafe { ask(__NR_mount_setattr, [usize::MAX, 0, 0, 0, 0]) };
    answer == Err(Errno::INVAL)
}

/// Highest Landlock ABI, landlock_create_ruleset(2) with `LANDLOCK_CREATE_RULESET_VERSION`.
///
/// # Errors
/// `ENOSYS` where the kernel has no Landlock, `EOPNOTSUPP` where it was not started.
pub fn landlock_abi() -> Result<u32, Errno> {
    landlock_question(LANDLOCK_CREATE_RULESET_VERSION)
}

/// Landlock errata that are fixed, bit n for erratum n+1: `LANDLOCK_CREATE_RULESET_ERRATA` (6.15).
///
/// # Errors
/// `EINVAL` where the kernel is older than the question, and those of [`landlock_abi`].
pub fn landlock_errata() -> Result<u32, Errno> {
    landlock_question(LANDLOCK_CREATE_RULESET_ERRATA)
}

fn landlock_question(flag: u32) -> Result<u32, Errno> {
    // SAFETY: with either flag the kernel demands a null attribute and size 0, and only answers a number.
    unsafe { ask(__NR_landlock_create_ruleset, [0, 0, flag as usize, 0, 0]) }
        .map(|answer| u32::try_from(answer).unwrap_or(0))
}

/// Whether the kernel knows a seccomp action (`SECCOMP_RET_*`), seccomp(2) `SECCOMP_GET_ACTION_AVAIL`.
#[must_use]
pub fn seccomp_action(action: u32) -> bool {
    // SAFETY: the operation reads four bytes from a pointer to a live u32, and changes nothing.
    unsafe { ask(__NR_seccomp, [GET_ACTION_AVAIL, 0, &raw const action as usize, 0, 0]) }.is_ok()
}

/// Whether the kernel knows every one of these `SECCOMP_FILTER_FLAG_*`.
///
/// Flags are checked before the program is copied, so a null program gives `EFAULT` where they are
/// known and `EINVAL` where not (kernel/seccomp.c, `seccomp_set_mode_filter`). Nothing is installed.
#[must_use]
pub fn seccomp_flags(flags: u32) -> bool {
    // SAFETY: a null program can never be installed; the kernel answers EFAULT or EINVAL.
    let answer = unsafe { ask(__NR_seccomp, [SET_MODE_FILTER, flags as usize, 0, 0, 0]) };
    answer == Err(Errno(EFAULT as u16))
}

/// The identities (`LSM_ID_*` of linux/lsm.h) of the active LSMs in order, lsm_list_modules(2) (6.8).
///
/// Returns how many of `room` were filled.
///
/// # Errors
/// `ENOSYS` before 6.8, `E2BIG` where `room` is too small.
pub fn lsm_list(room: &mut [u64]) -> Result<usize, Errno> {
    let mut size = u32::try_from(size_of_val(room)).unwrap_or(u32::MAX);
    // SAFETY: the kernel writes at most `size` bytes to `room`, which has that many, and the size to `size`.
    unsafe { ask(__NR_lsm_list_modules, [room.as_mut_ptr() as usize, &raw mut size as usize, 0, 0, 0]) }
}

/// Whether a capability is in the bounding set, prctl(2) `PR_CAPBSET_READ`; `None`: the kernel has
/// no such capability.
#[must_use]
pub fn bounding(capability: u32) -> Option<bool> {
    // SAFETY: the operation takes a number and returns one.
    match unsafe { ask(__NR_prctl, [PR_CAPBSET_READ as usize, capability as usize, 0, 0, 0]) } {
        Ok(answer) => Some(answer == 1),
        Err(_) => None,
    }
}

/// Whether `int 0x80` enters the kernel: getpid by the i386 ABI, in a child.
///
/// [`Answer::Signal`] with SIGSEGV is the processor's answer where the gate is not there.
#[must_use]
pub fn i386() -> Answer {
    in_child(0, || {
        let answer: isize;
        // SAFETY: getpid takes nothing and changes nothing; older kernels clear r8 to r11 on this
        // way. Where there is no such gate the processor traps and the kernel ends this child.
        unsafe {
            asm!("int 0x80", inlateout("rax") I386_GETPID => answer,
                out("rcx") _, out("r8") _, out("r9") _, out("r10") _, out("r11") _, options(nostack));
        }
        if answer > 0 { 0 } else { code(answer) }
    })
}

/// Whether x32 numbers are answered: getpid with `__X32_SYSCALL_BIT`, in a child.
///
/// `Errno(ENOSYS)` is the kernel's answer where it has no x32, unless a filter gives the same.
#[must_use]
pub fn x32() -> Answer {
    in_child(0, || {
        // SAFETY: getpid takes nothing and changes nothing, and an unknown number is ENOSYS.
        match unsafe { ask(__NR_getpid | X32_SYSCALL_BIT, [0; 5]) } {
            Ok(_) => 0,
            Err(errno) => errno.0 as u8,
        }
    })
}

/// Whether a user namespace can be made: unshare(2) in a child.
#[must_use]
pub fn user_namespace() -> Answer {
    in_child(0, || {
        // SAFETY: only this child, which ends here, is moved.
        result(unsafe { ask(__NR_unshare, [CLONE_NEWUSER as usize, 0, 0, 0, 0]) })
    })
}

/// Whether a user namespace gives the capabilities that it promises: sethostname(2) in a child
/// with a new user and a new UTS namespace. AppArmor can let one be made and withhold them.
#[must_use]
pub fn user_namespace_capable() -> Answer {
    in_child(0, || {
        let name = b"x";
        // SAFETY: only this child, which ends here, is moved; the name is of its own namespace.
        result(unsafe {
            ask(__NR_unshare, [(CLONE_NEWUSER | CLONE_NEWUTS) as usize, 0, 0, 0, 0])
                .and_then(|_| ask(__NR_sethostname, [name.as_ptr() as usize, name.len(), 0, 0, 0]))
        })
    })
}

/// Whether a new user namespace may mount a fresh proc(5): `mount_too_revealing` of fs/namespace.c
/// says EPERM where the present one is covered in places. Tried in a child with its own mounts.
#[must_use]
pub fn fresh_proc() -> Answer {
    in_child(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID, || {
        let (fstype, target) = (c"proc".as_ptr() as usize, c"/proc".as_ptr() as usize);
        // SAFETY: strings end in NUL; the mount is in this child's own mount namespace, where a
        // user namespace receives no propagation from it, and goes with it.
        result(unsafe { ask(__NR_mount, [fstype, target, fstype, 0, 0]) })
    })
}

/// Runs `question` in a child and waits for it; its byte is 0 or an errno.
fn in_child(flags: u32, question: fn() -> u8) -> Answer {
    // SAFETY: without CLONE_VM and with a null stack this is fork(2): the child has its own copy
    // of everything. No signal at its end (exit signal 0), so no handler of the caller is woken.
    let child = match unsafe { ask(__NR_clone, [flags as usize, 0, 0, 0, 0]) } {
        Ok(0) => answer_and_exit(question),
        Ok(child) => child,
        Err(errno) => return Answer::Unasked(errno),
    };
    let mut status: i32 = 0;
    loop {
        // SAFETY: `status` is live; the pid is that of the child made above, which none other waits for.
        match unsafe { ask(__NR_wait4, [child, &raw mut status as usize, WALL, 0, 0]) } {
            Err(Errno::INTR) => {}
            Err(errno) => return Answer::Unasked(errno),
            Ok(_) => break,
        }
    }
    match (status & 0x7f, (status >> 8) & 0xff) {
        (0, 0) => Answer::Yes,
        (0, errno) => Answer::Errno(Errno(errno as u16)),
        (signal, _) => Answer::Signal(signal),
    }
}

/// The child's whole life: no core file, no handler of the parent's, the question, the end.
fn answer_and_exit(question: fn() -> u8) -> ! {
    let default = [0_u64; 4];
    // SAFETY: numbers only.
    let _ = unsafe { ask(__NR_prctl, [PR_SET_DUMPABLE as usize, 0, 0, 0, 0]) };
    for signal in [SIGSEGV, SIGBUS, SIGILL, SIGSYS] {
        // SAFETY: four zero words are `struct sigaction` of the kernel with SIG_DFL.
        let _ = unsafe { ask(__NR_rt_sigaction, [signal as usize, &raw const default as usize, 0, 8, 0]) };
    }
    let answer = question();
    loop {
        // SAFETY: ends this child.
        let _ = unsafe { ask(__NR_exit_group, [usize::from(answer), 0, 0, 0, 0]) };
    }
}

fn result(answer: Result<usize, Errno>) -> u8 {
    match answer {
        Ok(_) => 0,
        Err(errno) => errno.0 as u8,
    }
}

/// A raw negative answer as the exit byte; what is not an errno becomes `ENOSYS`.
fn code(answer: isize) -> u8 {
    u8::try_from(-answer).ok().filter(|errno| *errno != 0).unwrap_or(ENOSYS as u8)
}

/// The gate, with the last argument 0, which no call of this file has.
///
/// # Safety
/// As [`raw::call`].
unsafe fn ask(nr: u32, [a, b, c, d, e]: [usize; 5]) -> Result<usize, Errno> {
    // SAFETY: the caller's word.
    unsafe { raw::call(nr, [a, b, c, d, e, 0]) }
}
