//! Questions to the gate: every number of every ABI and some beyond, with arguments on both sides
//! of each boundary that the policy draws. They are asked under a filter that answers in place of
//! the kernel, so no call is ever made, and any argument is harmless.

use std::collections::BTreeSet;

use ringfence_bpf::diagram::{Error, Limits, Space};
use ringfence_bpf::program::{Insn, Program};
use ringfence_bpf::rule::{Condition, Rule, Test, value_bits};
use ringfence_bpf::table::{self, Abi, CallId, X32_BIT};

use ringfence_sys::abi::SockFilter;

use crate::control::trial::{Entry, Probe};
use crate::policy::model::Syscalls;

/// The most probes of one question: boundaries of a rule with many conditions multiply.
const MOST: usize = 256;

/// Everything that is asked about one number through one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Whose number.
    pub abi: Abi,
    /// The way.
    pub entry: Entry,
    /// As in the table of the ABI; beyond it, as in the register.
    pub number: u32,
    /// `None` beyond the table.
    pub call: Option<CallId>,
    /// What is asked.
    pub probes: Vec<Probe>,
}

/// Every question, in the order of entries and numbers.
#[must_use]
pub fn questions(syscalls: &Syscalls, entries: &[Entry]) -> Vec<Question> {
    let mut all = Vec::new();
    for &entry in entries {
        let abis: &[Abi] = if entry == Entry::Syscall { &[Abi::X86_64, Abi::X32] } else { &[Abi::I386] };
        for &abi in abis {
            all.extend(numbers(abi).into_iter().map(|number| question(syscalls, abi, entry, number)));
        }
    }
    all
}

/// The table of an ABI, its holes, and numbers beyond: the next ones, those of other ABIs, and the
/// ends of the register's range.
fn numbers(abi: Abi) -> BTreeSet<u32> {
    let highest = table::highest(abi);
    let mut numbers: BTreeSet<u32> = (0..=highest + 16).collect();
    numbers.extend([1000, 4095, 4096, 0xffff, 0x10000, X32_BIT - 1]);
    if abi != Abi::X32 {
        numbers.extend([0x7fff_ffff, 0x8000_0000, u32::MAX - 1, u32::MAX].map(|number| number | abi.bit()));
    }
    numbers.retain(|number| abi != Abi::X86_64 || number >> 30 != 1);
    numbers
}

fn question(syscalls: &Syscalls, abi: Abi, entry: Entry, number: u32) -> Question {
    let call = table::by_number(abi, number).and_then(|prototype| table::call(prototype.name));
    let register = number | abi.bit();
    let mut vectors = BTreeSet::from([[0; 6], [u64::MAX; 6]]);
    if let Some(call) = call {
        let rules = syscalls.allow.iter().chain(&syscalls.deny).map(|rule| &rule.value);
        for rule in rules.filter(|rule| !rule.conditions.is_empty()) {
            if rule.target.calls().any(|target| target == call) {
                boundaries(rule, call, abi, &mut vectors);
            }
        }
    }
    let probes = vectors.into_iter().take(MOST).map(|args| Probe { entry, number: register, args }).collect();
    Question { abi, entry, number, call, probes }
}

/// Adds what the program itself tells apart: of each number an input for each answer, from its diagram,
/// wherever the rules see a boundary. `secret`: calls that pass with a word that nobody inside knows.
///
/// # Errors
/// The program is too complex; nothing is added.
pub fn witnessed(program: &[SockFilter], secret: &[&str], questions: &mut [Question]) -> Result<(), Error> {
    let insns = program.iter().map(|i| Insn { code: i.code, jt: i.jt, jf: i.jf, k: i.k });
    let mut space = Space::new(Limits::default());
    let whole = space.program(&Program::new(insns.collect()))?;
    for question in questions {
        if question.call.is_some_and(|call| secret.contains(&call.name())) {
            continue;
        }
        let one = space.at(whole, question.abi.audit_arch(), question.number | question.abi.bit());
        let answers = space.actions(one)?;
        if answers.len() < 2 {
            continue;
        }
        for answer in answers {
            let inputs = space.set(one, |action| action == answer)?;
            let Some(found) = space.arguments(inputs) else { continue };
            let probe = Probe {
                entry: question.entry,
                number: question.number | question.abi.bit(),
                args: found.args,
            };
            if !question.probes.contains(&probe) {
                question.probes.push(probe);
            }
        }
    }
    Ok(())
}

/// Both sides of every boundary of a rule: each condition varied while the others hold, and values
/// that differ only in bits that the kernel does not read.
fn boundaries(rule: &Rule, call: CallId, abi: Abi, vectors: &mut BTreeSet<[u64; 6]>) {
    let mut base = [0u64; 6];
    for condition in &rule.conditions {
        if let (Some((place, argument)), Some(test)) =
            (condition.argument(call, abi), condition.tests.first())
        {
            base[place] = holding(*test, value_bits(call, argument));
        }
    }
    vectors.insert(base);
    for condition in &rule.conditions {
        let Some((place, argument)) = condition.argument(call, abi) else { continue };
        for value in sides(condition, value_bits(call, argument)) {
            let mut args = base;
            args[place] = value;
            vectors.insert(args);
            if argument.width < 64 && abi != Abi::I386 {
                for beyond in [1u64 << argument.width, 1 << 63] {
                    args[place] = value | beyond;
                    vectors.insert(args);
                }
            }
        }
    }
}

/// A value for which a test holds.
fn holding(test: Test, bits: u64) -> u64 {
    match test {
        Test::Equal(value) => value as u64 & bits,
        Test::NotEqual(value) => (value as u64 ^ 1) & bits,
        Test::Range(low, _) => low as u64 & bits,
        Test::Masked { value, .. } => value,
    }
}

/// Values at and beside every boundary of a condition.
fn sides(condition: &Condition, bits: u64) -> BTreeSet<u64> {
    let mut values = BTreeSet::from([0, bits]);
    let beside = |value: i128| [value - 1, value, value + 1].map(|value| value as u64 & bits);
    for test in &condition.tests {
        match *test {
            Test::Equal(value) | Test::NotEqual(value) => values.extend(beside(value)),
            Test::Range(low, high) => values.extend(beside(low).into_iter().chain(beside(high))),
            Test::Masked { mask, value } => {
                values.extend([value, value | !mask, value ^ mask, mask]);
                let each = (0..64).map(|bit| 1u64 << bit).filter(|bit| mask & bit != 0);
                values.extend(each.map(|bit| value ^ bit));
            }
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use ringfence_bpf::program::code;

    use super::*;

    /// A hole that no rule draws is found in the program itself.
    #[test]
    fn what_a_program_tells_apart_is_asked() {
        let insn = |code, jt, jf, k| SockFilter { code, jt, jf, k };
        let (getpid, hole) = (39, 0xdead);
        let program = [
            insn(code::LD_ABS, 0, 0, 0),
            insn(code::JEQ, 0, 2, getpid),
            insn(code::LD_ABS, 0, 0, 16),
            insn(code::JEQ, 0, 1, hole),
            insn(code::RET, 0, 0, 0x7fff_0000),
            insn(code::RET, 0, 0, 0x0005_0001),
        ];
        let question = |number| {
            let call = table::by_number(Abi::X86_64, number).and_then(|known| table::call(known.name));
            Question { abi: Abi::X86_64, entry: Entry::Syscall, number, call, probes: Vec::new() }
        };
        let mut asked = [question(getpid), question(getpid + 1)];
        witnessed(&program, &[], &mut asked).unwrap();
        let first: Vec<u64> = asked[0].probes.iter().map(|probe| probe.args[0] & 0xffff_ffff).collect();
        assert_eq!(first.len(), 2, "{first:?}");
        assert!(first.contains(&u64::from(hole)) && asked[1].probes.is_empty(), "{asked:?}");
        let mut asked = [question(getpid)];
        witnessed(&program, &["getpid"], &mut asked).unwrap();
        assert!(asked[0].probes.is_empty());
    }
}
