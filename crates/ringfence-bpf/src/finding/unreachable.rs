//! Instructions that no input reaches, exactly.
//!
//! What has not been seen to run becomes a return with an answer of its own. Where no input gets
//! such an answer, all of it is unreachable; otherwise the inputs that do are run by the
//! interpreter, and what they pass has been seen.

use super::{Finding, Id, Severity};
use crate::decode::{Operation, decode};
use crate::diagram::{Bound, Error, Limits, Space};
use crate::eval;
use crate::filter::Action;
use crate::program::{Insn, Program, SeccompData, code};

/// The most rounds: each shows one instruction at least, and a chain of comparisons in two.
const ROUNDS: usize = 256;

pub(super) fn find(program: &Program, name: &str, findings: &mut Vec<Finding>) -> Result<(), Error> {
    let dead = unreachable(program)?;
    let Some(first) = dead.first() else { return Ok(()) };
    findings.push(Finding {
        id: Id::Unreachable,
        severity: Severity::Note,
        call: None,
        abis: Vec::new(),
        message: format!(
            "{name}{} of {} instructions are never reached, the first is instruction {first}",
            dead.len(),
            program.len()
        ),
        witnesses: Vec::new(),
        instructions: dead,
        fix: "leave them out: an optimised program of the same meaning has none".into(),
    });
    Ok(())
}

fn unreachable(program: &Program) -> Result<Vec<usize>, Error> {
    let insns = program.insns();
    crate::decode::check(insns)?;
    let mut seen = vec![false; insns.len()];
    see(insns, &SeccompData::default(), &mut seen);
    let mut limits = Limits::default();
    for _ in 0..ROUNDS {
        if seen.iter().all(|seen| *seen) {
            return Ok(Vec::new());
        }
        let mut space = Space::new(limits);
        let filter = space.program(&marked(insns, &seen))?;
        let mut reached = false;
        for (action, data) in space.examples(filter)? {
            if matches!(action, Action::Trace(_)) {
                see(insns, &data, &mut seen);
                reached = true;
            }
        }
        // One bound for all rounds together.
        limits.work = limits.work.saturating_sub(space.work());
        if !reached {
            return Ok((0..insns.len()).filter(|at| !seen[*at]).collect());
        }
    }
    Err(Error::TooComplex(Bound::Parts(ROUNDS)))
}

/// What has not been seen as returns of its own; answers do not matter elsewhere.
fn marked(insns: &[Insn], seen: &[bool]) -> Program {
    let mark = |(at, insn): (usize, &Insn)| match decode(*insn) {
        // Places are below 4096.
        _ if !seen[at] => Insn::stmt(code::RET, Action::Trace(at as u16).value()),
        Some(Operation::Return(_) | Operation::ReturnA) => Insn::stmt(code::RET, Action::Allow.value()),
        _ => *insn,
    };
    Program::new(insns.iter().enumerate().map(mark).collect())
}

/// Marks what an input runs. The program is one that the kernel accepts: it has an answer.
fn see(insns: &[Insn], data: &SeccompData, seen: &mut [bool]) {
    for at in eval::path(insns, data).unwrap_or_default() {
        seen[at] = true;
    }
}
