//! The plan: policy and host compiled into one ordered list of steps, and what was asked and given.
//!
//! Pure but for the facts that [`crate::host`] reads: the same policy, host and command give the
//! same plan. Nothing has happened when a plan exists; [`crate::launch`] carries it out.

mod build;
mod credential;
mod explain;
mod fs;
mod guard;
mod lsm;
mod net;
mod order;
mod print;
mod process;
mod syscalls;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::control::{Planned, Promise, Refusal, landlock, limit, mount, namespace, seccomp};
use crate::host::Process;
use crate::host::path::Surroundings;
use crate::policy::{Origin, Policy};

pub use build::{compile, intent};
pub use explain::{Explained, explain};
pub use print::{control_name, detail, human, namespace_names, place, quoted};
pub use process::passes;

/// What a plan is compiled from, beside the host.
#[derive(Debug, Clone, Copy)]
pub struct Request<'r> {
    /// The intent.
    pub policy: &'r Policy,
    /// The command and its arguments; empty: the plan ends before execve.
    pub command: &'r [OsString],
    /// The caller's environment; what does not pass ([`passes`]) may be left out.
    pub environment: &'r [(OsString, OsString)],
    /// The caller's working directory, and what `~` and `$VAR` stand for.
    pub surroundings: &'r Surroundings,
    /// Bits 0, 1 and 2: which of the standard descriptors are a terminal.
    pub terminal: u8,
    /// Whether somebody attends to what is denied while the command runs ([`crate::event::Watcher`]).
    /// `audit.events` alone only has the kernel write its records.
    pub watched: bool,
    /// Whether every call of the command is to be followed by ptrace(2).
    pub traced: bool,
}

/// A compiled policy.
#[derive(Debug)]
pub struct Plan<'a> {
    /// What the child does, in order.
    pub steps: Vec<Planned<'a>>,
    /// What was asked of each control, and what this host gives.
    pub promises: Vec<Promise>,
    /// Names in `[degrade]` that are in use: asked, not given, and let pass by the policy.
    pub degraded: Vec<&'static str>,
    /// With or without a supervisor.
    pub mode: Mode,
    /// Whether every call of the command is to be followed by ptrace(2).
    pub traced: bool,
    /// `CLONE_NEW*` for clone3(2).
    pub clone_flags: u64,
    /// Id maps that the launcher writes while the child waits.
    pub id_map: Option<namespace::IdMapByParent>,
    /// The cgroups that the launcher makes, and who is to be known as their owner.
    pub cgroup: Option<(limit::cgroup::Request, Process)>,
    /// Wall time from the start of the command.
    pub wall: Option<Duration>,
    /// The standard descriptors that become a terminal of the command's own.
    pub terminal: Option<u8>,
    /// Empty directories that stand for denied paths that do not exist: made in this order before
    /// the child, removed in the reverse order after it.
    pub placeholders: Vec<PathBuf>,
    /// An AppArmor profile that the launcher loads before the child, and unloads after it.
    pub profile: Option<crate::control::lsm::Profile>,
    /// What a BPF LSM program holds: the launcher loads it before the child.
    pub guard: Option<crate::control::bpf_lsm::Guard>,
    /// The program that execve gets; `None` where no command was given.
    pub program: Option<PathBuf>,
    /// What the view was compiled from; `None` without a mount namespace.
    pub view: Option<mount::Model>,
    /// What the Landlock rules were compiled from; `None` without Landlock.
    pub landlock: Option<landlock::Model>,
    /// What the filter was compiled from.
    pub gate: seccomp::Model,
}

/// How a plan is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The calling process becomes the command.
    InPlace,
    /// A child is the init of the command; the calling process attends to it.
    Supervised {
        /// Why, for the plan's reader.
        why: &'static str,
    },
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// An intent cannot be held as written, or not on this host.
    #[error("{} intent(s) cannot be held", .0.len())]
    Refused(Vec<Refused>),
    /// The command does not exist (exit status 127) or cannot be executed (126).
    #[error("{message}")]
    Command {
        /// What is wrong.
        message: String,
        /// What to do.
        help: String,
        /// 126 or 127, as a shell's.
        status: i32,
    },
}

/// One reason why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What cannot be.
    pub message: String,
    /// What to do.
    pub help: String,
    /// The policy line.
    pub at: Option<Origin>,
}

/// Compares the filter of a plan with its rules, over every input; `None` where it has none.
///
/// # Errors
/// An input that the two answer differently.
pub fn prove(plan: &Plan<'_>) -> Result<Option<seccomp::Proof>, Failure> {
    for planned in &plan.steps {
        let proof = seccomp::prove(&plan.gate, &planned.step);
        if let Some(proof) = proof.map_err(|refusal| Failure::Refused(vec![refusal.into()]))? {
            return Ok(Some(proof));
        }
    }
    Ok(None)
}

/// What a policy permits at the gate, whatever the host; `None` where it filters nothing. Left out is
/// what depends on the launch: the guard of a shared terminal, and the launch's own execve(2).
///
/// # Errors
/// The policy contradicts itself.
pub fn gate(policy: &Policy) -> Result<Option<seccomp::Specified>, Refusal> {
    seccomp::specify(&syscalls::seccomp(policy, false, 0))
}

/// A plan of nothing, for verifying what another launcher contains: only the policy's statements
/// count there, and this host need not be able to carry it out.
#[must_use]
pub fn unplanned(policy: &Policy) -> Plan<'static> {
    Plan {
        steps: Vec::new(),
        promises: Vec::new(),
        degraded: Vec::new(),
        mode: Mode::InPlace,
        traced: false,
        clone_flags: 0,
        id_map: None,
        cgroup: None,
        wall: None,
        terminal: None,
        placeholders: Vec::new(),
        profile: None,
        guard: None,
        program: None,
        view: None,
        landlock: None,
        gate: syscalls::seccomp(policy, false, 0),
    }
}

impl Plan<'_> {
    /// `CLONE_NEW*` of every namespace that is made, by clone3(2) or by a step.
    #[must_use]
    pub fn namespaces(&self) -> u64 {
        self.steps.iter().fold(self.clone_flags, |flags, planned| match planned.step {
            ringfence_sys::step::Step::Unshare(late) => flags | late,
            _ => flags,
        })
    }

    /// The same containment with other steps and another wall limit, and no terminal of its own.
    #[must_use]
    pub fn with<'b>(&'b self, steps: Vec<Planned<'b>>, wall: Option<Duration>) -> Plan<'b> {
        let shows =
            steps.iter().any(|planned| matches!(planned.step, ringfence_sys::step::Step::ShowPlace { .. }));
        Plan {
            steps,
            promises: Vec::new(),
            degraded: Vec::new(),
            mode: self.mode,
            traced: self.traced,
            clone_flags: self.clone_flags,
            id_map: self.id_map.clone(),
            cgroup: self.cgroup.clone(),
            wall,
            terminal: None,
            placeholders: self.placeholders.clone(),
            profile: self.profile.clone(),
            // Where no place is shown, none would be granted.
            guard: self.guard.clone().filter(|_| shows),
            program: None,
            view: self.view.clone(),
            landlock: self.landlock.clone(),
            gate: self.gate.clone(),
        }
    }

    /// Whether the child waits for the launcher before it makes its view.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.steps.iter().any(|planned| matches!(planned.step, ringfence_sys::step::Step::Sync))
    }

    /// Whether the command waits for an [`crate::launch::Observer`] to know it.
    #[must_use]
    pub fn is_attended(&self) -> bool {
        self.steps.iter().any(|planned| matches!(planned.step, ringfence_sys::step::Step::Attended))
    }

    /// Whether calls that the filter denies wait for an [`crate::launch::Observer`].
    #[must_use]
    pub fn listens(&self) -> bool {
        self.steps
            .iter()
            .any(|planned| matches!(planned.step, ringfence_sys::step::Step::SeccompListen { .. }))
    }
}

impl From<crate::control::Refusal> for Refused {
    fn from(refusal: crate::control::Refusal) -> Self {
        Self { message: refusal.message, help: refusal.help, at: refusal.at }
    }
}
