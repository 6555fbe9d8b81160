//! Conditions of diagrams as conditions of rules.

use super::name;
use crate::diagram::{Condition, Cube, Field, Values};
use crate::rule::value_bits;
use crate::table::{Abi, Argument, CallId};

/// The most masked tests that intervals of some bits become.
const BLOCKS: usize = 64;
/// Below this many values, an interval is listed by their names.
const FEW: u64 = 4;

/// A cube on the arguments of a call as a rule; `None` where the language cannot say it: other
/// fields, bits that the kernel does not read, arguments that the call does not have.
pub(super) fn text(cube: &Cube, abi: Abi, call: CallId) -> Option<String> {
    let args = call.prototype(abi)?.args;
    let mut conditions = Vec::new();
    for condition in &cube.conditions {
        let Condition { field: Field::Argument(at), values } = condition else { return None };
        let argument = args.get(usize::from(*at))?;
        let shown = if argument.alias.is_empty() { argument.name } else { argument.alias };
        conditions.push(format!("{shown}: {}", tests(call, argument, values)?.join(" | ")));
    }
    match conditions.is_empty() {
        true => Some(call.name().to_owned()),
        false => Some(format!("{}({})", call.name(), conditions.join(", "))),
    }
}

fn tests(call: CallId, argument: &Argument, values: &Values) -> Option<Vec<String>> {
    let read = u64::MAX >> (64 - u32::from(argument.width));
    let name = |value: u64| name::of(call, argument, value);
    let masked = |mask: u64, value: u64| match value {
        0 => format!("!& {}", name::bits(call, argument, mask)),
        _ => format!("& {} == {}", name::bits(call, argument, mask), name::bits(call, argument, value)),
    };
    match values {
        Values::Within { bits, intervals } if *bits == value_bits(call, argument) => {
            if let [(0, to), (from, last)] = intervals[..]
                && last == *bits
                && from == to + 2
            {
                return Some(vec![format!("!{}", name(to + 1))]);
            }
            let one = |(from, to): &(u64, u64)| match to - from {
                0..FEW => (*from..=*to).map(name).collect(),
                _ => vec![format!("{from:#x}..={to:#x}")],
            };
            Some(intervals.iter().flat_map(one).collect())
        }
        Values::Within { bits, intervals } if bits & !read == 0 => {
            let blocks: Vec<(u64, u64)> =
                intervals.iter().flat_map(|(from, to)| blocks(*from, *to)).collect();
            let test = |(from, size): &(u64, u64)| masked(bits & !(size - 1), *from);
            (blocks.len() <= BLOCKS).then(|| blocks.iter().map(test).collect())
        }
        Values::Masked { mask, value } if mask & !read == 0 => Some(vec![masked(*mask, *value)]),
        // Some bit is another one.
        Values::NotMasked { mask, value } if mask & !read == 0 => {
            let bits = (0..64).map(|at| 1_u64 << at).filter(|bit| mask & bit != 0);
            Some(bits.map(|bit| masked(bit, bit & !value)).collect())
        }
        _ => None,
    }
}

/// An interval as blocks whose size is a power of two and divides their start: first value and size.
fn blocks(mut from: u64, to: u64) -> Vec<(u64, u64)> {
    let mut blocks = Vec::new();
    while from <= to {
        let mut size = 1_u64;
        while from.is_multiple_of(2 * size) && to - from >= 2 * size - 1 && size < 1 << 62 {
            size *= 2;
        }
        blocks.push((from, size));
        let Some(next) = from.checked_add(size) else { break };
        from = next;
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_an_interval() {
        assert_eq!(blocks(0x1000_0000, 0x1fff_ffff), [(0x1000_0000, 0x1000_0000)]);
        assert_eq!(blocks(3, 9), [(3, 1), (4, 4), (8, 2)]);
        assert_eq!(blocks(0, 0), [(0, 1)]);
        assert_eq!(blocks(u64::MAX - 1, u64::MAX), [(u64::MAX - 1, 2)]);
        for (from, to) in [(0, 255), (1, 254), (17, 18), (100, 163)] {
            let values: Vec<u64> = blocks(from, to).iter().flat_map(|(at, size)| *at..at + size).collect();
            assert_eq!(values, (from..=to).collect::<Vec<_>>());
        }
    }
}
