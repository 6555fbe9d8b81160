//! Attempts: what a verifier does inside a containment instead of execve(2), and what it saw.
//!
//! A child runs the steps of a plan and then, as its last act, an [`Attempt`]: system calls through
//! one of the three entries of the gate, or one privileged instruction. What came of it goes into a
//! [`Page`] that was shared before the containment existed, so that nothing needs to be permitted
//! for reporting. The child has memory of its own: nothing that it tries can harm its maker.

mod carry;
mod gate;
mod image;
mod instruction;
mod page;
mod spawn;

pub use gate::{Addresses, addresses};
pub use image::Image;
pub use page::{Page, Record, Signal};
pub use spawn::{Child, Held, Holding, Request, Tried, attempt, hold};

use crate::run::Failure;

/// A way through the gate, as the processor knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entry {
    /// `syscall` in 64-bit mode: x86_64, and x32 by bit 30.
    Syscall,
    /// `int 0x80`: i386.
    Int80,
    /// `syscall` in 32-bit mode, after a far transfer to `__USER32_CS`: i386 on AMD processors.
    Syscall32,
    /// `sysenter` in 32-bit mode: i386 on Intel processors.
    Sysenter,
}

/// One argument register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arg<'a> {
    /// This value.
    Value(u64),
    /// The address of a copy of these bytes, below 4 GiB.
    Bytes(&'a [u8]),
    /// The answer of an earlier deed.
    Answer(u8),
    /// The address of this byte of the scratch area, below 4 GiB.
    Scratch(u16),
    /// The address of these words, each made as an argument is, but no further level down: an
    /// answer that is not known yet is 0.
    Words(&'a [Arg<'a>]),
    /// The 32-bit number at this byte of the scratch area when the call is made: a descriptor that an
    /// earlier deed put there. Not after execve(2).
    Loaded(u16),
    /// The number of the descriptor of the page's memory, whose scratch area begins at
    /// [`SCRATCH_OFFSET`].
    Page,
}

/// One thing that is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed<'a> {
    /// A system call.
    Call {
        /// The way.
        entry: Entry,
        /// The number as the register has it: with bit 30 for x32.
        number: u32,
        /// The registers, in the order of the entry's convention.
        args: [Arg<'a>; 6],
        /// The call may return twice: the second process, which sees 0, ends at once.
        splits: bool,
    },
    /// The deed before once more, at most this often, until it fails.
    Again(u32),
    /// fork(2): a second process goes on with the deeds up to this number, and ends; this one waits
    /// for that, and goes on behind them.
    Branch(usize),
    /// fork(2): the first process ends, the second goes on. After execve(2) only.
    Leave,
    /// Waits until the maker says that it may go on ([`Held::release`]).
    Hold,
    /// A privileged instruction.
    Instruction(Instruction),
}

/// Deeds on both sides of a containment and of execve(2). They are numbered through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Script<'a> {
    /// Done before the first step of the containment. The first one that fails is the last.
    pub before: &'a [Deed<'a>],
    /// Done inside.
    pub deeds: &'a [Deed<'a>],
    /// They are done by a new program: the last act is an execve(2) of it. Only calls by
    /// [`Entry::Syscall`], and [`Deed::Again`].
    pub program: Option<&'a Image>,
    /// Goes into the fourth argument register of that execve(2), as in [`Step::Exec`](crate::step::Step::Exec).
    pub token: u64,
}

/// One question to the gate, for a [`Attempt::Sweep`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// The way.
    pub entry: Entry,
    /// The number as the register has it.
    pub number: u32,
    /// The registers; the 32-bit entries have their low halves only.
    pub args: [u64; 6],
}

/// What a child does at the end.
#[derive(Debug, Clone, Copy)]
pub enum Attempt<'a> {
    /// Each in order, whatever came of the one before.
    Deeds(&'a [Deed<'a>]),
    /// Also on the outside, or after execve(2).
    Script(Script<'a>),
    /// Each in order. Only for calls that a filter answers in place of the kernel: there is no
    /// containment between them.
    Sweep(&'a [Probe]),
}

/// An instruction that ring 3 may not execute, or (the last five) not where the processor has UMIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Instruction {
    /// No privileged one: the control, which must pass.
    Nop,
    Cli,
    Sti,
    Hlt,
    In,
    Out,
    ReadCr0,
    WriteCr0,
    ReadCr3,
    ReadCr4,
    WriteCr4,
    ReadDr7,
    Rdmsr,
    Wrmsr,
    Lgdt,
    Lidt,
    Lldt,
    Ltr,
    Lmsw,
    Clts,
    Invd,
    Wbinvd,
    Invlpg,
    Swapgs,
    Sgdt,
    Sidt,
    Sldt,
    Str,
    Smsw,
}

/// What a child does after its steps. The channel is closed before the plan's filter could deny that.
#[derive(Clone, Copy)]
pub(crate) struct End {
    /// The last act.
    pub(crate) act: fn() -> !,
    /// Told of a step that failed, in place of the channel.
    pub(crate) note: fn(Failure),
}

/// How many deeds an attempt may have.
pub const MAX_DEEDS: usize = 32;
/// How many probes a sweep may have.
pub const MAX_PROBES: usize = page::ANSWERS;
/// Where the scratch area begins in the page's memory.
pub const SCRATCH_OFFSET: u64 = page::SCRATCH_AT as u64;
/// Size of the scratch area in bytes.
pub const SCRATCH: usize = page::SCRATCH;
