//! Parts of a function: at one architecture and number, and over all of them.

use super::order::{NR, WORD};
use super::store::{Ref, Store};
use super::{Bound, Diagram, Error, Set, Space};
use crate::table::Abi;

/// A [`Diagram`] or a [`Set`].
pub trait Function: Copy + PartialEq + sealed::Function {}

impl Function for Diagram {}
impl Function for Set {}

mod sealed {
    use super::super::store::Ref;

    pub trait Function {
        fn node(self) -> Ref;
        fn of(node: Ref) -> Self;
    }
}

impl sealed::Function for Diagram {
    fn node(self) -> Ref {
        self.0
    }

    fn of(node: Ref) -> Self {
        Self(node)
    }
}

impl sealed::Function for Set {
    fn node(self) -> Ref {
        self.0
    }

    fn of(node: Ref) -> Self {
        Self(node)
    }
}

/// Values of one word in a row, and the function that is left where it has one of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part<F> {
    /// The first value.
    pub first: u32,
    /// The last value, included.
    pub last: u32,
    /// What is left: it does not depend on the word.
    pub rest: F,
}

impl Space {
    /// A function where the architecture is this one: it depends on number, arguments and
    /// instruction pointer.
    pub fn at_arch<F: Function>(&self, function: F, arch: u32) -> F {
        F::of(self.store.at_word(function.node(), 0, arch))
    }

    /// A function where architecture and number (`seccomp_data.nr`: x32 with bit 30) are these: it
    /// depends on arguments and instruction pointer.
    pub fn at<F: Function>(&self, function: F, arch: u32, nr: u32) -> F {
        self.at_number(self.at_arch(function, arch), nr)
    }

    /// A function that no more depends on the architecture, where the number is this one.
    pub fn at_number<F: Function>(&self, function: F, nr: u32) -> F {
        F::of(self.store.at_word(function.node(), NR, nr))
    }

    /// A function for one number of the table of an ABI (x32 without bit 30).
    pub fn at_call<F: Function>(&self, function: F, abi: Abi, number: u32) -> F {
        self.at(function, abi.audit_arch(), abi.bit() | number)
    }

    /// The architectures of a function, in ascending order without gaps; neighbours differ.
    ///
    /// # Errors
    ///
    /// [`Error::TooComplex`] for more than `most` parts.
    pub fn archs<F: Function>(&self, function: F, most: usize) -> Result<Vec<Part<F>>, Error> {
        self.parts(function, 0, most)
    }

    /// The numbers of a function that no more depends on the architecture (see [`Space::at_arch`]),
    /// in ascending order without gaps; neighbours differ.
    ///
    /// # Errors
    ///
    /// [`Error::TooComplex`] for more than `most` parts.
    pub fn numbers<F: Function>(&self, function: F, most: usize) -> Result<Vec<Part<F>>, Error> {
        self.parts(function, NR, most)
    }

    fn parts<F: Function>(&self, function: F, base: u32, most: usize) -> Result<Vec<Part<F>>, Error> {
        let segments = self
            .store
            .segments(function.node(), base, WORD, most)
            .ok_or(Error::TooComplex(Bound::Parts(most)))?;
        let ends = segments.iter().skip(1).map(|(start, _)| *start as u32 - 1).chain([u32::MAX]);
        let parts = segments.iter().zip(ends);
        Ok(parts
            .map(|(&(first, rest), last)| Part { first: first as u32, last, rest: F::of(rest) })
            .collect())
    }
}

impl Store {
    /// The functions that are left for the values of a field of some bits: for each the first value,
    /// up to where the next one starts. `None` for more than `most`.
    pub(super) fn segments(&self, at: Ref, base: u32, bits: u32, most: usize) -> Option<Vec<(u64, Ref)>> {
        let mut found: Vec<(u64, Ref)> = Vec::new();
        let mut stack = vec![(at, 0, 0_u64)];
        while let Some((at, depth, start)) = stack.pop() {
            let level = self.level(at);
            if (base..base + bits).contains(&level) {
                // A bit that is not decided on repeats what follows.
                let decided = level == base + depth;
                let (low, high) = if decided { (self.node(at).low, self.node(at).high) } else { (at, at) };
                stack.push((high, depth + 1, start | 1 << (bits - 1 - depth)));
                stack.push((low, depth + 1, start));
                continue;
            }
            match found.last() {
                Some((_, last)) if *last == at => {}
                _ if found.len() == most => return None,
                _ => found.push((start, at)),
            }
        }
        Some(found)
    }
}
