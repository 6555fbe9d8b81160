//! One policy, compiled into every control.
#![forbid(unsafe_code)]

pub mod policy;
