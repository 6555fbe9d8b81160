//! A filter as its author's compiler reads it: for each number an ordered list of clauses, which
//! test whole 32-bit words of the arguments. Every language but ringfence's own becomes this first.
//!
//! [`Listing::meaning`] and [`Listing::program`] say the same by two ways: one walks the list, the
//! other is a program whose diagram is then compared with other filters.

use std::collections::BTreeMap;

use ringfence_bpf::filter::Action;
use ringfence_bpf::program::{Insn, MAX_INSNS, Program, SeccompData, code};

/// A filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// What it says for each `AUDIT_ARCH_*`, each once.
    pub arches: Vec<Arch>,
    /// The answer under any other architecture.
    pub other: Action,
    /// Where clauses come from, for people: `syscalls[4]`, `line 12`. [`Clause::origin`] is an index.
    pub origins: Vec<String>,
}

/// What a filter says under one `AUDIT_ARCH_*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arch {
    /// The architecture.
    pub audit: u32,
    /// The answers where no clause matches: first number and action, sorted, from 0.
    pub regions: Vec<(u32, Action)>,
    /// The clauses of a number (with bit 30 for x32); the first that matches answers.
    pub numbers: BTreeMap<u32, Vec<Clause>>,
}

/// All tests hold, then the action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// The tests; none: always.
    pub tests: Vec<Test>,
    /// The answer.
    pub action: Action,
    /// Index into [`Listing::origins`].
    pub origin: usize,
}

/// A test of one word of `seccomp_data`, masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Test {
    /// Byte offset of the word, `include/uapi/linux/seccomp.h`.
    pub offset: u8,
    /// The bits that are looked at.
    pub mask: u32,
    /// How they are compared, unsigned.
    pub op: Op,
    /// With what.
    pub value: u32,
    /// Whether the comparison must hold, or must not.
    pub holds: bool,
}

/// Comparisons of a word with a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Equal.
    Equal,
    /// Greater.
    Greater,
    /// Greater or equal.
    AtLeast,
    /// Any bit in common.
    AnyBit,
}

/// A listing is longer than any program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("written one rule after the other, the filter needs {len} instructions; {MAX_INSNS} are the most")]
pub struct TooLong {
    /// How long it would be.
    pub len: usize,
}

impl Test {
    /// The byte offset of one half of an argument register.
    #[must_use]
    pub fn word(argument: u8, high: bool) -> u8 {
        16 + 8 * argument + if high { 4 } else { 0 }
    }

    /// A comparison of a whole word.
    #[must_use]
    pub fn whole(offset: u8, op: Op, value: u32) -> Test {
        Test { offset, mask: u32::MAX, op, value, holds: true }
    }

    /// The same test the other way round.
    #[must_use]
    pub fn negated(self) -> Test {
        Test { holds: !self.holds, ..self }
    }

    fn matches(&self, data: &SeccompData) -> bool {
        let word = data.word(u32::from(self.offset)).map_or(0, |word| word & self.mask);
        let compares = match self.op {
            Op::Equal => word == self.value,
            Op::Greater => word > self.value,
            Op::AtLeast => word >= self.value,
            Op::AnyBit => word & self.value != 0,
        };
        compares == self.holds
    }
}

impl Listing {
    /// The answer to a call, and the origin of the clause that gave it; `None`: no clause matched.
    #[must_use]
    pub fn meaning(&self, data: &SeccompData) -> (Action, Option<&str>) {
        let Some(arch) = self.arches.iter().find(|arch| arch.audit == data.arch) else {
            return (self.other, None);
        };
        let clauses = arch.numbers.get(&data.nr).map_or(&[][..], Vec::as_slice);
        let all = |clause: &&Clause| clause.tests.iter().all(|test| test.matches(data));
        match clauses.iter().find(all) {
            Some(clause) => (clause.action, self.origins.get(clause.origin).map(String::as_str)),
            None => (arch.rest(data.nr), None),
        }
    }

    /// A plain program that says the same: one test after the other, not shortened.
    ///
    /// # Errors
    /// It would be longer than the kernel takes.
    pub fn program(&self) -> Result<Program, TooLong> {
        let mut out = Assembler::default();
        out.insns.push(Insn::stmt(code::LD_ABS, 4));
        let bodies: Vec<Label> = self.arches.iter().map(|_| out.label()).collect();
        for (arch, body) in self.arches.iter().zip(&bodies) {
            out.insns.push(Insn::jump(code::JEQ, arch.audit, 0, 1));
            out.jump(*body);
        }
        out.insns.push(ret(self.other));
        for (arch, body) in self.arches.iter().zip(bodies) {
            out.place(body);
            arch.emit(&mut out);
        }
        out.finish()
    }
}

impl Arch {
    /// The answer of the region that a number lies in.
    fn rest(&self, number: u32) -> Action {
        let region = self.regions.iter().take_while(|(start, _)| *start <= number).last();
        region.map_or(Action::KillProcess, |(_, action)| *action)
    }

    /// Ranges of numbers with one outcome, in order, then the outcomes.
    fn emit(&self, out: &mut Assembler) {
        out.insns.push(Insn::stmt(code::LD_ABS, 0));
        let mut bodies: Vec<(Outcome<'_>, Label)> = Vec::new();
        let ranges = self.ranges();
        for (at, (_, outcome)) in ranges.iter().enumerate() {
            let known = bodies.iter().find(|(body, _)| body == outcome).map(|(_, label)| *label);
            let label = known.unwrap_or_else(|| {
                let label = out.label();
                bodies.push((*outcome, label));
                label
            });
            if let Some((next, _)) = ranges.get(at + 1) {
                out.insns.push(Insn::jump(code::JGE, *next, 1, 0));
            }
            out.jump(label);
        }
        for ((clauses, rest), label) in bodies {
            out.place(label);
            for clause in clauses {
                out.clause(clause);
            }
            out.insns.push(ret(rest));
        }
    }

    /// The first number of each range, and its outcome: neighbours differ.
    fn ranges(&self) -> Vec<(u32, Outcome<'_>)> {
        let mut starts: Vec<u32> = self.regions.iter().map(|(start, _)| *start).collect();
        starts.push(0);
        for number in self.numbers.keys() {
            starts.push(*number);
            starts.extend(number.checked_add(1));
        }
        starts.sort_unstable();
        starts.dedup();
        let mut ranges: Vec<(u32, Outcome<'_>)> = Vec::new();
        for start in starts {
            let outcome = self.outcome(start);
            if ranges.last().is_none_or(|(_, last)| *last != outcome) {
                ranges.push((start, outcome));
            }
        }
        ranges
    }

    /// What a number gets: its clauses up to one without tests, and then what.
    fn outcome(&self, number: u32) -> Outcome<'_> {
        let clauses = self.numbers.get(&number).map_or(&[][..], Vec::as_slice);
        match clauses.iter().position(|clause| clause.tests.is_empty()) {
            Some(at) => (&clauses[..at], clauses[at].action),
            None => (clauses, self.rest(number)),
        }
    }
}

/// Clauses with tests, and the answer where none matches.
type Outcome<'a> = (&'a [Clause], Action);

fn ret(action: Action) -> Insn {
    Insn::stmt(code::RET, action.value())
}

#[derive(Clone, Copy, PartialEq)]
struct Label(usize);

/// Instructions whose long jumps go to labels.
#[derive(Default)]
struct Assembler {
    insns: Vec<Insn>,
    /// Where each label stands.
    labels: Vec<Option<usize>>,
    /// Jumps, and their labels.
    jumps: Vec<(usize, Label)>,
}

impl Assembler {
    fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    fn place(&mut self, label: Label) {
        self.labels[label.0] = Some(self.insns.len());
    }

    fn jump(&mut self, label: Label) {
        self.jumps.push((self.insns.len(), label));
        self.insns.push(Insn::stmt(code::JA, 0));
    }

    fn clause(&mut self, clause: &Clause) {
        let mut insns = Vec::new();
        let mut branches = Vec::new();
        let mut loaded = None;
        for test in &clause.tests {
            if loaded != Some((test.offset, test.mask)) {
                insns.push(Insn::stmt(code::LD_ABS, u32::from(test.offset)));
                if test.mask != u32::MAX {
                    insns.push(Insn::stmt(code::AND, test.mask));
                }
                loaded = Some((test.offset, test.mask));
            }
            let op = match test.op {
                Op::Equal => code::JEQ,
                Op::Greater => code::JGT,
                Op::AtLeast => code::JGE,
                Op::AnyBit => code::JSET,
            };
            branches.push((insns.len(), test.holds));
            insns.push(Insn::jump(op, test.value, 0, 0));
        }
        insns.push(ret(clause.action));
        self.append(insns, &branches);
    }

    /// Instructions whose branches leave them where their test fails.
    fn append(&mut self, mut insns: Vec<Insn>, branches: &[(usize, bool)]) {
        let len = insns.len();
        if len <= usize::from(u8::MAX) {
            for (at, holds) in branches {
                let out = (len - at - 1) as u8;
                let insn = &mut insns[*at];
                if *holds { insn.jf = out } else { insn.jt = out }
            }
            self.insns.append(&mut insns);
            return;
        }
        // Too far for a branch: each is followed by a jump.
        let next = self.label();
        for (at, insn) in insns.into_iter().enumerate() {
            match branches.iter().find(|(branch, _)| *branch == at) {
                Some((_, holds)) => {
                    let (jt, jf) = if *holds { (1, 0) } else { (0, 1) };
                    self.insns.push(Insn { jt, jf, ..insn });
                    self.jump(next);
                }
                None => self.insns.push(insn),
            }
        }
        self.place(next);
    }

    fn finish(mut self) -> Result<Program, TooLong> {
        for (at, label) in self.jumps {
            // Every label is placed after all jumps to it.
            let target = self.labels[label.0].unwrap_or(self.insns.len());
            self.insns[at].k = (target - at - 1) as u32;
        }
        let len = self.insns.len();
        if len > MAX_INSNS { Err(TooLong { len }) } else { Ok(Program::new(self.insns)) }
    }
}

#[cfg(test)]
mod tests {
    use ringfence_bpf::table::{AUDIT_ARCH_I386, AUDIT_ARCH_X86_64};
    use ringfence_bpf::{decode, eval};

    use super::*;

    fn clause(tests: &[Test], action: Action) -> Clause {
        Clause { tests: tests.to_vec(), action, origin: 0 }
    }

    fn listing() -> Listing {
        let low = Test::word(0, false);
        let greater = Test::whole(low, Op::Greater, 5);
        let bits = Test { mask: 0xff00, ..Test::whole(Test::word(5, true), Op::Equal, 0x1200) };
        let numbers = BTreeMap::from([
            (0, vec![clause(&[greater, bits.negated()], Action::Allow), clause(&[bits], Action::Log)]),
            (1, vec![clause(&[], Action::Allow), clause(&[], Action::Log)]),
            (2, vec![clause(&[], Action::Allow)]),
            (9, vec![clause(&[Test::whole(low, Op::AnyBit, 6), greater], Action::Trap(3))]),
            (u32::MAX, vec![clause(&[Test::whole(low, Op::AtLeast, 7)], Action::Errno(4))]),
        ]);
        let regions = vec![(0, Action::Errno(1)), (0x4000_0000, Action::KillThread)];
        let arch = Arch { audit: AUDIT_ARCH_X86_64, regions, numbers };
        let i386 = Arch {
            audit: AUDIT_ARCH_I386,
            regions: vec![(0, Action::Errno(38))],
            numbers: BTreeMap::from([(3, vec![clause(&[], Action::Allow)])]),
        };
        Listing { arches: vec![arch, i386], other: Action::KillProcess, origins: vec!["here".into()] }
    }

    #[test]
    fn the_program_says_what_the_list_says() {
        let listing = listing();
        let program = listing.program().unwrap();
        decode::check(program.insns()).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for arch in [AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, 5] {
            for nr in [0, 1, 2, 3, 4, 9, 10, 0x3fff_ffff, 0x4000_0000, u32::MAX - 1, u32::MAX] {
                for first in [0, 2, 5, 6, 7, 8, 10, 1 << 32 | 5] {
                    for last in [0, 0x1200 << 32, 0x1234 << 32, 0xff_1200 << 32, 0x1300 << 32] {
                        let args = [first, 0, 0, 0, 0, last];
                        let data = SeccompData { nr, arch, instruction_pointer: 0, args };
                        let action = listing.meaning(&data).0;
                        assert_eq!(eval::action(program.insns(), &data), Ok(action), "{data:?}");
                        seen.insert(action);
                    }
                }
            }
        }
        assert_eq!(seen.len(), 8, "{seen:?}");
    }

    #[test]
    fn long_clauses_are_left_by_long_jumps() {
        let word = |at: u8| Test::whole(Test::word(at % 6, false), Op::Equal, 1).negated();
        let many: Vec<Test> = (0..200).map(word).collect();
        let mut listing = listing();
        listing.arches[0].numbers.insert(5, vec![clause(&many, Action::Allow)]);
        let program = listing.program().unwrap();
        decode::check(program.insns()).unwrap();
        for args in [[0; 6], [0, 0, 0, 0, 0, 1], [1, 0, 0, 0, 0, 0]] {
            let data = SeccompData { nr: 5, arch: AUDIT_ARCH_X86_64, instruction_pointer: 0, args };
            assert_eq!(eval::action(program.insns(), &data), Ok(listing.meaning(&data).0), "{data:?}");
        }
    }

    #[test]
    fn what_no_program_holds_is_refused() {
        let mut listing = listing();
        let test = Test::whole(16, Op::Equal, 7);
        listing.arches[0].numbers.insert(5, vec![clause(&[test], Action::Allow); 2000]);
        assert!(listing.program().unwrap_err().len > MAX_INSNS);
    }
}
