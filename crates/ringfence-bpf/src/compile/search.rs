//! Decides in which of several ranges a loaded word lies.

use super::graph::{Graph, Load, NodeId, Op};

/// A range of values with one outcome: from `start` up to where the next range starts.
#[derive(Clone, Copy)]
pub(super) struct Range {
    pub(super) start: u32,
    pub(super) outcome: NodeId,
    /// How often its numbers are expected, relative to the others.
    pub(super) weight: u32,
}

/// The most equality tests in a row before a bisection is better.
const EXCEPTIONS: usize = 3;

/// Adds a range after the others, which it must follow; equal neighbours become one.
pub(super) fn push(ranges: &mut Vec<Range>, start: u32, outcome: NodeId, weight: u32) {
    match ranges.last_mut() {
        Some(last) if last.outcome == outcome => last.weight = last.weight.saturating_add(weight),
        _ => ranges.push(Range { start, outcome, weight }),
    }
}

/// A graph that finds the range of a word. The ranges are sorted, the first starts at zero, the
/// last ends where the word does; neighbours differ.
pub(super) fn search(graph: &mut Graph, load: Load, ranges: &[Range]) -> NodeId {
    below(graph, load, ranges, load.mask)
}

/// The same for some of the ranges; `last` is the last number of the last one.
fn below(graph: &mut Graph, load: Load, ranges: &[Range], last: u32) -> NodeId {
    if let Some(node) = exceptions(graph, load, ranges, last) {
        return node;
    }
    let total: u64 = ranges.iter().map(|range| u64::from(range.weight)).sum();
    let mut left = 0;
    let mut best = (u64::MAX, 1);
    for (at, range) in ranges.iter().enumerate().take(ranges.len() - 1) {
        left += u64::from(range.weight);
        best = best.min((left.abs_diff(total - left), at + 1));
    }
    let (lower, upper) = ranges.split_at(best.1);
    let at = upper[0].start;
    let yes = below(graph, load, upper, last);
    let no = below(graph, load, lower, at - 1);
    graph.branch(load, Op::AtLeast, at, yes, no)
}

/// One outcome, with few single numbers that have another: equality tests, the likely ones first.
fn exceptions(graph: &mut Graph, load: Load, ranges: &[Range], last: u32) -> Option<NodeId> {
    // Neighbours differ, so more ranges than these have too many exceptions.
    if ranges.len() > 2 * EXCEPTIONS + 1 {
        return None;
    }
    let others = |outcome: NodeId| (0..ranges.len()).filter(move |&at| ranges[at].outcome != outcome);
    let single = |at: usize| ranges[at].start == ranges.get(at + 1).map_or(last, |next| next.start - 1);
    let few = |outcome: &NodeId| others(*outcome).count() <= EXCEPTIONS && others(*outcome).all(single);
    let candidates = ranges.iter().take(2).map(|range| range.outcome).filter(few);
    let outcome = candidates.min_by_key(|outcome| others(*outcome).count())?;
    let mut singles: Vec<Range> = others(outcome).map(|at| ranges[at]).collect();
    singles.sort_by_key(|range| range.weight);
    Some(
        singles
            .iter()
            .fold(outcome, |node, range| graph.branch(load, Op::Equal, range.start, range.outcome, node)),
    )
}
