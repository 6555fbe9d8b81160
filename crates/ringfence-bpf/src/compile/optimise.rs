//! A decision diagram as a program: the same function in few instructions.
//!
//! Architecture and number are decided first and by themselves, as in [`super::compile`], so that the
//! kernel's action cache answers every number that is allowed whatever its arguments. Then the words
//! of the arguments in their order; what is left after each word is shared by all numbers and ABIs
//! that leave the same. A word is decided by bisection over its ranges or by masks, whichever is
//! shorter.

use std::collections::HashMap;

use super::condition::masked_word;
use super::graph::{Graph, Load, NodeId, Op};
use super::search::{self, Range};
use super::{Error, MAX_NODES, TESTED, emit};
use crate::diagram::{Diagram, First, Masked, Space};
use crate::program::Program;
use crate::table;

/// The most ranges of a word that are searched.
pub(super) const RANGES: usize = 2 * crate::program::MAX_INSNS;
/// The most masks of a word that are looked at.
const MASKS: usize = 256;
/// The most tests by mask of one word.
const PEELED: usize = 32;
/// The most outcomes of a word of which each is peeled off first.
const OUTCOMES: usize = 4;
/// The most masks of which each is tried without each of its bits.
const WIDENED: usize = 64;
/// Ranges that are searched without looking for masks: two comparisons at the most.
const FEW: usize = 3;

const NR: u32 = 0;
const ARCH: u32 = 4;

struct Optimiser<'a> {
    space: &'a mut Space,
    graph: Graph,
    /// What was written for each function.
    known: HashMap<Diagram, NodeId>,
}

/// One test of a word, and what follows where it holds.
struct Peeled {
    mask: u32,
    value: u32,
    rest: Diagram,
}

/// A program for a function. It is a function of its argument alone; [`crate::prove`] shows that it
/// means the same.
///
/// # Errors
///
/// [`Error::TooLong`] where 4,096 instructions are not enough; [`Error::Diagram`].
pub fn optimise(space: &mut Space, diagram: Diagram) -> Result<Program, Error> {
    let mut optimiser = Optimiser { space, graph: Graph::default(), known: HashMap::new() };
    let root = optimiser.function(diagram)?;
    emit::emit(&optimiser.graph, root)
}

impl Optimiser<'_> {
    fn function(&mut self, diagram: Diagram) -> Result<NodeId, Error> {
        if let Some(known) = self.known.get(&diagram) {
            return Ok(*known);
        }
        let node = match self.space.first(diagram) {
            First::Answer(value) => self.graph.ret(value),
            First::Word { offset, bit, low, high } => self.word(diagram, offset, bit, low, high)?,
        };
        if self.graph.len() > MAX_NODES {
            return Err(Error::TooLong { len: self.graph.len() });
        }
        self.known.insert(diagram, node);
        Ok(node)
    }

    /// A function that begins with a word.
    fn word(
        &mut self,
        diagram: Diagram,
        offset: u32,
        bit: u32,
        low: Diagram,
        high: Diagram,
    ) -> Result<NodeId, Error> {
        let ranges = self.space.word_ranges(diagram, offset, RANGES);
        if let Some(ranges) = &ranges
            && ranges.len() <= FEW
        {
            return self.search(offset, ranges);
        }
        let peeled = self.peeled(diagram, offset)?;
        match (ranges, peeled) {
            (Some(ranges), Some((peeled, _))) if ranges.len() - 1 <= cost(&peeled) => {
                self.search(offset, &ranges)
            }
            (_, Some((peeled, rest))) => {
                let mut node = self.function(rest)?;
                for test in peeled.iter().rev() {
                    let yes = self.function(test.rest)?;
                    node = masked_word(&mut self.graph, offset as u8, test.mask, test.value, yes, node);
                }
                Ok(node)
            }
            (Some(ranges), None) => self.search(offset, &ranges),
            (None, None) => {
                let (no, yes) = (self.function(low)?, self.function(high)?);
                Ok(self.graph.branch(Load::word(offset as u8), Op::AnyBit, bit, yes, no))
            }
        }
    }

    fn search(&mut self, offset: u32, parts: &[(u32, Diagram)]) -> Result<NodeId, Error> {
        let mut ranges: Vec<Range> = Vec::with_capacity(parts.len());
        for &(start, rest) in parts {
            let outcome = self.function(rest)?;
            let constant = matches!(self.space.first(rest), First::Answer(_));
            let weight = match offset {
                ARCH if start == table::AUDIT_ARCH_X86_64 => 3,
                ARCH if start == table::AUDIT_ARCH_I386 => 2,
                NR if !constant => TESTED,
                _ => 1,
            };
            search::push(&mut ranges, start, outcome, weight);
        }
        Ok(search::search(&mut self.graph, Load::word(offset as u8), &ranges))
    }

    /// The shortest tests of the word by masks, over several orders in which they may be found.
    #[allow(clippy::type_complexity)]
    fn peeled(&mut self, diagram: Diagram, offset: u32) -> Result<Option<(Vec<Peeled>, Diagram)>, Error> {
        let mut best = self.peel(diagram, offset, None)?;
        let Some(masks) = self.space.word_masks(diagram, offset, WIDENED) else { return Ok(best) };
        let mut outcomes: Vec<Diagram> = Vec::new();
        for test in &masks {
            if !outcomes.contains(&test.rest) {
                outcomes.push(test.rest);
            }
        }
        if outcomes.len() <= OUTCOMES {
            for outcome in outcomes {
                let other = self.peel(diagram, offset, Some(outcome))?;
                if let Some((tests, _)) = &other
                    && best.as_ref().is_none_or(|(known, _)| cost(tests) < cost(known))
                {
                    best = other;
                }
            }
        }
        Ok(best)
    }

    /// Tests of the word by masks, one after the other, and what is left after the last: each time
    /// values of one outcome are those of one mask, and the others may forget about them. Those of
    /// `outcome` only, where one is named. `None` where that takes too many.
    #[allow(clippy::type_complexity)]
    fn peel(
        &mut self,
        diagram: Diagram,
        offset: u32,
        outcome: Option<Diagram>,
    ) -> Result<Option<(Vec<Peeled>, Diagram)>, Error> {
        let mut peeled = Vec::new();
        let mut left = diagram;
        while peeled.len() < PEELED {
            let Some(masks) = self.space.word_masks(left, offset, MASKS) else { return Ok(None) };
            if masks.len() == 1 {
                return Ok(Some((peeled, left)));
            }
            let single = |rest| masks.iter().filter(|other| other.rest == rest).count() == 1;
            let wide =
                |test: &Masked| (price(test.mask, test.value), test.mask.count_ones(), test.mask, test.value);
            let whole = masks.iter().copied().filter(|test| single(test.rest)).min_by_key(wide);
            let whole = whole.filter(|_| outcome.is_none());
            let best = whole.or_else(|| {
                let few = masks.len() <= WIDENED;
                let wanted =
                    masks.iter().filter(|test| few && outcome.is_none_or(|outcome| test.rest == outcome));
                wanted.map(|test| self.widened(left, offset, *test)).min_by_key(wide)
            });
            let Some(best) = best else { return Ok(None) };
            peeled.push(Peeled { mask: best.mask, value: best.value, rest: best.rest });
            left = self.space.without(left, offset, best.mask, best.value)?;
        }
        Ok(None)
    }

    /// The same outcome for as many more values as possible: each bit is left out that may be.
    fn widened(&self, diagram: Diagram, offset: u32, mut test: Masked) -> Masked {
        for at in 0..32 {
            let mask = test.mask & !(1 << at);
            let wider = Masked { mask, value: test.value & mask, rest: test.rest };
            if mask != test.mask && self.space.word_is(diagram, offset, wider) {
                test = wider;
            }
        }
        test
    }
}

/// Instructions of a masked test: more where the accumulator has to be loaded again.
fn price(mask: u32, value: u32) -> usize {
    if mask == u32::MAX || value == 0 || mask.is_power_of_two() { 1 } else { 3 }
}

fn cost(peeled: &[Peeled]) -> usize {
    peeled.iter().map(|test| price(test.mask, test.value)).sum()
}
