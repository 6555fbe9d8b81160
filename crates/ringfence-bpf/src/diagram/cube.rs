//! Sets of inputs as conditions that a person can read.

use std::fmt;

use super::order::{ARGS, IP, NR};
use super::store::{Ref, Store};
use super::{Bound, Error, Set, Space};

/// A part of `seccomp_data`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Field {
    /// `arch`, 32 bits.
    Arch,
    /// `nr`, 32 bits.
    Number,
    /// An argument from 0 to 5, 64 bits.
    Argument(u8),
    /// `instruction_pointer`, 64 bits.
    InstructionPointer,
}

/// Values of a field, or of some of its bits.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Values {
    /// `field & bits` lies in one of these intervals, both ends included; sorted, not touching.
    Within {
        /// The bits that are compared: a mask of low ones.
        bits: u64,
        /// The intervals.
        intervals: Vec<(u64, u64)>,
    },
    /// `field & mask == value`.
    Masked {
        /// The bits that are looked at.
        mask: u64,
        /// What they are.
        value: u64,
    },
    /// `field & mask != value`.
    NotMasked {
        /// The bits that are looked at.
        mask: u64,
        /// What they are not.
        value: u64,
    },
}

/// A condition on one field.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Condition {
    /// The field.
    pub field: Field,
    /// Its values.
    pub values: Values,
}

/// Conditions that all hold; none for every input. At most one for each field, in the order
/// architecture, number, arguments, instruction pointer.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Cube {
    /// The conditions.
    pub conditions: Vec<Condition>,
}

/// The most intervals of one condition before masks are tried.
const INTERVALS: usize = 64;
/// The most intervals that are shown rather than a single mask.
const FEW: usize = 6;

impl Field {
    /// Every field, in the order of conditions.
    pub const ALL: [Self; 9] = [
        Self::Arch,
        Self::Number,
        Self::Argument(0),
        Self::Argument(1),
        Self::Argument(2),
        Self::Argument(3),
        Self::Argument(4),
        Self::Argument(5),
        Self::InstructionPointer,
    ];

    /// Its width in bits.
    pub const fn bits(self) -> u32 {
        match self {
            Self::Arch | Self::Number => 32,
            Self::Argument(_) | Self::InstructionPointer => 64,
        }
    }

    /// The first level.
    pub(super) const fn base(self) -> u32 {
        match self {
            Self::Arch => 0,
            Self::Number => NR,
            Self::Argument(at) => ARGS + 64 * at as u32,
            Self::InstructionPointer => IP,
        }
    }

    /// The field of a level below 512.
    fn of(level: u32) -> Self {
        match level {
            0..NR => Self::Arch,
            NR..ARGS => Self::Number,
            ARGS..IP => Self::Argument(((level - ARGS) / 64) as u8),
            _ => Self::InstructionPointer,
        }
    }
}

impl Space {
    /// A set as conditions: an input is in the set exactly where it meets all conditions of one of
    /// the cubes, and it never meets two.
    ///
    /// # Errors
    ///
    /// [`Error::TooComplex`] for more than `most` cubes.
    pub fn cubes(&self, set: Set, most: usize) -> Result<Vec<Cube>, Error> {
        let mut found = Vec::new();
        self.store.describe(set.0, &mut Vec::new(), &mut found, most)?;
        Ok(found)
    }
}

impl Store {
    fn describe(
        &self,
        at: Ref,
        before: &mut Vec<Condition>,
        found: &mut Vec<Cube>,
        most: usize,
    ) -> Result<(), Error> {
        if at == Ref::FALSE {
            return Ok(());
        }
        if at == Ref::TRUE {
            if found.len() == most {
                return Err(Error::TooComplex(Bound::Parts(most)));
            }
            found.push(Cube { conditions: before.clone() });
            return Ok(());
        }
        let field = Field::of(self.level(at));
        for (values, rest) in self.classes(at, field, most)? {
            before.push(Condition { field, values });
            self.describe(rest, before, found, most)?;
            before.pop();
        }
        Ok(())
    }

    /// The values of a field by what is left of the function.
    fn classes(&self, at: Ref, field: Field, most: usize) -> Result<Vec<(Values, Ref)>, Error> {
        let by_interval = self.intervals(at, field);
        if let Some(classes) = &by_interval
            && classes.iter().all(|(intervals, _)| intervals.len() <= FEW)
        {
            return Ok(within(at_bits(self, at, field), classes));
        }
        let masks = self.masks(at, field, most);
        match (by_interval, masks) {
            (Some(classes), Some(masks)) if masks.len() <= 2 || classes.is_empty() => Ok(masks),
            (Some(classes), _) => Ok(within(at_bits(self, at, field), &classes)),
            (None, Some(masks)) => Ok(masks),
            (None, None) => Err(Error::TooComplex(Bound::Parts(most))),
        }
    }

    /// The intervals of each function that is left; `None` for too many.
    #[allow(clippy::type_complexity)]
    fn intervals(&self, at: Ref, field: Field) -> Option<Vec<(Vec<(u64, u64)>, Ref)>> {
        let mask = at_bits(self, at, field);
        let bits = mask.count_ones();
        let end = field.base() + field.bits();
        let segments = self.segments(at, end - bits, bits, INTERVALS)?;
        let ends = segments.iter().skip(1).map(|(start, _)| start - 1).chain([mask]);
        let mut classes: Vec<(Vec<(u64, u64)>, Ref)> = Vec::new();
        for (&(start, rest), last) in segments.iter().zip(ends) {
            match classes.iter_mut().find(|(_, known)| *known == rest) {
                Some((intervals, _)) => intervals.push((start, last)),
                None => classes.push((vec![(start, last)], rest)),
            }
        }
        Some(classes)
    }

    /// Masks that do not overlap, each with the function that is left; `None` for too many.
    fn masks(&self, at: Ref, field: Field, most: usize) -> Option<Vec<(Values, Ref)>> {
        let (base, end) = (field.base(), field.base() + field.bits());
        let mut found: Vec<((u64, u64), Ref)> = Vec::new();
        let mut stack = vec![(at, 0_u64, 0_u64)];
        while let Some((at, mask, value)) = stack.pop() {
            let level = self.level(at);
            if (base..end).contains(&level) {
                let (node, bit) = (self.node(at), 1 << (end - 1 - level));
                stack.push((node.high, mask | bit, value | bit));
                stack.push((node.low, mask | bit, value));
            } else if found.len() == most {
                return None;
            } else {
                found.push(((mask, value), at));
            }
        }
        let count = |rest: Ref| found.iter().filter(|(_, other)| *other == rest).count();
        // Two functions, one of them behind a single mask: the other is all else.
        let single = found.iter().find(|(_, rest)| count(*rest) == 1);
        if let Some(&((mask, value), rest)) = single {
            let mut others = found.iter().map(|(_, other)| *other).filter(|other| *other != rest);
            if let Some(other) = others.next()
                && others.all(|next| next == other)
            {
                return Some(vec![
                    (Values::Masked { mask, value }, rest),
                    (Values::NotMasked { mask, value }, other),
                ]);
            }
        }
        Some(found.into_iter().map(|((mask, value), rest)| (Values::Masked { mask, value }, rest)).collect())
    }
}

/// The low bits of a field from the first that is decided on.
fn at_bits(store: &Store, at: Ref, field: Field) -> u64 {
    let bits = field.base() + field.bits() - store.level(at);
    u64::MAX >> (64 - bits)
}

fn within(bits: u64, classes: &[(Vec<(u64, u64)>, Ref)]) -> Vec<(Values, Ref)> {
    let values = |intervals: &Vec<(u64, u64)>| Values::Within { bits, intervals: intervals.clone() };
    classes.iter().map(|(intervals, rest)| (values(intervals), *rest)).collect()
}

impl Values {
    /// Whether a value of the field is one of these.
    pub fn contains(&self, value: u64) -> bool {
        match self {
            Self::Within { bits, intervals } => {
                intervals.iter().any(|(from, to)| (*from..=*to).contains(&(value & bits)))
            }
            Self::Masked { mask, value: wanted } => value & mask == *wanted,
            Self::NotMasked { mask, value: other } => value & mask != *other,
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arch => f.write_str("arch"),
            Self::Number => f.write_str("nr"),
            Self::Argument(at) => write!(f, "arg{at}"),
            Self::InstructionPointer => f.write_str("ip"),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let full = u64::MAX >> (64 - self.field.bits());
        match &self.values {
            Values::Masked { mask, value } => write!(f, "{} & {mask:#x} == {value:#x}", self.field),
            Values::NotMasked { mask, value } => write!(f, "{} & {mask:#x} != {value:#x}", self.field),
            Values::Within { bits, intervals } => {
                write!(f, "{}", self.field)?;
                if *bits != full {
                    write!(f, " & {bits:#x}")?;
                }
                let other = complement(intervals, *bits);
                let single = |list: &[(u64, u64)]| list.iter().all(|(from, to)| from == to);
                if single(&other) && (!single(intervals) || other.len() < intervals.len()) {
                    return list(f, " != ", " and != ", &other);
                }
                if let [(from, to)] = intervals[..] {
                    return match (from, to) {
                        (from, to) if from == to => write!(f, " == {from:#x}"),
                        (0, to) => write!(f, " <= {to:#x}"),
                        (from, to) if to == *bits => write!(f, " >= {from:#x}"),
                        (from, to) => write!(f, " in {from:#x}..={to:#x}"),
                    };
                }
                if single(intervals) {
                    list(f, " == ", " | ", intervals)
                } else {
                    list(f, " in ", " | ", intervals)
                }
            }
        }
    }
}

/// The values that no interval has.
fn complement(intervals: &[(u64, u64)], last: u64) -> Vec<(u64, u64)> {
    let mut gaps = Vec::new();
    let mut next = Some(0);
    for (from, to) in intervals {
        if let Some(next) = next.filter(|next| next < from) {
            gaps.push((next, from - 1));
        }
        next = to.checked_add(1).filter(|next| *next <= last);
    }
    gaps.extend(next.map(|next| (next, last)));
    gaps
}

fn list(f: &mut fmt::Formatter<'_>, head: &str, between: &str, intervals: &[(u64, u64)]) -> fmt::Result {
    for (at, (from, to)) in intervals.iter().enumerate() {
        f.write_str(if at == 0 { head } else { between })?;
        if from == to { write!(f, "{from:#x}")? } else { write!(f, "{from:#x}..={to:#x}")? }
    }
    Ok(())
}

impl fmt::Display for Cube {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.conditions.is_empty() {
            return f.write_str("always");
        }
        for (at, condition) in self.conditions.iter().enumerate() {
            if at > 0 {
                f.write_str(" && ")?;
            }
            condition.fmt(f)?;
        }
        Ok(())
    }
}
