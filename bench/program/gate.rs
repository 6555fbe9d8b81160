//! The start of a program and the system call gate, without any library: what the benchmark's own
//! programs share. Not part of ringfence; built by `cargo xtask bench` with rustc alone.

use core::arch::{asm, global_asm};

// The kernel enters with the stack at argc; `main` gets its address. ABI: x86-64 psABI, 3.4.1.
global_asm!(".globl _start", "_start:", "xor ebp, ebp", "mov rdi, rsp", "and rsp, -16", "call main", "ud2");

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(125)
}

/// What the compiler's own library names; nothing here unwinds.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// Passes the gate; the answer is the kernel's, -4095..0 for an error.
#[inline(always)]
pub fn call(number: usize, a: [usize; 6]) -> isize {
    let answer: isize;
    // SAFETY: the programs pass numbers, and pointers to what lives across the call.
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => answer, in("rdi") a[0], in("rsi") a[1], in("rdx") a[2],
            in("r10") a[3], in("r8") a[4], in("r9") a[5], lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    answer
}

pub fn exit(code: i32) -> ! {
    loop {
        call(231, [code as usize, 0, 0, 0, 0, 0]);
    }
}
