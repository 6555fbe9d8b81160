//! The benchmark's clock: starts commands in turn, a shuffled round at a time, and says how long each
//! took from its creation to its reaping (`CLOCK_MONOTONIC`). The commands are made by clone(2) with
//! `CLONE_VM | CLONE_VFORK` and execve(2) alone, so that the meter's own part is small and constant.
//!
//! Reads lines: `runs N` (after `warm N` uncounted rounds), `pause MICROSECONDS` (after each run),
//! `user UID GID`, and for each command `command`, `arg WORD`…, `fd NUMBER PATH` (open there for
//! reading). Writes a line for each run: number of the command, nanoseconds, wait4(2)'s status.

use std::arch::asm;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::IntoRawFd;
use std::process::exit;
use std::ptr::null;
use std::time::{Duration, Instant};

#[derive(Default)]
struct Command {
    words: Vec<CString>,
    files: Vec<(i32, String)>,
}

#[derive(Default)]
struct Specification {
    runs: usize,
    warm: usize,
    pause: u64,
    user: Option<(u32, u32)>,
    commands: Vec<Command>,
}

unsafe extern "C" {
    static environ: *const *const i8;
    fn setgroups(count: usize, groups: *const u32) -> i32;
    fn setresgid(real: u32, effective: u32, saved: u32) -> i32;
    fn setresuid(real: u32, effective: u32, saved: u32) -> i32;
    fn dup2(from: i32, to: i32) -> i32;
    fn close(fd: i32) -> i32;
    fn wait4(pid: i32, status: *mut i32, options: i32, usage: *mut u8) -> i32;
    fn mlockall(flags: i32) -> i32;
}

/// The stack of the child between clone(2) and execve(2): one at a time, as vfork waits.
static mut STACK: [u64; 2048] = [0; 2048];

fn main() {
    let specification = read();
    if let Some((uid, gid)) = specification.user {
        // SAFETY: one thread, and numbers only.
        let refused = unsafe {
            setgroups(0, null()) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0
        };
        if refused {
            fail("no permission to become another user");
        }
    }
    // SAFETY: numbers only; refusal does no harm.
    let _ = unsafe { mlockall(1) };
    let vectors: Vec<Vec<*const i8>> = specification
        .commands
        .iter()
        .map(|command| command.words.iter().map(|word| word.as_ptr()).chain([null()]).collect())
        .collect();
    let mut samples = Vec::with_capacity(specification.runs * vectors.len());
    let mut order: Vec<usize> = (0..vectors.len()).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..specification.warm + specification.runs {
        shuffle(&mut order, &mut state);
        for &number in &order {
            let (nanoseconds, status) = run(&vectors[number], &specification.commands[number].files);
            if round >= specification.warm {
                samples.push((number, nanoseconds, status));
            }
            if specification.pause > 0 {
                std::thread::sleep(Duration::from_micros(specification.pause));
            }
        }
    }
    let mut text = Vec::new();
    for (number, nanoseconds, status) in samples {
        let _ = writeln!(text, "{number} {nanoseconds} {status}");
    }
    if io::stdout().write_all(&text).is_err() {
        exit(1)
    }
}

fn fail(message: &str) -> ! {
    eprintln!("meter: {message}");
    exit(1)
}

fn read() -> Specification {
    let mut text = String::new();
    if io::stdin().read_to_string(&mut text).is_err() {
        fail("no specification");
    }
    let mut specification = Specification::default();
    for line in text.lines() {
        if specification.line(line).is_none() {
            fail(&format!("not understood: {line}"));
        }
    }
    specification
}

impl Specification {
    fn line(&mut self, line: &str) -> Option<()> {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        match key {
            "runs" => self.runs = value.parse().ok()?,
            "warm" => self.warm = value.parse().ok()?,
            "pause" => self.pause = value.parse().ok()?,
            "user" => {
                let (uid, gid) = value.split_once(' ')?;
                self.user = Some((uid.parse().ok()?, gid.parse().ok()?));
            }
            "command" => self.commands.push(Command::default()),
            "arg" => self.commands.last_mut()?.words.push(CString::new(value).ok()?),
            "fd" => {
                let (number, path) = value.split_once(' ')?;
                self.commands.last_mut()?.files.push((number.parse().ok()?, path.to_owned()));
            }
            _ => return None,
        }
        Some(())
    }
}

/// Fisher and Yates, by xorshift: every neighbour equally often, the same order in each measurement.
fn shuffle(order: &mut [usize], state: &mut u64) {
    for at in (1..order.len()).rev() {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        order.swap(at, (*state % (at as u64 + 1)) as usize);
    }
}

fn run(words: &[*const i8], files: &[(i32, String)]) -> (u128, i32) {
    for (number, path) in files {
        let Ok(file) = File::open(path) else { fail(&format!("cannot open {path}")) };
        let from = file.into_raw_fd();
        if from != *number {
            // SAFETY: `from` is ours, and `number` is reserved by the specification.
            unsafe {
                dup2(from, *number);
                close(from);
            }
        }
    }
    let mut status = 0;
    let start = Instant::now();
    // SAFETY: `words` is null-terminated and lives across the call.
    let child = unsafe { start_child(words.as_ptr()) };
    // SAFETY: wait4 writes one int.
    while unsafe { wait4(child, &raw mut status, 0, std::ptr::null_mut()) } < 0 {}
    let nanoseconds = start.elapsed().as_nanos();
    for (number, _) in files {
        // SAFETY: reserved by the specification.
        unsafe { close(*number) };
    }
    (nanoseconds, status)
}

/// clone(2) and execve(2) without a library in between.
///
/// # Safety
/// `words` is an argument vector.
unsafe fn start_child(words: *const *const i8) -> i32 {
    let clone_vm_vfork_sigchld = 0x4100 | 17;
    // SAFETY: the stack is free while no child uses it; `environ` is libc's.
    let (stack, environment) = unsafe { ((&raw mut STACK).add(1), environ) };
    let pid: i64;
    // SAFETY: the child touches no memory of the parent's: it calls execve from registers, or ends.
    unsafe {
        asm!("syscall", "test rax, rax", "jnz 2f",
            "mov eax, 59", "mov rdi, r12", "mov rsi, r13", "mov rdx, r14", "syscall",
            "mov eax, 231", "mov edi, 127", "syscall", "2:",
            inlateout("rax") 56i64 => pid, in("rdi") clone_vm_vfork_sigchld, in("rsi") stack,
            in("rdx") 0, in("r10") 0, in("r8") 0,
            in("r12") *words, in("r13") words, in("r14") environment, lateout("rcx") _, lateout("r11") _);
    }
    if pid < 0 {
        fail("clone failed");
    }
    pid as i32
}
