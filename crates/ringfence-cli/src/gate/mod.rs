//! The gate's commands: `syscalls`, `diff`, `import` and `export`, one file each.

mod check;
mod compare;
mod eval;
mod export;
pub(crate) mod input;
mod optimise;
pub(crate) mod profile;
mod show;

use std::io::{self, Write as _};

use ringfence::exchange::export::Target;
use ringfence::exchange::gate::Failure;
use ringfence::exchange::{Conditions, Language};
use ringfence_bpf::finding::Severity;

use crate::check::Format;

/// It holds.
const HOLDS: i32 = 0;
/// It does not.
const FAILS: i32 = 1;
/// The input is at fault.
const BAD: i32 = 2;
/// Nobody can say.
const UNVERIFIABLE: i32 = 3;

/// A command, and how to read and print.
#[derive(Debug, PartialEq)]
pub(crate) struct Job {
    pub(crate) command: Command,
    pub(crate) reading: Reading,
    pub(crate) format: Format,
}

/// What is asked.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    /// `syscalls show`.
    Show { input: String, assembly: bool },
    /// `syscalls check`; findings this bad or worse make it fail.
    Check { input: String, fail_on: Option<Severity> },
    /// `syscalls optimise`.
    Optimise { input: String, output: String },
    /// `syscalls prove`: equal, or the first within the second.
    Prove { a: String, b: String, within: bool },
    /// `syscalls eval`.
    Eval { input: String, call: String },
    /// `diff`.
    Diff { old: String, new: String, fail_on: FailOn },
    /// `export` to the language of an LSM.
    Label { input: String, language: profile::Language, name: Option<String>, output: Option<String> },
    /// `import` and `export`.
    Export { input: String, target: Target, as_read: bool, output: Option<String> },
}

/// Which differences make `diff` fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailOn {
    Any,
    Widen,
}

/// How inputs are read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reading {
    /// `--from`.
    pub(crate) language: Option<Language>,
    /// `--caps` and `--kernel`.
    pub(crate) conditions: Conditions,
    /// `--include`.
    pub(crate) directories: Vec<String>,
}

/// Carries a command out; the answer is the exit status.
#[inline(never)]
pub(crate) fn run(job: &Job) -> i32 {
    let Job { command, reading, format } = job;
    let result = match command {
        Command::Show { input, assembly } => show::show(input, *assembly, reading, *format),
        Command::Check { input, fail_on } => check::check(input, *fail_on, reading, *format),
        Command::Optimise { input, output } => optimise::optimise(input, output, reading, *format),
        Command::Prove { a, b, within } => compare::prove([a, b], *within, reading, *format),
        Command::Eval { input, call } => eval::eval(input, call, reading, *format),
        Command::Diff { old, new, fail_on } => compare::diff([old, new], *fail_on, reading, *format),
        Command::Label { input, language, name, output } => {
            profile::export(input, *language, name.as_deref(), output.as_deref(), reading)
        }
        Command::Export { input, target, as_read, output } => {
            export::export(input, (*target, *as_read), output.as_deref(), reading)
        }
    };
    match result {
        Ok(status) => status,
        Err(Failure::Bad(error)) => {
            say(&format!("error: {error}"));
            BAD
        }
        Err(failure @ Failure::Unverifiable(_)) => {
            say(&format!("error: {failure}"));
            UNVERIFIABLE
        }
    }
}

fn say(text: &str) {
    // Where stderr is gone, nobody reads it.
    let _ = io::stderr().lock().write_all(format!("ringfence: {}\n", text.trim_end()).as_bytes());
}

fn print(text: &[u8]) {
    // A reader that has seen enough is no error.
    let _ = io::stdout().lock().write_all(text);
}
