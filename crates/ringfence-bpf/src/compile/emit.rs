//! A graph as instructions.
//!
//! Written from the end, so that the distance of each jump is known when it is written. A target
//! out of the reach of 255 is reached by a copy (returns) or by an unconditional jump, which has
//! 32 bits (branches).

use super::Error;
use super::graph::{Graph, Load, Node, NodeId, Op};
use crate::program::{Insn, MAX_INSNS, Program, code};

/// The farthest that a conditional jump is let to go: 255, less what may still be put in between
/// (a return or a jump for the other way).
const REACH: usize = 253;

/// Where a node is written, counted from the end of the program.
#[derive(Clone, Copy)]
struct Place {
    /// Its comparison, or its return.
    compare: usize,
    /// Its load, where it has one of its own.
    start: usize,
}

struct Emitter<'a> {
    graph: &'a Graph,
    /// Reversed.
    out: Vec<Insn>,
    places: Vec<Option<Place>>,
    /// Whether something reaches the node without its word loaded.
    loads: Vec<bool>,
}

/// Emits everything reachable from a node.
pub(super) fn emit(graph: &Graph, root: NodeId) -> Result<Program, Error> {
    let mut emitter = Emitter {
        graph,
        out: Vec::with_capacity(512),
        places: vec![None; graph.len()],
        loads: loads(graph, root),
    };
    emitter.node(root)?;
    emitter.out.reverse();
    Ok(Program::new(emitter.out))
}

fn load(node: Node) -> Option<Load> {
    match node {
        Node::Branch { load, .. } => Some(load),
        Node::Return(_) => None,
    }
}

fn loads(graph: &Graph, root: NodeId) -> Vec<bool> {
    let mut needed = vec![false; graph.len()];
    let mut seen = vec![false; graph.len()];
    needed[root.index()] = true;
    let mut stack = vec![root];
    while let Some(id) = stack.pop() {
        let Node::Branch { load: held, yes, no, .. } = graph.node(id) else { continue };
        if std::mem::replace(&mut seen[id.index()], true) {
            continue;
        }
        for next in [yes, no] {
            needed[next.index()] |= load(graph.node(next)).is_some_and(|load| load != held);
            stack.push(next);
        }
    }
    needed
}

impl Emitter<'_> {
    fn push(&mut self, insn: Insn) -> Result<usize, Error> {
        if self.out.len() == MAX_INSNS {
            return Err(Error::TooLong { len: MAX_INSNS + 1 });
        }
        self.out.push(insn);
        Ok(self.out.len() - 1)
    }

    /// Writes a node and what follows it, unless it is written.
    fn node(&mut self, id: NodeId) -> Result<Place, Error> {
        if let Some(place) = self.places[id.index()] {
            return Ok(place);
        }
        let place = match self.graph.node(id) {
            Node::Return(value) => {
                let at = self.push(Insn::stmt(code::RET, value))?;
                Place { compare: at, start: at }
            }
            Node::Branch { load, op, k, yes, no } => {
                // Both first: what is written after `reach` would take its answer out of reach.
                for next in [no, yes] {
                    if matches!(self.graph.node(next), Node::Branch { .. }) {
                        self.node(next)?;
                    }
                }
                let no = self.reach(no, load)?;
                let yes = self.reach(yes, load)?;
                let here = self.out.len();
                let code = match op {
                    Op::Equal => code::JEQ,
                    Op::AtLeast => code::JGE,
                    Op::AnyBit => code::JSET,
                };
                let distance = |target: usize| (here - target - 1) as u8;
                let compare = self.push(Insn::jump(code, k, distance(yes), distance(no)))?;
                Place { compare, start: self.load(id, load)?.unwrap_or(compare) }
            }
        };
        self.places[id.index()] = Some(place);
        Ok(place)
    }

    fn load(&mut self, id: NodeId, load: Load) -> Result<Option<usize>, Error> {
        if !self.loads[id.index()] {
            return Ok(None);
        }
        if load.mask != u32::MAX {
            self.push(Insn::stmt(code::AND, load.mask))?;
        }
        self.push(Insn::stmt(code::LD_ABS, u32::from(load.offset))).map(Some)
    }

    /// A place from which a node goes on, near enough to jump to; `held` is what is loaded.
    fn reach(&mut self, id: NodeId, held: Load) -> Result<usize, Error> {
        let near = |emitter: &Self, at: usize| emitter.out.len() - at - 1 <= REACH;
        match self.graph.node(id) {
            Node::Return(value) => {
                if let Some(place) = self.places[id.index()]
                    && near(self, place.start)
                {
                    return Ok(place.start);
                }
                let at = self.push(Insn::stmt(code::RET, value))?;
                self.places[id.index()] = Some(Place { compare: at, start: at });
                Ok(at)
            }
            Node::Branch { load, .. } => {
                let place = self.node(id)?;
                let at = if load == held { place.compare } else { place.start };
                if near(self, at) {
                    return Ok(at);
                }
                let distance = (self.out.len() - at - 1) as u32;
                self.push(Insn::stmt(code::JA, distance))
            }
        }
    }
}
