//! Operations on functions, node by node.

use std::cmp::Reverse;

use super::Error;
use super::order::{BITS, WORD};
use super::store::{ITE, MEET, Ref, Store, UNEQUAL};

/// A test of one word against constants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Test {
    /// `word & mask == value`; `value` has no bit outside `mask`.
    Masked { mask: u32, value: u32 },
    /// `word >= value`.
    AtLeast(u32),
}

/// The place in the kernel's order of a returned word: the strictest least (`ACTION_ONLY`,
/// `kernel/seccomp.c`).
fn rank(value: u32) -> i32 {
    (value & 0xffff_0000) as i32
}

impl Store {
    /// `yes` where `test` is true, else `no`.
    pub(super) fn ite(&mut self, test: Ref, yes: Ref, no: Ref) -> Result<Ref, Error> {
        match (test, yes, no) {
            (Ref::TRUE, _, _) => return Ok(yes),
            (Ref::FALSE, _, _) => return Ok(no),
            (_, Ref::TRUE, Ref::FALSE) => return Ok(test),
            _ if yes == no => return Ok(yes),
            _ => {}
        }
        let key = [test.0, yes.0, no.0];
        if let Some(known) = self.recall(ITE, key) {
            return Ok(known);
        }
        self.step()?;
        let level = self.level(test).min(self.level(yes)).min(self.level(no));
        let (test, yes, no) = (self.ways(test, level), self.ways(yes, level), self.ways(no, level));
        let low = self.ite(test.0, yes.0, no.0)?;
        let high = self.ite(test.1, yes.1, no.1)?;
        let made = self.make(level, low, high)?;
        self.remember(ITE, key, made);
        Ok(made)
    }

    pub(super) fn not(&mut self, a: Ref) -> Result<Ref, Error> {
        self.ite(a, Ref::FALSE, Ref::TRUE)
    }

    pub(super) fn and(&mut self, a: Ref, b: Ref) -> Result<Ref, Error> {
        let (a, b) = (a.min(b), a.max(b));
        self.ite(a, b, Ref::FALSE)
    }

    pub(super) fn or(&mut self, a: Ref, b: Ref) -> Result<Ref, Error> {
        let (a, b) = (a.min(b), a.max(b));
        self.ite(a, Ref::TRUE, b)
    }

    pub(super) fn xor(&mut self, a: Ref, b: Ref) -> Result<Ref, Error> {
        let (a, b) = (a.min(b), a.max(b));
        let not = self.not(b)?;
        self.ite(a, not, b)
    }

    /// Of two answers the stricter; where both are the same action, the first one's data.
    pub(super) fn meet(&mut self, first: Ref, second: Ref) -> Result<Ref, Error> {
        if first == second {
            return Ok(first);
        }
        if first.is_terminal() && second.is_terminal() {
            let (a, b) = (self.value(first), self.value(second));
            return Ok(if rank(b) < rank(a) { second } else { first });
        }
        let key = [first.0, second.0, 0];
        if let Some(known) = self.recall(MEET, key) {
            return Ok(known);
        }
        self.step()?;
        let level = self.level(first).min(self.level(second));
        let (a, b) = (self.ways(first, level), self.ways(second, level));
        let low = self.meet(a.0, b.0)?;
        let high = self.meet(a.1, b.1)?;
        let made = self.make(level, low, high)?;
        self.remember(MEET, key, made);
        Ok(made)
    }

    /// Where two functions differ.
    pub(super) fn unequal(&mut self, a: Ref, b: Ref) -> Result<Ref, Error> {
        if a == b {
            return Ok(Ref::FALSE);
        }
        if a.is_terminal() && b.is_terminal() {
            return Ok(Ref::TRUE);
        }
        let (a, b) = (a.min(b), a.max(b));
        let key = [a.0, b.0, 0];
        if let Some(known) = self.recall(UNEQUAL, key) {
            return Ok(known);
        }
        self.step()?;
        let level = self.level(a).min(self.level(b));
        let (a, b) = (self.ways(a, level), self.ways(b, level));
        let low = self.unequal(a.0, b.0)?;
        let high = self.unequal(a.1, b.1)?;
        let made = self.make(level, low, high)?;
        self.remember(UNEQUAL, key, made);
        Ok(made)
    }

    /// The same function with other answers: `change` names the terminal for each.
    pub(super) fn map(
        &mut self,
        a: Ref,
        change: &mut impl FnMut(&mut Self, Ref) -> Ref,
    ) -> Result<Ref, Error> {
        let operation = self.private();
        self.map_by(operation, a, change)
    }

    fn map_by(
        &mut self,
        operation: u32,
        a: Ref,
        change: &mut impl FnMut(&mut Self, Ref) -> Ref,
    ) -> Result<Ref, Error> {
        if a.is_terminal() {
            return Ok(change(self, a));
        }
        let key = [a.0, 0, 0];
        if let Some(known) = self.recall(operation, key) {
            return Ok(known);
        }
        self.step()?;
        let node = self.node(a);
        let low = self.map_by(operation, node.low, change)?;
        let high = self.map_by(operation, node.high, change)?;
        let made = self.make(node.level, low, high)?;
        self.remember(operation, key, made);
        Ok(made)
    }

    /// `yes` where a test of the word at `base` holds, else `no`. A path of one node a bit where
    /// both functions begin at the word or below it.
    pub(super) fn test(&mut self, base: u32, test: Test, yes: Ref, no: Ref) -> Result<Ref, Error> {
        let operation = self.private();
        self.test_by(operation, (base, base), test, yes, no)
    }

    /// `at`: the word's first level, and the level of the bit to decide.
    fn test_by(
        &mut self,
        operation: u32,
        at: (u32, u32),
        test: Test,
        yes: Ref,
        no: Ref,
    ) -> Result<Ref, Error> {
        let (base, level) = at;
        if yes == no {
            return Ok(yes);
        }
        let top = self.level(yes).min(self.level(no));
        if level == base + WORD {
            return Ok(yes);
        }
        self.step()?;
        let key = [yes.0, no.0, level];
        if top < base {
            if let Some(known) = self.recall(operation, key) {
                return Ok(known);
            }
            let (y, n) = (self.ways(yes, top), self.ways(no, top));
            let low = self.test_by(operation, at, test, y.0, n.0)?;
            let high = self.test_by(operation, at, test, y.1, n.1)?;
            let made = self.make(top, low, high)?;
            self.remember(operation, key, made);
            return Ok(made);
        }
        let bit = 1 << (WORD - 1 - (level - base));
        let (y, n) = (self.ways(yes, level), self.ways(no, level));
        let next = (base, level + 1);
        let (low, high) = match test {
            Test::Masked { mask, value } if mask & bit != 0 => {
                if value & bit != 0 {
                    (n.0, self.test_by(operation, next, test, y.1, n.1)?)
                } else {
                    (self.test_by(operation, next, test, y.0, n.0)?, n.1)
                }
            }
            Test::Masked { mask, .. } => {
                if mask & (bit - 1) == 0 {
                    return Ok(yes);
                }
                if y.0 == y.1 && n.0 == n.1 {
                    return self.test_by(operation, next, test, y.0, n.0);
                }
                if let Some(known) = self.recall(operation, key) {
                    return Ok(known);
                }
                let low = self.test_by(operation, next, test, y.0, n.0)?;
                let high = self.test_by(operation, next, test, y.1, n.1)?;
                let made = self.make(level, low, high)?;
                self.remember(operation, key, made);
                return Ok(made);
            }
            Test::AtLeast(value) if value & bit != 0 => (n.0, self.test_by(operation, next, test, y.1, n.1)?),
            Test::AtLeast(value) if value & (bit - 1) == 0 && value & bit == 0 => return Ok(yes),
            Test::AtLeast(_) => (self.test_by(operation, next, test, y.0, n.0)?, y.1),
        };
        self.make(level, low, high)
    }

    /// The function where the word at `base` is `value`: no more a function of it. Levels above the
    /// word must be gone already.
    pub(super) fn at_word(&self, mut a: Ref, base: u32, value: u32) -> Ref {
        while (base..base + WORD).contains(&self.level(a)) {
            let node = self.node(a);
            a = if value >> (WORD - 1 - (node.level - base)) & 1 == 1 { node.high } else { node.low };
        }
        a
    }

    /// The terminal that an input leads to.
    pub(super) fn follow(&self, mut a: Ref, bit: impl Fn(u32) -> bool) -> Ref {
        while !a.is_terminal() {
            let node = self.node(a);
            a = if bit(node.level) { node.high } else { node.low };
        }
        a
    }

    /// Nodes reachable from some, and terminals, each once, lower levels after higher ones.
    pub(super) fn reachable(&self, from: &[Ref]) -> Result<Vec<Ref>, Error> {
        let mut found = Vec::new();
        let mut seen = std::collections::HashSet::new();
        let mut stack = from.to_vec();
        while let Some(at) = stack.pop() {
            if seen.insert(at) {
                self.toil(1)?;
                found.push(at);
                if !at.is_terminal() {
                    let node = self.node(at);
                    stack.extend([node.low, node.high]);
                }
            }
        }
        found.sort_by_key(|at| (self.level(*at).min(BITS), Reverse(*at)));
        Ok(found)
    }
}
