//! A specification as a program: see [`compile`].

use crate::filter::FilterSpec;
use crate::program::Program;

/// Why a specification has no program.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The program would be longer than the kernel takes.
    #[error(
        "the filter needs {len} instructions or more, the kernel takes 4096: use fewer or simpler argument conditions"
    )]
    TooLong {
        /// Instructions emitted before giving up.
        len: usize,
    },
    /// An allow rule has an action of its own.
    #[error("allow rule {index} has an action: only deny rules have one")]
    ActionOnAllow {
        /// Index into [`FilterSpec::allow`].
        index: usize,
    },
}

/// Compiles a specification.
pub fn compile(_spec: &FilterSpec) -> Result<Program, Error> {
    Err(Error::TooLong { len: 0 })
}
