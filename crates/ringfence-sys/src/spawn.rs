//! clone3(2) with vfork-like sharing of memory, a pidfd, and the ways in which a child says what
//! failed: a word in the shared memory, and a socket where there is more to say.
//!
//! A child runs on a stack of its own in the memory of its maker, so that a large caller pays
//! nothing for it. That is sound because [`with_child`] does not return before the child is gone.

use core::ffi::c_void;
use core::marker::PhantomData;

use linux_raw_sys::general as nr;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::raw::{Errno, close, exit, syscall};
use crate::run::{self, Failure, Line, Machine};
use crate::step::Step;
use crate::word::{Said, Word};

/// Size of one stack: the interpreter needs less than a quarter of it.
const STACK: usize = 32 * 1024;
/// The init's, below the word that it shares with its maker; a multiple of 16.
const INIT_STACK: usize = STACK - 64;
const PAGE: usize = 4096;
const CLONE_VM: u64 = 0x100;
const CLONE_VFORK: u64 = 0x4000;
const CLONE_PIDFD: u64 = 0x1000;
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
const SIGCHLD: u64 = 17;

/// `struct clone_args` of linux/sched.h, as of 5.7.
#[repr(C, align(8))]
#[derive(Default)]
pub(crate) struct CloneArgs {
    pub(crate) flags: u64,
    pub(crate) pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    pub(crate) exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    pub(crate) cgroup: u64,
}

/// What a child tells its maker.
#[derive(Debug)]
pub enum Report {
    /// Step `step` of the program failed; the child is gone.
    Failed {
        /// Index into the steps.
        step: usize,
        /// Why.
        errno: Errno,
    },
    /// The child waits at [`Step::Sync`] for [`Child::go_on`].
    Waiting,
    /// The command waits at [`Step::Attended`] for [`Child::go_on`].
    Command,
    /// The master of the terminal that [`Step::OpenTerminal`] made; the child waits for
    /// [`Child::go_on`], so that size and modes can be set before any program sees it.
    Terminal(OwnedFd),
    /// The listener of the filter that [`Step::SeccompListen`] set; the child goes on.
    Listener(OwnedFd),
}

/// How a child ended, waitid(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// exit(3) with this status.
    Exited(i32),
    /// This signal.
    Signaled(i32),
}

/// What clone3(2) is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// `CLONE_NEW*`.
    pub namespaces: u64,
    /// `CLONE_INTO_CGROUP`: a directory of cgroup v2.
    pub cgroup: Option<BorrowedFd<'a>>,
    /// What the init holds open as long as it lives, and no program that it starts: it must be
    /// close-on-exec.
    pub kept: Option<BorrowedFd<'a>>,
    /// The stacks of a child that has ended stay mapped: for a process that ends soon itself.
    pub leave: bool,
}

/// A child process: what can be done to it by whoever made it.
#[derive(Debug)]
pub struct Handle {
    pid: i32,
    pidfd: OwnedFd,
    ended: Option<Ended>,
}

/// A child that runs steps. It exists inside [`with_child`] only, which the steps outlive.
#[derive(Debug)]
pub struct Child<'s> {
    handle: Handle,
    /// Only where the child has something to ask for.
    channel: Option<OwnedFd>,
    word: &'s Word,
    started: bool,
    steps: PhantomData<&'s ()>,
}

/// A child that has done its steps and is the init of a running command. Killed and reaped when
/// dropped.
#[derive(Debug)]
pub struct Running {
    handle: Handle,
    /// The init runs on one of these.
    _stacks: Stacks,
}

struct Start<'a> {
    steps: &'a [Step<'a>],
    /// -1: none.
    channel: i32,
    /// -1: none.
    parents_end: i32,
    /// A pidfd of the maker; -1 where the channel tells whether it is there.
    maker: i32,
    /// -1: none.
    kept: i32,
    word: &'a Word,
    command_stack: *mut u8,
}

/// Clones a child that runs `steps`, and gives it to `attend`.
///
/// After that the child is handed over where `attend` saw that it started ([`Child::started`]);
/// otherwise it is killed and reaped. All signals should be blocked while this runs: the child
/// starts with the caller's mask.
///
/// # Errors
/// The errno of mmap(2), socketpair(2), pidfd_open(2) or clone3(2); nothing is started then.
pub fn with_child<R>(
    steps: &[Step<'_>],
    request: &Request<'_>,
    attend: impl FnOnce(&mut Child<'_>) -> R,
) -> Result<(R, Option<Running>), Errno> {
    let stacks = Stacks::new()?;
    let asks = steps.iter().any(|step| {
        matches!(step, Step::Sync | Step::Attended | Step::OpenTerminal { .. } | Step::SeccompListen { .. })
    });
    let (ours, childs) =
        if asks { channel().map(|(ours, childs)| (Some(ours), Some(childs)))? } else { (None, None) };
    let maker = if asks { None } else { Some(own_pidfd()?) };
    let number = |fd: &Option<OwnedFd>| fd.as_ref().map_or(-1, AsRawFd::as_raw_fd);
    let start = Start {
        steps,
        channel: number(&childs),
        parents_end: number(&ours),
        maker: number(&maker),
        kept: request.kept.map_or(-1, |fd| fd.as_raw_fd()),
        word: stacks.word(),
        command_stack: stacks.command(),
    };
    let mut pidfd: i32 = -1;
    let mut args = CloneArgs {
        flags: CLONE_VM | CLONE_PIDFD | request.namespaces,
        pidfd: &raw mut pidfd as u64,
        exit_signal: SIGCHLD,
        stack: stacks.init() as u64,
        stack_size: INIT_STACK as u64,
        ..CloneArgs::default()
    };
    if let Some(cgroup) = request.cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = cgroup.as_raw_fd() as u64;
    }
    // SAFETY: the stack is fresh and larger than the interpreter needs; `start` and all it borrows
    // outlive their use: below, the child is either reaped, or has said that the command has
    // started, which it does after its last look at them.
    let pid = unsafe { clone_calling(&args, child_main, (&raw const start).cast()) }?;
    drop((childs, maker));
    // SAFETY: clone3 succeeded, so the kernel has put a new descriptor there.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    let handle = Handle { pid, pidfd, ended: None };
    let child = Child { handle, channel: ours, word: stacks.word(), started: false, steps: PhantomData };
    let mut guard = Guard { child };
    let result = attend(&mut guard.child);
    let over = guard.hand_over();
    if over.is_none() && request.leave {
        core::mem::forget(stacks);
        return Ok((result, None));
    }
    Ok((result, over.map(|handle| Running { handle, _stacks: stacks })))
}

/// Sees to it that a panic in `attend` leaves no child behind that borrows what is unwound.
struct Guard<'s> {
    child: Child<'s>,
}

impl Guard<'_> {
    fn hand_over(self) -> Option<Handle> {
        let Self { child } = self;
        let Child { handle, started, .. } = child;
        (started && handle.ended.is_none()).then_some(handle)
    }
}

impl Handle {
    /// Becomes readable when the child has ended.
    #[must_use]
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// The process id in the caller's pid namespace.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// pidfd_send_signal(2). A child that has ended is not an error.
    pub fn signal(&self, signal: i32) {
        if self.ended.is_none() {
            // SAFETY: no memory arguments are used; the pidfd is ours.
            let _ = unsafe { syscall!(nr::__NR_pidfd_send_signal, self.pidfd.as_raw_fd(), signal, 0, 0) };
        }
    }

    /// Waits for the end (`wait` true), or asks whether it has come.
    pub fn wait(&mut self, wait: bool) -> Option<Ended> {
        if self.ended.is_none() {
            self.ended = run::wait_for(self.pid, wait);
        }
        self.ended
    }
}

impl Drop for Handle {
    /// Kills and reaps: nothing of a child outlives its maker's attention.
    fn drop(&mut self) {
        if self.ended.is_none() {
            self.signal(9);
            self.wait(true);
        }
    }
}

impl Child<'_> {
    /// The process.
    pub fn handle(&mut self) -> &mut Handle {
        &mut self.handle
    }

    /// The next report; `None` where there is none now (`wait` false), or will be none of what the
    /// child asks for (`wait` true).
    pub fn report(&mut self, wait: bool) -> Option<Report> {
        let asked = self.channel.as_ref().and_then(|channel| run::receive(channel.as_raw_fd(), wait));
        asked.or(match self.word.said() {
            Said::Failed(Failure { step, errno }) => Some(Report::Failed { step, errno }),
            Said::Nothing | Said::Started => None,
        })
    }

    /// Whether the command's execve(2) has been done.
    ///
    /// # Errors
    /// The report of what failed.
    pub fn started(&mut self) -> Result<bool, Report> {
        match self.word.said() {
            Said::Failed(Failure { step, errno }) => return Err(Report::Failed { step, errno }),
            Said::Started => self.started = true,
            Said::Nothing => {}
        }
        Ok(self.started)
    }

    /// Lets a child go on that waits at [`Step::Sync`] or [`Step::OpenTerminal`].
    ///
    /// # Errors
    /// `EPIPE` where it is gone; `EBADF` where no step of it waits.
    pub fn go_on(&mut self) -> Result<(), Errno> {
        let channel = self.channel.as_ref().ok_or(Errno::BADF)?;
        run::send_word(channel.as_raw_fd())
    }
}

impl Running {
    /// The process.
    pub fn handle(&mut self) -> &mut Handle {
        &mut self.handle
    }
}

extern "C" fn child_main(start: *const c_void) -> ! {
    // SAFETY: `with_child` passes a `Start` that outlives the child.
    let start = unsafe { &*start.cast::<Start<'_>>() };
    if start.parents_end >= 0 {
        close(start.parents_end);
    }
    let line = Line { channel: start.channel, maker: start.maker, word: Some(start.word), kept: start.kept };
    let mut machine = Machine::new(line, start.command_stack);
    // SAFETY: this is the fresh child of `with_child`, with a descriptor table of its own.
    let failure = unsafe { machine.run(start.steps, 0) };
    machine.tell_failure(failure);
    exit(125)
}

/// vfork with a stack: the caller stands still until the command has called execve or is gone.
///
/// # Safety
/// `stack_top` ends a writable area of [`STACK`] bytes that nothing else uses; `argument` lives on.
pub(crate) unsafe fn vfork_calling(
    stack: *mut u8,
    entry: extern "C" fn(*const c_void) -> !,
    argument: *const c_void,
) -> Result<i32, Errno> {
    let args = CloneArgs {
        flags: CLONE_VM | CLONE_VFORK,
        exit_signal: SIGCHLD,
        stack: stack as u64,
        stack_size: STACK as u64,
        ..CloneArgs::default()
    };
    // SAFETY: passed on to the caller.
    unsafe { clone_calling(&args, entry, argument) }
}

/// clone3(2); the child calls `entry(argument)` on its new stack and never comes back.
///
/// # Safety
/// `args` names a stack that is unused and stays mapped as long as the child lives.
unsafe fn clone_calling(
    args: &CloneArgs,
    entry: extern "C" fn(*const c_void) -> !,
    argument: *const c_void,
) -> Result<i32, Errno> {
    let answer: isize;
    // SAFETY: the child's registers are the parent's, its stack is empty and 16-byte aligned; it
    // leaves by `call` into a function that does not return. The parent sees an ordinary call.
    unsafe {
        core::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r12",
            "call r13",
            "ud2",
            "2:",
            inlateout("rax") nr::__NR_clone3 as isize => answer,
            in("rdi") core::ptr::from_ref(args),
            in("rsi") size_of::<CloneArgs>(),
            in("r12") argument,
            in("r13") entry,
            lateout("rcx") _, lateout("r11") _,
        );
    }
    crate::raw::check(answer).map(|pid| pid as i32)
}

/// Two stacks, each with a page below it that may not be touched.
#[derive(Debug)]
pub(crate) struct Stacks {
    base: usize,
}

impl Stacks {
    const LEN: usize = 2 * (STACK + PAGE);
    /// Of the word, on top of the stack of the init, where a page is in use anyway.
    const WORD: usize = PAGE + INIT_STACK;

    pub(crate) fn new() -> Result<Self, Errno> {
        let (read_write, private_anonymous) = (3, 0x22);
        // SAFETY: a new anonymous mapping touches nothing that exists.
        let base =
            unsafe { syscall!(nr::__NR_mmap, 0, Self::LEN, read_write, private_anonymous, usize::MAX, 0) }?;
        let stacks = Self { base };
        // SAFETY: inside the mapping, which is aligned to pages and used by nobody yet.
        unsafe { core::ptr::with_exposed_provenance_mut::<Word>(base + Self::WORD).write(Word::new()) };
        for guard in [base, base + STACK + PAGE] {
            // SAFETY: the page is part of the mapping above, which nothing uses yet.
            unsafe { syscall!(nr::__NR_mprotect, guard, PAGE, 0) }?;
        }
        Ok(stacks)
    }

    fn word(&self) -> &Word {
        // SAFETY: `new` has put one there, outside of both stacks; it is only changed atomically.
        unsafe { &*core::ptr::with_exposed_provenance::<Word>(self.base + Self::WORD) }
    }

    fn init(&self) -> *mut u8 {
        core::ptr::with_exposed_provenance_mut(self.base + PAGE)
    }

    pub(crate) fn command(&self) -> *mut u8 {
        core::ptr::with_exposed_provenance_mut(self.base + STACK + 2 * PAGE)
    }
}

impl Drop for Stacks {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and the children that ran on it are gone.
        let _ = unsafe { syscall!(nr::__NR_munmap, self.base, Self::LEN) };
    }
}

/// A pidfd of the calling process, close-on-exec, pidfd_open(2).
fn own_pidfd() -> Result<OwnedFd, Errno> {
    // SAFETY: numbers only; a new descriptor is ours.
    unsafe {
        let own = syscall!(nr::__NR_getpid)?;
        syscall!(nr::__NR_pidfd_open, own, 0).map(|fd| OwnedFd::from_raw_fd(fd as i32))
    }
}

/// A connected pair that keeps messages apart and closes at execve(2): `SOCK_SEQPACKET`.
pub(crate) fn channel() -> Result<(OwnedFd, OwnedFd), Errno> {
    let (af_unix, seqpacket_cloexec) = (1, 5 | 0o2000000);
    let mut pair = [-1i32; 2];
    // SAFETY: socketpair writes two ints.
    unsafe { syscall!(nr::__NR_socketpair, af_unix, seqpacket_cloexec, 0, pair.as_mut_ptr()) }?;
    // SAFETY: both are new and ours.
    Ok(unsafe { (OwnedFd::from_raw_fd(pair[0]), OwnedFd::from_raw_fd(pair[1])) })
}
