//! About how short a program can be that decides one word after the other by comparisons with constants.

use std::collections::BTreeSet;

use super::optimise::RANGES;
use crate::diagram::{Diagram, First, Space};

/// The fewest instructions of a program that decides architecture, number and the words of the
/// arguments in this order, each function once, by `JEQ`, `JGT` and `JGE`: one load and one comparison
/// for every two places where the outcome changes (a value apart is two such places, and one `JEQ`),
/// and one return for each answer. A yardstick rather than a bound: masks may do with less, and so may
/// two functions that share a row of comparisons. A function that is no few ranges counts as one.
pub fn least(space: &Space, diagram: Diagram) -> usize {
    let mut answers = BTreeSet::new();
    let mut seen = std::collections::HashSet::from([diagram]);
    let mut stack = vec![diagram];
    let mut count = 0;
    while let Some(function) = stack.pop() {
        let (offset, low, high) = match space.first(function) {
            First::Answer(value) => {
                answers.insert(value);
                continue;
            }
            First::Word { offset, low, high, .. } => (offset, low, high),
        };
        let next: Vec<Diagram> = match space.word_ranges(function, offset, RANGES) {
            Some(ranges) => {
                count += 1 + (ranges.len() - 1).div_ceil(2);
                ranges.into_iter().map(|(_, rest)| rest).collect()
            }
            None => {
                count += 2;
                vec![low, high]
            }
        };
        stack.extend(next.into_iter().filter(|rest| seen.insert(*rest)));
    }
    count + answers.len()
}
