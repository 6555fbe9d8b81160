//! The words that the guest's init and the outside have in common: what to run, and what came of it.

pub mod frame;
pub mod job;
