//! Following other threads through the gate: ptrace(2) by `PTRACE_SEIZE`, which sends no signal and
//! leaves job control as it is. Nothing here changes a thread's registers or memory.

use core::marker::PhantomData;

use linux_raw_sys::general as nr;

use crate::raw::{Errno, syscall};

// include/uapi/linux/ptrace.h
const CONT: usize = 7;
const SYSCALL: usize = 24;
const GETEVENTMSG: usize = 0x4201;
const GETSIGINFO: usize = 0x4202;
const SEIZE: usize = 0x4206;
const LISTEN: usize = 0x4208;
const GET_SYSCALL_INFO: usize = 0x420e;
/// `SYSGOOD|FORK|VFORK|CLONE|EXEC`. Not `EXITKILL`: what outlives its tracer runs on as it was.
const OPTIONS: usize = 0x1 | 0x2 | 0x4 | 0x8 | 0x10;
const EVENT_FORK: i32 = 1;
const EVENT_VFORK: i32 = 2;
const EVENT_CLONE: i32 = 3;
const EVENT_EXEC: i32 = 4;
const EVENT_STOP: i32 = 128;
const SIGTRAP: i32 = 5;
const SIGSYS: i32 = 31;
/// `SYS_SECCOMP` of asm-generic/siginfo.h.
const BY_SECCOMP: i32 = 1;
/// wait(2): without waiting, and only children that do not end with SIGCHLD, or are traced: never the
/// caller's own children that it waits for elsewhere (`eligible_child` of kernel/exit.c).
const TRACED_NOW: usize = 1 | 0x8000_0000;

/// The right to trace. What it traces belongs to the thread that made it, and ends with that thread.
#[derive(Debug)]
pub struct Tracer {
    own: PhantomData<*const ()>,
}

/// Something that happened to a traced thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct News {
    /// The thread.
    pub thread: i32,
    /// What.
    pub what: What,
}

/// What happened. All but the two ends leave the thread stopped until [`Tracer::go_on`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It is gone, with this exit status.
    Exited(i32),
    /// It is gone, by this signal.
    Killed(i32),
    /// It entered or leaves a system call: [`Tracer::gate`] says which.
    Gate,
    /// It made this thread or process, which is traced as well.
    Made(i32),
    /// It has called execve(2); this was its thread number before.
    Exec(i32),
    /// It is about to get this signal.
    Signal(i32),
    /// It is stopped by job control: [`Tracer::stay`].
    Group,
    /// Something else that asks for nothing.
    Other,
}

/// Where a thread stands at the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// It comes in, before any filter.
    In(Call),
    /// It leaves with this result; negative: an errno.
    Out(i64),
    /// It is not at the gate.
    Elsewhere,
}

/// A call: `struct seccomp_data`, as the filter will see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Call {
    /// `AUDIT_ARCH_*`.
    pub arch: u32,
    /// The number.
    pub number: u32,
    /// Where the call was made.
    pub instruction_pointer: u64,
    /// The argument registers.
    pub args: [u64; 6],
}

/// `struct ptrace_syscall_info` of Linux 5.3, as far as entry and exit use it.
#[repr(C)]
#[derive(Default)]
struct Info {
    op: u8,
    pad: [u8; 3],
    arch: u32,
    instruction_pointer: u64,
    stack_pointer: u64,
    words: [u64; 8],
}

impl Tracer {
    /// Nothing is traced yet. The end of children must be told ([`crate::signal::children_are_told`]),
    /// so that SIGCHLD comes with news: where the caller ignores it, that is undone here.
    #[must_use]
    pub fn new() -> Self {
        let default = [0usize; 4];
        if !crate::signal::children_are_told() {
            // SAFETY: rt_sigaction reads one kernel_sigaction of 32 bytes; the default action of
            // SIGCHLD does nothing.
            let _ = unsafe { syscall!(nr::__NR_rt_sigaction, 17, default.as_ptr(), 0, 8) };
        }
        Self { own: PhantomData }
    }

    /// Traces a thread, and whatever it makes. It is not stopped.
    ///
    /// # Errors
    /// `EPERM` where the caller may not, or somebody else traces it; `ESRCH` where it is gone.
    pub fn seize(&self, thread: i32) -> Result<(), Errno> {
        request(SEIZE, thread, 0, OPTIONS).map(|_| ())
    }

    /// As [`Self::seize`], of a thread that shares this process's memory, which is not dumpable: it is
    /// for the length of the call.
    ///
    /// # Errors
    /// As [`Self::seize`].
    pub fn seize_own_child(&self, thread: i32) -> Result<(), Errno> {
        use linux_raw_sys::prctl::PR_SET_DUMPABLE;
        let _ = crate::capability::control(PR_SET_DUMPABLE, 1, 0);
        let done = self.seize(thread);
        let _ = crate::capability::control(PR_SET_DUMPABLE, 0, 0);
        done
    }

    /// The next piece of news, if there is one now.
    pub fn news(&self) -> Option<News> {
        loop {
            let mut status = 0i32;
            // SAFETY: wait4 writes one int; no rusage is asked for.
            let thread = match unsafe { syscall!(nr::__NR_wait4, -1isize, &raw mut status, TRACED_NOW, 0) } {
                Ok(0) => return None,
                Ok(thread) => thread as i32,
                Err(Errno::INTR) => continue,
                Err(_) => return None,
            };
            return Some(News { thread, what: self.what(thread, status) });
        }
    }

    fn what(&self, thread: i32, status: i32) -> What {
        let signal = status >> 8 & 0xff;
        if status & 0x7f == 0 {
            return What::Exited(signal);
        }
        if status & 0xff != 0x7f {
            return What::Killed(status & 0x7f);
        }
        match (status >> 16, signal) {
            (0, signal) if signal == SIGTRAP | 0x80 => What::Gate,
            (0, signal) => What::Signal(signal),
            (EVENT_FORK | EVENT_VFORK | EVENT_CLONE, _) => What::Made(message(thread)),
            (EVENT_EXEC, _) => What::Exec(message(thread)),
            (EVENT_STOP, SIGTRAP) => What::Other,
            (EVENT_STOP, _) => What::Group,
            _ => What::Other,
        }
    }

    /// Lets a stopped thread go on to its next entry or exit, with this signal (0: none). One that has
    /// been killed meanwhile is no error.
    pub fn go_on(&self, thread: i32, signal: i32) {
        let _ = request(SYSCALL, thread, 0, signal as usize);
    }

    /// As [`Self::go_on`], but to its next event only: calls are not told.
    pub fn run(&self, thread: i32, signal: i32) {
        let _ = request(CONT, thread, 0, signal as usize);
    }

    /// Leaves a thread in the stop of its job, until that is over.
    pub fn stay(&self, thread: i32) {
        let _ = request(LISTEN, thread, 0, 0);
    }

    /// Where a stopped thread stands.
    ///
    /// # Errors
    /// `EIO`: the kernel is older than 5.3; `ESRCH`: it has been killed meanwhile.
    pub fn gate(&self, thread: i32) -> Result<Gate, Errno> {
        let mut info = Info::default();
        // SAFETY: the kernel writes at most the size that it is given.
        unsafe { syscall!(nr::__NR_ptrace, GET_SYSCALL_INFO, thread, size_of::<Info>(), &raw mut info) }?;
        let [number, args @ .., _] = info.words;
        Ok(match info.op {
            1 => Gate::In(Call {
                arch: info.arch,
                number: number as u32,
                instruction_pointer: info.instruction_pointer,
                args,
            }),
            2 => Gate::Out(info.words[0] as i64),
            _ => Gate::Elsewhere,
        })
    }

    /// Whether the SIGSYS that a thread is about to get is a filter's: the call's number and
    /// `AUDIT_ARCH_*`.
    #[must_use]
    pub fn trapped(&self, thread: i32) -> Option<(u32, u32)> {
        // siginfo_t, 128 bytes: number, errno, code; then, after a word of padding, the address of the
        // call, its number and architecture.
        let mut info = [0i32; 32];
        // SAFETY: the kernel writes one siginfo_t of 128 bytes.
        unsafe { syscall!(nr::__NR_ptrace, GETSIGINFO, thread, 0, info.as_mut_ptr()) }.ok()?;
        (info[0] == SIGSYS && info[2] == BY_SECCOMP).then_some((info[6] as u32, info[7] as u32))
    }
}

impl Default for Tracer {
    fn default() -> Self {
        Self::new()
    }
}

/// `PTRACE_GETEVENTMSG`: the thread that an event is about.
fn message(thread: i32) -> i32 {
    let mut message = 0usize;
    match request(GETEVENTMSG, thread, 0, &raw mut message as usize) {
        Ok(_) => message as i32,
        Err(_) => 0,
    }
}

/// ptrace(2). `data` is a number, or where the kernel writes one word.
fn request(request: usize, thread: i32, address: usize, data: usize) -> Result<usize, Errno> {
    // SAFETY: of the requests of this file that come here only GETEVENTMSG writes memory, one word,
    // for which its only caller passes a word.
    unsafe { syscall!(nr::__NR_ptrace, request, thread, address, data) }
}
