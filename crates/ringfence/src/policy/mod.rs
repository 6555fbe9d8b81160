//! Text becomes a [`Policy`]: what the user wrote, validated, with the place of every word.
//!
//! Nothing here looks at the kernel or at the file system; `load` of named files is the caller's.

pub mod model;

pub use model::{At, Origin, Policy, Source};
