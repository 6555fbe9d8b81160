//! One denial of a label, seen by two sources: audit's record names the label, and programs in the
//! kernel see the same call fail. It is told once, by the record. Pure, but for a timer.
//!
//! The record comes through a thread of the kernel's, so mostly after the call has failed: what may
//! be its twin is held for a moment. What finds no record is told as it is.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use ringfence_bpf::table::Abi;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use rustix::time::{timerfd_create, timerfd_settime};

use super::errno::{EACCES, EPERM};
use super::{Control, Event, Known, Value};

/// How long a failed call waits for its record: several times what audit's thread takes.
const HELD: Duration = Duration::from_millis(500);
/// How long a record waits for its call, which mostly came before it.
const KEPT: Duration = Duration::from_secs(1);
/// How many of each may wait.
const MOST: usize = 4096;

/// A call that audit's records say a label refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) process: u32,
    /// The way through the gate and the number; `None` where the record came without its call.
    pub(super) call: Option<(Option<Abi>, u32)>,
    /// What the program got, where the record of the call says it.
    pub(super) errno: Option<u16>,
    /// Names of what was refused; none where it has no name, as a socket.
    pub(super) names: Vec<Vec<u8>>,
}

/// Records and failed calls that wait for each other.
#[derive(Debug)]
pub(super) struct Twice {
    told: VecDeque<(Instant, Refused)>,
    held: VecDeque<(Instant, Event)>,
    /// Without one, what is held is told with whatever comes next.
    timer: Option<OwnedFd>,
}

impl Twice {
    pub(super) fn new() -> Self {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags).ok();
        Self { told: VecDeque::new(), held: VecDeque::new(), timer }
    }

    /// Readable when something was held for long enough.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.timer.as_ref().map(AsFd::as_fd)
    }

    /// Which failed calls are to be told now: those of which no record told, and no record will.
    pub(super) fn sift(&mut self, refused: Vec<Refused>, failed: Vec<Event>, now: Instant) -> Vec<Event> {
        self.told.extend(refused.into_iter().map(|refused| (now, refused)));
        let (may_be, mut alone): (Vec<_>, Vec<_>) = failed.into_iter().partition(may_be);
        self.held.extend(may_be.into_iter().map(|event| (now, event)));
        let told = &mut self.told;
        self.held.retain(|(_, event)| !take(told, |refused| refused.is(event)));
        while self.held.len() > MOST || older(self.held.front(), now, HELD) {
            alone.extend(self.release());
        }
        while self.told.len() > MOST || older(self.told.front(), now, KEPT) {
            self.told.pop_front();
        }
        self.set_timer(now);
        alone
    }

    /// As [`Self::sift`], once nothing more comes.
    pub(super) fn finish(&mut self, refused: Vec<Refused>, failed: Vec<Event>, now: Instant) -> Vec<Event> {
        let mut alone = self.sift(refused, failed, now);
        while !self.held.is_empty() {
            alone.extend(self.release());
        }
        alone
    }

    /// The one that was held longest, unless a record is left that can only be its own.
    fn release(&mut self) -> Option<Event> {
        let (_, event) = self.held.pop_front()?;
        let twin = take(&mut self.told, |refused| refused.can_only_be(&event));
        (!twin).then_some(event)
    }

    /// Until the one that was held longest is due; never, where nothing is held.
    fn set_timer(&self, now: Instant) {
        let Some(timer) = &self.timer else { return };
        let due = self.held.front().map(|(since, _)| HELD.saturating_sub(now - *since));
        // Zero would stop it.
        let due = due.map_or(Duration::ZERO, |due| due.max(Duration::from_millis(1)));
        let it_value = Timespec::try_from(due).unwrap_or_default();
        let once = Itimerspec { it_interval: Timespec::default(), it_value };
        let _ = timerfd_settime(timer, TimerfdTimerFlags::empty(), &once);
    }
}

impl Refused {
    /// Whether the failed call is this one, as far as everything agrees that both know.
    fn is(&self, event: &Event) -> bool {
        let named = strings(event).next().is_some() && !self.names.is_empty();
        let mut pairs = strings(event).flat_map(|one| self.names.iter().map(move |other| (one, other)));
        let agree = !named || pairs.any(|(one, other)| last(one) == last(other));
        self.may_be(event) && agree
    }

    /// A link has another name than what it leads to, and then only the call itself is the same. That is
    /// enough where nothing else is known of who refused it.
    fn can_only_be(&self, event: &Event) -> bool {
        let whole = self.call.is_some() && self.errno.is_some();
        let other = matches!(&event.control, Known::Predicted(control) if *control != Control::Lsm);
        whole && !other && self.may_be(event)
    }

    fn may_be(&self, event: &Event) -> bool {
        let call = event.operation.number.map(|number| (event.operation.abi, number));
        event.process.pid == Some(self.process)
            && (self.call.is_none() || self.call == call)
            && self.errno.is_none_or(|errno| event.errno.value() == Some(&errno))
    }
}

/// Whether a label may have refused it: another control was not seen to.
fn may_be(event: &Event) -> bool {
    let other = matches!(&event.control, Known::Observed(control) if *control != Control::Lsm);
    !other && matches!(event.errno.value(), Some(&(EACCES | EPERM)))
}

/// Takes the oldest that fits: a record tells of one call.
fn take(told: &mut VecDeque<(Instant, Refused)>, fits: impl Fn(&Refused) -> bool) -> bool {
    let place = told.iter().position(|(_, refused)| fits(refused));
    place.and_then(|place| told.remove(place)).is_some()
}

fn older<T>(first: Option<&(Instant, T)>, now: Instant, than: Duration) -> bool {
    first.is_some_and(|(since, _)| now - *since >= than)
}

fn strings(event: &Event) -> impl Iterator<Item = &[u8]> {
    event.operation.arguments.iter().filter_map(|argument| match &argument.value {
        Value::String(text) => Some(text.bytes()),
        _ => None,
    })
}

/// The last part of a name; AppArmor's of a directory end in a slash.
fn last(name: &[u8]) -> &[u8] {
    let end = name.iter().rposition(|byte| *byte != b'/').map_or(0, |at| at + 1);
    name[..end].rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

#[cfg(test)]
#[path = "twice_tests.rs"]
mod tests;
