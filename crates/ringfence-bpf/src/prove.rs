//! Proofs about programs: that one means what its rules say, or what another program means.

use crate::diagram::{Diagram, Error, Limits, Space};
use crate::filter::{Action, FilterSpec};
use crate::program::{Program, SeccompData};
use crate::relate;

/// An input that two sides answer differently.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{first:?} rather than {second:?} for {data:x?}")]
pub struct Counterexample {
    /// The input.
    pub data: SeccompData,
    /// What the first side answers.
    pub first: Action,
    /// What the second side answers.
    pub second: Action,
}

/// Whether a program means exactly what a specification says, over every input; else an input for
/// which it does not.
///
/// # Errors
///
/// Where the kernel would not load the program, or an exact answer is too complex.
pub fn compiled(program: &Program, spec: &FilterSpec) -> Result<Option<Counterexample>, Error> {
    let mut space = Space::new(Limits::default());
    let first = space.program(program)?;
    let second = space.spec(spec)?;
    counterexample(&mut space, first, second)
}

/// Whether two programs, each alone, answer every input alike; else one for which they do not.
///
/// # Errors
///
/// As [`compiled`].
pub fn equal(first: &Program, second: &Program) -> Result<Option<Counterexample>, Error> {
    let mut space = Space::new(Limits::default());
    let first = space.program(first)?;
    let second = space.program(second)?;
    counterexample(&mut space, first, second)
}

pub(crate) fn counterexample(
    space: &mut Space,
    first: Diagram,
    second: Diagram,
) -> Result<Option<Counterexample>, Error> {
    if relate::equal(space, first, second)? {
        return Ok(None);
    }
    let (first, second) = (space.alone(first)?, space.alone(second)?);
    let differ = space.unequal(first, second)?;
    Ok(space.witness(differ).map(|data| Counterexample {
        data,
        first: space.eval(first, &data),
        second: space.eval(second, &data),
    }))
}
