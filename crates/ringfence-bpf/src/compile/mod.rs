//! A specification as a program: the fast path, without the decision diagram.
//!
//! Each number of each ABI gets an outcome: a constant action, or tests of its arguments. Runs of
//! numbers with one outcome are found by a weighted bisection that looks at nothing but the
//! architecture and the number, so that the kernel's action cache answers every constant allow
//! (`kernel/seccomp.c`, `seccomp_is_const_allow`). Argument tests are shared between the numbers
//! and ABIs that have the same ones.

mod condition;
mod emit;
mod graph;
mod least;
mod optimise;
mod proven;
mod search;

use crate::filter::{Action, FilterSpec};
use crate::program::Program;
use crate::rule::{Condition, Rule, Test};
use crate::table::{self, Abi, CallId, X32_BIT};

use condition::Subject;
use graph::{Graph, Load, NodeId, Op};
use search::Range;

pub use least::least;
pub use optimise::optimise;
pub use proven::{proven, shortened};

/// Why a specification has no program.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The program would be longer than the kernel takes.
    #[error(
        "the filter needs {len} instructions or more, the kernel takes 4096: use fewer or simpler argument conditions"
    )]
    TooLong {
        /// What was needed when the compiler gave up.
        len: usize,
    },
    /// An allow rule has an action of its own.
    #[error("allow rule {index} has an action: only deny rules have one")]
    ActionOnAllow {
        /// Index into [`FilterSpec::allow`].
        index: usize,
    },
    /// An exact answer needs more than a bound allows.
    #[error(transparent)]
    Diagram(#[from] crate::diagram::Error),
    /// The compiler made a program that means something else.
    #[error("a defect of the compiler, please report it: {0}")]
    Wrong(crate::prove::Counterexample),
}

/// The most nodes of the graph: each becomes an instruction at least, if it is reachable.
const MAX_NODES: usize = 4 * crate::program::MAX_INSNS;

/// How much likelier a call with argument tests is to run the program than any other: the kernel's
/// cache answers the constant allows, and what is denied is rarely tried twice.
const TESTED: u32 = 1024;

/// Conditions by the place of their argument, each any of several lists of tests.
type Conditions<'a> = Vec<(u8, Vec<&'a [Test]>)>;

/// One rule for one number: all conditions hold, then the action.
struct Entry<'a> {
    action: u32,
    conditions: Conditions<'a>,
}

/// What is known of one number so far.
#[derive(Clone, Copy, Default)]
struct Cell {
    /// The action where no entry of the chain matches, once that is settled.
    settled: Option<u32>,
    /// The chain of entries: its place plus one, or zero for none.
    chain: u32,
}

struct Compiler<'a> {
    spec: &'a FilterSpec,
    cells: [Vec<Cell>; 3],
    chains: Vec<(CallId, Vec<Entry<'a>>)>,
    graph: Graph,
}

/// Compiles a specification. The result is a function of its argument alone: the same rules give
/// the same bytes.
///
/// # Errors
///
/// Where the program would be longer than the kernel takes, or an allow rule has an action.
pub fn compile(spec: &FilterSpec) -> Result<Program, Error> {
    if let Some(index) = spec.allow.iter().position(|rule| rule.action.is_some()) {
        return Err(Error::ActionOnAllow { index });
    }
    let cells = Abi::ALL.map(|abi| {
        let len = if spec.abis.contains(abi) { table::highest(abi) as usize + 1 } else { 0 };
        vec![Cell::default(); len]
    });
    let mut compiler = Compiler { spec, cells, chains: Vec::new(), graph: Graph::default() };
    for rule in &spec.deny {
        compiler.apply(rule, rule.action.unwrap_or(spec.on_deny), true);
    }
    for rule in &spec.allow {
        compiler.apply(rule, Action::Allow, false);
    }
    let root = compiler.root()?;
    emit::emit(&compiler.graph, root)
}

impl<'a> Compiler<'a> {
    fn apply(&mut self, rule: &'a Rule, action: Action, deny: bool) {
        for call in rule.target.calls() {
            for abi in self.spec.abis.iter() {
                let Some(number) = call.number(abi) else { continue };
                let cell = &mut self.cells[abi as usize][number as usize];
                if cell.settled.is_some() {
                    continue;
                }
                match conditions(rule, call, abi) {
                    Some(conditions) if !conditions.is_empty() => {
                        if cell.chain == 0 {
                            self.chains.push((call, Vec::new()));
                            cell.chain = self.chains.len() as u32;
                        }
                        let chain = &mut self.chains[cell.chain as usize - 1].1;
                        add(chain, Entry { action: action.value(), conditions });
                    }
                    Some(_) => cell.settled = Some(action.value()),
                    // What cannot be expressed must not open anything.
                    None if deny => cell.settled = Some(action.value()),
                    None => {}
                }
            }
        }
    }

    fn root(&mut self) -> Result<NodeId, Error> {
        let bad = self.graph.ret(self.spec.bad_abi.value());
        let x86_64 = self.arch_x86_64()?;
        let i386 = if self.spec.abis.contains(Abi::I386) {
            let mut ranges = Vec::new();
            self.numbers(Abi::I386, &mut ranges)?;
            self.unknown(&mut ranges, table::highest(Abi::I386) + 1);
            search::search(&mut self.graph, NR, &ranges)
        } else {
            bad
        };
        let arch = Load::word(4);
        let other = self.graph.branch(arch, Op::Equal, table::AUDIT_ARCH_I386, i386, bad);
        Ok(self.graph.branch(arch, Op::Equal, table::AUDIT_ARCH_X86_64, x86_64, other))
    }

    /// x86_64, then x32, then the negative numbers, which are no call of either.
    fn arch_x86_64(&mut self) -> Result<NodeId, Error> {
        let bad = self.graph.ret(self.spec.bad_abi.value());
        let (native, x32) = (self.spec.abis.contains(Abi::X86_64), self.spec.abis.contains(Abi::X32));
        let mut ranges = Vec::new();
        if native {
            self.numbers(Abi::X86_64, &mut ranges)?;
            self.unknown(&mut ranges, table::highest(Abi::X86_64) + 1);
        } else {
            search::push(&mut ranges, 0, bad, 1);
        }
        if x32 {
            self.numbers(Abi::X32, &mut ranges)?;
            self.unknown(&mut ranges, X32_BIT + table::highest(Abi::X32) + 1);
        } else {
            search::push(&mut ranges, X32_BIT, bad, 1);
        }
        if native {
            self.unknown(&mut ranges, X32_BIT << 1);
        } else {
            search::push(&mut ranges, X32_BIT << 1, bad, 1);
        }
        Ok(search::search(&mut self.graph, NR, &ranges))
    }

    fn unknown(&mut self, ranges: &mut Vec<Range>, start: u32) {
        let unknown = self.graph.ret(self.spec.unknown.value());
        search::push(ranges, start, unknown, 1);
    }

    /// Adds the outcome of every number up to the highest of an ABI.
    fn numbers(&mut self, abi: Abi, ranges: &mut Vec<Range>) -> Result<(), Error> {
        let unknown = self.graph.ret(self.spec.unknown.value());
        let on_deny = self.graph.ret(self.spec.on_deny.value());
        let mut prototypes = table::prototypes(abi).iter().peekable();
        // Most numbers have the action of the one before.
        let mut latest = (self.spec.on_deny.value(), on_deny);
        for number in 0..=table::highest(abi) {
            let known = prototypes.next_if(|prototype| prototype.number == number).is_some();
            let cell = self.cells[abi as usize][number as usize];
            let rest = match cell.settled {
                Some(action) => {
                    if action != latest.0 {
                        latest = (action, self.graph.ret(action));
                    }
                    latest.1
                }
                None if known => on_deny,
                None => unknown,
            };
            let outcome =
                if cell.chain == 0 { rest } else { self.chain(abi, cell.chain as usize - 1, rest)? };
            let weight = if outcome == rest { 1 } else { TESTED };
            search::push(ranges, abi.bit() + number, outcome, weight);
        }
        Ok(())
    }

    /// The tests of a chain, the first entry first, with what follows where none matches.
    fn chain(&mut self, abi: Abi, chain: usize, rest: NodeId) -> Result<NodeId, Error> {
        let (call, entries) = &self.chains[chain];
        let args = call.prototype(abi).map_or(&[][..], |prototype| prototype.args);
        let mut node = rest;
        for entry in entries.iter().rev() {
            let no = node;
            let mut yes = self.graph.ret(entry.action);
            for (position, tests) in entry.conditions.iter().rev() {
                let position = usize::from(*position);
                let subject = Subject::new(*call, position, &args[position]);
                let tests = tests.iter().flat_map(|tests| tests.iter());
                yes = subject.any(&mut self.graph, tests, yes, no);
            }
            node = yes;
            if self.graph.len() > MAX_NODES {
                return Err(Error::TooLong { len: self.graph.len() });
            }
        }
        Ok(node)
    }
}

/// The system call number.
const NR: Load = Load::word(0);

/// The conditions by place; `None` where the ABI cannot express one of them.
fn conditions<'a>(rule: &'a Rule, call: CallId, abi: Abi) -> Option<Conditions<'a>> {
    let place = |condition: &'a Condition| {
        let (position, _) = condition.argument(call, abi)?;
        Some((position as u8, vec![condition.tests.as_slice()]))
    };
    rule.conditions.iter().map(place).collect()
}

/// Adds an entry. Entries in a row with one action and one condition on the same argument become
/// one, whose values are then searched together.
fn add<'a>(chain: &mut Vec<Entry<'a>>, mut entry: Entry<'a>) {
    if let Some(last) = chain.last_mut()
        && last.action == entry.action
        && let ([(place, tests)], [(other, more)]) = (&mut last.conditions[..], &mut entry.conditions[..])
        && place == other
    {
        tests.append(more);
    } else {
        chain.push(entry);
    }
}
