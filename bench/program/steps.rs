//! Counts instructions in user mode: runs a command one instruction at a time, and its children up
//! to their own execve(2), and writes for each 16 bytes of code that were reached their address and
//! how many instructions began there. ptrace(2), `PTRACE_SINGLESTEP`.
//!
//! A count does not depend on who else uses the machine, and an emulator that does not know the
//! youngest system calls could not follow a launch.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io::{self, Write as _};
use std::process::exit;
use std::ptr::null_mut;

unsafe extern "C" {
    fn fork() -> i32;
    fn execv(path: *const i8, argv: *const *const i8) -> i32;
    fn ptrace(request: u64, pid: i32, addr: usize, data: usize) -> i64;
    fn wait4(pid: i32, status: *mut i32, options: i32, usage: *mut u8) -> i32;
    fn dup2(from: i32, to: i32) -> i32;
}

const TRACEME: u64 = 0;
const SINGLESTEP: u64 = 9;
const GETREGS: u64 = 12;
const DETACH: u64 = 17;
const SETOPTIONS: u64 = 0x4200;
/// Fork, vfork, clone and exec are told; tracees die with their tracer.
const OPTIONS: usize = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 20;
const EVENT_EXEC: i32 = 4;
const SIGTRAP: i32 = 5;
const SIGSTOP: i32 = 19;
const WALL: i32 = 0x4000_0000;
/// `struct user_regs_struct` has 27 words; the instruction pointer is the seventeenth.
const RIP: usize = 16;

fn main() {
    let words: Vec<CString> =
        std::env::args_os().skip(1).map(|word| CString::new(word.into_encoded_bytes()).unwrap()).collect();
    if words.is_empty() {
        fail("usage: steps COMMAND [ARGUMENT…]");
    }
    let argv: Vec<_> = words.iter().map(|word| word.as_ptr()).chain([std::ptr::null()]).collect();
    // SAFETY: one thread; the child only makes system calls with memory of its own.
    let pid = unsafe {
        match fork() {
            0 => {
                // What the command says is not what was counted.
                dup2(2, 1);
                ptrace(TRACEME, 0, 0, 0);
                execv(argv[0], argv.as_ptr().cast());
                exit(127)
            }
            pid => pid,
        }
    };
    let counted = follow(pid);
    let mut text = Vec::new();
    for (address, count) in counted {
        let _ = writeln!(text, "{:x} {count}", address << 4);
    }
    if io::stdout().write_all(&text).is_err() {
        exit(1)
    }
}

fn fail(message: &str) -> ! {
    eprintln!("steps: {message}");
    exit(2)
}

/// Steps everything until nothing is left; by address over 16.
fn follow(first: i32) -> BTreeMap<u64, u64> {
    let mut counted = BTreeMap::new();
    let mut begun = false;
    loop {
        let mut status = 0;
        // SAFETY: wait4 writes one int.
        let pid = unsafe { wait4(-1, &raw mut status, WALL, null_mut()) };
        if pid < 0 {
            return counted;
        }
        if status & 0xff != 0x7f {
            continue;
        }
        let (signal, event) = (status >> 8 & 0xff, status >> 16);
        if !begun {
            begun = true;
            // SAFETY: numbers only.
            unsafe { ptrace(SETOPTIONS, pid, 0, OPTIONS) };
        } else if event == EVENT_EXEC {
            // Another program: not what is counted.
            // SAFETY: numbers only.
            unsafe { ptrace(DETACH, pid, 0, 0) };
            if pid == first {
                return counted;
            }
            continue;
        } else if signal == SIGTRAP && event == 0 {
            let mut registers = [0u64; 27];
            // SAFETY: PTRACE_GETREGS writes one `struct user_regs_struct`.
            unsafe { ptrace(GETREGS, pid, 0, registers.as_mut_ptr() as usize) };
            *counted.entry(registers[RIP] >> 4).or_default() += 1;
        }
        let deliver = if [SIGTRAP, SIGSTOP].contains(&signal) { 0 } else { signal };
        // SAFETY: numbers only.
        unsafe { ptrace(SINGLESTEP, pid, 0, deliver as usize) };
    }
}
