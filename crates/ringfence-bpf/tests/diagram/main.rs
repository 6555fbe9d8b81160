//! Diagrams against the reference interpreter, the meaning of rules, and counting by hand.
// Figures, and what was skipped.
#![allow(clippy::print_stderr)]

#[path = "../adversary/mod.rs"]
mod adversary;
#[path = "../random/mod.rs"]
mod random;

mod answer;
mod bound;
mod count;
mod foreign;
mod optimise;
mod program;
mod relation;
mod rules;

use ringfence_bpf::program::{Insn, Program, code};

/// A program of instructions by code and operand; jumps by `jump`.
fn program(insns: &[Insn]) -> Program {
    Program::new(insns.to_vec())
}

const fn load(offset: u32) -> Insn {
    Insn::stmt(code::LD_ABS, offset)
}

const fn ret(value: u32) -> Insn {
    Insn::stmt(code::RET, value)
}
