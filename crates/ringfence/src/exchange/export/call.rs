//! The gate of x86_64 call by call, for languages that know names and comparisons of arguments.

use ringfence_bpf::diagram::{Condition, Cube, Diagram, Field, Space, Values};
use ringfence_bpf::filter::Action;
use ringfence_bpf::table::{self, Abi};

use super::super::Error;
use super::super::gate::Failure;

/// The most alternatives of one action of one call.
const CUBES: usize = 128;

/// What one call gets.
pub(super) struct Call {
    pub(super) name: &'static str,
    pub(super) answers: Answers,
}

/// Its answers.
pub(super) enum Answers {
    Always(Action),
    /// Each action but the default's, with its alternatives.
    By(Vec<(Action, Vec<Vec<Compare>>)>),
}

/// A comparison of one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Compare {
    pub(super) argument: u8,
    /// Whether it is the low half alone that is compared; only for a language that has it.
    pub(super) half: bool,
    pub(super) how: How,
}

/// What a language compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// Whole registers: 64 bits through x86_64, 32 through the others.
    Register,
    /// Whole registers or their low halves, as each comparison says.
    Either,
}

/// How it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Equal(u64),
    NotEqual(u64),
    AtMost(u64),
    AtLeast(u64),
    /// With these bits of a mask.
    Masked(u64, u64),
    /// Any of these bits.
    Any(u64),
}

/// What numbers get that no table of an ABI has, where that is one answer.
pub(super) fn unknown(space: &Space, meaning: Diagram, abi: Abi) -> Result<Option<Action>, Failure> {
    let number = table::highest(abi) + 1;
    Ok(match space.actions(space.at_call(meaning, abi, number))?[..] {
        [action] => Some(action),
        _ => None,
    })
}

/// What each call of an ABI gets that is not `default`, but for those that are not `wanted`.
pub(super) fn calls(
    space: &mut Space,
    meaning: Diagram,
    abi: Abi,
    (default, width): (Action, Width),
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Call>, Failure> {
    let mut calls = Vec::new();
    let full = if abi == Abi::X86_64 { u64::MAX } else { u64::from(u32::MAX) };
    for prototype in table::prototypes(abi).iter().filter(|prototype| wanted(prototype.name)) {
        let function = space.at_call(meaning, abi, prototype.number);
        let actions = space.actions(function)?;
        if let [action] = actions[..] {
            if action != default {
                calls.push(Call { name: prototype.name, answers: Answers::Always(action) });
            }
            continue;
        }
        let mut answers = Vec::new();
        for action in actions.into_iter().filter(|action| *action != default) {
            let set = space.set(function, |answer| answer == action)?;
            let cubes = space.cubes(set, CUBES)?;
            let mut ways = Vec::new();
            for cube in &cubes {
                ways.extend(alternatives(cube, prototype.name, (full, width))?);
            }
            answers.push((action, ways));
        }
        calls.push(Call { name: prototype.name, answers: Answers::By(answers) });
    }
    Ok(calls)
}

/// A cube as alternatives of comparisons.
fn alternatives(cube: &Cube, name: &str, (full, width): (u64, Width)) -> Result<Vec<Vec<Compare>>, Failure> {
    let mut ways: Vec<Vec<Compare>> = vec![Vec::new()];
    for condition in &cube.conditions {
        let Field::Argument(argument) = condition.field else {
            return Err(inexpressible(name, condition));
        };
        const HALF: u64 = u32::MAX as u64;
        let half = width == Width::Either
            && matches!(condition.values, Values::Within { bits: HALF, .. })
            && full != HALF;
        let compared = if half { HALF } else { full };
        let hows = hows(&condition.values, compared).ok_or_else(|| inexpressible(name, condition))?;
        if ways.len() * hows.len() > 16 * CUBES {
            return Err(inexpressible(name, condition));
        }
        let extend = |way: &Vec<Compare>| -> Vec<Vec<Compare>> {
            let add = |hows: &Vec<How>| {
                way.iter()
                    .copied()
                    .chain(hows.iter().map(|how| Compare { argument, half, how: *how }))
                    .collect()
            };
            hows.iter().map(add).collect()
        };
        ways = ways.iter().flat_map(extend).collect();
    }
    Ok(ways)
}

fn inexpressible(name: &str, condition: &Condition) -> Failure {
    Error::new(format!("{name} depends on `{condition}`, for which this language has no comparison"))
        .help("nothing was written; `--to bpf` can express every filter")
        .into()
}

/// Values as alternatives, each of comparisons that all hold; `full`: the bits that are compared.
fn hows(values: &Values, full: u64) -> Option<Vec<Vec<How>>> {
    match values {
        Values::Masked { mask, value } => Some(vec![vec![How::Masked(*mask, *value)]]),
        Values::NotMasked { mask, value: 0 } => Some(vec![vec![How::Any(*mask)]]),
        Values::NotMasked { mask, value } => {
            // Some bit that is wanted is not there, or one that is not is.
            let bits = (0..64).map(|bit| 1_u64 << bit).filter(|bit| mask & bit != 0);
            let differs =
                |bit: u64| if value & bit == 0 { How::Masked(bit, bit) } else { How::Masked(bit, 0) };
            Some(bits.map(|bit| vec![differs(bit)]).collect())
        }
        Values::Within { bits, intervals } if *bits == full => {
            if let [(0, below), (above, last)] = intervals[..]
                && below.checked_add(2) == Some(above)
                && last == full
            {
                return Some(vec![vec![How::NotEqual(below + 1)]]);
            }
            Some(intervals.iter().map(|interval| whole(*interval, full)).collect())
        }
        Values::Within { bits, intervals } => {
            let blocks = intervals.iter().flat_map(|interval| blocks(*interval, *bits));
            let ways: Vec<Vec<How>> = blocks.take(CUBES + 1).collect();
            (ways.len() <= CUBES).then_some(ways)
        }
    }
}

fn whole((from, to): (u64, u64), full: u64) -> Vec<How> {
    match (from, to) {
        (from, to) if from == to => vec![How::Equal(from)],
        (0, to) => vec![How::AtMost(to)],
        (from, to) if to == full => vec![How::AtLeast(from)],
        (from, to) => vec![How::AtLeast(from), How::AtMost(to)],
    }
}

/// An interval of the low bits as blocks of a power of two, each a mask.
pub(super) fn blocks((from, to): (u64, u64), bits: u64) -> Vec<Vec<How>> {
    let mut blocks = Vec::new();
    let mut next = Some(from);
    while let Some(from) = next.filter(|from| *from <= to) {
        let fits = |size: &u32| {
            let last = (1_u64 << size) - 1;
            from & last == 0 && from | last <= to
        };
        let size = (0..63).take_while(|size| fits(size)).last().unwrap_or(0);
        let last = (1_u64 << size) - 1;
        blocks.push(vec![How::Masked(bits & !last, from)]);
        next = (from | last).checked_add(1);
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_the_interval() {
        for bits in [7_u64, 15] {
            for from in 0..=bits {
                for to in from..=bits {
                    let blocks = blocks((from, to), bits);
                    for value in 0..=bits {
                        let held =
                            |how: &How| matches!(how, How::Masked(mask, wanted) if value & mask == *wanted);
                        let held = blocks.iter().any(|way| way.iter().all(held));
                        assert_eq!(held, (from..=to).contains(&value), "{from}..={to}: {value}");
                    }
                }
            }
        }
    }
}
