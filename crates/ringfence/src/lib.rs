//! One policy, compiled into every control that Linux offers, applied, observed and reported.
//!
//! ```text
//! text -> Policy -> Models -> (+ Host) Plan -> Steps run -> Events/Observed -> Verdicts -> Report
//! ```
#![forbid(unsafe_code)]

pub mod control;
pub mod ebpf;
pub mod event;
pub mod exchange;
pub mod host;
pub mod inspect;
pub mod launch;
pub mod operation;
pub mod plan;
pub mod policy;
pub mod report;
pub mod verify;
