//! The shared nodes: each function is stored once, so that equal functions have one name.

use std::cell::Cell;
use std::collections::HashMap;

use super::{Bound, Error, Limits};

/// A node or a terminal, by its place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ref(pub(super) u32);

/// Marks terminals.
const TERMINAL: u32 = 1 << 31;

/// One decision: on the bit at `level`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Node {
    pub(super) level: u32,
    /// Where the bit is clear.
    pub(super) low: Ref,
    /// Where it is set.
    pub(super) high: Ref,
}

/// A remembered result.
#[derive(Clone, Copy, Default)]
struct Entry {
    operation: u32,
    key: [u32; 3],
    result: u32,
}

/// Nodes, terminals, and the memory of operations.
#[derive(Debug)]
pub(super) struct Store {
    nodes: Vec<Node>,
    /// The answer of each terminal; the first two are the truth values of sets.
    terminals: Vec<u32>,
    answers: HashMap<u32, Ref>,
    /// Open addressing; a place in `nodes` plus one, and above it 32 bits of the hash, so that most
    /// other nodes need not be looked at.
    table: Vec<u64>,
    cache: Vec<Entry>,
    limits: Limits,
    steps: u64,
    /// Steps of all operations together; those that only look count as well.
    work: Cell<u64>,
    operation: u32,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{:?}={}", self.operation, self.key, self.result)
    }
}

impl Ref {
    pub(super) const FALSE: Self = Self(TERMINAL);
    pub(super) const TRUE: Self = Self(TERMINAL | 1);

    pub(super) const fn is_terminal(self) -> bool {
        self.0 & TERMINAL != 0
    }
}

/// Operations whose results hold for good.
pub(super) const ITE: u32 = 1;
pub(super) const MEET: u32 = 2;
pub(super) const UNEQUAL: u32 = 3;
const FIRST: u32 = 4;

/// Entries of the cache and of the table at the start: a filter of a few dozen calls fills them.
const SMALL: usize = 1 << 12;
/// Entries of the cache at most: 20 bytes each.
const LARGE: usize = 1 << 20;

impl Store {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            nodes: Vec::with_capacity(SMALL),
            terminals: vec![0, 1],
            answers: HashMap::new(),
            table: vec![0; 2 * SMALL],
            cache: vec![Entry::default(); SMALL],
            limits,
            steps: 0,
            work: Cell::new(0),
            operation: FIRST,
        }
    }

    /// Begins an operation: its steps count from here.
    pub(super) fn begin(&mut self) {
        self.steps = 0;
    }

    /// Counts a step.
    pub(super) fn step(&mut self) -> Result<(), Error> {
        self.spend(1)
    }

    /// Counts several steps.
    pub(super) fn spend(&mut self, steps: u64) -> Result<(), Error> {
        self.steps += steps;
        if self.steps > self.limits.steps {
            return Err(Error::TooComplex(Bound::Steps(self.limits.steps)));
        }
        self.toil(steps)
    }

    /// Counts what an operation looks at, against the bound on all operations together.
    pub(super) fn toil(&self, steps: u64) -> Result<(), Error> {
        let work = self.work.get().saturating_add(steps);
        self.work.set(work);
        if work > self.limits.work {
            return Err(Error::TooComplex(Bound::Work(self.limits.work)));
        }
        Ok(())
    }

    /// Steps of all operations so far.
    pub(super) fn work(&self) -> u64 {
        self.work.get()
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// A node that is no terminal.
    pub(super) fn node(&self, at: Ref) -> Node {
        self.nodes[at.0 as usize]
    }

    /// The level of a node; beyond all levels for terminals.
    pub(super) fn level(&self, at: Ref) -> u32 {
        if at.is_terminal() { u32::MAX } else { self.nodes[at.0 as usize].level }
    }

    /// Both ways at a level, which is not below the node's own.
    pub(super) fn ways(&self, at: Ref, level: u32) -> (Ref, Ref) {
        if at.is_terminal() {
            return (at, at);
        }
        let node = self.node(at);
        if node.level == level { (node.low, node.high) } else { (at, at) }
    }

    /// The terminal of an answer.
    pub(super) fn answer(&mut self, value: u32) -> Ref {
        *self.answers.entry(value).or_insert_with(|| {
            self.terminals.push(value);
            Ref(TERMINAL | (self.terminals.len() as u32 - 1))
        })
    }

    /// The answer of a terminal.
    pub(super) fn value(&self, terminal: Ref) -> u32 {
        self.terminals[(terminal.0 & !TERMINAL) as usize]
    }

    /// The node of a decision; where both ways are one, that way.
    pub(super) fn make(&mut self, level: u32, low: Ref, high: Ref) -> Result<Ref, Error> {
        if low == high {
            return Ok(low);
        }
        let node = Node { level, low, high };
        let mask = self.table.len() - 1;
        let hash = hash(level, low.0, high.0);
        let mut slot = hash as usize & mask;
        loop {
            match self.table[slot] {
                0 => break,
                entry if entry >> 32 == hash >> 32 && self.nodes[entry as u32 as usize - 1] == node => {
                    return Ok(Ref(entry as u32 - 1));
                }
                _ => slot = (slot + 1) & mask,
            }
        }
        if self.nodes.len() >= self.limits.nodes {
            return Err(Error::TooComplex(Bound::Nodes(self.limits.nodes)));
        }
        self.nodes.push(node);
        self.table[slot] = hash >> 32 << 32 | self.nodes.len() as u64;
        if self.nodes.len() * 2 > self.table.len() {
            self.grow();
        }
        Ok(Ref(self.nodes.len() as u32 - 1))
    }

    fn grow(&mut self) {
        let len = 2 * self.table.len();
        self.table = vec![0; len];
        for (at, node) in self.nodes.iter().enumerate() {
            let hash = hash(node.level, node.low.0, node.high.0);
            let mut slot = hash as usize & (len - 1);
            while self.table[slot] != 0 {
                slot = (slot + 1) & (len - 1);
            }
            self.table[slot] = hash >> 32 << 32 | (at as u64 + 1);
        }
        if self.cache.len() < LARGE && self.cache.len() < self.nodes.len() {
            let old = std::mem::take(&mut self.cache);
            self.cache = vec![Entry::default(); 2 * old.len()];
            for entry in old {
                let slot = self.slot(entry.operation, entry.key);
                self.cache[slot] = entry;
            }
        }
    }

    /// A name for an operation whose results nobody else may take.
    pub(super) fn private(&mut self) -> u32 {
        // Names that come round again would need 2^32 operations on one space; forget all then.
        self.operation = self.operation.checked_add(1).unwrap_or_else(|| {
            self.cache.fill(Entry::default());
            FIRST
        });
        self.operation
    }

    fn slot(&self, operation: u32, [a, b, c]: [u32; 3]) -> usize {
        hash(a ^ operation.rotate_left(16), b, c) as usize & (self.cache.len() - 1)
    }

    pub(super) fn recall(&self, operation: u32, key: [u32; 3]) -> Option<Ref> {
        let entry = &self.cache[self.slot(operation, key)];
        (entry.operation == operation && entry.key == key).then_some(Ref(entry.result))
    }

    pub(super) fn remember(&mut self, operation: u32, key: [u32; 3], result: Ref) {
        let slot = self.slot(operation, key);
        self.cache[slot] = Entry { operation, key, result: result.0 };
    }
}

fn hash(a: u32, b: u32, c: u32) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let first = (u64::from(a) << 32 | u64::from(b)).wrapping_mul(ODD);
    let both = (first ^ u64::from(c) ^ first >> 29).wrapping_mul(0xff51_afd7_ed55_8ccd);
    both ^ both >> 32
}
