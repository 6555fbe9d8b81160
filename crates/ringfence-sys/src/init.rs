//! The init of a contained process tree: it reaps every orphan, forwards signals to the command,
//! and ends as the command ends. pid_namespaces(7): with it the kernel ends all the rest.

use linux_raw_sys::general as nr;

use crate::raw::{Errno, exit, syscall};
use crate::spawn::Ended;

const SIGCHLD: i32 = 17;
const SIGPIPE: usize = 13;
/// What a terminal sends to its foreground group: HUP INT QUIT CONT TSTP TTIN TTOU WINCH.
const OF_TERMINALS: u64 = bit(1) | bit(2) | bit(3) | bit(18) | bit(20) | bit(21) | bit(22) | bit(28);

const fn bit(signal: u32) -> u64 {
    1 << (signal - 1)
}

/// wait4(2)'s status in words.
pub(crate) fn ended(status: i32) -> Ended {
    let signal = status & 0x7f;
    if signal == 0 { Ended::Exited((status >> 8) & 0xff) } else { Ended::Signaled(signal) }
}

/// Attends to `command` and never returns; `kept` stays open (-1: nothing does). All signals are blocked: they are taken one by one, which also
/// keeps those that would be ignored by the init of a pid namespace.
pub(crate) fn attend(command: i32, kept: i32) -> ! {
    close_all_but(kept);
    reap(command);
    loop {
        match next_signal() {
            SIGCHLD => reap(command),
            signal if signal > 0 => forward(command, signal),
            _ => {}
        }
    }
}

/// Nothing of this process is needed any more but its stack, and what is held by being open.
fn close_all_but(kept: i32) {
    let close = |first: i32, last: u32| {
        // SAFETY: numbers only; nothing here uses a descriptor.
        let _ = unsafe { syscall!(nr::__NR_close_range, first, last, 0) };
    };
    if kept > 0 {
        close(0, kept as u32 - 1);
    }
    close(if kept < 0 { 0 } else { kept + 1 }, u32::MAX);
}

/// Takes every ended child; exits with the command's status where it is among them.
fn reap(command: i32) {
    let no_hang_all = 1usize | 0x4000_0000;
    let mut status = 0i32;
    loop {
        // SAFETY: wait4 writes one int.
        match unsafe { syscall!(nr::__NR_wait4, -1isize, &raw mut status, no_hang_all, 0) } {
            Ok(0) => return,
            Ok(pid) if pid as i32 == command => match ended(status) {
                Ended::Exited(code) => exit(code),
                Ended::Signaled(signal) => exit(128 + signal),
            },
            Ok(_) | Err(Errno::INTR) => {}
            // No child at all: the command is gone, and was not ours to reap.
            Err(_) => exit(125),
        }
    }
}

fn next_signal() -> i32 {
    let all = u64::MAX;
    // SAFETY: rt_sigtimedwait reads one 64-bit set; no info, no timeout.
    match unsafe { syscall!(nr::__NR_rt_sigtimedwait, &raw const all, 0, 0, 8) } {
        Ok(signal) => signal as i32,
        Err(_) => 0,
    }
}

fn forward(command: i32, signal: i32) {
    let to_group = (1..=64).contains(&signal) && OF_TERMINALS & bit(signal as u32) != 0;
    let target = if to_group { -command } else { command };
    // SAFETY: kill takes numbers; the command is our child and not reaped yet.
    let _ = unsafe { syscall!(nr::__NR_kill, target as isize, signal) };
}

/// Nothing blocked, and SIGPIPE at its default (a Rust runtime ignores it).
pub(crate) fn reset_signals() -> Result<(), Errno> {
    let default = [0usize; 4];
    let none = 0u64;
    let set_mask = 2;
    // SAFETY: rt_sigaction reads one kernel_sigaction of 32 bytes, rt_sigprocmask one 64-bit set.
    unsafe {
        syscall!(nr::__NR_rt_sigaction, SIGPIPE, default.as_ptr(), 0, 8)?;
        syscall!(nr::__NR_rt_sigprocmask, set_mask, &raw const none, 0, 8)?;
    }
    Ok(())
}
