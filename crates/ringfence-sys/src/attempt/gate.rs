//! The entries of the gate: `syscall`, `int 0x80`, and the 32-bit fast entries by a far transfer.
//!
//! Each has its instruction at one known address, so that a filter can tell attempts from
//! everything else by the instruction pointer (`seccomp_data.instruction_pointer`).
//!
//! The kernel returns from a 32-bit fast entry to a place in the vDSO (`int80_landing_pad`), whose
//! offset it does not tell and which a 64-bit process has not. So the vDSO is moved below 4 GiB
//! (mremap(2), which the kernel notes) and replaced by a page of `nop` that ends in a far jump back.
//! Source: `arch/x86/entry/common.c`, `entry_64_compat.S`, `entry/vdso/vma.c`.

use core::arch::global_asm;

use linux_raw_sys::general as nr;

use super::{Entry, Probe};
use crate::raw::{Errno, syscall};

/// The beginning of the child's low memory.
const LOW: usize = 0x3000_0000;
const DATA: usize = LOW + 0x1000;
const STACK_TOP: usize = LOW + 0x3000;
const LANDING: usize = LOW + 0x4000;
const LANDING_LEN: usize = 0x4000;
const CODE_SYSCALL32: usize = LOW;
const CODE_SYSENTER: usize = LOW + 0x40;
const CODE_RETURN: usize = LOW + 0x80;
const END: usize = LANDING + LANDING_LEN;

/// `push ebp; mov ebp, ecx; syscall`: `entry_SYSCALL_compat` takes argument 2 from ebp, argument 6
/// from the stack.
const SYSCALL32: [u8; 7] = [0x55, 0x89, 0xcd, 0x0f, 0x05, 0x0f, 0x0b];
/// `push ecx; push edx; push ebp; mov ebp, esp; sysenter`: `entry_SYSENTER_compat`.
const SYSENTER: [u8; 9] = [0x51, 0x52, 0x55, 0x89, 0xe5, 0x0f, 0x34, 0x0f, 0x0b];
/// 64-bit: `mov rsp, [DATA]; pop r15 r14 r13 r12 rbp rbx; ret`.
const RETURN: [u8; 19] = [
    0x48, 0x8b, 0x24, 0x25, 0x00, 0x10, 0x00, 0x30, 0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d,
    0x5b, 0xc3,
];
/// 32-bit: `ljmp 0x33:CODE_RETURN`.
const FAR_JUMP: [u8; 7] = [0xea, 0x80, 0x00, 0x00, 0x30, 0x33, 0x00];

const _: () = assert!(DATA == 0x3000_1000 && CODE_RETURN == 0x3000_0080);

global_asm!(
    // i64 ringfence_attempt_syscall(const u64 frame[7])
    "ringfence_attempt_syscall:",
    "mov rax, [rdi]",
    "mov rsi, [rdi + 16]",
    "mov rdx, [rdi + 24]",
    "mov r10, [rdi + 32]",
    "mov r8, [rdi + 40]",
    "mov r9, [rdi + 48]",
    "mov rdi, [rdi + 8]",
    "syscall",
    "ringfence_attempt_syscall_end:",
    "ret",
    // The same for calls that return twice: whoever sees 0 ends.
    "ringfence_attempt_split:",
    "mov rax, [rdi]",
    "mov rsi, [rdi + 16]",
    "mov rdx, [rdi + 24]",
    "mov r10, [rdi + 32]",
    "mov r8, [rdi + 40]",
    "mov r9, [rdi + 48]",
    "mov rdi, [rdi + 8]",
    "syscall",
    "ringfence_attempt_split_end:",
    "test rax, rax",
    "jz 2f",
    "ret",
    "2:",
    "mov eax, 231",
    "xor edi, edi",
    "syscall",
    "mov eax, 60",
    "syscall",
    "ud2",
    // i64 ringfence_attempt_int80(const u64 frame[7]): the answer is 32 bits, signed.
    "ringfence_attempt_int80:",
    "push rbx",
    "push rbp",
    "mov eax, [rdi]",
    "mov ebx, [rdi + 8]",
    "mov ecx, [rdi + 16]",
    "mov edx, [rdi + 24]",
    "mov esi, [rdi + 32]",
    "mov ebp, [rdi + 48]",
    "mov edi, [rdi + 40]",
    "int 0x80",
    "ringfence_attempt_int80_end:",
    "pop rbp",
    "pop rbx",
    "movsxd rax, eax",
    "ret",
    // The same, whoever sees 0 ends.
    "ringfence_attempt_int80_split:",
    "call ringfence_attempt_int80",
    "test rax, rax",
    "jz 2b",
    "ret",
    // i64 ringfence_attempt_fast32(const u64 frame[7], u64 code)
    "ringfence_attempt_fast32:",
    "push rbx",
    "push rbp",
    "push r12",
    "push r13",
    "push r14",
    "push r15",
    "mov [0x30001000], rsp",
    "mov r12, rsi",
    "mov eax, [rdi]",
    "mov ebx, [rdi + 8]",
    "mov ecx, [rdi + 16]",
    "mov edx, [rdi + 24]",
    "mov esi, [rdi + 32]",
    "mov ebp, [rdi + 48]",
    "mov edi, [rdi + 40]",
    "mov esp, 0x30002fc0",
    "push 0x23",
    "push r12",
    "retfq",
);

unsafe extern "C" {
    fn ringfence_attempt_syscall(frame: *const u64) -> i64;
    fn ringfence_attempt_split(frame: *const u64) -> i64;
    fn ringfence_attempt_int80(frame: *const u64) -> i64;
    fn ringfence_attempt_int80_split(frame: *const u64) -> i64;
    fn ringfence_attempt_fast32(frame: *const u64, code: u64) -> i32;
    static ringfence_attempt_syscall_end: u8;
    static ringfence_attempt_int80_end: u8;
}

/// Where attempts enter: values of `seccomp_data.instruction_pointer`, which points behind the
/// instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// [`Entry::Syscall`].
    pub syscall: u64,
    /// [`Entry::Int80`].
    pub int80: u64,
    /// Both 32-bit fast entries: the kernel puts the landing place there, somewhere in this range,
    /// the end excluded.
    pub fast: (u64, u64),
}

/// The addresses in this process and in each child that attempts.
#[must_use]
pub fn addresses() -> Addresses {
    Addresses {
        syscall: (&raw const ringfence_attempt_syscall_end) as u64,
        int80: (&raw const ringfence_attempt_int80_end) as u64,
        fast: (LANDING as u64, (LANDING + LANDING_LEN) as u64),
    }
}

/// Makes the child ready for 32-bit fast entries. `vdso`: address and length of the vDSO.
///
/// # Errors
/// Those of mmap(2) and mremap(2): `EPERM` where the kernel has sealed the vDSO.
///
/// # Safety
/// The process must not use its vDSO any more, and its memory must be its own.
pub(super) unsafe fn prepare_fast((vdso, len): (usize, usize)) -> Result<(), Errno> {
    const READ_WRITE: usize = 3;
    const READ_EXEC: usize = 5;
    const PRIVATE_ANONYMOUS_NOREPLACE: usize = 0x2 | 0x20 | 0x10_0000;
    const PRIVATE_ANONYMOUS_FIXED: usize = 0x2 | 0x20 | 0x10;
    const MAYMOVE_FIXED: usize = 1 | 2;
    if vdso == 0 || len > LANDING_LEN {
        return Err(Errno::INVAL);
    }
    // SAFETY: a new mapping where nothing is.
    unsafe {
        syscall!(nr::__NR_mmap, LOW, END - LOW, READ_WRITE, PRIVATE_ANONYMOUS_NOREPLACE, usize::MAX, 0)
    }?;
    // SAFETY: source is the vDSO, which the caller does not use; the target lies in the new mapping.
    unsafe { syscall!(nr::__NR_mremap, vdso, len, len, MAYMOVE_FIXED, LANDING) }?;
    // SAFETY: what is replaced is the moved vDSO.
    unsafe {
        syscall!(nr::__NR_mmap, LANDING, LANDING_LEN, READ_WRITE, PRIVATE_ANONYMOUS_FIXED, usize::MAX, 0)
    }?;
    put(CODE_SYSCALL32, &SYSCALL32);
    put(CODE_SYSENTER, &SYSENTER);
    put(CODE_RETURN, &RETURN);
    for at in LANDING..LANDING + LANDING_LEN - FAR_JUMP.len() {
        put(at, &[0x90]);
    }
    put(LANDING + LANDING_LEN - FAR_JUMP.len(), &FAR_JUMP);
    // SAFETY: both are parts of the new mapping, written above.
    unsafe {
        syscall!(nr::__NR_mprotect, LOW, 0x1000, READ_EXEC)?;
        syscall!(nr::__NR_mprotect, LANDING, LANDING_LEN, READ_EXEC)?;
    }
    Ok(())
}

fn put(at: usize, bytes: &[u8]) {
    for (offset, byte) in bytes.iter().enumerate() {
        // SAFETY: `prepare_fast` has mapped the whole range writable.
        unsafe { core::ptr::with_exposed_provenance_mut::<u8>(at + offset).write_volatile(*byte) };
    }
}

/// Passes the gate; `fast`: whether [`prepare_fast`] has been done.
///
/// # Safety
/// The process has memory of its own and is made for nothing but attempts.
pub(super) unsafe fn enter(entry: Entry, number: u32, args: &[u64; 6], splits: bool, fast: bool) -> i64 {
    let frame = [u64::from(number), args[0], args[1], args[2], args[3], args[4], args[5]];
    let frame = frame.as_ptr();
    // SAFETY: the frame lives across the call; what the call does is the caller's to bear. The
    // fast entries are mapped where `fast` says so.
    unsafe {
        match (entry, splits) {
            (Entry::Syscall, false) => ringfence_attempt_syscall(frame),
            (Entry::Syscall, true) => ringfence_attempt_split(frame),
            (Entry::Int80, false) => ringfence_attempt_int80(frame),
            (Entry::Int80, true) => ringfence_attempt_int80_split(frame),
            (Entry::Syscall32 | Entry::Sysenter, _) if !fast => NOT_READY,
            (Entry::Syscall32, _) => i64::from(ringfence_attempt_fast32(frame, CODE_SYSCALL32 as u64)),
            (Entry::Sysenter, _) => i64::from(ringfence_attempt_fast32(frame, CODE_SYSENTER as u64)),
        }
    }
}

/// The answer in place of a fast entry that could not be made ready: no errno that a kernel gives.
const NOT_READY: i64 = -4094;

/// Passes the gate for a probe.
///
/// # Safety
/// As [`enter`].
pub(super) unsafe fn probe(probe: &Probe, fast: bool) -> i64 {
    // SAFETY: passed on to the caller.
    unsafe { enter(probe.entry, probe.number, &probe.args, false, fast) }
}

const _: () = assert!(STACK_TOP - 0x40 == 0x3000_2fc0);
