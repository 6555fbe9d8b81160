//! A child for one attempt: clone3(2) without `CLONE_VM`, the steps of a plan, then the attempt.

use core::time::Duration;

use linux_raw_sys::general as nr;
use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::carry::{self, Act};
use super::{Attempt, End, Page, Script, gate};
use crate::raw::{Errno, close, syscall};
use crate::run::{self, Line, Machine};
use crate::spawn::{CloneArgs, Ended, Report, Stacks, channel};
use crate::step::Step;

const CLONE_PIDFD: u64 = 0x1000;
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
const SIGCHLD: u64 = 17;

/// What an attempt needs around it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// `CLONE_NEW*`.
    pub namespaces: u64,
    /// `CLONE_INTO_CGROUP`: a directory of cgroup v2.
    pub cgroup: Option<BorrowedFd<'a>>,
    /// Address and length of this process' vDSO, where an entry of 32 bits is to be tried.
    pub vdso: Option<(usize, usize)>,
    /// When the child is killed, from its start.
    pub limit: Duration,
}

/// What became of the child. What it saw is in its page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tried {
    /// How the first process ended: the init of the plan, or the child itself.
    pub ended: Ended,
    /// It was killed at the time limit.
    pub late: bool,
}

/// A child while its steps run.
#[derive(Debug)]
pub struct Child<'c> {
    /// Its process id.
    pub pid: i32,
    channel: &'c OwnedFd,
}

impl Child<'_> {
    /// Lets it go on that waits at [`Step::Sync`].
    ///
    /// # Errors
    /// `EPIPE` where it is gone.
    pub fn go_on(&self) -> Result<(), Errno> {
        run::send_word(self.channel.as_raw_fd())
    }
}

/// Runs `steps` and then `attempt` in a child with memory of its own, and waits for its end.
/// `waiting` is called where the child waits at [`Step::Sync`]; where it says `false` the child is killed.
///
/// All signals should be blocked: the child starts with the caller's mask, and a step resets it.
///
/// # Errors
/// The errno of socketpair(2), mmap(2), clone3(2) or poll(2); nothing is left then.
pub fn attempt(
    steps: &[Step<'_>],
    request: &Request<'_>,
    attempt: &Attempt<'_>,
    page: &mut Page,
    waiting: &mut dyn FnMut(&Child<'_>) -> bool,
) -> Result<Tried, Errno> {
    let held = start(steps, request, attempt, page)?;
    let late = held.watch(request.limit, waiting, None) != Watched::Ended;
    Ok(held.end(late))
}

/// As [`attempt`], but comes back as soon as the child waits at [`super::Deed::Hold`].
///
/// # Errors
/// As [`attempt`].
pub fn hold(
    steps: &[Step<'_>],
    request: &Request<'_>,
    attempt: &Attempt<'_>,
    page: &mut Page,
    waiting: &mut dyn FnMut(&Child<'_>) -> bool,
) -> Result<Holding, Errno> {
    let held = start(steps, request, attempt, page)?;
    Ok(match held.watch(request.limit, waiting, Some(page)) {
        Watched::Held => Holding::Held(held),
        watched => Holding::Over(held.end(watched == Watched::Late)),
    })
}

/// What became of a child that is to hold.
#[derive(Debug)]
pub enum Holding {
    /// It waits.
    Held(Held),
    /// It has ended, or was killed at the time limit.
    Over(Tried),
}

/// A child that waits. Killed and reaped when dropped.
#[derive(Debug)]
pub struct Held {
    pid: i32,
    pidfd: OwnedFd,
    channel: OwnedFd,
    ended: bool,
    _stacks: Stacks,
}

#[derive(PartialEq, Eq)]
enum Watched {
    Ended,
    Held,
    Late,
}

impl Held {
    /// Its process id, as its maker sees it.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Lets it go on, and waits for its end.
    #[must_use]
    pub fn release(self, page: &Page, limit: Duration) -> Tried {
        page.view().release();
        let late = self.watch(limit, &mut |_| true, None) != Watched::Ended;
        self.end(late)
    }

    fn kill(&self) {
        // SAFETY: no memory arguments are used; the pidfd is ours.
        let _ = unsafe { syscall!(nr::__NR_pidfd_send_signal, self.pidfd.as_raw_fd(), 9, 0, 0) };
    }

    fn end(mut self, late: bool) -> Tried {
        if late {
            self.kill();
        }
        self.ended = true;
        Tried { ended: run::wait_for(self.pid, true).unwrap_or(Ended::Signaled(9)), late }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.ended {
            self.kill();
            run::wait_for(self.pid, true);
        }
    }
}

fn start(
    steps: &[Step<'_>],
    request: &Request<'_>,
    attempt: &Attempt<'_>,
    page: &mut Page,
) -> Result<Held, Errno> {
    page.clear();
    let stacks = Stacks::new()?;
    let (ours, childs) = channel()?;
    let mut pidfd: i32 = -1;
    let mut args = CloneArgs::default();
    args.flags = CLONE_PIDFD | request.namespaces;
    args.pidfd = &raw mut pidfd as u64;
    args.exit_signal = SIGCHLD;
    if let Some(cgroup) = request.cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = cgroup.as_raw_fd() as u64;
    }
    let act = Act { attempt, view: page.view(), fast: false };
    // SAFETY: without CLONE_VM the child goes on in a copy of this memory and never returns from here.
    let pid = match unsafe { syscall!(nr::__NR_clone3, &raw const args, size_of::<CloneArgs>()) } {
        // A filter cannot see what clone3 is asked for, so many refuse it: clone(2) does as well here.
        Err(Errno::NOSYS | Errno::PERM) if request.namespaces == 0 && request.cgroup.is_none() => {
            let flags = CLONE_PIDFD | SIGCHLD;
            // SAFETY: as above; the kernel puts a descriptor where `pidfd` is.
            unsafe { syscall!(nr::__NR_clone, flags, 0, &raw mut pidfd) }? as i32
        }
        other => other? as i32,
    };
    if pid == 0 {
        close(ours.as_raw_fd());
        child(steps, act, request.vdso, childs.as_raw_fd(), stacks.command());
    }
    drop(childs);
    // SAFETY: clone3 succeeded, so the kernel has put a new descriptor there.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Held { pid, pidfd, channel: ours, ended: false, _stacks: stacks })
}

/// The child's side; the end of the process.
fn child(steps: &[Step<'_>], act: Act<'_>, vdso: Option<(usize, usize)>, channel: i32, stack: *mut u8) -> ! {
    let mut act = act;
    if let Some(vdso) = vdso {
        // SAFETY: this process has memory of its own, and no code that runs in it uses the vDSO.
        act.fast = unsafe { gate::prepare_fast(vdso) }.is_ok();
    }
    // SAFETY: memory and signal actions are this process' own; `act` lives until its end.
    let _ = unsafe { carry::prepare(&raw const act) };
    if !carry::outside(&act) {
        carry::end();
    }
    let mut machine = Machine::new(Line { channel, maker: -1, word: None, kept: -1 }, stack);
    if let Attempt::Script(Script { program: Some(image), .. }) = *act.attempt {
        machine.kept = [image.page(), image.descriptor()];
        let (set_flags, none) = (2, 0);
        // SAFETY: a number; the table of descriptors is this process' own.
        let _ = unsafe { syscall!(nr::__NR_fcntl, image.page(), set_flags, none) };
    }
    machine.end = Some(End { act: carry::carry, note: carry::note_failure });
    // SAFETY: this is a fresh process made for the steps.
    let failure = unsafe { machine.run(steps, 0) };
    carry::note_failure(failure);
    carry::end()
}

impl Held {
    /// Attends to the child until it ends, or waits itself, or the time is up.
    fn watch(
        &self,
        limit: Duration,
        waiting: &mut dyn FnMut(&Child<'_>) -> bool,
        page: Option<&Page>,
    ) -> Watched {
        let child = Child { pid: self.pid, channel: &self.channel };
        let mut left = limit.as_millis() as i64;
        let mut open = true;
        loop {
            if page.is_some_and(Page::held) {
                return Watched::Held;
            }
            let before = now();
            let mut polls = [
                nr::pollfd { fd: self.pidfd.as_raw_fd(), events: 1, revents: 0 },
                nr::pollfd { fd: if open { child.channel.as_raw_fd() } else { -1 }, events: 1, revents: 0 },
            ];
            // Nothing tells that a child holds: a filter may deny whatever could.
            let patience = if page.is_some() { 1 } else { left.max(0) };
            // SAFETY: poll reads and writes two `struct pollfd`.
            let ready = unsafe { syscall!(nr::__NR_poll, polls.as_mut_ptr(), 2, patience) };
            if polls[0].revents != 0 {
                return Watched::Ended;
            }
            if ready.is_ok() && polls[1].revents != 0 {
                match run::receive(child.channel.as_raw_fd(), false) {
                    Some(Report::Waiting) => {
                        if !waiting(&child) {
                            return Watched::Late;
                        }
                    }
                    Some(_) => {}
                    None => open = false,
                }
            }
            left -= now() - before;
            if left <= 0 {
                return Watched::Late;
            }
        }
    }
}

/// Milliseconds of `CLOCK_MONOTONIC`.
pub(super) fn now() -> i64 {
    let mut time = [0i64; 2];
    let monotonic = 1;
    // SAFETY: clock_gettime writes one `struct timespec` of two words.
    let _ = unsafe { syscall!(nr::__NR_clock_gettime, monotonic, time.as_mut_ptr()) };
    time[0] * 1000 + time[1] / 1_000_000
}
