//! Attending to a child: what it waits for at first, then signals, wall time and its end.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use ringfence_sys::janitor::Word;
use ringfence_sys::signal::{self, Blocked};
use ringfence_sys::spawn::{self, Child, Ended, Handle, Report};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::leftover::Leftovers;
use super::relay::Relay;
use super::{Error, Options, idmap};
use crate::plan::Plan;

/// Between SIGTERM and SIGKILL at the wall limit: enough to flush, too short to be useful.
const GRACE: Duration = Duration::from_secs(2);
/// A command that ends sooner is not worth the trouble of letting memory go.
const PATIENCE: Duration = Duration::from_millis(50);
/// pidfd, signals, the terminal's two directions.
const MOST: usize = 4;
const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;
const SIGCHLD: i32 = 17;
const SIGWINCH: i32 = 28;
const SIGCONT: i32 = 18;

/// A child while it still needs the plan.
pub(super) struct Starting<'l, 'p> {
    pub(super) plan: &'l Plan<'p>,
    pub(super) leftovers: &'l Leftovers,
    pub(super) signals: &'l OwnedFd,
}

/// What became of a starting child.
pub(super) enum Seen {
    /// The command has ended.
    Ended(i32),
    /// The command runs.
    Started { relay: Option<Relay>, deadline: Deadline },
}

/// What is watched beside the child.
#[derive(Debug)]
pub(super) struct Watch<S = OwnedFd> {
    pub(super) signals: S,
    pub(super) relay: Option<Relay>,
    pub(super) deadline: Deadline,
}

/// When the child is told to end, and when it is made to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    next: Option<Instant>,
    told: bool,
}

/// A running command and its supervisor. Dropped, it kills the command and cleans up.
#[derive(Debug)]
pub struct Running {
    child: spawn::Running,
    watch: Watch,
    leftovers: Leftovers,
    _blocked: Blocked,
    options: Options,
}

impl Starting<'_, '_> {
    pub(super) fn attend(&self, child: &mut Child<'_>) -> Result<Seen, Error> {
        if self.plan.waits() {
            match child.report(true) {
                Some(Report::Waiting) => {
                    idmap::write(self.plan, child.handle().pid())?;
                    self.leftovers.name_init(child.handle().pidfd())?;
                    let _ = child.go_on();
                }
                report => return Err(failed(child, report)),
            }
        }
        let relay = match self.plan.terminal {
            None => None,
            Some(fds) => Some(terminal(child, fds, self.leftovers.word()?)?),
        };
        let deadline = Deadline { next: self.plan.wall.map(|wall| Instant::now() + wall), told: false };
        let mut watch = Watch { signals: self.signals.as_fd(), relay, deadline };
        let mut patience = Instant::now() + PATIENCE;
        loop {
            if watch.once(child.handle(), Some(patience)) {
                return Self::ended(child, watch);
            }
            if Instant::now() < patience {
                continue;
            }
            match child.started() {
                Ok(true) => return Ok(Seen::Started { relay: watch.relay, deadline: watch.deadline }),
                Ok(false) => patience = Instant::now() + PATIENCE,
                Err(report) => return Err(failed(child, Some(report))),
            }
        }
    }

    fn ended<S>(child: &mut Child<'_>, watch: Watch<S>) -> Result<Seen, Error> {
        let ended = child.handle().wait(true);
        if let Some(relay) = watch.relay {
            relay.finish();
        }
        match child.report(false) {
            Some(Report::Failed { step, errno }) => {
                Err(Error::Step(ringfence_sys::run::Failure { step, errno }))
            }
            _ => Ok(Seen::Ended(status(ended))),
        }
    }
}

impl Running {
    pub(super) fn new(
        child: spawn::Running,
        watch: Watch,
        leftovers: Leftovers,
        blocked: Blocked,
        options: Options,
    ) -> Self {
        Self { child, watch, leftovers, _blocked: blocked, options }
    }

    /// Waits for the command: its exit status, or 128+n for a signal.
    pub fn wait(mut self) -> i32 {
        if self.options.dedicated {
            if self.watch.relay.is_none() {
                release_stdio();
            }
            ringfence_sys::trim::code();
        }
        while !self.watch.once(self.child.handle(), None) {}
        let ended = self.child.handle().wait(true);
        if let Some(relay) = self.watch.relay.take() {
            relay.finish();
        }
        // What is left, is left with a name that tells whose it was: the next run sweeps it.
        let _ = self.leftovers.remove();
        status(ended)
    }
}

impl<S: AsFd> Watch<S> {
    /// Waits for one thing to happen, no longer than `until`, and sees to it. Whether the child
    /// has ended.
    fn once(&mut self, child: &Handle, until: Option<Instant>) -> bool {
        let [mut ended, mut signalled] = [false, false];
        let mut ready = [PollFlags::empty(); MOST];
        {
            let idle = || PollFd::from_borrowed_fd(child.pidfd(), PollFlags::IN);
            let mut fds: [PollFd<'_>; MOST] = [idle(), idle(), idle(), idle()];
            fds[1] = PollFd::new(&self.signals, PollFlags::IN);
            let mut used = 2;
            if let Some(relay) = &self.relay {
                used += relay.wishes(&mut fds[2..]);
            }
            let ask = self.relay.as_ref().and_then(Relay::patience).map(|time| Instant::now() + time);
            let first = [until, self.deadline.next, ask].into_iter().flatten().min();
            let timeout = first.map(left);
            if poll(&mut fds[..used], timeout.as_ref()).is_ok() {
                for (flags, fd) in ready.iter_mut().zip(&fds[..used]) {
                    *flags = fd.revents();
                }
                ended = !ready[0].is_empty();
                signalled = !ready[1].is_empty();
            }
        }
        if signalled {
            self.signals(child);
        }
        if let Some(relay) = &mut self.relay {
            relay.carry(&ready[2..]);
            if relay.patience().is_some() {
                relay.refresh();
            }
        }
        self.deadline.check(child);
        ended
    }

    fn signals(&mut self, child: &Handle) {
        while let Some(number) = signal::next(self.signals.as_fd()) {
            match (number, &mut self.relay) {
                (SIGCHLD, _) => {}
                (SIGWINCH | SIGCONT, Some(relay)) => relay.refresh(),
                _ => child.signal(number),
            }
        }
    }
}

impl Deadline {
    fn check(&mut self, child: &Handle) {
        if self.next.is_none_or(|at| Instant::now() < at) {
            return;
        }
        child.signal(if self.told { SIGKILL } else { SIGTERM });
        self.next = (!self.told).then(|| Instant::now() + GRACE);
        self.told = true;
    }
}

fn terminal(child: &mut Child<'_>, fds: u8, janitor: Option<Word>) -> Result<Relay, Error> {
    match child.report(true) {
        Some(Report::Terminal(master)) => {
            let relay = Relay::start(master, fds, janitor)?;
            let _ = child.go_on();
            Ok(relay)
        }
        report => Err(failed(child, report)),
    }
}

fn left(at: Instant) -> Timespec {
    let left = at.saturating_duration_since(Instant::now());
    Timespec {
        tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(left.subsec_nanos()),
    }
}

/// The command has descriptors of its own by now; ours would only keep pipes open.
fn release_stdio() {
    if let Ok(null) = std::fs::File::options().read(true).write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdin(&null);
        let _ = rustix::stdio::dup2_stdout(&null);
    }
}

fn failed(child: &mut Child<'_>, report: Option<Report>) -> Error {
    match report {
        Some(Report::Failed { step, errno }) => Error::Step(ringfence_sys::run::Failure { step, errno }),
        _ => {
            child.handle().signal(SIGKILL);
            Error::Died(child.handle().wait(true).unwrap_or(Ended::Signaled(SIGKILL)))
        }
    }
}

fn status(ended: Option<Ended>) -> i32 {
    match ended {
        Some(Ended::Exited(status)) => status,
        Some(Ended::Signaled(signal)) => 128 + signal,
        None => 125,
    }
}
