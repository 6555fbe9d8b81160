//! How many inputs are in a set, and one of them.

use std::collections::HashMap;

use super::order::{self, BITS};
use super::store::{Ref, Store};
use super::{Diagram, Error, Set, Space};
use crate::filter::Action;
use crate::program::SeccompData;
use crate::table::{self, Abi};

/// A number of inputs, from 0 to 2^512: exact.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Count {
    /// The least significant first.
    limbs: [u64; 9],
}

impl Count {
    /// 2 to a power of at most 512.
    fn power(exponent: u32) -> Self {
        let mut limbs = [0; 9];
        limbs[exponent as usize / 64] = 1 << (exponent % 64);
        Self { limbs }
    }

    fn plus(self, other: Self) -> Self {
        let mut carry = false;
        let mut limbs = [0; 9];
        for ((sum, a), b) in limbs.iter_mut().zip(self.limbs).zip(other.limbs) {
            let (first, over) = a.overflowing_add(b);
            let (second, more) = first.overflowing_add(u64::from(carry));
            (*sum, carry) = (second, over || more);
        }
        Self { limbs }
    }

    /// Times 2 to a power; what is beyond 2^575 is lost.
    fn shifted(self, by: u32) -> Self {
        let (words, bits) = (by as usize / 64, by % 64);
        let limb = |at: usize| {
            let part = |back: usize| at.checked_sub(back).map_or(0, |from| self.limbs[from]);
            let carried = if bits > 0 { part(words + 1) >> (64 - bits) } else { 0 };
            part(words) << bits | carried
        };
        let limbs = std::array::from_fn(limb);
        Self { limbs }
    }

    /// Whether it is zero.
    pub fn is_zero(&self) -> bool {
        self.limbs == [0; 9]
    }

    /// The number as words of 64 bits, the least significant first.
    pub fn limbs(&self) -> &[u64; 9] {
        &self.limbs
    }

    /// Mantissa and exponent: the number is nearly `mantissa * 2^exponent`, with a mantissa from 1 up
    /// to 2, or zero.
    pub fn scientific(&self) -> (f64, u32) {
        let Some(top) = self.limbs.iter().rposition(|limb| *limb != 0) else { return (0.0, 0) };
        let below = if top > 0 { self.limbs[top - 1] } else { 0 };
        let exponent = 63 - self.limbs[top].leading_zeros();
        let value = self.limbs[top] as f64 + below as f64 / 2_f64.powi(64);
        (value / 2_f64.powi(exponent as i32), exponent + 64 * top as u32)
    }

    /// The binary logarithm, nearly; negative infinity for zero.
    pub fn log2(&self) -> f64 {
        let (mantissa, exponent) = self.scientific();
        mantissa.log2() + f64::from(exponent)
    }
}

impl std::fmt::Debug for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (mantissa, exponent) = self.scientific();
        write!(f, "{mantissa} * 2^{exponent}")
    }
}

impl Space {
    /// How many of the 2^512 inputs are in a set.
    ///
    /// # Errors
    ///
    /// [`Error::TooComplex`].
    pub fn count(&self, set: Set) -> Result<Count, Error> {
        let below = self.store.counts(set.0)?[&set.0];
        Ok(below.shifted(self.store.level(set.0).min(BITS)))
    }

    /// How many combinations of the six arguments and the instruction pointer, of 2^448, are in a set
    /// that depends on nothing else (see [`Space::at_call`]).
    ///
    /// # Errors
    ///
    /// [`Error::TooComplex`].
    pub fn count_arguments(&self, set: Set) -> Result<Count, Error> {
        let below = self.store.counts(set.0)?[&set.0];
        let level = self.store.level(set.0).min(BITS);
        Ok(below.shifted(level - order::ARGS.min(level)))
    }

    /// An input of a set; `None` where it is empty. Where the set has any, a call of a known ABI with
    /// a number of its table, x86_64 first; small numbers otherwise.
    pub fn witness(&self, set: Set) -> Option<SeccompData> {
        for abi in [Abi::X86_64, Abi::X32, Abi::I386] {
            let of_abi = self.at_arch(set, abi.audit_arch());
            for prototype in table::prototypes(abi) {
                let nr = abi.bit() | prototype.number;
                let rest = self.store.at_word(of_abi.0, order::NR, nr);
                if rest != Ref::FALSE {
                    return Some(
                        self.path(rest, SeccompData { nr, arch: abi.audit_arch(), ..SeccompData::default() }),
                    );
                }
            }
        }
        let archs = [table::AUDIT_ARCH_X86_64, table::AUDIT_ARCH_I386];
        let known = archs.into_iter().find(|arch| self.at_arch(set, *arch).0 != Ref::FALSE);
        match known {
            Some(arch) => {
                Some(self.path(self.at_arch(set, arch).0, SeccompData { arch, ..SeccompData::default() }))
            }
            None if set.is_empty() => None,
            None => Some(self.path(set.0, SeccompData::default())),
        }
    }

    /// Arguments and instruction pointer of a set that depends on nothing else; `None` where it is
    /// empty. Architecture and number of the result are zero.
    pub fn arguments(&self, set: Set) -> Option<SeccompData> {
        (!set.is_empty()).then(|| self.path(set.0, SeccompData::default()))
    }

    /// An input for each word that a filter returns, found on one way through it; in no order.
    ///
    /// # Errors
    ///
    /// [`Error::TooComplex`].
    pub(crate) fn examples(&self, diagram: Diagram) -> Result<Vec<(Action, SeccompData)>, Error> {
        let mut from: HashMap<Ref, (Ref, bool)> = HashMap::new();
        let mut found = Vec::new();
        let mut stack = vec![diagram.0];
        while let Some(at) = stack.pop() {
            self.store.toil(1)?;
            if at.is_terminal() {
                let mut data = SeccompData::default();
                let mut below = at;
                while let Some((above, high)) = from.get(&below) {
                    if *high {
                        order::set(&mut data, self.store.level(*above));
                    }
                    below = *above;
                }
                found.push((Action::from_value(self.store.value(at)), data));
                continue;
            }
            let node = self.store.node(at);
            for (next, high) in [(node.low, false), (node.high, true)] {
                if next != diagram.0 && !from.contains_key(&next) {
                    from.insert(next, (at, high));
                    stack.push(next);
                }
            }
        }
        Ok(found)
    }

    /// Follows a set that is not empty to an input, clear bits first.
    fn path(&self, mut at: Ref, mut data: SeccompData) -> SeccompData {
        while !at.is_terminal() {
            let node = self.store.node(at);
            at = if node.low == Ref::FALSE {
                order::set(&mut data, node.level);
                node.high
            } else {
                node.low
            };
        }
        data
    }
}

impl Store {
    /// For each function below a set, how many values of the bits from its level on are in it.
    fn counts(&self, set: Ref) -> Result<HashMap<Ref, Count>, Error> {
        let mut counts = HashMap::from([(Ref::FALSE, Count::default()), (Ref::TRUE, Count::power(0))]);
        for at in self.reachable(&[set])?.into_iter().rev().filter(|at| !at.is_terminal()) {
            let node = self.node(at);
            let way = |next: Ref| {
                let skipped = self.level(next).min(BITS) - node.level - 1;
                counts[&next].shifted(skipped)
            };
            let count = way(node.low).plus(way(node.high));
            counts.insert(at, count);
        }
        Ok(counts)
    }
}
