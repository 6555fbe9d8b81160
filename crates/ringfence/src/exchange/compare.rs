//! Comparisons of whole argument registers as tests of their two 32-bit words, which is how every
//! tool compares them. Each gives alternatives, any of which holds.

use ringfence_bpf::program::MAX_INSNS;

use super::Error;
use super::listing::{Op, Test};

/// Alternatives, each a list of tests that all hold.
pub(super) type Ways = Vec<Vec<Test>>;

/// One of the left and one of the right.
pub(super) fn all(left: &[Vec<Test>], right: &[Vec<Test>]) -> Result<Ways, Error> {
    if left.len().saturating_mul(right.len()) > MAX_INSNS {
        return Err(Error::new("these comparisons have more alternatives than any program holds")
            .help("comparisons of 64 bits other than for equality have two each"));
    }
    Ok(left.iter().flat_map(|a| right.iter().map(|b| a.iter().chain(b).copied().collect())).collect())
}

fn low(argument: u8, op: Op, value: u64) -> Test {
    Test::whole(Test::word(argument, false), op, value as u32)
}

fn high(argument: u8, op: Op, value: u64) -> Test {
    Test::whole(Test::word(argument, true), op, (value >> 32) as u32)
}

/// The bits of a mask are those of a value; what lies outside the mask does not count.
pub(super) fn equal(argument: u8, mask: u64, value: u64, wide: bool) -> Ways {
    let value = value & mask;
    let low = Test { mask: mask as u32, ..low(argument, Op::Equal, value) };
    let high = Test { mask: (mask >> 32) as u32, ..high(argument, Op::Equal, value) };
    vec![if wide { vec![high, low] } else { vec![low] }]
}

pub(super) fn not_equal(argument: u8, value: u64, wide: bool) -> Ways {
    let mut ways = vec![vec![low(argument, Op::Equal, value).negated()]];
    if wide {
        ways.insert(0, vec![high(argument, Op::Equal, value).negated()]);
    }
    ways
}

/// Greater, or greater or equal.
pub(super) fn above(argument: u8, op: Op, value: u64, wide: bool) -> Ways {
    if !wide {
        return vec![vec![low(argument, op, value)]];
    }
    let equal = high(argument, Op::Equal, value);
    vec![vec![high(argument, Op::Greater, value)], vec![equal, low(argument, op, value)]]
}

/// Less, or less or equal: not `op`.
pub(super) fn below(argument: u8, op: Op, value: u64, wide: bool) -> Ways {
    if !wide {
        return vec![vec![low(argument, op, value).negated()]];
    }
    let equal = high(argument, Op::Equal, value);
    vec![vec![high(argument, Op::AtLeast, value).negated()], vec![equal, low(argument, op, value).negated()]]
}

/// Any of these bits is set.
pub(super) fn any_bit(argument: u8, bits: u64) -> Ways {
    let tests = [high(argument, Op::AnyBit, bits), low(argument, Op::AnyBit, bits)];
    tests.into_iter().filter(|test| test.value != 0).map(|test| vec![test]).collect()
}

/// None of these bits is set.
pub(super) fn no_bit(argument: u8, bits: u64) -> Ways {
    let tests = [high(argument, Op::AnyBit, bits), low(argument, Op::AnyBit, bits)];
    vec![tests.into_iter().filter(|test| test.value != 0).map(Test::negated).collect()]
}
