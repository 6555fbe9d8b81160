//! What a register holds, as an expression over the input; each expression once.

use std::collections::HashMap;

use super::Error;
use super::apply::Test;
use super::order::{self, WORD};
use super::store::{Ref, Store};
use super::vector::{self, Vector};
use crate::decode::{Alu, Compare};

/// An expression, by its place.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct TermId(u32);

/// An expression of 32 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Term {
    Const(u32),
    /// The word at a byte offset, masked.
    Word {
        offset: u32,
        mask: u32,
    },
    Alu(Alu, TermId, TermId),
}

/// What is known of a comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Condition {
    Known(bool),
    /// A test of the word whose first level this is; `true`: it is to fail.
    Word(u32, Test, bool),
    /// Any other: a set of inputs.
    Set(Ref),
}

/// Every expression of one program, and its bits where they were needed.
#[derive(Default)]
pub(super) struct Terms {
    terms: Vec<Term>,
    ids: HashMap<Term, TermId>,
    bits: HashMap<TermId, Vector>,
}

impl Terms {
    pub(super) fn get(&self, id: TermId) -> Term {
        self.terms[id.0 as usize]
    }

    pub(super) fn intern(&mut self, term: Term) -> TermId {
        *self.ids.entry(term).or_insert_with(|| {
            self.terms.push(term);
            TermId(self.terms.len() as u32 - 1)
        })
    }

    pub(super) fn constant(&mut self, value: u32) -> TermId {
        self.intern(Term::Const(value))
    }

    pub(super) fn word(&mut self, offset: u32) -> TermId {
        self.intern(Term::Word { offset, mask: u32::MAX })
    }

    /// `a op b`. A division by a `b` that may be zero stands for the quotient elsewhere.
    pub(super) fn alu(
        &mut self,
        store: &mut Store,
        operator: Alu,
        a: TermId,
        b: TermId,
    ) -> Result<TermId, Error> {
        let term = match (operator, self.get(a), self.get(b)) {
            (_, Term::Const(a), Term::Const(b)) => {
                let (a, b) = (vector::constant(a), vector::constant(b));
                Term::Const(vector::value(&vector::alu(store, operator, &a, &b)?))
            }
            (Alu::And, Term::Word { offset, mask }, Term::Const(k))
            | (Alu::And, Term::Const(k), Term::Word { offset, mask }) => match mask & k {
                0 => Term::Const(0),
                mask => Term::Word { offset, mask },
            },
            (Alu::Add | Alu::Sub | Alu::Or | Alu::Xor | Alu::Lsh | Alu::Rsh, _, Term::Const(0)) => {
                return Ok(a);
            }
            (Alu::Sub | Alu::Xor, _, _) if a == b => Term::Const(0),
            _ => Term::Alu(operator, a, b),
        };
        Ok(self.intern(term))
    }

    /// Whether `a` compares so with `b`.
    pub(super) fn compare(
        &mut self,
        store: &mut Store,
        compare: Compare,
        a: TermId,
        b: TermId,
    ) -> Result<Condition, Error> {
        let word = |offset, test, fails| Ok(Condition::Word(order::level(offset), test, fails));
        match (self.get(a), self.get(b)) {
            (Term::Word { offset, mask }, Term::Const(k)) => match compare {
                Compare::Eq if k & !mask != 0 => Ok(Condition::Known(false)),
                Compare::Eq => word(offset, Test::Masked { mask, value: k }, false),
                Compare::Set if mask & k == 0 => Ok(Condition::Known(false)),
                Compare::Set => word(offset, Test::Masked { mask: mask & k, value: 0 }, true),
                Compare::Gt if k >= mask => Ok(Condition::Known(false)),
                Compare::Ge if k == 0 => Ok(Condition::Known(true)),
                Compare::Ge if k > mask => Ok(Condition::Known(false)),
                Compare::Gt if mask == u32::MAX => word(offset, Test::AtLeast(k + 1), false),
                Compare::Ge if mask == u32::MAX => word(offset, Test::AtLeast(k), false),
                _ => self.compare_bits(store, compare, a, b),
            },
            _ => self.compare_bits(store, compare, a, b),
        }
    }

    fn compare_bits(
        &mut self,
        store: &mut Store,
        compare: Compare,
        a: TermId,
        b: TermId,
    ) -> Result<Condition, Error> {
        let (a, b) = (self.bits(store, a)?, self.bits(store, b)?);
        let set = match compare {
            Compare::Eq => vector::equal(store, &a, &b)?,
            Compare::Gt => {
                let most = vector::at_least(store, &b, &a)?;
                store.not(most)?
            }
            Compare::Ge => vector::at_least(store, &a, &b)?,
            Compare::Set => vector::common(store, &a, &b)?,
        };
        Ok(match set {
            Ref::TRUE => Condition::Known(true),
            Ref::FALSE => Condition::Known(false),
            set => Condition::Set(set),
        })
    }

    /// The bits of an expression, the lowest first.
    pub(super) fn bits(&mut self, store: &mut Store, id: TermId) -> Result<Vector, Error> {
        if let Some(known) = self.bits.get(&id) {
            return Ok(*known);
        }
        // Operands first, without recursion: an expression may be as deep as the program is long.
        let mut stack = vec![id];
        while let Some(&next) = stack.last() {
            let made = match self.get(next) {
                Term::Const(value) => vector::constant(value),
                Term::Word { offset, mask } => word(store, offset, mask)?,
                Term::Alu(operator, a, b) => match (self.bits.get(&a).copied(), self.bits.get(&b).copied()) {
                    (Some(a), Some(b)) => vector::alu(store, operator, &a, &b)?,
                    (None, _) => {
                        stack.push(a);
                        continue;
                    }
                    (_, None) => {
                        stack.push(b);
                        continue;
                    }
                },
            };
            self.bits.insert(next, made);
            stack.pop();
        }
        Ok(self.bits[&id])
    }
}

fn word(store: &mut Store, offset: u32, mask: u32) -> Result<Vector, Error> {
    let mut bits = vector::constant(0);
    for (at, bit) in bits.iter_mut().enumerate().filter(|(at, _)| mask >> at & 1 == 1) {
        let level = order::level(offset) + WORD - 1 - at as u32;
        *bit = store.make(level, Ref::FALSE, Ref::TRUE)?;
    }
    Ok(bits)
}
