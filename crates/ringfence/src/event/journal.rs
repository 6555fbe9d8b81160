//! What has been seen so far, the same denials counted together, in bounded memory.

use std::collections::BTreeMap;

use super::text::Text;
use super::{Event, Known, Operation, Value};

/// The most kinds of denial that are kept. A program that invents more (a new path each time) only
/// raises a count after that.
pub const MOST_LISTED: usize = 1000;

/// A kind of denial: its first event, and how many there were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The first one.
    pub first: Event,
    /// All of them.
    pub count: u64,
}

/// Denials in the order in which each kind was first seen.
#[derive(Debug, Default)]
pub struct Journal {
    listed: Vec<Listed>,
    places: BTreeMap<(Known<Text>, Operation), usize>,
    unlisted: u64,
    passed: u64,
}

impl Journal {
    /// Counts a call that was not denied.
    pub fn pass(&mut self) {
        self.passed += 1;
    }

    /// Calls that were not denied, where they are told at all.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.passed
    }

    /// Adds one.
    pub fn add(&mut self, event: Event) {
        let key = (event.process.command.clone(), same(&event.operation));
        if let Some(place) = self.places.get(&key) {
            self.listed[*place].count += 1;
        } else if self.listed.len() < MOST_LISTED {
            self.places.insert(key, self.listed.len());
            self.listed.push(Listed { first: event, count: 1 });
        } else {
            self.unlisted += 1;
        }
    }

    /// Each kind, the first one first.
    #[must_use]
    pub fn listed(&self) -> &[Listed] {
        &self.listed
    }

    /// Denials whose kind is not listed, because [`MOST_LISTED`] others are.
    #[must_use]
    pub fn unlisted(&self) -> u64 {
        self.unlisted
    }
}

/// An operation without the addresses that differ from one process to the next.
fn same(operation: &Operation) -> Operation {
    let mut operation = operation.clone();
    for argument in &mut operation.arguments {
        match &mut argument.value {
            Value::Pointer(at) | Value::Unread(at, _) => *at = 0,
            Value::Word(_) | Value::String(_) | Value::Address(_) => {}
        }
    }
    operation
}
