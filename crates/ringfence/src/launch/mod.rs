//! Carries a plan out: the only caller of `ringfence_sys::spawn` and of `ringfence_sys::run`.
//!
//! A plan without a supervisor is applied to the calling process itself, which becomes the
//! command. Otherwise one child is cloned into all namespaces at once; it runs the steps, clones
//! the command, and stays as its init. This process attends to the child: signals, terminal, wall
//! time. Whatever dies, in whatever order, nothing stays behind: the init dies with this process,
//! and the kernel ends a pid namespace with its init; what has a name on the host (cgroups,
//! placeholders of denied paths) is removed by a janitor that outlives both, and gives the terminal
//! its modes back.

pub mod attempt;
mod attend;
mod cgroup;
pub mod foreign;
mod guard;
mod idmap;
mod janitor;
pub mod leftover;
mod observer;
mod profile;
pub mod provoke;
mod relay;
pub mod witness;

use ringfence_sys::run::{self, Failure};
use ringfence_sys::signal::Blocked;
use ringfence_sys::spawn::{self, Ended};
use ringfence_sys::step::Step;
use ringfence_sys::thread::SingleThreaded;

use crate::plan::{Mode, Plan};

pub use attend::{End, Running};
pub use observer::{DESCRIPTORS, Observer};

/// What came of a plan.
#[derive(Debug)]
#[must_use]
#[allow(clippy::large_enum_variant, reason = "there is one in a process, and it is moved once")]
pub enum Outcome<'o> {
    /// The command ended: exit status as a shell gives it, 128+n for a signal.
    Ended(i32),
    /// The command runs; the plan is not needed any more.
    Running(Running<'o>),
    /// The command was not started, or the launcher failed.
    Failed(Error),
}

/// Why a command was not started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A step failed in the child, or in this process where the plan is applied in place.
    #[error("step {}", .0.step)]
    Step(Failure),
    /// Something before the child existed, or beside it.
    #[error("{doing}: {source}")]
    Around {
        /// What was being done.
        doing: String,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// A cgroup or a placeholder of a denied path could not be made.
    #[error(transparent)]
    Leftover(#[from] leftover::Error),
    /// The plan lets denied calls wait for an observer, and there is none.
    #[error("the plan's denials are to be seen (audit.events), and nobody is there to see them")]
    Unobserved,
    /// The process has several threads and the plan is to be applied in place.
    #[error("a plan without a supervisor can only be applied by a process with one thread")]
    Threads,
    /// The child died before the command was started, by this signal or exit status.
    #[error("the child ended before the command started ({0:?}): out of memory, or killed from outside")]
    Died(Ended),
}

/// How a launcher behaves beside the plan.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Give up the standard input and output once the command has them, so that readers and
    /// writers at the other ends see when the command closes its own; and let go of memory that
    /// only starting needed. For programs that do nothing else; never for a library's caller.
    pub dedicated: bool,
}

/// Carries out `plan`. A plan applied in place replaces this process: then it returns only what
/// failed. A command that ends soon is waited for here; a longer one is handed over.
pub fn start<'o>(plan: &Plan<'_>, options: Options) -> Outcome<'o> {
    carry_out(plan, options, None)
}

/// As [`start`], with somebody who sees what is denied.
pub fn start_observed<'o>(plan: &Plan<'_>, options: Options, observer: &'o mut dyn Observer) -> Outcome<'o> {
    carry_out(plan, options, Some(observer))
}

fn carry_out<'o>(
    plan: &Plan<'_>,
    options: Options,
    observer: Option<&'o mut (dyn Observer + 'o)>,
) -> Outcome<'o> {
    if (plan.listens() || plan.is_attended()) && observer.is_none() {
        return Outcome::Failed(Error::Unobserved);
    }
    let steps: Vec<_> = plan.steps.iter().map(|planned| planned.step).collect();
    match plan.mode {
        Mode::InPlace => match SingleThreaded::check() {
            Some(proof) => Outcome::Failed(Error::Step(run::in_place(proof, &steps))),
            None => Outcome::Failed(Error::Threads),
        },
        Mode::Supervised { .. } => {
            supervised(plan, &steps, options, observer).unwrap_or_else(Outcome::Failed)
        }
    }
}

fn supervised<'o>(
    plan: &Plan<'_>,
    steps: &[Step<'_>],
    options: Options,
    observer: Option<&'o mut (dyn Observer + 'o)>,
) -> Result<Outcome<'o>, Error> {
    let cgroup = plan.cgroup.as_ref().map(|(request, own)| (request, *own));
    let tidy = plan.terminal.is_some() || plan.guard.is_some();
    let mut leftovers = leftover::Leftovers::make(cgroup, &plan.placeholders, tidy)?;
    if let Some(guard) = &plan.guard {
        leftovers.attach(guard, observer.is_some())?;
    }
    if let Some(profile) = &plan.profile {
        leftovers.load(profile)?;
    }
    let blocked = Blocked::all().map_err(|errno| around("block signals", errno))?;
    let signals = attend::Signals::new(
        plan,
        options,
        observer.is_none() && plan.guard.is_none() && plan.profile.is_none(),
        blocked,
    )?;
    let request = spawn::Request {
        namespaces: plan.clone_flags,
        cgroup: leftovers.cgroup(),
        kept: leftovers.links(),
        leave: options.dedicated,
    };
    let starting = attend::Starting { plan, leftovers: &leftovers, signals: &signals };
    let started = spawn::with_child(steps, &request, |child| starting.attend(child, observer));
    let (seen, running) = started.map_err(|errno| around("clone3", errno))?;
    match (seen?, running) {
        (attend::Seen::Ended(status), _) => Ok(Outcome::Ended(status)),
        (attend::Seen::Started { relay, deadline, observer, keeper }, Some(child)) => {
            let watch = attend::Watch { signals, relay, deadline, observer, keeper };
            Ok(Outcome::Running(Running::new(child, watch, leftovers, options)))
        }
        (attend::Seen::Started { .. }, None) => Err(Error::Died(Ended::Signaled(9))),
    }
}

fn around(doing: &str, errno: ringfence_sys::Errno) -> Error {
    Error::Around { doing: doing.into(), source: std::io::Error::from_raw_os_error(i32::from(errno.0)) }
}
