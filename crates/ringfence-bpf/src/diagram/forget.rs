//! Sets that no longer depend on some bits.

use std::collections::HashMap;

use super::store::Ref;
use super::{Error, Field, Set, Space};

impl Space {
    /// The inputs that are in a set for some values of these bits of a field: what can be said of an
    /// input by whoever does not see them.
    ///
    /// # Errors
    ///
    /// [`Error::TooComplex`].
    pub fn forget(&mut self, set: Set, field: Field, bits: u64) -> Result<Set, Error> {
        self.store.begin();
        let forgotten = Bits::of(field, bits);
        self.forget_below(set.0, forgotten, &mut HashMap::new()).map(Set)
    }

    fn forget_below(&mut self, at: Ref, bits: Bits, known: &mut HashMap<u32, Ref>) -> Result<Ref, Error> {
        let level = self.store.level(at);
        if at.is_terminal() || bits.before(level) {
            return Ok(at);
        }
        if let Some(known) = known.get(&at.0) {
            return Ok(*known);
        }
        self.store.step()?;
        let (low, high) = self.store.ways(at, level);
        let low = self.forget_below(low, bits, known)?;
        let high = self.forget_below(high, bits, known)?;
        let made = match bits.has(level) {
            true => self.store.or(low, high)?,
            false => self.store.make(level, low, high)?,
        };
        known.insert(at.0, made);
        Ok(made)
    }
}

/// Bits of one field, by level.
#[derive(Clone, Copy)]
pub(super) struct Bits {
    base: u32,
    width: u32,
    bits: u64,
}

impl Bits {
    pub(super) fn of(field: Field, bits: u64) -> Self {
        Self { base: field.base(), width: field.bits(), bits }
    }

    pub(super) fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// Whether a level lies behind the whole field.
    pub(super) fn before(self, level: u32) -> bool {
        level >= self.base + self.width
    }

    pub(super) fn has(self, level: u32) -> bool {
        level >= self.base && self.bits >> (self.width - 1 - (level - self.base)) & 1 == 1
    }
}
