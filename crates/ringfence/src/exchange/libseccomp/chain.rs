//! The rules of one call, in the order in which libseccomp tries them.
//!
//! A rule is a chain of comparisons of 32-bit words, argument after argument; rules whose
//! comparisons begin alike share them. What stands side by side is tried in this order: later words
//! of the registers first; then equalities before `<` and `<=` before `>` and `>=`; then larger
//! values first, for `<` and `<=` smaller ones. A way that ends without an answer goes on with the
//! next one. So of two rules that overlap, it is not the first that decides, and two that say the
//! contrary in one place cannot both be added.

use ringfence_bpf::filter::Action;

use super::super::listing::{Clause, Op, Test};
use super::{Compare, Condition};

/// A contradiction.
#[derive(Debug)]
pub(super) struct Exists;

/// What a rule answers, and which rule.
type Answer = (Action, usize);

/// The rules of one number.
#[derive(Default)]
pub(super) struct Call {
    /// The rule without conditions.
    always: Option<Answer>,
    nodes: Vec<Node>,
    first: Option<usize>,
}

/// One comparison, its place in its row, and what follows where it holds and where it does not.
#[derive(Clone)]
struct Node {
    test: Test,
    /// Rank of the word: argument and half.
    rank: u8,
    kind: Kind,
    /// The whole 64 bits of the rule's value.
    value: u64,
    /// What follows where it holds, and where it does not.
    ways: [Way; 2],
    before: Option<usize>,
    after: Option<usize>,
}

/// What a rule asked for, in the order of trying.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Kind {
    Greater,
    Less,
    Equal,
}

#[derive(Clone, Copy, Default)]
struct Way {
    answer: Option<Answer>,
    below: Option<usize>,
}

const YES: usize = 0;
const NO: usize = 1;

impl Call {
    /// Adds a rule; `wide`: arguments have 64 bits.
    pub(super) fn add(
        &mut self,
        conditions: &[Condition],
        wide: bool,
        action: Action,
        origin: usize,
    ) -> Result<(), Exists> {
        if self.always.is_some() {
            return Ok(());
        }
        let mut sorted: Vec<Condition> = conditions.iter().copied().filter(|c| says(c, wide)).collect();
        sorted.sort_by_key(|condition| condition.argument);
        let Some(chain) = self.chain(&sorted, wide, (action, origin)) else {
            *self = Call { always: Some((action, origin)), ..Call::default() };
            return Ok(());
        };
        match self.first {
            None => self.first = Some(chain),
            Some(first) => self.first = Some(self.merge(first, chain)?),
        }
        Ok(())
    }

    /// The nodes of one rule; `None` where it has no conditions.
    fn chain(&mut self, conditions: &[Condition], wide: bool, answer: Answer) -> Option<usize> {
        let (first, rest) = conditions.split_first()?;
        Some(self.comparison(first, rest, wide, answer))
    }

    /// What follows where a condition is met: the next one, or the answer. Each time new nodes, so
    /// that what is added below one way is not added below another.
    fn met(&mut self, rest: &[Condition], wide: bool, answer: Answer) -> Way {
        match self.chain(rest, wide, answer) {
            Some(below) => Way { answer: None, below: Some(below) },
            None => Way { answer: Some(answer), below: None },
        }
    }

    /// The nodes of a condition and of those after it.
    fn comparison(&mut self, condition: &Condition, rest: &[Condition], wide: bool, answer: Answer) -> usize {
        let Condition { argument, op, value } = *condition;
        let (mask, op, kind, inverse) = match op {
            Compare::Eq => (u64::MAX, Op::Equal, Kind::Equal, false),
            Compare::MaskedEq(mask) => (mask, Op::Equal, Kind::Equal, false),
            Compare::Ne => (u64::MAX, Op::Equal, Kind::Equal, true),
            Compare::Gt => (u64::MAX, Op::Greater, Kind::Greater, false),
            Compare::Ge => (u64::MAX, Op::AtLeast, Kind::Greater, false),
            Compare::Le => (u64::MAX, Op::Greater, Kind::Less, true),
            Compare::Lt => (u64::MAX, Op::AtLeast, Kind::Less, true),
        };
        let node = |call: &mut Call, high: bool, op: Op, ways: [Way; 2]| {
            let shift = if high { 32 } else { 0 };
            let mask = (mask >> shift) as u32;
            let word = (value >> shift) as u32 & mask;
            let test = Test { offset: Test::word(argument, high), mask, op, value: word, holds: true };
            let rank = 2 * argument + u8::from(high);
            call.nodes.push(Node { test, rank, kind, value, ways, before: None, after: None });
            call.nodes.len() - 1
        };
        let none = Way::default();
        let way = |below| Way { answer: None, below: Some(below) };
        let met = self.met(rest, wide, answer);
        let mut root = node(self, false, op, if inverse { [none, met] } else { [met, none] });
        if wide {
            // Equal: the low word decides. Otherwise, and for an order above, the high word does.
            let not = if inverse { self.met(rest, wide, answer) } else { none };
            root = node(self, true, Op::Equal, [way(root), not]);
            if op != Op::Equal {
                let above = if inverse { none } else { self.met(rest, wide, answer) };
                root = node(self, true, Op::Greater, [above, way(root)]);
            }
        }
        root
    }

    /// Adds a chain to a row, which is entered at `at`; gives the place where it is entered then.
    fn merge(&mut self, entry: usize, new: usize) -> Result<usize, Exists> {
        let mut at = entry;
        loop {
            if self.alike(at, new) {
                for way in [YES, NO] {
                    self.answer(at, new, way)?;
                }
                for way in [YES, NO] {
                    if !self.descend(at, new, way)? {
                        break;
                    }
                }
                return Ok(entry);
            }
            if self.later(at, new) {
                let before = self.nodes[at].before.replace(new);
                self.nodes[new].before = before;
                self.nodes[new].after = Some(at);
                if let Some(before) = before {
                    self.nodes[before].after = Some(new);
                }
                return Ok(if at == entry { new } else { entry });
            }
            match self.nodes[at].after {
                Some(after) => at = after,
                None => {
                    self.nodes[at].after = Some(new);
                    self.nodes[new].before = Some(at);
                    return Ok(entry);
                }
            }
        }
    }

    /// Gives an existing node the answer of a new one that is alike.
    fn answer(&mut self, at: usize, new: usize, way: usize) -> Result<(), Exists> {
        let Some(answer) = self.nodes[new].ways[way].answer else { return Ok(()) };
        match self.nodes[at].ways[way].answer {
            None => {
                self.agrees(self.nodes[at].ways[way].below, answer.0)?;
                self.nodes[at].ways[way] = Way { answer: Some(answer), below: None };
            }
            Some(old) if old.0 != answer.0 => {
                let high = self.nodes[new].rank & 1 != 0;
                let (mine, its) = (self.nodes[at].value, self.nodes[new].value);
                let nearer = if way == YES { its > mine } else { its < mine };
                if high && nearer && way == YES {
                    self.nodes[at].ways[YES].answer = Some(answer);
                }
                if self.leaf(at) || self.leaf(new) {
                    return Err(Exists);
                }
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// Adds what follows a new node to what follows an existing one that is alike; false where the
    /// existing rule is the shorter one, so that the rest of the new one does not matter.
    fn descend(&mut self, at: usize, new: usize, way: usize) -> Result<bool, Exists> {
        let Some(below) = self.nodes[new].ways[way].below else { return Ok(true) };
        let Way { answer, below: own } = self.nodes[at].ways[way];
        match own {
            Some(own) => {
                let entry = self.merge(own, below)?;
                self.nodes[at].ways[way].below = Some(entry);
            }
            None if answer.is_none() => self.nodes[at].ways[way].below = Some(below),
            None => return Ok(false),
        }
        Ok(true)
    }

    /// Whether every answer below is this one.
    fn agrees(&self, below: Option<usize>, action: Action) -> Result<(), Exists> {
        let mut at = below.map(|at| self.head(at));
        while let Some(node) = at.map(|at| &self.nodes[at]) {
            for way in &node.ways {
                if way.answer.is_some_and(|(answer, _)| answer != action) {
                    return Err(Exists);
                }
                self.agrees(way.below, action)?;
            }
            at = node.after;
        }
        Ok(())
    }

    fn leaf(&self, at: usize) -> bool {
        self.nodes[at].ways.iter().all(|way| way.below.is_none())
    }

    fn head(&self, mut at: usize) -> usize {
        while let Some(before) = self.nodes[at].before {
            at = before;
        }
        at
    }

    fn alike(&self, a: usize, b: usize) -> bool {
        self.nodes[a].test == self.nodes[b].test
    }

    /// Whether one node is tried after another.
    fn later(&self, a: usize, b: usize) -> bool {
        let (a, b) = (&self.nodes[a], &self.nodes[b]);
        if a.rank != b.rank {
            return a.rank < b.rank;
        }
        if a.kind != b.kind {
            return a.kind < b.kind;
        }
        if a.kind == Kind::Less { a.test.value > b.test.value } else { a.test.value < b.test.value }
    }

    /// The clauses in the order of trying.
    pub(super) fn clauses(&self) -> Vec<Clause> {
        let mut clauses = Vec::new();
        if let Some((action, origin)) = self.always {
            clauses.push(Clause { tests: Vec::new(), action, origin });
        }
        self.row(self.first, &mut Vec::new(), &mut clauses);
        clauses
    }

    fn row(&self, entry: Option<usize>, path: &mut Vec<Test>, clauses: &mut Vec<Clause>) {
        let mut at = entry.map(|at| self.head(at));
        while let Some(node) = at.map(|at| &self.nodes[at]) {
            for (way, test) in node.ways.iter().zip([node.test, node.test.negated()]) {
                path.push(test);
                if let Some((action, origin)) = way.answer {
                    clauses.push(Clause { tests: path.clone(), action, origin });
                } else {
                    self.row(way.below, path, clauses);
                }
                path.pop();
            }
            at = node.after;
        }
    }
}

/// Whether a condition tests anything: one with an empty mask is left out.
fn says(condition: &Condition, wide: bool) -> bool {
    let bits = if wide { u64::MAX } else { u64::from(u32::MAX) };
    !matches!(condition.op, Compare::MaskedEq(mask) if mask & bits == 0)
}
