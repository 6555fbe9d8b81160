//! The unsafe floor of ringfence: raw system calls, and the interpreter of [`step::Step`]s that
//! runs between `clone3` and `execve`.
//!
//! What this crate never does: allocate, panic on purpose, use libc or thread-local storage, read
//! a policy, decide an order. It is the only crate of the workspace with `unsafe` in it.
#![no_std]

pub mod abi;
pub mod attempt;
pub mod bpf;
mod capability;
pub mod entry;
pub mod heap;
pub mod inherit;
mod init;
pub mod janitor;
mod label;
mod landlock;
pub mod memory;
mod mount;
mod namespace;
pub mod notify;
pub mod probe;
pub mod ptrace;
pub mod raw;
pub mod run;
mod seccomp;
pub mod signal;
pub mod spawn;
pub mod step;
pub mod terminal;
pub mod thread;
pub mod trace;
pub mod trim;
pub mod view;
mod word;

pub use raw::Errno;
