//! Rules about system calls: which calls, under which conditions on their arguments.
//!
//! ```text
//! rule      := name [ '(' argument { ',' argument } ')' ] [ '->' action ]  |  '@' group [ '->' action ]
//! argument  := [ name ':' ] condition                 without a name: by position, `_` for any
//! condition := test { '|' test }                      any of them
//! test      := value | value '..=' value | '!' value  on the bits that the kernel reads
//!            | '&' value '==' value | '!&' value      masked; none of these bits
//! value     := number | constant | '(' value { '|' value } ')'
//! action    := kill | kill-thread | trap | log | trace | notify | an errno name
//! ```
//!
//! A test sees what the kernel reads: the low 32 bits of an `int`, the low 16 of a `umode_t`, all
//! 64 of an `unsigned long` or a pointer, and never more than 32 on i386, where the kernel casts
//! every register. A negative number stands for its two's complement in that width. Values of the
//! `type` of socket(2) and socketpair(2) are compared on the low four bits, as the kernel does
//! (`SOCK_TYPE_MASK`), so that `SOCK_STREAM` also means `SOCK_STREAM | SOCK_CLOEXEC`; masked tests
//! see the flags.
//!
//! Where an ABI has the call but not the argument (`mmap(prot: …)` on i386, where a structure
//! holds it), the condition cannot be expressed: a deny rule then matches whatever the arguments,
//! an allow rule never. [`Rule::expressible`] tells.

mod alias;
mod meaning;
mod parse;
mod suggest;

use crate::filter::Action;
use crate::table::{Abi, Argument, CallId, Group};

pub use meaning::{Decision, decide, meaning};
pub use parse::{parse, parse_allow};

/// What [`parse`] found wrong, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// Byte offset of the part that is wrong.
    pub offset: usize,
    /// Its length in bytes; zero at the end of the text.
    pub len: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// Which calls a rule is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// One call.
    Call(CallId),
    /// Every member of a group.
    Group(&'static Group),
}

/// One rule. All its conditions must hold for it to match.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// Which calls.
    pub target: Target,
    /// Which arguments; empty for any.
    pub conditions: Vec<Condition>,
    /// What to do instead of the filter's `on_deny`; for deny rules only.
    pub action: Option<Action>,
}

/// A condition on one argument: any of its tests holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Condition {
    /// The argument's place in the prototype of each ABI, in the order of [`Abi::ALL`].
    pub positions: [Option<u8>; 3],
    /// The alternatives.
    pub tests: Vec<Test>,
}

/// A test of one argument. Numbers are mathematical: those that the argument's width cannot hold
/// are equal to nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Test {
    /// Equal to a number.
    Equal(i128),
    /// Not equal to a number.
    NotEqual(i128),
    /// Within these bounds, both included.
    Range(i128, i128),
    /// Equal to a value after masking.
    Masked {
        /// The bits that are looked at.
        mask: u64,
        /// What they must be.
        value: u64,
    },
}

impl Target {
    /// The calls that it stands for.
    pub fn calls(&self) -> impl Iterator<Item = CallId> + use<> {
        let (one, many) = match self {
            Self::Call(call) => (Some(*call), None),
            Self::Group(group) => (None, Some(group.members())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

impl Condition {
    /// The argument that it is about in an ABI, with its place; `None` where it cannot be
    /// expressed there.
    pub fn argument(&self, call: CallId, abi: Abi) -> Option<(usize, &'static Argument)> {
        let position = usize::from(self.positions[abi as usize]?);
        Some((position, call.prototype(abi)?.args.get(position)?))
    }
}

impl Rule {
    /// Whether every condition can be expressed for a call of an ABI.
    pub fn expressible(&self, call: CallId, abi: Abi) -> bool {
        self.conditions.iter().all(|condition| condition.argument(call, abi).is_some())
    }
}

/// The bits of an argument that values and ranges are compared on: those that the kernel reads,
/// less the flags that share a socket's `type` with it (`net/socket.c`, `SOCK_TYPE_MASK`).
pub fn value_bits(call: CallId, argument: &Argument) -> u64 {
    match (call.name(), argument.name) {
        ("socket" | "socketpair", "type") => 0xf,
        _ => u64::MAX >> (64 - u32::from(argument.width)),
    }
}
