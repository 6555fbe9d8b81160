//! What is wrong with a filter, each with a concrete call as witness.
//!
//! [`check`] looks at what a filter *answers*, whatever its program looks like, and at the program
//! only for instructions that no input reaches. A finding has a stable id; docs/findings.md
//! explains each. Witnesses are inputs of the filter: [`crate::eval::eval`] gives their answer
//! without any of the code that found them.

mod answer;
mod call;
mod dangerous;
mod entry;
mod gate;
mod sibling;
mod truncation;
mod unreachable;

use std::fmt;

use crate::diagram::{Diagram, Error, Space};
use crate::filter::Action;
use crate::program::{Program, SeccompData};
use crate::table::{Abi, CallId};

pub use call::describe;
pub use dangerous::{Danger, dangers};

use gate::Gate;

/// Which finding. The numbers are for good: one that goes away is never given to another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Id {
    /// Bits that the kernel drops let a denied value pass.
    TruncationBypass = 1,
    /// Bits that the kernel drops deny a permitted value.
    TruncationOverblock = 2,
    /// The same answers for every architecture, though the numbers mean other calls.
    AbiUnchecked = 3,
    /// x32 permits what x86_64 denies.
    X32Open = 4,
    /// i386 permits what x86_64 denies.
    I386Open = 5,
    /// Numbers that no table has are permitted.
    UnknownAllowed = 6,
    /// Another call does what an argument rule denies.
    SiblingGap = 7,
    /// A new call fails in a way that keeps programs from using the old one.
    EpermWhereEnosys = 8,
    /// io_uring does what the filter denies.
    IoUringOpen = 9,
    /// A call that has broken containment before is permitted.
    DangerousAllow = 10,
    /// Instructions that no input reaches.
    Unreachable = 11,
    /// The answer depends on where the call was made.
    InstructionPointer = 12,
    /// The answer is no action that the kernel knows.
    UnknownAction = 13,
    /// Negative numbers are permitted.
    NegativeNumber = 14,
    /// The answer depends on an address.
    PointerCompared = 15,
    /// Numbers that no table has fail otherwise than with ENOSYS.
    UnknownNotEnosys = 16,
    /// Architectures that are none of x86 are permitted.
    ForeignArch = 17,
}

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// True, and worth knowing.
    Note,
    /// Breaks programs, or weakens without opening.
    Low,
    /// Opens what has been used in attacks, as far as other controls do not hold it.
    Medium,
    /// What the filter means to deny is open.
    High,
}

/// A concrete call and what the filter answers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Witness {
    /// The input.
    pub data: SeccompData,
    /// The filter's answer.
    pub action: Action,
}

/// Something wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Which.
    pub id: Id,
    /// How bad.
    pub severity: Severity,
    /// The call that it is about, where it is about one.
    pub call: Option<CallId>,
    /// The ABIs where it is so, in the order of [`Abi::ALL`]; empty where it is about no ABI.
    pub abis: Vec<Abi>,
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
    /// Inputs that show it: where two differ, the denied one first.
    pub witnesses: Vec<Witness>,
    /// The instructions that it is about, by place.
    pub instructions: Vec<usize>,
    /// What to change, in the language of rules where rules can say it.
    pub fix: String,
}

impl Id {
    /// Every id, in the order of the numbers.
    pub const ALL: [Self; 17] = [
        Self::TruncationBypass,
        Self::TruncationOverblock,
        Self::AbiUnchecked,
        Self::X32Open,
        Self::I386Open,
        Self::UnknownAllowed,
        Self::SiblingGap,
        Self::EpermWhereEnosys,
        Self::IoUringOpen,
        Self::DangerousAllow,
        Self::Unreachable,
        Self::InstructionPointer,
        Self::UnknownAction,
        Self::NegativeNumber,
        Self::PointerCompared,
        Self::UnknownNotEnosys,
        Self::ForeignArch,
    ];

    /// The stable code: `RF-G001`.
    pub fn code(self) -> String {
        format!("RF-G{:03}", self as u8)
    }

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TruncationBypass => "truncation-bypass",
            Self::TruncationOverblock => "truncation-overblock",
            Self::AbiUnchecked => "abi-unchecked",
            Self::X32Open => "x32-open",
            Self::I386Open => "i386-open",
            Self::UnknownAllowed => "unknown-allowed",
            Self::SiblingGap => "sibling-gap",
            Self::EpermWhereEnosys => "eperm-where-enosys",
            Self::IoUringOpen => "io-uring-open",
            Self::DangerousAllow => "dangerous-allow",
            Self::Unreachable => "unreachable",
            Self::InstructionPointer => "instruction-pointer",
            Self::UnknownAction => "unknown-action",
            Self::NegativeNumber => "negative-number",
            Self::PointerCompared => "pointer-compared",
            Self::UnknownNotEnosys => "unknown-not-enosys",
            Self::ForeignArch => "foreign-arch",
        }
    }
}

impl Severity {
    /// Every severity, the least first.
    pub const ALL: [Self; 4] = [Self::Note, Self::Low, Self::Medium, Self::High];

    /// The name, as options and reports write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code(), self.name())
    }
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", describe(&self.data), crate::disassemble::action(self.action))
    }
}

/// Everything wrong with a filter: the worst first, then by id and call. `programs` are the programs
/// that it came from, one or a stack of them; without any, nothing is said about instructions.
///
/// # Errors
///
/// [`Error::TooComplex`].
pub fn check(space: &mut Space, filter: Diagram, programs: &[&Program]) -> Result<Vec<Finding>, Error> {
    let mut gate = Gate::new(space, filter)?;
    let mut findings = Vec::new();
    truncation::find(&mut gate, &mut findings)?;
    entry::find(&mut gate, &mut findings)?;
    sibling::find(&mut gate, &mut findings)?;
    dangerous::find(&mut gate, &mut findings)?;
    answer::find(&mut gate, programs, &mut findings)?;
    for (at, program) in programs.iter().enumerate() {
        let name = if programs.len() > 1 { format!("filter {at}: ") } else { String::new() };
        unreachable::find(program, &name, &mut findings)?;
    }
    findings.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.id, finding.call));
    Ok(findings)
}
