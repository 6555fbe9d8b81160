//! The exact theory of seccomp(2) filters: tables, rules, programs, and what they mean.
//!
//! Pure: no I/O, no unsafe code, no dependency on the running kernel. A [`filter::FilterSpec`]
//! says what a filter means; [`compile::compile`] turns it into a [`program::Program`] that the
//! kernel accepts; [`eval::eval`] says what any program answers, and [`rule::meaning`] what any
//! specification answers, without sharing code with the compiler.
#![forbid(unsafe_code)]

pub mod accuracy;
pub mod compile;
pub mod decode;
pub mod decompile;
pub mod diagram;
pub mod disassemble;
pub mod eval;
pub mod filter;
pub mod finding;
pub mod program;
pub mod prove;
pub mod relate;
pub mod rule;
pub mod surface;
pub mod table;

/// The README's examples, as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
