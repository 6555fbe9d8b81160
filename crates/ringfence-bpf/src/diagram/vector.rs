//! Arithmetic on words whose bits are sets of inputs: what each operation of the kernel does, bit
//! by bit.

use super::Error;
use super::store::{Ref, Store};
use crate::decode::Alu;

/// A word, the lowest bit first.
pub(super) type Vector = [Ref; 32];

pub(super) fn constant(value: u32) -> Vector {
    std::array::from_fn(|at| if value >> at & 1 == 1 { Ref::TRUE } else { Ref::FALSE })
}

/// The value of a word whose bits are all known.
pub(super) fn value(word: &Vector) -> u32 {
    (0..32).fold(0, |value, at| value | u32::from(word[at] == Ref::TRUE) << at)
}

/// `a op b`; for a division by zero, anything.
pub(super) fn alu(store: &mut Store, operator: Alu, a: &Vector, b: &Vector) -> Result<Vector, Error> {
    match operator {
        Alu::Add => add(store, a, b, Ref::FALSE).map(|(sum, _)| sum),
        Alu::Sub => subtract(store, a, b).map(|(difference, _)| difference),
        Alu::Mul => multiply(store, a, b),
        Alu::Div => divide(store, a, b),
        Alu::Or => each(a, b, |a, b| store.or(a, b)),
        Alu::And => each(a, b, |a, b| store.and(a, b)),
        Alu::Xor => each(a, b, |a, b| store.xor(a, b)),
        Alu::Lsh => shift(store, a, b, |word, by| {
            std::array::from_fn(|at| if at < by { Ref::FALSE } else { word[at - by] })
        }),
        Alu::Rsh => shift(store, a, b, |word, by| {
            std::array::from_fn(|at| word.get(at + by).copied().unwrap_or(Ref::FALSE))
        }),
    }
}

pub(super) fn equal(store: &mut Store, a: &Vector, b: &Vector) -> Result<Ref, Error> {
    let mut all = Ref::TRUE;
    for (a, b) in a.iter().zip(b) {
        let differ = store.xor(*a, *b)?;
        all = store.ite(differ, Ref::FALSE, all)?;
    }
    Ok(all)
}

/// `a >= b`, unsigned: no borrow.
pub(super) fn at_least(store: &mut Store, a: &Vector, b: &Vector) -> Result<Ref, Error> {
    let mut holds = Ref::TRUE;
    for (a, b) in a.iter().zip(b) {
        let differ = store.xor(*a, *b)?;
        holds = store.ite(differ, *a, holds)?;
    }
    Ok(holds)
}

/// `a & b != 0`.
pub(super) fn common(store: &mut Store, a: &Vector, b: &Vector) -> Result<Ref, Error> {
    let mut any = Ref::FALSE;
    for (a, b) in a.iter().zip(b) {
        let both = store.and(*a, *b)?;
        any = store.or(any, both)?;
    }
    Ok(any)
}

fn each(
    a: &Vector,
    b: &Vector,
    mut operation: impl FnMut(Ref, Ref) -> Result<Ref, Error>,
) -> Result<Vector, Error> {
    let mut made = *a;
    for (a, b) in made.iter_mut().zip(b) {
        *a = operation(*a, *b)?;
    }
    Ok(made)
}

/// The sum, and what is carried out of it.
fn add(store: &mut Store, a: &Vector, b: &Vector, carry: Ref) -> Result<(Vector, Ref), Error> {
    let (mut sum, mut carry) = (*a, carry);
    for (a, b) in sum.iter_mut().zip(b) {
        let differ = store.xor(*a, *b)?;
        let next = store.ite(differ, carry, *b)?;
        *a = store.xor(differ, carry)?;
        carry = next;
    }
    Ok((sum, carry))
}

/// The difference, and whether nothing was borrowed.
fn subtract(store: &mut Store, a: &Vector, b: &Vector) -> Result<(Vector, Ref), Error> {
    let mut complement = *b;
    for bit in &mut complement {
        *bit = store.not(*bit)?;
    }
    add(store, a, &complement, Ref::TRUE)
}

fn multiply(store: &mut Store, a: &Vector, b: &Vector) -> Result<Vector, Error> {
    // The fewer partial products, the better: a constant chooses them.
    let known = |word: &Vector| word.iter().filter(|bit| bit.is_terminal()).count();
    let (a, b) = if known(a) > known(b) { (b, a) } else { (a, b) };
    let mut sum = constant(0);
    for (by, bit) in b.iter().enumerate().filter(|(_, bit)| **bit != Ref::FALSE) {
        let mut part = constant(0);
        for at in by..part.len() {
            part[at] = store.and(a[at - by], *bit)?;
        }
        sum = add(store, &sum, &part, Ref::FALSE)?.0;
    }
    Ok(sum)
}

/// Long division, from the highest bit: the rest is doubled, and the divisor taken away where it fits.
fn divide(store: &mut Store, a: &Vector, b: &Vector) -> Result<Vector, Error> {
    let mut quotient = constant(0);
    let mut rest = constant(0);
    for at in (0..quotient.len()).rev() {
        let over = rest[31];
        rest.copy_within(0..31, 1);
        rest[0] = a[at];
        let (less, enough) = subtract(store, &rest, b)?;
        let fits = store.or(over, enough)?;
        quotient[at] = fits;
        for (rest, less) in rest.iter_mut().zip(less) {
            *rest = store.ite(fits, less, *rest)?;
        }
    }
    Ok(quotient)
}

/// By the low five bits of `by`, as the kernel's 32-bit shifts do.
fn shift(
    store: &mut Store,
    word: &Vector,
    by: &Vector,
    shifted: impl Fn(&Vector, usize) -> Vector,
) -> Result<Vector, Error> {
    let mut made = *word;
    for (power, bit) in by.iter().take(5).enumerate() {
        let moved = shifted(&made, 1 << power);
        for (here, moved) in made.iter_mut().zip(moved) {
            *here = store.ite(*bit, moved, *here)?;
        }
    }
    Ok(made)
}
