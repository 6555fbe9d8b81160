//! The child's last act: it carries an attempt out and writes down what came of it.
//!
//! After the plan's filter is in force, no system call is made here but those of the attempt, and
//! the ones that end the process.

use core::ffi::c_void;
use core::sync::atomic::{AtomicPtr, Ordering};

use linux_raw_sys::general as nr;

use super::page::{Signal, View};
use super::{Arg, Attempt, Deed, MAX_DEEDS, gate, instruction};
use crate::raw::{Errno, syscall};
use crate::run::Failure;

/// Everything that the last act needs, in memory of the child's own.
pub(super) struct Act<'a> {
    pub(super) attempt: &'a Attempt<'a>,
    pub(super) view: View,
    /// Whether the 32-bit fast entries are ready.
    pub(super) fast: bool,
}

/// Set in the child only, after it has memory of its own.
static ACT: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());

const SIGNALS: [usize; 6] = [4, 5, 7, 8, 11, 31];

/// `struct kernel_sigaction` of x86-64.
#[repr(C)]
struct Action {
    handler: usize,
    flags: u64,
    restorer: usize,
    mask: u64,
}

/// Remembers what to do, and installs handlers for SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV and
/// SIGSYS that write down what they see and end the process.
///
/// # Safety
/// The process has memory and signal actions of its own, and `act` lives as long as it.
pub(super) unsafe fn prepare(act: *const Act<'_>) -> Result<(), Errno> {
    ACT.store(act.cast::<c_void>().cast_mut(), Ordering::Relaxed);
    let siginfo_restorer = 4 | 0x0400_0000;
    let action = Action {
        handler: on_signal as *const () as usize,
        flags: siginfo_restorer,
        // The handler never returns; the kernel wants an address all the same.
        restorer: never as *const () as usize,
        mask: 0,
    };
    for signal in SIGNALS {
        // SAFETY: rt_sigaction reads one kernel_sigaction.
        unsafe { syscall!(nr::__NR_rt_sigaction, signal, &raw const action, 0, 8) }?;
    }
    Ok(())
}

/// The last act itself; the end of the process.
pub(super) fn carry() -> ! {
    // SAFETY: `prepare` has stored a pointer that lives as long as the process.
    let Some(act) = (unsafe { ACT.load(Ordering::Relaxed).cast::<Act<'_>>().as_ref() }) else { end() };
    match *act.attempt {
        Attempt::Deeds(deeds) => deeds_of(act, deeds),
        Attempt::Sweep(probes) => {
            for (number, probe) in probes.iter().enumerate() {
                act.view.begin(number);
                // SAFETY: this process is made for attempts; a filter answers in place of the kernel.
                act.view.end(number, unsafe { gate::probe(probe, act.fast) });
            }
        }
    }
    end()
}

fn deeds_of(act: &Act<'_>, deeds: &[Deed<'_>]) {
    let mut used = 0;
    // Arguments first, so that nothing lies between the calls.
    let mut frames = [[0u64; 6]; MAX_DEEDS];
    for (frame, deed) in frames.iter_mut().zip(deeds) {
        let Deed::Call { args, .. } = deed else { continue };
        for (word, arg) in frame.iter_mut().zip(args) {
            *word = match *arg {
                Arg::Value(value) => value,
                Arg::Bytes(bytes) => act.view.copy(&mut used, bytes).unwrap_or(0),
                Arg::Scratch(at) => act.view.scratch(usize::from(at)),
                Arg::Answer(_) => 0,
            };
        }
    }
    for (number, (deed, frame)) in deeds.iter().zip(&mut frames).enumerate() {
        act.view.begin(number);
        let answer = match *deed {
            Deed::Call { entry, number, ref args, splits } => {
                for (word, arg) in frame.iter_mut().zip(args) {
                    if let Arg::Answer(earlier) = *arg {
                        *word = act.view.answer(usize::from(earlier));
                    }
                }
                // SAFETY: this process has memory of its own and is made for nothing else.
                unsafe { gate::enter(entry, number, frame, splits, act.fast) }
            }
            Deed::Instruction(instruction) => {
                let room = core::ptr::with_exposed_provenance_mut(act.view.scratch(0) as usize);
                // SAFETY: this process is made for nothing else; `room` has space for a descriptor.
                unsafe { instruction::execute(instruction, room) }
            }
        };
        act.view.end(number, answer);
    }
}

/// Writes down which step of the plan failed.
pub(super) fn note_failure(failure: Failure) {
    // SAFETY: `prepare` has stored a pointer that lives as long as the process.
    if let Some(act) = unsafe { ACT.load(Ordering::Relaxed).cast::<Act<'_>>().as_ref() } {
        act.view.failed(failure);
    }
}

/// Ends the process, whatever a filter thinks of ending.
pub(super) fn end() -> ! {
    // SAFETY: neither has memory arguments, and whichever is allowed does not return.
    unsafe {
        let _ = syscall!(nr::__NR_exit_group, 0);
        let _ = syscall!(nr::__NR_exit, 0);
    }
    never()
}

extern "C" fn never() -> ! {
    loop {
        // SAFETY: the instruction is invalid on purpose: a second fault in a handler is fatal.
        unsafe { core::arch::asm!("ud2") };
    }
}

/// `siginfo_t`: number, errno, code, padding, then the union.
unsafe extern "C" fn on_signal(number: i32, info: *const u8, _context: *const c_void) -> ! {
    // SAFETY: `prepare` has stored the pointer before it installed this.
    if let Some(act) = unsafe { ACT.load(Ordering::Relaxed).cast::<Act<'_>>().as_ref() } {
        let sys = number == 31;
        // SAFETY: the kernel passes a siginfo_t of 128 bytes.
        let signal = unsafe {
            Signal {
                number,
                code: info.add(8).cast::<i32>().read_unaligned(),
                address: info.add(16).cast::<u64>().read_unaligned(),
                call: if sys { info.add(24).cast::<i32>().read_unaligned() } else { 0 },
                arch: if sys { info.add(28).cast::<u32>().read_unaligned() } else { 0 },
                data: info.add(4).cast::<i32>().read_unaligned(),
            }
        };
        act.view.signal(&signal);
    }
    end()
}
