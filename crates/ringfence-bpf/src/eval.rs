//! The reference interpreter: what a program answers, instruction by instruction as in the kernel.
//!
//! Source: `net/core/filter.c` (`bpf_convert_filter`), `kernel/seccomp.c`
//! (`seccomp_is_const_allow`), Linux 7.3.

use crate::decode::{Alu, Compare, Operation, Source, decode};
use crate::filter::Action;
use crate::program::{Insn, MEMWORDS, SeccompData, code};

/// Why a program has no answer. One that [`crate::decode::check`] accepts always has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// Not an instruction, or its operand is out of range.
    #[error("instruction {at} is not one that seccomp accepts")]
    Instruction {
        /// Which instruction.
        at: usize,
    },
    /// Ran beyond the last instruction.
    #[error("the program ends without a return")]
    End,
}

/// The word that a program returns.
///
/// Terminates: every step goes forward.
///
/// # Errors
///
/// Where the way that this input takes meets something that the kernel would have refused.
pub fn eval(insns: &[Insn], data: &SeccompData) -> Result<u32, Error> {
    run(insns, data, |_| {})
}

/// The answer; `visit` is told the place of every instruction that it takes, in order.
fn run(insns: &[Insn], data: &SeccompData, mut visit: impl FnMut(usize)) -> Result<u32, Error> {
    let (mut a, mut x) = (0_u32, 0_u32);
    let mut memory = [0_u32; MEMWORDS];
    let mut at = 0;
    loop {
        let insn = insns.get(at).ok_or(Error::End)?;
        let bad = Error::Instruction { at };
        let word = |k: u32| usize::try_from(k).ok().filter(|word| *word < MEMWORDS).ok_or(bad);
        visit(at);
        at += 1;
        match decode(*insn).ok_or(bad)? {
            Operation::Load(offset) => a = data.word(offset).ok_or(bad)?,
            Operation::LoadImm(k) => a = k,
            Operation::LoadMem(k) => a = memory[word(k)?],
            Operation::LoadXImm(k) => x = k,
            Operation::LoadXMem(k) => x = memory[word(k)?],
            Operation::Store(k) => memory[word(k)?] = a,
            Operation::StoreX(k) => memory[word(k)?] = x,
            Operation::Alu(operator, source) => match arithmetic(operator, a, operand(source, x)) {
                Some(value) => a = value,
                // The kernel's conversion answers zero, which kills the thread.
                None => return Ok(0),
            },
            Operation::Neg => a = a.wrapping_neg(),
            Operation::Jump(k) => at = at.saturating_add(k as usize),
            Operation::Branch { compare, source, jt, jf } => {
                let holds = compares(compare, a, operand(source, x));
                at += usize::from(if holds { jt } else { jf });
            }
            Operation::Return(k) => return Ok(k),
            Operation::ReturnA => return Ok(a),
            Operation::Tax => x = a,
            Operation::Txa => a = x,
        }
    }
}

/// The action that a program answers.
///
/// # Errors
///
/// As [`eval`].
pub fn action(insns: &[Insn], data: &SeccompData) -> Result<Action, Error> {
    eval(insns, data).map(Action::from_value)
}

/// How many instructions a program runs for an input, the return included.
///
/// # Errors
///
/// As [`eval`].
pub fn executed(insns: &[Insn], data: &SeccompData) -> Result<usize, Error> {
    let mut count = 0;
    run(insns, data, |_| count += 1)?;
    Ok(count)
}

/// The places of the instructions that a program runs for an input, in order, the return included.
///
/// # Errors
///
/// As [`eval`].
pub fn path(insns: &[Insn], data: &SeccompData) -> Result<Vec<usize>, Error> {
    let mut places = Vec::new();
    run(insns, data, |at| places.push(at))?;
    Ok(places)
}

/// Whether the kernel's action cache answers a call without running the program: it emulates the
/// program with the architecture and the number alone, and gives up at anything else.
pub fn cached(insns: &[Insn], arch: u32, nr: u32) -> bool {
    let mut a = 0;
    let mut at = 0;
    while let Some(insn) = insns.get(at) {
        at += 1;
        let holds = match insn.code {
            code::LD_ABS if insn.k == 0 => {
                a = nr;
                continue;
            }
            code::LD_ABS if insn.k == 4 => {
                a = arch;
                continue;
            }
            code::AND => {
                a &= insn.k;
                continue;
            }
            code::JA => {
                at = at.saturating_add(insn.k as usize);
                continue;
            }
            code::RET => return insn.k == Action::Allow.value(),
            code::JEQ => a == insn.k,
            code::JGE => a >= insn.k,
            code::JGT => a > insn.k,
            code::JSET => a & insn.k != 0,
            _ => return false,
        };
        at += usize::from(if holds { insn.jt } else { insn.jf });
    }
    false
}

fn operand(source: Source, x: u32) -> u32 {
    match source {
        Source::K(k) => k,
        Source::X => x,
    }
}

/// `None` for a division by zero. Shifts use the low five bits, as the kernel's 32-bit shifts do.
fn arithmetic(operator: Alu, a: u32, b: u32) -> Option<u32> {
    Some(match operator {
        Alu::Add => a.wrapping_add(b),
        Alu::Sub => a.wrapping_sub(b),
        Alu::Mul => a.wrapping_mul(b),
        Alu::Div => a.checked_div(b)?,
        Alu::Or => a | b,
        Alu::And => a & b,
        Alu::Lsh => a.wrapping_shl(b),
        Alu::Rsh => a.wrapping_shr(b),
        Alu::Xor => a ^ b,
    })
}

fn compares(compare: Compare, a: u32, b: u32) -> bool {
    match compare {
        Compare::Eq => a == b,
        Compare::Gt => a > b,
        Compare::Ge => a >= b,
        Compare::Set => a & b != 0,
    }
}
