//! The part of the benchmark that uses ringfence as a library. `cargo xtask bench` runs it:
//!
//! - `filter POLICY PROGRAM CALLS`: writes the seccomp program that a policy compiles to (empty where
//!   it has none), and the calls that it allows whatever their arguments.
//! - `compile RUNS [POLICY]`: times policy to plan, and rules to filter; a line each of name,
//!   nanoseconds of the fastest, the median and the slowest tenth.
//! - `optimise SOURCE TARGET`, `compare FIRST SECOND`, `corpus SOURCE…`, `seccompiler SOURCE TARGET`:
//!   raw seccomp programs as diagrams, for `cargo xtask bench gate`.
//! - `adversary`: the same for programs that were written to be hard.
// Its output is what it is for.
#![allow(clippy::print_stdout)]

mod adversary;
mod compile;
mod filter;
mod gate;
mod job;
mod peer;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["filter", policy, program, names] => filter::write(policy, program.as_ref(), names.as_ref()),
        ["compile", runs] => compile::time(runs.parse()?, None),
        ["compile", runs, policy] => compile::time(runs.parse()?, Some(policy)),
        ["optimise", source, target] => gate::optimised(source.as_ref(), target.as_ref()),
        ["compare", first, second] => gate::compared(first.as_ref(), second.as_ref()),
        ["adversary"] => adversary::answered(),
        ["corpus", ref sources @ ..] => gate::all(sources),
        ["seccompiler", source, target] => peer::seccompiler(source.as_ref(), target.as_ref()),
        _ => bail!(
            "usage: ringfence-bench filter POLICY PROGRAM CALLS | compile RUNS [POLICY] | optimise SOURCE TARGET | \
             compare FIRST SECOND | corpus SOURCE… | adversary | seccompiler SOURCE TARGET"
        ),
    }
}
