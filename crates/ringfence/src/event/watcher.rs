//! All sources of one run, beside the launcher: what they see goes into the journal and to a sink.

use std::fmt::Debug;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use super::gate::Gate;
use super::notify::Notify;
use super::{Account, Control, Event, Journal, Verdict};
use crate::launch;
use crate::plan::Plan;
use crate::policy::Policy;

/// Something that reports denials.
pub trait Source: Debug {
    /// What is readable when there is something to take.
    fn descriptor(&self) -> Option<BorrowedFd<'_>>;

    /// Gives whatever is there now. Does not wait for more.
    fn take(&mut self, give: &mut dyn FnMut(Event));

    /// What was seen, and what is known to be lost.
    fn account(&self) -> Account;
}

/// Where each event goes as it comes.
pub trait Sink: Debug {
    /// Writes one.
    ///
    /// # Errors
    /// The event is not written; the run counts it.
    fn write(&mut self, event: &Event) -> io::Result<()>;
}

/// A control that nothing watches, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blind {
    /// Which one.
    pub control: Control,
    /// Why nobody sees what it denies.
    pub because: &'static str,
}

/// What no source of this version reports.
const UNWATCHED: [Blind; 4] = [
    Blind { control: Control::Mount, because: "files that are not part of the view, or read-only in it" },
    Blind { control: Control::Credential, because: "permission bits and capabilities" },
    Blind { control: Control::Landlock, because: "its records are not read" },
    Blind { control: Control::Limit, because: "limits that are reached" },
];

/// What was seen in a run.
#[derive(Debug)]
pub struct Summary {
    /// Each kind of denial.
    pub journal: Journal,
    /// What each source saw, and what it knows to have missed.
    pub accounts: Vec<Account>,
    /// What nobody watched.
    pub blind: Vec<Blind>,
}

/// Sees what is denied while a plan is carried out.
#[derive(Debug)]
pub struct Watcher<'s> {
    notify: Option<Notify>,
    journal: Journal,
    sink: Option<&'s mut dyn Sink>,
    unwritten: u64,
}

impl<'s> Watcher<'s> {
    /// For a plan of this policy.
    #[must_use]
    pub fn new(plan: &Plan<'_>, policy: &Policy, sink: Option<&'s mut dyn Sink>) -> Self {
        let gate = plan.listens().then(|| Gate::new(&plan.gate, policy)).flatten();
        Self { notify: gate.map(Notify::new), journal: Journal::default(), sink, unwritten: 0 }
    }

    /// What was seen and what may be missing, once the command has ended.
    #[must_use]
    pub fn finish(self) -> Summary {
        let account = |source: &Notify| Account { unwritten: self.unwritten, ..source.account() };
        let accounts = self.notify.iter().map(account).collect();
        Summary { journal: self.journal, accounts, blind: UNWATCHED.to_vec() }
    }
}

impl Summary {
    /// How many denials were seen.
    #[must_use]
    pub fn denials(&self) -> u64 {
        self.journal.listed().iter().map(|kind| kind.count).sum::<u64>() + self.journal.unlisted()
    }

    /// Whether every denial of every control was seen and written.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.blind.is_empty() && self.accounts.iter().all(|account| account.verdict() == Verdict::Complete)
    }
}

impl launch::Observer for Watcher<'_> {
    fn listener(&mut self, listener: OwnedFd) {
        if let Some(notify) = &mut self.notify {
            notify.listen(listener);
        }
    }

    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        self.notify.iter().filter_map(Source::descriptor).collect()
    }

    fn look(&mut self) {
        let Self { notify, journal, sink, unwritten } = self;
        let mut give = |event: Event| {
            if let Some(sink) = sink
                && sink.write(&event).is_err()
            {
                *unwritten += 1;
            }
            journal.add(event);
        };
        if let Some(notify) = notify {
            notify.take(&mut give);
        }
    }
}
