//! A function by its first word: what the compiler needs to know to decide on it.

use super::order::{self, WORD};
use super::store::{Ref, Store};
use super::{Diagram, Error, Space};

/// Values of a word, and what is left where it has one of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Masked {
    /// The bits that are looked at.
    pub(crate) mask: u32,
    /// What they are.
    pub(crate) value: u32,
    /// What is left.
    pub(crate) rest: Diagram,
}

/// What comes first in a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum First {
    /// Nothing is decided any more: the word that is returned.
    Answer(u32),
    /// The word at this offset, and in it this bit, where both ways are these.
    Word { offset: u32, bit: u32, low: Diagram, high: Diagram },
}

impl Space {
    /// What comes first.
    pub(crate) fn first(&self, diagram: Diagram) -> First {
        if diagram.0.is_terminal() {
            return First::Answer(self.store.value(diagram.0));
        }
        let node = self.store.node(diagram.0);
        let offset = order::offset(node.level);
        let bit = 1 << (WORD - 1 - (node.level - order::level(offset)));
        First::Word { offset, bit, low: Diagram(node.low), high: Diagram(node.high) }
    }

    /// What is left for the values of the word at an offset, which nothing above it decides: for each
    /// the first value. `None` for more than `most`.
    pub(crate) fn word_ranges(
        &self,
        diagram: Diagram,
        offset: u32,
        most: usize,
    ) -> Option<Vec<(u32, Diagram)>> {
        let segments = self.store.segments(diagram.0, order::level(offset), WORD, most)?;
        Some(segments.into_iter().map(|(first, rest)| (first as u32, Diagram(rest))).collect())
    }

    /// The same by masks, none of which overlap. `None` for more than `most`.
    pub(crate) fn word_masks(&self, diagram: Diagram, offset: u32, most: usize) -> Option<Vec<Masked>> {
        let base = order::level(offset);
        let mut found = Vec::new();
        let mut stack = vec![(diagram.0, 0, 0)];
        while let Some((at, mask, value)) = stack.pop() {
            let level = self.store.level(at);
            if (base..base + WORD).contains(&level) {
                let (node, bit) = (self.store.node(at), 1 << (base + WORD - 1 - level));
                stack.push((node.high, mask | bit, value | bit));
                stack.push((node.low, mask | bit, value));
            } else if found.len() == most {
                return None;
            } else {
                found.push(Masked { mask, value, rest: Diagram(at) });
            }
        }
        Some(found)
    }

    /// Whether one function is left for all values of a mask.
    pub(crate) fn word_is(&self, diagram: Diagram, offset: u32, values: Masked) -> bool {
        let base = order::level(offset);
        let mut stack = vec![diagram.0];
        while let Some(at) = stack.pop() {
            let level = self.store.level(at);
            if (base..base + WORD).contains(&level) {
                let (node, bit) = (self.store.node(at), 1_u32 << (base + WORD - 1 - level));
                match (values.mask & bit != 0, values.value & bit != 0) {
                    (true, true) => stack.push(node.high),
                    (true, false) => stack.push(node.low),
                    (false, _) => stack.extend([node.low, node.high]),
                }
            } else if at != values.rest.0 {
                return false;
            }
        }
        true
    }

    /// A function that is the same but where `word & mask == value`: there it is anything, so that
    /// fewer decisions are left.
    ///
    /// # Errors
    ///
    /// [`Error::TooComplex`].
    pub(crate) fn without(
        &mut self,
        diagram: Diagram,
        offset: u32,
        mask: u32,
        value: u32,
    ) -> Result<Diagram, Error> {
        self.store.begin();
        self.store.without(diagram.0, order::level(offset), (mask, value)).map(Diagram)
    }
}

impl Store {
    fn without(&mut self, at: Ref, base: u32, (mask, value): (u32, u32)) -> Result<Ref, Error> {
        self.step()?;
        let level = self.level(at);
        // Nothing looked at is left to decide, or nothing that the mask looks at.
        if !(base..base + WORD).contains(&level) || mask == 0 {
            return Ok(at);
        }
        let top = base + mask.leading_zeros();
        let (node, bit) = (self.node(at), 1_u32 << (base + WORD - 1 - level));
        if level > top {
            // Both values of a bit that is not decided on have this function: one must stay.
            return Ok(at);
        }
        let left = mask & (bit - 1);
        let (low, high) = match (mask & bit != 0, value & bit != 0) {
            (true, true) if left == 0 => return Ok(node.low),
            (true, false) if left == 0 => return Ok(node.high),
            (true, true) => (node.low, self.without(node.high, base, (left, value & left))?),
            (true, false) => (self.without(node.low, base, (left, value & left))?, node.high),
            (false, _) => (
                self.without(node.low, base, (left, value & left))?,
                self.without(node.high, base, (left, value & left))?,
            ),
        };
        self.make(level, low, high)
    }
}
