//! One policy, compiled into every control.
//! Text becomes a [`Policy`]: what the user wrote, validated, with the place of every word.
//!
//! Nothing here looks at the kernel or at the file system; loading named files is the caller's.

pub mod diagnostic;
pub mod model;
pub mod source;

use std::io;

pub use diagnostic::{Diagnostic, Diagnostics};
pub use model::Policy;
pub use source::{At, Origin, Place, Source};

/// The most bytes that one policy text may have. A loader need not read further than one byte more.
pub const MAX_BYTES: usize = 1 << 20;

/// The policy that holds where none is named.
pub const DEFAULT: &str = "builtin:offline";

/// What a policy is made from.
pub struct Request<'a> {
    /// What `--policy` names, in order: files or `builtin:NAME`; where empty, [`DEFAULT`].
    pub policies: &'a [String],
    /// The command line's layer, on top of everything.
    pub flags: &'a [Flag],
    /// Reads a named file. It is never asked for a `builtin:` name.
    pub loader: &'a dyn Fn(&str) -> io::Result<String>,
}

/// One flag of the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// The flag as typed, `--fs-read`.
    pub name: String,
    /// Its value as typed.
    pub value: String,
}

/// Loads, merges and validates a policy.
///
/// # Errors
/// Everything that is wrong with it, up to [`diagnostic::LIMIT`] items; nothing has been changed anywhere.
pub fn load(request: &Request<'_>) -> Result<Policy, Diagnostics> {
    todo!()
}
