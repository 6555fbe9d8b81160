//! The detective control: what was denied at the gate, by which control and policy line, and what
//! would allow it; and how much of it may be missing.
//!
//! Each part of an event says how it is known ([`Known`]): a guess is never shown as a fact. Each
//! [`Source`] counts what it saw and what it knows to have missed; [`Account::verdict`] makes one
//! word of that.

pub mod address;
pub mod audit;
pub mod call;
mod constant;
pub mod ebpf;
mod errno;
pub mod gate;
mod guard;
mod journal;
pub mod logged;
mod model;
pub mod notify;
pub mod prove;
pub mod record;
pub mod rendezvous;
pub mod scene;
pub mod text;
pub mod trace;
mod twice;
mod watcher;
pub mod way;

pub use crate::control::Control;
pub use journal::{Journal, Listed, MOST_LISTED};
pub use model::{
    Account, Argument, Cause, Event, Known, Line, Operation, Outcome, Process, Remedy, Setting, SourceKind,
    Value, Verdict,
};
pub use watcher::{Blind, Sink, Source, Summary, Watcher};
