//! Text becomes a [`Policy`]: what the user wrote, validated, with the place of every word.
//!
//! Nothing here looks at the kernel or at the file system; loading named files is the caller's.

pub mod builtin;
pub mod degrade;
pub mod diagnostic;
pub mod key;
pub mod model;
pub mod source;

mod contradiction;
mod extend;
mod flag;
mod layer;
#[cfg(test)]
mod mutation;
pub(crate) mod nearest;
mod syntax;
#[cfg(test)]
mod testing;
pub(crate) mod value;
mod whole;

use std::io;

pub use diagnostic::{Diagnostic, Diagnostics};
pub use model::Policy;
pub use nearest::nearest;
pub use source::{At, Origin, Place, Source};
pub use value::path::VARIABLES;

/// The most bytes that one policy text may have. A loader need not read further than one byte more.
pub const MAX_BYTES: usize = 1 << 20;

/// The most items that the merged lists of one key may have: merging compares each with each, and
/// every control has a bound of this order.
pub const ITEMS: usize = 4096;
const ITEMS_MORE: usize = ITEMS + 1;

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
    let extend::Stack { sources, layer, mut wrong, .. } = extend::Stack::read(request);
    if let (length @ ITEMS_MORE.., at) = layer.longest() {
        let message = format!("a list of {length} items; at most {ITEMS} make sense");
        let mut diagnostic =
            Diagnostic::new("too-large", message).help("name directories, groups or prefixes");
        diagnostic.at = at;
        wrong.push(diagnostic);
    }
    if !wrong.is_empty() {
        return Err(Diagnostics::about(sources, wrong));
    }
    let mut policy = whole::policy(layer, sources);
    contradiction::check(&mut policy, &mut wrong);
    if wrong.is_empty() { Ok(policy) } else { Err(Diagnostics::about(policy.sources, wrong)) }
}
