//! The rooms, one a control, and the words that they share: what a room gives to the plan.
//!
//! A room never sees another room, the plan or the launcher.

pub mod arena;
pub mod bpf_lsm;
pub mod credential;
pub mod judge;
pub mod landlock;
pub mod limit;
pub mod lsm;
pub mod mount;
pub mod namespace;
pub mod net;
pub mod port;
pub mod seccomp;
#[cfg(test)]
mod snapshot;
pub mod tree;
pub mod trial;

use ringfence_sys::step::Step;

use crate::policy::Origin;

/// A control on the way through the gate, in the kernel's order of evaluation (DESIGN.md section 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Control {
    Seccomp,
    Namespace,
    Mount,
    Net,
    Credential,
    Landlock,
    Lsm,
    BpfLsm,
    Limit,
    /// Not a control: what the launcher itself needs.
    Launch,
}

impl Control {
    /// The name in plans, events and errors.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seccomp => "seccomp",
            Self::Namespace => "namespace",
            Self::Mount => "mount",
            Self::Net => "net",
            Self::Credential => "credential",
            Self::Landlock => "landlock",
            Self::Lsm => "lsm",
            Self::BpfLsm => "bpf-lsm",
            Self::Limit => "limit",
            Self::Launch => "launch",
        }
    }
}

/// When a step runs: the plan sorts by this, and keeps the order of a room within one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// First of all: die with the parent.
    Birth,
    /// Namespaces entered in place.
    Unshare,
    /// Id maps.
    IdMap,
    /// What is open before the view changes.
    ViewOpen,
    /// Making the view.
    View,
    /// After the view stands: masks, tmp, proc, dev.
    ViewCover,
    /// The new root takes its place.
    ViewSwitch,
    /// Host name, network.
    Names,
    /// rlimits (but for descriptors, which the steps need until theirs are closed), umask.
    Limits,
    /// Landlock rules (paths as the program will see them).
    LandlockRules,
    /// Groups, ids, capabilities.
    Credentials,
    /// no_new_privs.
    NoNewPrivs,
    /// Dying with the parent, again: a change of credentials clears it.
    Rebirth,
    /// The label of the coming execve: written by the very thread that calls it.
    Label,
    /// Landlock takes hold.
    LandlockRestrict,
    /// Audit's records get to know Landlock's domain, once somebody attends to them.
    LandlockRecorded,
    /// The command is cloned; what stands above runs in the init.
    Supervise,
    /// Session and terminal.
    Session,
    /// The directory to start in.
    Cwd,
    /// Descriptors.
    Descriptors,
    /// Signals.
    Signals,
    /// seccomp takes hold.
    Seccomp,
    /// execve.
    Exec,
}

/// A step, with who wants it and which line of the policy asked for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Planned<'a> {
    /// When.
    pub stage: Stage,
    /// Who.
    pub control: Control,
    /// What.
    pub step: Step<'a>,
    /// The policy line, where one asked for it.
    pub at: Option<Origin>,
}

/// What was asked of the kernel and what it gives: two fields, never one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Promise {
    /// Stable name, as `[degrade]` takes it: `landlock.scope-signal`.
    pub name: &'static str,
    /// Who.
    pub control: Control,
    /// In words, what the policy asks.
    pub requested: String,
    /// What this host gives.
    pub actual: Actual,
    /// The policy line.
    pub at: Option<Origin>,
}

/// What a host gives of what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Actual {
    /// All of it.
    Full,
    /// Not all of it: an error, unless `[degrade]` names it.
    Missing {
        /// What is missing, where that was read, and what would give it.
        why: String,
    },
}

/// What a room makes of its model: steps, and promises.
#[derive(Debug, Default)]
#[must_use]
pub struct Compiled<'a> {
    /// Steps, in the room's order.
    pub steps: Vec<Planned<'a>>,
    /// Requested versus actual.
    pub promises: Vec<Promise>,
}

/// An intent that no kernel could hold as it is written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What cannot be, in one sentence.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// The policy line.
    pub at: Option<Origin>,
}
