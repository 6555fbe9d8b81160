//! Conditions on arguments as graphs over the two 32-bit words of each argument.

use super::graph::{Graph, Load, NodeId, Op};
use super::search::{self, Range};
use crate::rule::{Test, value_bits};
use crate::table::{Argument, CallId};

/// The tests of one argument of one call.
pub(super) struct Subject {
    /// The argument's place.
    pub(super) position: usize,
    /// The bits that the kernel reads.
    pub(super) read: u64,
    /// The bits that values are compared on.
    pub(super) value: u64,
}

impl Subject {
    pub(super) fn new(call: CallId, position: usize, argument: &Argument) -> Self {
        Self { position, read: u64::MAX >> (64 - argument.width), value: value_bits(call, argument) }
    }

    fn low(&self) -> u8 {
        16 + 8 * self.position as u8
    }

    fn high(&self) -> u8 {
        self.low() + 4
    }

    /// Where any of the tests holds, `yes`; else `no`.
    pub(super) fn any<'a>(
        &self,
        graph: &mut Graph,
        tests: impl Iterator<Item = &'a Test> + Clone,
        yes: NodeId,
        no: NodeId,
    ) -> NodeId {
        let mut node = no;
        for test in tests.clone() {
            if let Test::Masked { mask, value } = *test {
                node = self.masked(graph, mask, value, yes, node);
            }
        }
        let set = union(tests.flat_map(|test| intervals(test, self.value)).flatten().collect());
        if set.is_empty() { node } else { self.within(graph, &set, yes, node) }
    }

    /// Both words of `argument & mask` are those of `value`.
    fn masked(&self, graph: &mut Graph, mask: u64, value: u64, yes: NodeId, no: NodeId) -> NodeId {
        let mask = mask & self.read;
        if value & !mask != 0 {
            return no;
        }
        let low = masked_word(graph, self.low(), mask as u32, value as u32, yes, no);
        masked_word(graph, self.high(), (mask >> 32) as u32, (value >> 32) as u32, low, no)
    }

    /// The value lies in one of the sorted intervals.
    fn within(&self, graph: &mut Graph, set: &[(u64, u64)], yes: NodeId, no: NodeId) -> NodeId {
        let low = Load { offset: self.low(), mask: self.value as u32 };
        if self.value <= u64::from(u32::MAX) {
            let set: Vec<(u32, u32)> = set.iter().map(|&(from, to)| (from as u32, to as u32)).collect();
            return word_within(graph, low, &set, yes, no);
        }
        // For each value of the high word, the intervals of the low word.
        let mut ranges = Vec::new();
        let mut next = 0_u64;
        let mut rest = set;
        while let Some(&(from, _)) = rest.first() {
            let high = (from >> 32).max(next);
            if next < high {
                search::push(&mut ranges, next as u32, no, 1);
            }
            let (first, last) = (high << 32, high << 32 | 0xffff_ffff);
            let here = rest.iter().take_while(|(from, _)| *from <= last);
            let words: Vec<(u32, u32)> =
                here.map(|&(from, to)| (from.max(first) as u32, to.min(last) as u32)).collect();
            let outcome = word_within(graph, low, &words, yes, no);
            search::push(&mut ranges, high as u32, outcome, 1);
            next = high + 1;
            // An interval over several high words: all of those between its ends at once.
            let (_, to) = rest[words.len() - 1];
            if words.last() == Some(&(words[words.len() - 1].0, u32::MAX)) && to >> 32 > next {
                search::push(&mut ranges, next as u32, yes, 1);
                next = to >> 32;
            }
            let done = rest.iter().take_while(|(_, to)| to >> 32 < next).count();
            rest = &rest[done..];
        }
        if next <= u64::from(u32::MAX) {
            search::push(&mut ranges, next as u32, no, 1);
        }
        search::search(graph, Load::word(self.high()), &ranges)
    }
}

pub(super) fn masked_word(
    graph: &mut Graph,
    offset: u8,
    mask: u32,
    value: u32,
    yes: NodeId,
    no: NodeId,
) -> NodeId {
    let word = Load::word(offset);
    match (mask, value) {
        (0, _) => yes,
        (_, 0) => graph.branch(word, Op::AnyBit, mask, no, yes),
        _ if mask.is_power_of_two() => graph.branch(word, Op::AnyBit, mask, yes, no),
        _ => graph.branch(Load { offset, mask }, Op::Equal, value, yes, no),
    }
}

fn word_within(graph: &mut Graph, load: Load, set: &[(u32, u32)], yes: NodeId, no: NodeId) -> NodeId {
    let mut ranges: Vec<Range> = Vec::with_capacity(2 * set.len() + 1);
    let mut next = Some(0);
    for &(from, to) in set {
        if let Some(next) = next.filter(|next| *next < from) {
            search::push(&mut ranges, next, no, 1);
        }
        search::push(&mut ranges, from, yes, 1);
        next = to.checked_add(1).filter(|next| *next <= load.mask);
    }
    if let Some(next) = next {
        search::push(&mut ranges, next, no, 1);
    }
    search::search(graph, load, &ranges)
}

/// The register values that a test accepts, at most two intervals for each; none if masked.
fn intervals(test: &Test, bits: u64) -> [Option<(u64, u64)>; 3] {
    match *test {
        Test::Equal(number) => range(number, number, bits),
        Test::Range(low, high) => range(low, high, bits),
        Test::NotEqual(number) => {
            let Some((value, _)) = range(number, number, bits).into_iter().flatten().next() else {
                return [Some((0, bits)), None, None];
            };
            let before = value.checked_sub(1).map(|end| (0, end));
            let after = (value < bits).then(|| (value + 1, bits));
            [before, after, None]
        }
        Test::Masked { .. } => [None; 3],
    }
}

/// Numbers as register values: those below zero are the upper half, by two's complement.
fn range(low: i128, high: i128, bits: u64) -> [Option<(u64, u64)>; 3] {
    let top = i128::from(bits);
    let clip = |from: i128, to: i128| (from <= to).then_some((from as u64, to as u64));
    let negative = (low.max(-(top / 2) - 1), high.min(-1));
    [clip(low.max(0), high.min(top)), clip(negative.0 + top + 1, negative.1 + top + 1), None]
}

/// Sorted, and joined where they touch.
fn union(mut set: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    set.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::with_capacity(set.len());
    for (from, to) in set {
        match joined.last_mut() {
            Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    joined
}
