//! Attending to a child: what it waits for at first, then signals, wall time and its end.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use ringfence_sys::signal;
use ringfence_sys::spawn::{Child, Ended, Report};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::leftover::Leftovers;
use super::relay::Relay;
use super::{Error, Options, Outcome, idmap};
use crate::plan::Plan;

/// Between SIGTERM and SIGKILL at the wall limit: enough to flush, too short to be useful.
const GRACE: Duration = Duration::from_secs(2);
const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;
const SIGCHLD: i32 = 17;
const SIGWINCH: i32 = 28;
const SIGCONT: i32 = 18;

/// All that is needed to attend to a child.
pub(super) struct Attendant<'l, 'p> {
    pub(super) plan: &'l Plan<'p>,
    pub(super) leftovers: &'l Leftovers,
    pub(super) signals: &'l OwnedFd,
    pub(super) options: Options,
}

/// When the child is told to end, and when it is made to.
struct Deadline {
    next: Option<Instant>,
    told: bool,
}

impl Attendant<'_, '_> {
    pub(super) fn attend(&self, child: &mut Child<'_>) -> Result<Outcome, Error> {
        if self.plan.waits() {
            match child.report(true) {
                Some(Report::Waiting) => {
                    idmap::write(self.plan, child.pid())?;
                    self.leftovers.enter(child.pid())?;
                    let _ = child.go_on();
                }
                report => return Err(failed(child, report)),
            }
        }
        let mut relay = match self.plan.terminal {
            None => None,
            Some(fds) => match child.report(true) {
                Some(Report::Terminal(master)) => {
                    let relay = Relay::start(master, fds)?;
                    let _ = child.go_on();
                    Some(relay)
                }
                report => return Err(failed(child, report)),
            },
        };
        self.until_the_end(child, relay.as_mut());
        let ended = child.wait(true);
        if let Some(relay) = relay {
            relay.finish();
        }
        match child.report(false) {
            Some(Report::Failed { step, errno }) => {
                Err(Error::Step(ringfence_sys::run::Failure { step, errno }))
            }
            _ => Ok(Outcome::Ended(status(ended))),
        }
    }

    fn until_the_end(&self, child: &Child<'_>, mut relay: Option<&mut Relay>) {
        let mut deadline = Deadline { next: self.plan.wall.map(|wall| Instant::now() + wall), told: false };
        let mut released = !self.options.release_stdio || relay.is_some();
        loop {
            let wanted = {
                let mut fds = vec![
                    PollFd::from_borrowed_fd(child.pidfd(), PollFlags::IN),
                    PollFd::new(self.signals, PollFlags::IN),
                ];
                let channel = (!released).then(|| child.channel());
                if let Some(channel) = channel {
                    fds.push(PollFd::from_borrowed_fd(channel, PollFlags::HUP));
                }
                let own = fds.len();
                if let Some(relay) = relay.as_deref() {
                    relay.wishes(&mut fds);
                }
                let timeout = deadline.next.map(|at| until(at));
                let ready = poll(&mut fds, timeout.as_ref());
                let revents: Vec<_> = fds.iter().map(PollFd::revents).collect();
                if ready.is_err() {
                    Vec::new()
                } else {
                    revents[..own].iter().chain(&revents[own..]).copied().collect()
                }
            };
            let fired = |n: usize| wanted.get(n).is_some_and(|flags: &PollFlags| !flags.is_empty());
            if fired(0) {
                return;
            }
            if fired(1) {
                self.signals(child, relay.as_deref_mut());
            }
            if !released && fired(2) {
                release_stdio();
                released = true;
                continue;
            }
            if let Some(relay) = relay.as_deref_mut() {
                relay.carry(wanted.get(2..).unwrap_or_default());
            }
            deadline.check(child);
        }
    }

    fn signals(&self, child: &Child<'_>, mut relay: Option<&mut Relay>) {
        while let Some(number) = signal::next(self.signals) {
            match (number, relay.as_deref_mut()) {
                (SIGCHLD, _) => {}
                (SIGWINCH | SIGCONT, Some(relay)) => relay.refresh(),
                _ => child.signal(number),
            }
        }
    }
}

impl Deadline {
    fn check(&mut self, child: &Child<'_>) {
        if !self.next.is_some_and(|at| Instant::now() >= at) {
            return;
        }
        child.signal(if self.told { SIGKILL } else { SIGTERM });
        self.next = (!self.told).then(|| Instant::now() + GRACE);
        self.told = true;
    }
}

fn until(at: Instant) -> Timespec {
    let left = at.saturating_duration_since(Instant::now());
    Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) }
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
            child.signal(SIGKILL);
            Error::Died(child.wait(true).unwrap_or(Ended::Signaled(SIGKILL)))
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
