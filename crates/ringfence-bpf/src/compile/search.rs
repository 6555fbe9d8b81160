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
const EXCEPTIONS: usize = 4;

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
    let mut sum = 0;
    let mut sums = Vec::with_capacity(ranges.len() + 1);
    sums.push(0);
    sums.extend(ranges.iter().map(|range| {
        sum += u64::from(range.weight);
        sum
    }));
    below(graph, load, ranges, &sums, load.mask)
}

/// The same for some of the ranges; `last` is the last number of the last one. `sums` has the
/// weights of all ranges before each, and before what follows the last one.
fn below(graph: &mut Graph, load: Load, ranges: &[Range], sums: &[u64], last: u32) -> NodeId {
    if let Some(node) = exceptions(graph, load, ranges, last) {
        return node;
    }
    let half = halves(sums);
    let (lower, upper) = ranges.split_at(half);
    let at = upper[0].start;
    let yes = below(graph, load, upper, &sums[half..], last);
    let no = below(graph, load, lower, &sums[..=half], at - 1);
    graph.branch(load, Op::AtLeast, at, yes, no)
}

/// Where to divide, so that both sides weigh most nearly the same; the first such place.
fn halves(sums: &[u64]) -> usize {
    let (first, last) = (sums[0], sums[sums.len() - 1]);
    let difference = |at: usize| (sums[at] - first).abs_diff(last - sums[at]);
    // Weights are positive: the difference falls up to the middle and rises behind it.
    let middle = sums.partition_point(|sum| sum - first < last - sum).clamp(1, sums.len() - 2);
    if middle > 1 && difference(middle - 1) <= difference(middle) { middle - 1 } else { middle }
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

#[cfg(test)]
mod tests {
    use super::halves;

    /// Every place looked at, one after the other.
    fn plainly(sums: &[u64]) -> usize {
        let (first, last) = (sums[0], sums[sums.len() - 1]);
        let places = 1..sums.len() - 1;
        places.min_by_key(|at| (sums[*at] - first).abs_diff(last - sums[*at])).unwrap()
    }

    #[test]
    fn the_fairest_division_is_found() {
        let mut state = 1u64;
        for round in 0..2000 {
            let mut sums = vec![round];
            for _ in 0..2 + round % 9 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let weight = [1, 2, 3, 1024][(state >> 60) as usize % 4];
                sums.push(sums[sums.len() - 1] + weight);
            }
            assert_eq!(halves(&sums), plainly(&sums), "{sums:?}");
        }
    }
}
