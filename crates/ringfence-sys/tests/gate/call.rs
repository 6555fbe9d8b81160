//! Raw calls of these tests.

use std::arch::asm;

use ringfence_bpf::program::Insn;

const PRCTL: usize = 157;
const SECCOMP: usize = 317;
const PR_SET_NO_NEW_PRIVS: usize = 38;
const SET_MODE_FILTER: usize = 1;
const TSYNC: usize = 1;

/// `struct sock_fprog`.
#[repr(C)]
struct Fprog {
    len: u16,
    filter: *const Insn,
}

/// A system call by `syscall`: its result, or the negated errno.
///
/// # Safety
///
/// The call must be sound for this process with these arguments.
pub(crate) unsafe fn raw(number: usize, args: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: the registers are those of the ABI, and the caller vouches for the call.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") args[0],
            in("rsi") args[1],
            in("rdx") args[2],
            in("r10") args[3],
            in("r8") args[4],
            in("r9") args[5],
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    result
}

/// Lets this thread install filters without privilege.
pub(crate) fn no_new_privs() {
    // SAFETY: a flag of this thread.
    assert_eq!(unsafe { raw(PRCTL, [PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0]) }, 0);
}

/// Installs a filter on this thread; the negated errno where the kernel does not take it.
pub(crate) fn install(insns: &[Insn]) -> isize {
    seccomp(insns, 0)
}

/// What the kernel says to a filter for every thread at once. With a thread beside this one whose
/// filters are others, it is the id of that thread for a program that it accepts: nothing is
/// installed.
pub(crate) fn offer(insns: &[Insn]) -> isize {
    seccomp(insns, TSYNC)
}

fn seccomp(insns: &[Insn], flags: usize) -> isize {
    let fprog = Fprog { len: insns.len() as u16, filter: insns.as_ptr() };
    // SAFETY: `Insn` has the layout of `struct sock_filter`, and the kernel copies the program.
    unsafe { raw(SECCOMP, [SET_MODE_FILTER, flags, &raw const fprog as usize, 0, 0, 0]) }
}
