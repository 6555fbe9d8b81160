//! A filter as findings look at it: what may run, call by call.

use super::{Finding, Witness};
use crate::diagram::{Diagram, Error, Field, Set, Space};
use crate::program::{Insn, Program, SeccompData, code};
use crate::relate::strictness;
use crate::table::{Abi, CallId, Prototype};

/// A filter, and the inputs whose call may run: allowed, logged, or left to a tracer or supervisor.
pub(super) struct Gate<'s> {
    pub(super) space: &'s mut Space,
    pub(super) filter: Diagram,
    pub(super) runs: Set,
}

/// One call of one ABI, with the arguments and instruction pointers for which it may run.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) abi: Abi,
    pub(super) prototype: &'static Prototype,
    pub(super) runs: Set,
}

impl<'s> Gate<'s> {
    pub(super) fn new(space: &'s mut Space, filter: Diagram) -> Result<Self, Error> {
        let filter = space.alone(filter)?;
        let runs = space.set(filter, |action| strictness(action) >= 1)?;
        Ok(Self { space, filter, runs })
    }

    /// A call where an ABI has it, and the kernel behind its number anything.
    pub(super) fn place(&self, abi: Abi, call: CallId) -> Option<Place> {
        let prototype = call.prototype(abi).filter(|prototype| prototype.entry().is_some())?;
        Some(self.at(prototype))
    }

    /// A call of the table.
    pub(super) fn at(&self, prototype: &'static Prototype) -> Place {
        let runs = self.space.at_call(self.runs, prototype.abi, prototype.number);
        Place { abi: prototype.abi, prototype, runs }
    }

    /// The input of a call with arguments from a set of them, and what the filter answers;
    /// `None` where the set is empty.
    pub(super) fn witness(&self, place: Place, arguments: Set) -> Option<Witness> {
        let mut data = self.space.arguments(arguments)?;
        data.arch = place.abi.audit_arch();
        data.nr = place.abi.bit() | place.prototype.number;
        Some(self.answered(data))
    }

    /// An input with the filter's answer.
    pub(super) fn answered(&self, data: SeccompData) -> Witness {
        Witness { data, action: self.space.eval(self.filter, &data) }
    }

    /// The inputs that pass every test `word & mask == value`; offsets as in `seccomp_data`.
    pub(super) fn words(&mut self, tests: &[(u32, u32, u32)]) -> Result<Set, Error> {
        let mut insns = Vec::new();
        for (at, (offset, mask, value)) in tests.iter().enumerate() {
            let beyond = 3 * (tests.len() - at - 1) + 1;
            insns.push(Insn::stmt(code::LD_ABS, *offset));
            insns.push(Insn::stmt(code::AND, *mask));
            insns.push(Insn::jump(code::JEQ, *value, 0, beyond as u8));
        }
        insns.push(Insn::stmt(code::RET, crate::filter::Action::Allow.value()));
        insns.push(Insn::stmt(code::RET, 0));
        let filter = self.space.program(&Program::new(insns))?;
        self.space.set(filter, |action| strictness(action) == 2)
    }

    /// The inputs whose argument is this value on the bits of a mask.
    pub(super) fn argument(&mut self, at: usize, mask: u64, value: u64) -> Result<Set, Error> {
        self.words(&words_of(at, mask, value))
    }

    /// A set without its dependence on the bits of an argument.
    pub(super) fn forget(&mut self, set: Set, at: usize, bits: u64) -> Result<Set, Error> {
        self.space.forget(set, Field::Argument(at as u8), bits)
    }
}

/// Both halves of an argument, as [`Gate::words`] takes them.
pub(super) fn words_of(at: usize, mask: u64, value: u64) -> [(u32, u32, u32); 2] {
    let offset = 16 + 8 * at as u32;
    [(offset, mask as u32, value as u32), (offset + 4, (mask >> 32) as u32, (value >> 32) as u32)]
}

/// Adds a finding, or its ABI to one that says the same of the same call of another ABI.
pub(super) fn add(findings: &mut Vec<Finding>, finding: Finding) {
    let same = findings.iter_mut().find(|other| {
        other.id == finding.id
            && other.call.is_some()
            && other.call == finding.call
            && other.message == finding.message
    });
    match same {
        Some(other) => other.abis.extend(finding.abis),
        None => findings.push(finding),
    }
}
