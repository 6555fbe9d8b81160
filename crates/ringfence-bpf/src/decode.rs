//! Instructions by meaning, and exactly the kernel's own rules for what it accepts.
//!
//! Source: `net/core/filter.c` (`bpf_check_classic`, `check_load_and_stores`) and
//! `kernel/seccomp.c` (`seccomp_check_filter`), Linux 7.3.

use crate::program::{Insn, MAX_INSNS, MEMWORDS, SeccompData};

/// The most instructions that all filters of a thread may have together, as the kernel counts them
/// (`MAX_INSNS_PER_PATH`): see [`kernel_len`] and [`check_stack`].
pub const MAX_PATH: usize = 32_768;

/// What the kernel adds for each filter that is there already.
const PENALTY: usize = 4;

/// The second operand.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Source {
    /// The instruction's constant.
    K(u32),
    /// The X register.
    X,
}

/// Arithmetic that seccomp accepts: no remainder.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum Alu {
    Add,
    Sub,
    Mul,
    Div,
    Or,
    And,
    Lsh,
    Rsh,
    Xor,
}

/// Comparisons of A, unsigned.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Compare {
    /// Equal.
    Eq,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// Any bit in common.
    Set,
}

/// One instruction by its meaning. A and X are the two registers, both zero at the start.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Operation {
    /// A = the word at this byte offset of `seccomp_data`.
    Load(u32),
    /// A = a constant; loading the length is loading the constant 64.
    LoadImm(u32),
    /// A = a scratch word.
    LoadMem(u32),
    /// X = a constant.
    LoadXImm(u32),
    /// X = a scratch word.
    LoadXMem(u32),
    /// A scratch word = A.
    Store(u32),
    /// A scratch word = X.
    StoreX(u32),
    /// A = A op source.
    Alu(Alu, Source),
    /// A = -A.
    Neg,
    /// Skip this many instructions.
    Jump(u32),
    /// Skip `jt` instructions where the comparison holds, `jf` where it does not.
    Branch {
        /// How A is compared.
        compare: Compare,
        /// With what.
        source: Source,
        /// Instructions to skip.
        jt: u8,
        /// Instructions to skip otherwise.
        jf: u8,
    },
    /// Answer a constant.
    Return(u32),
    /// Answer A.
    ReturnA,
    /// X = A.
    Tax,
    /// A = X.
    Txa,
}

/// Why the kernel would answer EINVAL.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// No instruction at all.
    #[error("the program is empty")]
    Empty,
    /// More than `BPF_MAXINSNS`.
    #[error("the program has {len} instructions, the kernel takes 4096")]
    TooLong {
        /// Its length.
        len: usize,
    },
    /// Not an instruction, or none that seccomp accepts.
    #[error("instruction {at}: operation {code:#06x} is not accepted")]
    Code {
        /// Which instruction.
        at: usize,
        /// Its code.
        code: u16,
    },
    /// A load outside `seccomp_data`, or not aligned.
    #[error("instruction {at}: no word at offset {offset} of seccomp_data")]
    Offset {
        /// Which instruction.
        at: usize,
        /// The offset in bytes.
        offset: u32,
    },
    /// Division by the constant zero.
    #[error("instruction {at}: division by zero")]
    DivisionByZero {
        /// Which instruction.
        at: usize,
    },
    /// Shift by a constant of 32 or more.
    #[error("instruction {at}: shift by {by}")]
    Shift {
        /// Which instruction.
        at: usize,
        /// The constant.
        by: u32,
    },
    /// A scratch word beyond the sixteenth.
    #[error("instruction {at}: no scratch word {word}")]
    ScratchWord {
        /// Which instruction.
        at: usize,
        /// The word.
        word: u32,
    },
    /// A scratch word that some way to it has not stored.
    #[error("instruction {at}: scratch word {word} is loaded where it may not have been stored")]
    NotStored {
        /// Which instruction.
        at: usize,
        /// The word.
        word: u32,
    },
    /// A jump beyond the end.
    #[error("instruction {at}: jumps beyond the end")]
    Jump {
        /// Which instruction.
        at: usize,
    },
    /// The last instruction is not a return.
    #[error("the last instruction is not a return")]
    NoReturn,
}

/// The meaning of an instruction, or `None` where seccomp accepts none of that code. Operands are
/// not looked at: [`check`] does.
pub fn decode(insn: Insn) -> Option<Operation> {
    let Insn { code, jt, jf, k } = insn;
    Some(match code {
        0x20 => Operation::Load(k),
        0x80 => Operation::LoadImm(SeccompData::SIZE),
        0x81 => Operation::LoadXImm(SeccompData::SIZE),
        0x00 => Operation::LoadImm(k),
        0x01 => Operation::LoadXImm(k),
        0x60 => Operation::LoadMem(k),
        0x61 => Operation::LoadXMem(k),
        0x02 => Operation::Store(k),
        0x03 => Operation::StoreX(k),
        0x84 => Operation::Neg,
        0x05 => Operation::Jump(k),
        0x06 => Operation::Return(k),
        0x16 => Operation::ReturnA,
        0x07 => Operation::Tax,
        0x87 => Operation::Txa,
        _ => {
            let source = if code & 0x08 != 0 { Source::X } else { Source::K(k) };
            match code & !0x08 {
                0x04 => Operation::Alu(Alu::Add, source),
                0x14 => Operation::Alu(Alu::Sub, source),
                0x24 => Operation::Alu(Alu::Mul, source),
                0x34 => Operation::Alu(Alu::Div, source),
                0x44 => Operation::Alu(Alu::Or, source),
                0x54 => Operation::Alu(Alu::And, source),
                0x64 => Operation::Alu(Alu::Lsh, source),
                0x74 => Operation::Alu(Alu::Rsh, source),
                0xa4 => Operation::Alu(Alu::Xor, source),
                0x15 => Operation::Branch { compare: Compare::Eq, source, jt, jf },
                0x25 => Operation::Branch { compare: Compare::Gt, source, jt, jf },
                0x35 => Operation::Branch { compare: Compare::Ge, source, jt, jf },
                0x45 => Operation::Branch { compare: Compare::Set, source, jt, jf },
                _ => return None,
            }
        }
    })
}

/// Whether the kernel would load a program as a seccomp filter.
///
/// # Errors
///
/// The first thing wrong in the order of the instructions; where the kernel's order of checks
/// differs, it answers EINVAL all the same.
pub fn check(insns: &[Insn]) -> Result<(), Refusal> {
    let len = insns.len();
    if len == 0 {
        return Err(Refusal::Empty);
    }
    if len > MAX_INSNS {
        return Err(Refusal::TooLong { len });
    }
    for (at, insn) in insns.iter().enumerate() {
        let operation = decode(*insn).ok_or(Refusal::Code { at, code: insn.code })?;
        operand(at, operation, len)?;
    }
    if !matches!(decode(insns[len - 1]), Some(Operation::Return(_) | Operation::ReturnA)) {
        return Err(Refusal::NoReturn);
    }
    stores(insns)
}

fn operand(at: usize, operation: Operation, len: usize) -> Result<(), Refusal> {
    match operation {
        Operation::Load(offset) if offset >= SeccompData::SIZE || offset % 4 != 0 => {
            Err(Refusal::Offset { at, offset })
        }
        Operation::Alu(Alu::Div, Source::K(0)) => Err(Refusal::DivisionByZero { at }),
        Operation::Alu(Alu::Lsh | Alu::Rsh, Source::K(by)) if by >= 32 => Err(Refusal::Shift { at, by }),
        Operation::LoadMem(word)
        | Operation::LoadXMem(word)
        | Operation::Store(word)
        | Operation::StoreX(word)
            if word as usize >= MEMWORDS =>
        {
            Err(Refusal::ScratchWord { at, word })
        }
        Operation::Jump(k) if k as usize >= len - at - 1 => Err(Refusal::Jump { at }),
        Operation::Branch { jt, jf, .. } if at + 1 + usize::from(jt.max(jf)) >= len => {
            Err(Refusal::Jump { at })
        }
        _ => Ok(()),
    }
}

/// The kernel would answer ENOMEM: the filters of one thread are too long together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "filter {at} makes {total} instructions as the kernel counts them, it takes {MAX_PATH} for all filters of a thread"
)]
pub struct StackTooLong {
    /// Which filter, in the order of attachment.
    pub at: usize,
    /// How many there are with it.
    pub total: usize,
}

/// How long a program is for the kernel's bound on all filters of a thread: it counts what it
/// converted the program to (`bpf_convert_filter`, `net/core/filter.c`), which is longer. Constant
/// blinding (`net.core.bpf_jit_harden`) makes it longer still, and is not counted here.
pub fn kernel_len(insns: &[Insn]) -> usize {
    3 + insns.iter().map(|insn| converted(*insn)).sum::<usize>()
}

fn converted(insn: Insn) -> usize {
    match decode(insn) {
        Some(Operation::Return(_)) => 2,
        // Division by zero answers zero, which takes a test.
        Some(Operation::Alu(Alu::Div, Source::X)) => 5,
        Some(Operation::Branch { compare, source, jt, jf }) => {
            // Constants are signed there: a large one is loaded first.
            let load = matches!(source, Source::K(k) if k >= 1 << 31);
            // A second jump, unless one side is the next instruction; JSET has no negation.
            let jump = jf != 0 && (jt != 0 || compare == Compare::Set);
            1 + usize::from(load) + usize::from(jump)
        }
        _ => 1,
    }
}

/// Whether the kernel would attach these programs one after the other to one thread, each being one
/// that [`check`] accepts. Source: `seccomp_attach_filter`, `kernel/seccomp.c`.
///
/// # Errors
///
/// The first that is too much.
pub fn check_stack(programs: &[&[Insn]]) -> Result<(), StackTooLong> {
    let mut before = 0;
    for (at, program) in programs.iter().enumerate() {
        let len = kernel_len(program);
        let total = before + len;
        if total > MAX_PATH {
            return Err(StackTooLong { at, total });
        }
        before = total + PENALTY;
    }
    Ok(())
}

/// No scratch word is loaded on a way that has not stored it.
fn stores(insns: &[Insn]) -> Result<(), Refusal> {
    let mut masks = vec![u16::MAX; insns.len()];
    let mut stored = 0_u16;
    for (at, insn) in insns.iter().enumerate() {
        stored &= masks[at];
        match decode(*insn) {
            Some(Operation::Store(word) | Operation::StoreX(word)) => stored |= 1 << word,
            Some(Operation::LoadMem(word) | Operation::LoadXMem(word)) if stored & 1 << word == 0 => {
                return Err(Refusal::NotStored { at, word });
            }
            Some(Operation::Jump(k)) => {
                masks[at + 1 + k as usize] &= stored;
                stored = u16::MAX;
            }
            Some(Operation::Branch { jt, jf, .. }) => {
                masks[at + 1 + usize::from(jt)] &= stored;
                masks[at + 1 + usize::from(jf)] &= stored;
                stored = u16::MAX;
            }
            _ => {}
        }
    }
    Ok(())
}
