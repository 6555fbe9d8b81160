//! The child's last act: it carries an attempt out and writes down what came of it.
//!
//! After the plan's filter is in force, no system call is made here but those of the attempt, and
//! the ones that end the process.

use core::ffi::c_void;
use core::sync::atomic::{AtomicPtr, Ordering};

use linux_raw_sys::general as nr;

use super::page::{Row, Signal, View};
use super::{Arg, Attempt, Deed, Image, MAX_DEEDS, Script, gate, instruction};
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

const SIGCHLD: usize = 17;
/// `ECANCELED`.
const CANCELLED: i64 = -125;
/// Rounds of 50 ms that the second process of a branch may take.
const MAX_ROUNDS: u32 = 40;
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
/// SIGSYS that write down what they see and end the process. Their maker has them blocked, and what is
/// blocked kills without a handler (`force_sig_info_to_task`).
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
    let (unblock, set) = (1usize, SIGNALS.iter().fold(0u64, |set, signal| set | 1 << (signal - 1)));
    // SAFETY: rt_sigprocmask reads one 64-bit set.
    unsafe { syscall!(nr::__NR_rt_sigprocmask, unblock, &raw const set, 0, 8) }?;
    Ok(())
}

/// The last act itself; the end of the process.
pub(super) fn carry() -> ! {
    // SAFETY: `prepare` has stored a pointer that lives as long as the process.
    let Some(act) = (unsafe { ACT.load(Ordering::Relaxed).cast::<Act<'_>>().as_ref() }) else { end() };
    match *act.attempt {
        Attempt::Deeds(deeds) => perform(act, deeds, 0),
        Attempt::Script(script) => match script.program {
            None => perform(act, script.deeds, script.before.len()),
            Some(image) => execute(act, &script, image),
        },
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

/// What is done before the first step; whether all of it succeeded.
pub(super) fn outside(act: &Act<'_>) -> bool {
    let Attempt::Script(script) = *act.attempt else { return true };
    perform(act, script.before, 0);
    (0..script.before.len()).all(|number| (act.view.answer(number) as i64) >= 0)
}

/// The registers of every deed, made first, so that nothing lies between the calls.
struct Frames([[u64; 6]; MAX_DEEDS]);

impl Frames {
    fn of(view: View, deeds: &[Deed<'_>], used: &mut usize) -> Self {
        let mut frames = [[0u64; 6]; MAX_DEEDS];
        for (frame, deed) in frames.iter_mut().zip(deeds) {
            let Deed::Call { args, .. } = deed else { continue };
            for (word, arg) in frame.iter_mut().zip(args) {
                *word = made(view, arg, used, true);
            }
        }
        Self(frames)
    }
}

fn made(view: View, arg: &Arg<'_>, used: &mut usize, deep: bool) -> u64 {
    match *arg {
        Arg::Value(value) => value,
        Arg::Bytes(bytes) => view.copy(used, bytes).unwrap_or(0),
        Arg::Scratch(at) => view.scratch(usize::from(at)),
        Arg::Answer(earlier) => view.answer(usize::from(earlier)),
        Arg::Loaded(at) => view.loaded(usize::from(at)),
        Arg::Page => view.descriptor as u64,
        Arg::Words(words) if deep => {
            /// A structure of more words is none that any call here reads.
            const MOST: usize = 32;
            let mut bytes = [0u8; MOST * 8];
            for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
                place.copy_from_slice(&made(view, word, used, false).to_le_bytes());
            }
            let len = words.len().min(MOST) * 8;
            view.copy(used, bytes.get(..len).unwrap_or_default()).unwrap_or(0)
        }
        Arg::Words(_) => 0,
    }
}

/// Does the deeds, the first of which has the number `first`.
fn perform(act: &Act<'_>, deeds: &[Deed<'_>], first: usize) {
    // Copies of the deeds before stay where they are: they may be in use.
    let mut used = if first == 0 { 0 } else { super::page::COPIES / 2 };
    let mut frames = Frames::of(act.view, deeds, &mut used).0;
    let (mut at, mut stop) = (0, deeds.len().min(MAX_DEEDS));
    while at < stop {
        let (Some(deed), number) = (deeds.get(at), first + at) else { break };
        act.view.begin(number);
        let answer = match *deed {
            Deed::Call { .. } => call(act, deed, &mut frames, at),
            Deed::Again(times) => {
                let (Some(before), mut answer) = (at.checked_sub(1), 0) else { break };
                for _ in 0..times {
                    let Some(deed) = deeds.get(before) else { break };
                    answer = call(act, deed, &mut frames, before);
                    if (-4095..0).contains(&answer) {
                        break;
                    }
                }
                answer
            }
            Deed::Branch(upto) => {
                let upto = upto.saturating_sub(first).min(stop);
                // A process id that is an error would mean every process, kill(2).
                let failed = (first..number).any(|at| (act.view.answer(at) as i64) < 0);
                let (answer, second) = if failed { (CANCELLED, false) } else { branch(act) };
                act.view.end(number, answer);
                // Without a second process what is done afterwards is done all the same: it takes away
                // what was made so far.
                if second {
                    stop = upto;
                    at += 1;
                } else {
                    at = upto;
                }
                continue;
            }
            Deed::Leave => break,
            Deed::Hold => {
                let maker = parent();
                act.view.hold(|| parent() != maker);
                0
            }
            Deed::Instruction(instruction) => {
                let room = core::ptr::with_exposed_provenance_mut(act.view.scratch(0) as usize);
                // SAFETY: this process is made for nothing else; `room` has space for a descriptor.
                unsafe { instruction::execute(instruction, room) }
            }
        };
        act.view.end(number, answer);
        at += 1;
    }
    if stop < deeds.len() {
        // The second process of a branch.
        act.view.release();
        end();
    }
}

/// One call; answers that are known by now are filled in.
fn call(act: &Act<'_>, deed: &Deed<'_>, frames: &mut [[u64; 6]; MAX_DEEDS], at: usize) -> i64 {
    let (Deed::Call { entry, number, ref args, splits }, Some(frame)) = (*deed, frames.get_mut(at)) else {
        return 0;
    };
    for (word, arg) in frame.iter_mut().zip(args) {
        match *arg {
            Arg::Answer(earlier) => *word = act.view.answer(usize::from(earlier)),
            Arg::Loaded(at) => *word = act.view.loaded(usize::from(at)),
            _ => {}
        }
    }
    // SAFETY: this process has memory of its own and is made for nothing else.
    unsafe { gate::enter(entry, number, frame, splits, act.fast) }
}

/// The first process comes back when the second has ended or said that it is done.
fn branch(act: &Act<'_>) -> (i64, bool) {
    // SAFETY: fork(2) in a process of one thread; both go on in memory of their own.
    let pid = match unsafe { syscall!(nr::__NR_clone, SIGCHLD, 0, 0, 0, 0) } {
        Ok(0) => return (0, true),
        Ok(pid) => pid,
        Err(errno) => return (-i64::from(errno.0), false),
    };
    let mut rounds = 0;
    act.view.hold(|| {
        rounds += 1;
        // SAFETY: wait4 with WNOHANG (1) writes no status.
        let gone = unsafe { syscall!(nr::__NR_wait4, pid, 0, 1, 0) };
        matches!(gone, Ok(gone) if gone != 0) || rounds > MAX_ROUNDS
    });
    (pid as i64, false)
}

fn parent() -> usize {
    // SAFETY: no arguments.
    unsafe { syscall!(nr::__NR_getppid) }.unwrap_or(0)
}

/// Writes deeds into the page as the program of an image reads them, the first with the number `first`;
/// whether it can do them all.
pub(super) fn load(view: View, deeds: &[Deed<'_>], first: usize) -> bool {
    let mut used = super::page::COPIES / 2;
    let frames = Frames::of(view, deeds, &mut used).0;
    let mut row = Row { number: 0, times: 0, splits: 0, answers: [0; 8], args: [0; 6] };
    for (at, (deed, frame)) in deeds.iter().zip(&frames).enumerate() {
        match *deed {
            Deed::Call { number, ref args, splits, .. } => {
                row = Row {
                    number: u64::from(number),
                    times: 1,
                    splits: u64::from(splits),
                    answers: [0; 8],
                    args: *frame,
                };
                for (place, arg) in row.answers.iter_mut().zip(args) {
                    if let Arg::Answer(earlier) = *arg {
                        *place = earlier.saturating_add(1);
                    }
                }
            }
            Deed::Again(times) => row.times = u64::from(times),
            Deed::Leave => {
                let args = [SIGCHLD as u64, 0, 0, 0, 0, 0];
                row = Row { number: u64::from(nr::__NR_clone), times: 1, splits: 2, answers: [0; 8], args };
            }
            Deed::Branch(_) | Deed::Hold | Deed::Instruction(_) => return false,
        }
        view.row(first + at, &row);
    }
    view.program(first, first + deeds.len());
    true
}

/// Writes the deeds into the page and becomes the program that does them.
fn execute(act: &Act<'_>, script: &Script<'_>, image: &Image) {
    if !load(act.view, script.deeds, script.before.len()) {
        return;
    }
    let argv = [c"ringfence-attempt".as_ptr(), core::ptr::null()];
    let envp = [core::ptr::null::<core::ffi::c_char>()];
    let (fd, empty_path) = (image.descriptor(), 0x1000);
    // Where a filter lets only the launch's own execve(2) pass, it knows it by its token.
    let mut path = *b"/proc/self/fd/\0\0\0\0\0\0\0\0\0\0\0";
    decimal(&mut path[14..], fd);
    // SAFETY: paths and vectors are null-terminated and live across the call, which ends this program.
    let done = unsafe {
        syscall!(nr::__NR_execveat, fd, c"".as_ptr(), argv.as_ptr(), envp.as_ptr(), empty_path)
            .or_else(|_| syscall!(nr::__NR_execve, path.as_ptr(), argv.as_ptr(), envp.as_ptr(), script.token))
    };
    if let Err(errno) = done {
        act.view.refused(errno);
    }
}

/// A number of at most ten digits in decimal.
fn decimal(place: &mut [u8], number: i32) {
    let digits = number.max(1).ilog10() as usize + 1;
    let mut rest = number;
    for digit in place.iter_mut().take(digits).rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
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
