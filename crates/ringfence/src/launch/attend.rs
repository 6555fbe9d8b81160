//! Attending to a child: what it waits for at first, then signals, wall time and its end.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use ringfence_sys::janitor::Word;
use ringfence_sys::signal::{self, Blocked};
use ringfence_sys::spawn::{self, Child, Ended, Handle, Report};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::leftover::Leftovers;
use super::observer::{DESCRIPTORS, Observer};
use super::relay::Relay;
use super::{Error, Options, idmap};
use crate::plan::Plan;

/// Between SIGTERM and SIGKILL at the wall limit: enough to flush, too short to be useful.
const GRACE: Duration = Duration::from_secs(2);
/// A command that ends sooner is not worth the trouble of letting memory go.
const PATIENCE: Duration = Duration::from_millis(50);
/// pidfd, signals, the terminal's two directions, the janitor, and the observer's.
const MOST: usize = 5 + DESCRIPTORS;
const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;
const SIGCHLD: i32 = 17;
const SIGWINCH: i32 = 28;
const SIGCONT: i32 = 18;

/// A child while it still needs the plan.
pub(super) struct Starting<'l, 'p> {
    pub(super) plan: &'l Plan<'p>,
    pub(super) leftovers: &'l Leftovers,
    pub(super) signals: &'l Signals,
}

/// How signals come in. All are blocked as long as this lives.
#[derive(Debug)]
pub(super) enum Signals {
    /// One by one, the end of the child among them: where there is nothing else to wait for, and
    /// nobody else in this process who would take them.
    Taken(Blocked),
    /// From a descriptor, beside others.
    Read { descriptor: OwnedFd, _blocked: Blocked },
}

impl Signals {
    /// `alone`: there is nothing to wait for but signals and the terminal.
    pub(super) fn new(
        plan: &Plan<'_>,
        options: Options,
        alone: bool,
        blocked: Blocked,
    ) -> Result<Self, Error> {
        if alone && options.dedicated && plan.terminal.is_none() && signal::children_are_told() {
            return Ok(Self::Taken(blocked));
        }
        let descriptor = blocked.descriptor().map_err(|errno| super::around("signalfd", errno))?;
        Ok(Self::Read { descriptor, _blocked: blocked })
    }
}

/// What became of a starting child.
pub(super) enum Seen<'o> {
    /// The command has ended.
    Ended(i32),
    /// The command runs.
    Started { relay: Option<Relay>, deadline: Deadline, observer: Observing<'o>, keeper: Option<Word> },
}

/// Whoever sees what is denied.
type Observing<'o> = Option<&'o mut (dyn Observer + 'o)>;

/// What is watched beside the child.
#[derive(Debug)]
pub(super) struct Watch<'o, S = Signals> {
    pub(super) signals: S,
    pub(super) relay: Option<Relay>,
    pub(super) deadline: Deadline,
    pub(super) observer: Observing<'o>,
    /// Ends with the janitor, without which the command must not run.
    pub(super) keeper: Option<Word>,
}

/// When the child is told to end, and when it is made to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    next: Option<Instant>,
    told: bool,
}

/// A running command and its supervisor. Dropped, it kills the command and cleans up.
#[derive(Debug)]
pub struct Running<'o> {
    child: spawn::Running,
    watch: Watch<'o>,
    leftovers: Leftovers,
    options: Options,
}

impl Starting<'_, '_> {
    pub(super) fn attend<'o>(
        &self,
        child: &mut Child<'_>,
        mut observer: Observing<'o>,
    ) -> Result<Seen<'o>, Error> {
        if let Some(observer) = &mut observer {
            observer.init(child.handle().pid());
        }
        if let (Some(ring), Some(observer)) = (self.leftovers.ring(), &mut observer) {
            observer.ring(ring);
        }
        if self.plan.waits() {
            match child.report(true) {
                Some(Report::Waiting) => {
                    idmap::write(self.plan, child.handle().pid())?;
                    self.leftovers.guard(self.plan.guard.as_ref(), child.handle().pid())?;
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
        if let (true, Some(observer)) = (self.plan.is_attended(), &mut observer) {
            match child.report(true) {
                Some(Report::Command) => {
                    let doing = "attend to the command".to_owned();
                    observer.command().map_err(|source| Error::Around { doing, source })?;
                    let _ = child.go_on();
                }
                report => return Err(failed(child, report)),
            }
        }
        if let (true, Some(observer)) = (self.plan.listens(), &mut observer) {
            match child.report(true) {
                Some(Report::Listener(listener)) => observer.listener(listener),
                report => return Err(failed(child, report)),
            }
        }
        let deadline = Deadline { next: self.plan.wall.map(|wall| Instant::now() + wall), told: false };
        // Neither a terminal nor a flood of denials ever rests.
        let begun = (relay.is_some() || observer.is_some()).then(Instant::now);
        let keeper = self.leftovers.keeper()?;
        let mut watch = Watch { signals: self.signals, relay, deadline, observer, keeper };
        loop {
            match watch.once(child.handle(), Some(PATIENCE)) {
                Happened::Ended => return self.ended(child, watch),
                Happened::Something if begun.is_none_or(|begun| begun.elapsed() < PATIENCE) => continue,
                Happened::Something | Happened::Nothing => {}
            }
            match child.started() {
                Ok(true) => {
                    let Watch { relay, deadline, observer, keeper, .. } = watch;
                    return Ok(Seen::Started { relay, deadline, observer, keeper });
                }
                Ok(false) => {}
                Err(report) => return Err(failed(child, Some(report))),
            }
        }
    }

    fn ended<'o, S>(&self, child: &mut Child<'_>, watch: Watch<'_, S>) -> Result<Seen<'o>, Error> {
        let ended = child.handle().wait(true);
        if let Some(observer) = watch.observer {
            look_last(observer, self.leftovers);
        }
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

impl<'o> Running<'o> {
    pub(super) fn new(
        child: spawn::Running,
        watch: Watch<'o>,
        leftovers: Leftovers,
        options: Options,
    ) -> Self {
        Self { child, watch, leftovers, options }
    }

    /// Waits for the command.
    pub fn wait(mut self) -> End {
        if self.options.dedicated {
            if self.watch.relay.is_none() {
                release_stdio();
            }
            if let Signals::Read { .. } = self.watch.signals {
                ringfence_sys::trim::code();
            }
        }
        while self.watch.once(self.child.handle(), None) != Happened::Ended {}
        let ended = self.child.handle().wait(true);
        if let Some(observer) = &mut self.watch.observer {
            look_last(*observer, &self.leftovers);
        }
        if let Some(relay) = self.watch.relay.take() {
            relay.finish();
        }
        // What is left, is left with a name that tells whose it was: the next run sweeps it.
        let _ = self.leftovers.remove();
        End { status: status(ended), overtime: self.watch.deadline.told }
    }
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// Its exit status, or 128+n for a signal.
    pub status: i32,
    /// Whether it was told to end because its wall time was over.
    pub overtime: bool,
}

/// What a wait ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Happened {
    /// The child has ended.
    Ended,
    /// Something that was seen to.
    Something,
    /// The time is over.
    Nothing,
}

impl<S: std::borrow::Borrow<Signals>> Watch<'_, S> {
    /// Waits for one thing to happen, no longer than `patience`, and sees to it.
    fn once(&mut self, child: &mut Handle, patience: Option<Duration>) -> Happened {
        // The clock is not read where nobody asks for the time: its pages cost more than the wait.
        let left = self.deadline.next.map(|at| at.saturating_duration_since(Instant::now()));
        let time = [patience, left].into_iter().flatten().min();
        let happened = match self.signals.borrow() {
            Signals::Taken(blocked) => {
                let time = time.map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
                // Without patience, the command has been handed over and may run for long.
                Self::taken(
                    if patience.is_none() { blocked.take_lean(time) } else { blocked.take(time) },
                    child,
                )
            }
            Signals::Read { .. } => self.poll(child, time),
        };
        self.deadline.check(child);
        happened
    }

    /// Each signal may be the end of the child, which is asked about.
    fn taken(signal: Option<i32>, child: &mut Handle) -> Happened {
        match signal {
            Some(SIGCHLD) if child.wait(false).is_some() => return Happened::Ended,
            Some(SIGCHLD) => {}
            Some(number) => child.signal(number),
            None => return Happened::Nothing,
        }
        Happened::Something
    }

    fn poll(&mut self, child: &Handle, time: Option<Duration>) -> Happened {
        let Signals::Read { descriptor: signals, .. } = self.signals.borrow() else {
            return Happened::Nothing;
        };
        let [mut ended, mut signalled, mut observed, mut alone] = [false; 4];
        let mut ready = [PollFlags::empty(); MOST];
        {
            let idle = || PollFd::from_borrowed_fd(child.pidfd(), PollFlags::IN);
            let mut fds: [PollFd<'_>; MOST] = std::array::from_fn(|_| idle());
            fds[1] = PollFd::new(signals, PollFlags::IN);
            let mut used = 2;
            if let Some(relay) = &self.relay {
                used += relay.wishes(&mut fds[2..4]);
            }
            let of_relay = used;
            if let Some(keeper) = &self.keeper {
                // No events: POLLHUP comes unasked.
                fds[used] = PollFd::from_borrowed_fd(keeper.as_fd(), PollFlags::empty());
                used += 1;
            }
            let of_keeper = used;
            let observers = self.observer.iter().flat_map(|observer| observer.descriptors());
            for (place, fd) in fds[used..].iter_mut().zip(observers) {
                *place = PollFd::from_borrowed_fd(fd, PollFlags::IN);
                used += 1;
            }
            let ask = self.relay.as_ref().and_then(Relay::patience);
            let timeout = [time, ask].into_iter().flatten().min().map(timespec);
            if poll(&mut fds[..used], timeout.as_ref()).is_ok() {
                for (flags, fd) in ready.iter_mut().zip(&fds[..used]) {
                    *flags = fd.revents();
                }
                ended = !ready[0].is_empty();
                signalled = !ready[1].is_empty();
                alone = !ready[of_relay..of_keeper].iter().all(PollFlags::is_empty);
                observed = ready[of_keeper..].iter().any(|flags| !flags.is_empty());
                ready[of_relay..].fill(PollFlags::empty());
            }
        }
        if signalled {
            // What a tracer sees is told by the same signal as the end of a child.
            observed |= self.signals(child);
        }
        if alone {
            child.signal(SIGKILL);
            self.keeper = None;
        }
        if let Some(relay) = &mut self.relay {
            relay.carry(&ready[2..]);
            if relay.patience().is_some() {
                relay.refresh();
            }
        }
        if let (true, Some(observer)) = (observed, &mut self.observer) {
            observer.look();
        }
        match (ended, observed || alone || ready.iter().any(|flags| !flags.is_empty())) {
            (true, _) => Happened::Ended,
            (false, true) => Happened::Something,
            (false, false) => Happened::Nothing,
        }
    }

    /// Passes signals on; whether one of a child was among them.
    fn signals(&mut self, child: &Handle) -> bool {
        let mut of_child = false;
        let Signals::Read { descriptor, .. } = self.signals.borrow() else { return of_child };
        while let Some(number) = signal::next(descriptor.as_fd()) {
            match (number, &mut self.relay) {
                (SIGCHLD, _) => of_child = true,
                (SIGWINCH | SIGCONT, Some(relay)) => relay.refresh(),
                _ => child.signal(number),
            }
        }
        of_child
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

fn timespec(left: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(left.subsec_nanos()),
    }
}

/// Nothing more is denied: what was, is all there now.
fn look_last(observer: &mut dyn Observer, leftovers: &Leftovers) {
    observer.look();
    if let Some(count) = leftovers.denied() {
        observer.denied(count);
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
