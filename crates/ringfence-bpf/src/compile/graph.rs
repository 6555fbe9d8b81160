//! The program as a graph: branches on one loaded word, and returns; equal nodes are one node.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A node, by its place in the graph.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct NodeId(u32);

/// What the accumulator must hold: a word of `seccomp_data`, masked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Load {
    /// Byte offset into `seccomp_data`.
    pub(super) offset: u8,
    /// The bits kept; all of them for no `AND` at all.
    pub(super) mask: u32,
}

/// A comparison of the accumulator with a constant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Op {
    Equal,
    AtLeast,
    AnyBit,
}

/// One node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Node {
    Return(u32),
    Branch { load: Load, op: Op, k: u32, yes: NodeId, no: NodeId },
}

/// Nodes, each once.
#[derive(Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    ids: HashMap<Node, NodeId, BuildHasherDefault<WordHasher>>,
}

impl NodeId {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

impl Load {
    /// A whole word.
    pub(super) const fn word(offset: u8) -> Self {
        Self { offset, mask: u32::MAX }
    }
}

impl Graph {
    pub(super) fn node(&self, id: NodeId) -> Node {
        self.nodes[id.index()]
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn ret(&mut self, value: u32) -> NodeId {
        self.intern(Node::Return(value))
    }

    /// A branch; where both ways are one, that way.
    pub(super) fn branch(&mut self, load: Load, op: Op, k: u32, yes: NodeId, no: NodeId) -> NodeId {
        if yes == no { yes } else { self.intern(Node::Branch { load, op, k, yes, no }) }
    }

    fn intern(&mut self, node: Node) -> NodeId {
        *self.ids.entry(node).or_insert_with(|| {
            self.nodes.push(node);
            NodeId(self.nodes.len() as u32 - 1)
        })
    }
}

/// Multiply and rotate. The keys are our own and few, so no defence against chosen collisions is
/// needed beyond the bound on nodes.
#[derive(Default)]
struct WordHasher(u64);

impl Hasher for WordHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_isize(&mut self, value: isize) {
        self.write_u64(value as u64);
    }

    fn finish(&self) -> u64 {
        // The table takes its bucket from the low bits, the product is best in the high ones.
        self.0.rotate_left(26)
    }
}
