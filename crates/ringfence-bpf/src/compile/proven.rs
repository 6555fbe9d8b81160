//! Programs that are proven before anybody gets them.

use super::{Error, compile, optimise};
use crate::diagram::{Diagram, Limits, Space};
use crate::filter::FilterSpec;
use crate::program::Program;
use crate::prove;

/// The shortest program known for a specification: the one of [`compile`] or, where it is shorter,
/// the one of its diagram; proven to mean what the rules say. Takes milliseconds, where [`compile`]
/// takes microseconds.
///
/// # Errors
///
/// As [`compile`]; [`Error::Diagram`] where no proof was found within the bounds; [`Error::Wrong`]
/// for a defect of the compiler.
pub fn proven(spec: &FilterSpec) -> Result<Program, Error> {
    let mut space = Space::new(Limits::default());
    let meaning = space.spec(spec)?;
    let first = compile(spec)?;
    let other = optimise(&mut space, meaning).ok().filter(|other| other.len() < first.len());
    let program = other.unwrap_or(first);
    prove_equal(&mut space, &program, meaning)?;
    Ok(program)
}

/// A program that does the same as another one in fewer instructions, proven; the same program where
/// none shorter is found.
///
/// # Errors
///
/// [`Error::Diagram`] where the kernel would not load the program, or it is too complex;
/// [`Error::Wrong`] for a defect of the optimiser.
pub fn shortened(space: &mut Space, program: &Program) -> Result<Program, Error> {
    let meaning = space.program(program)?;
    let short = match optimise(space, meaning) {
        Ok(short) if short.len() < program.len() => short,
        Ok(_) | Err(Error::TooLong { .. }) => return Ok(program.clone()),
        Err(error) => return Err(error),
    };
    prove_equal(space, &short, meaning)?;
    Ok(short)
}

fn prove_equal(space: &mut Space, program: &Program, meaning: Diagram) -> Result<(), Error> {
    let made = space.program(program)?;
    match prove::counterexample(space, made, meaning)? {
        None => Ok(()),
        Some(found) => Err(Error::Wrong(found)),
    }
}
