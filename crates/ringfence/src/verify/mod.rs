//! Verifying: every claim of a policy attempted on the real kernel, each in a containment of its
//! own, beside a control that shows what the attempt does where nothing contains it.
//!
//! A claim is held, broken, or unverifiable with a reason; unverifiable never counts as held.

mod ask;
pub mod asked;
pub mod baseline;
pub mod claims;
mod containment;
mod depth;
mod found;
pub mod outside;
mod run;
mod supervision;

use crate::control::Control;
use crate::control::seccomp::attempt::Question;
use crate::control::trial::{Deed, Probe, Trial};
use crate::host::path::Surroundings;
use crate::plan::Plan;
use crate::policy::{Origin, Policy};

pub use crate::control::judge::{Intent, Verdict};
pub use containment::Ablation;
pub use run::verify;
pub use supervision::Habit;

/// What is verified, and what it is compiled to.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'s> {
    /// The intent.
    pub policy: &'s Policy,
    /// The policy's plan without a command.
    pub plan: &'s Plan<'s>,
    /// What `~` and relative paths stand for.
    pub surroundings: &'s Surroundings,
}

/// How much is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Try each denied claim with each control alone: how many hold it independently.
    pub depth: bool,
}

/// Something that a policy claims, with how to try it.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Stable across runs: `gate/x86_64/openat`, `file/deny/read/etc/shadow`.
    pub id: String,
    /// The part of the report.
    pub part: Part,
    /// What is claimed.
    pub intent: Intent,
    /// The operation, in the language of `[[expect]]` where that has words for it.
    pub operation: String,
    /// The way it is tried.
    pub route: String,
    /// The policy line that makes the claim.
    pub at: Option<Origin>,
    /// Why it is claimed, in one sentence.
    pub reason: String,
    /// CVE numbers, man pages, CWE and ATT&CK ids.
    pub references: Vec<String>,
    /// At least this many controls are to hold it.
    pub depth: Option<u32>,
    /// How it is tried.
    pub test: Test,
}

/// A part of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Part {
    Expect,
    Cpu,
    Gate,
    Credential,
    Namespace,
    File,
    Network,
    Channel,
    Exec,
    Lsm,
    Limit,
    KnownBug,
}

/// How a claim is tried.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// Questions to the gate about one number; no call is made.
    Gate(Question),
    /// A rule: calls that it matches. Denied where each is denied, by the filter or for real.
    Calls(Vec<Case>),
    /// Tried for real.
    Trial {
        /// What is tried.
        trial: Box<Trial>,
        /// Rooms that are left out of the containment it is tried in: those that would mask the one
        /// that is meant.
        without: Vec<Control>,
        /// Where it must be let through for a denial to count.
        controls: Vec<Reference>,
    },
    /// What takes several steps, each of which can be taken in several ways: denied where one step is
    /// denied in all its ways.
    Chain(Vec<Vec<Test>>),
    /// A program that does these deeds, in a real run of the policy.
    Run {
        /// What it does.
        deeds: Vec<Deed>,
        /// What is wrong with it.
        habit: Habit,
    },
    /// It cannot be tried; why.
    Not(String),
}

impl Test {
    /// The only way of the only step, where it is a chain of one.
    pub(crate) fn only(&self) -> &Self {
        match self {
            Self::Chain(steps) => match steps.as_slice() {
                [ways] if ways.len() == 1 => &ways[0],
                _ => self,
            },
            _ => self,
        }
    }
}

/// One call of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Asked under a filter that answers in place of the kernel.
    pub probe: Probe,
    /// Made for real; `None` where it would do something.
    pub trial: Option<Trial>,
}

/// Where a trial must be let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// In a child of the caller that nothing contains.
    Outside,
    /// In a child with the plan's credentials and no other control.
    PlainUser,
    /// An instruction that is not privileged, in the same containment.
    PlainInstruction,
    /// In the namespaces of the plan alone, with every capability over them.
    Namespaces,
    /// In the plan without Landlock, whose init stays dumpable.
    DumpableInit,
    /// In the plan without its limits.
    Unlimited,
}

/// A claim and what was found.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The claim's id.
    pub id: String,
    /// The part of the report.
    pub part: Part,
    /// What is claimed.
    pub intent: Intent,
    /// The operation.
    pub operation: String,
    /// The way it was tried.
    pub route: String,
    /// The policy line, `FILE:LINE`.
    pub place: Option<String>,
    /// Why it is claimed.
    pub reason: String,
    /// Where one can read more.
    pub references: Vec<String>,
    /// What was found.
    pub verdict: Verdict,
    /// The controls that deny it, each alone; `None` where depth was not asked for or not known.
    pub holding: Option<Vec<Control>>,
    /// What one attempt inside came to, in a few words: an errno, a signal; `None` where the claim rests
    /// on many, or on none.
    pub seen: Option<String>,
    /// How many attempts were made.
    pub attempts: usize,
}

/// Everything that was found.
#[derive(Debug, Clone)]
pub struct Report {
    /// In the order of parts and ids.
    pub findings: Vec<Finding>,
    /// What is not covered on this machine, and why.
    pub notes: Vec<String>,
    /// Wall time in milliseconds.
    pub milliseconds: u64,
    /// The active LSMs of the host, in the order in which they are asked; empty where not known.
    pub lsms: Vec<String>,
}

impl Part {
    /// Every part, in the order of a report.
    pub const ALL: [Self; 12] = [
        Self::Expect,
        Self::Cpu,
        Self::Gate,
        Self::Credential,
        Self::Namespace,
        Self::File,
        Self::Network,
        Self::Channel,
        Self::Exec,
        Self::Lsm,
        Self::Limit,
        Self::KnownBug,
    ];

    /// Its word in ids and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expect => "expect",
            Self::Cpu => "cpu",
            Self::Gate => "gate",
            Self::Credential => "credential",
            Self::Namespace => "namespace",
            Self::File => "file",
            Self::Network => "network",
            Self::Channel => "channel",
            Self::Exec => "exec",
            Self::Lsm => "lsm",
            Self::Limit => "limit",
            Self::KnownBug => "known-bug",
        }
    }
}

impl Report {
    /// How many claims have a verdict of a kind. What is told for information is no claim.
    #[must_use]
    pub fn count(&self, is: impl Fn(&Verdict) -> bool) -> usize {
        let claims = self.findings.iter().filter(|finding| finding.intent != Intent::Tell);
        claims.filter(|finding| is(&finding.verdict)).count()
    }

    /// All attempts of all findings.
    #[must_use]
    pub fn attempts(&self) -> usize {
        self.findings.iter().map(|finding| finding.attempts).sum()
    }

    /// The exit status: 0 all held, 1 something broken, 3 something unverifiable.
    #[must_use]
    pub fn status(&self) -> u8 {
        if self.count(|verdict| matches!(verdict, Verdict::Broken(_))) > 0 {
            1
        } else if self.count(|verdict| matches!(verdict, Verdict::Unverifiable(_))) > 0 {
            3
        } else {
            0
        }
    }
}
