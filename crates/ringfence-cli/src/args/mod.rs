//! The command line. Its flags are the keys of the policy language; everything after the first
//! word that is no flag belongs to the command.
//!
//! Two readers: [`quick`] understands what `run` is called with every day in a few microseconds;
//! [`full`] has the rest: help, mistakes, the other commands. A test holds that they agree.

mod denial;
mod full;
mod gate;
#[cfg(test)]
mod manual;
mod mistake;
mod quick;

use std::ffi::OsString;

use crate::check::Format;
use crate::run::Job;
use crate::surface;
use crate::verify::Wishes;

/// What the user wants.
#[derive(Debug, PartialEq)]
pub(crate) enum Invocation {
    /// `run`.
    Run(Job),
    /// `check`; its command may be absent.
    Check(Job, Format),
    /// `verify`.
    Verify(Job, Wishes),
    /// `explain` an operation.
    Explain(Job, String, Format),
    /// `host`.
    Host(Format),
    /// `host audit`; each branch is tried.
    HostAudit(bool, Format),
    /// `inspect` a process.
    Inspect(String, Format),
    /// `watch`.
    Watch(crate::watch::Wishes, Format),
    /// `surface`.
    Surface(surface::Job),
    /// `syscalls`, `diff`, `import`, `export`.
    Gate(Box<crate::gate::Job>),
    /// Help or the version, for standard output.
    Show(String),
    /// A mistake, for standard error, and the exit status.
    Usage(String, u8),
}

/// Exit status of a mistake on the command line, except that of `run`.
pub(crate) const USAGE: u8 = 2;

/// Reads the arguments that follow the program's name. Checks only their form; values are checked
/// with the policy.
pub(crate) fn parse(args: &[OsString]) -> Invocation {
    match args {
        [first, rest @ ..] if first == "run" => {
            quick::run(rest).map_or_else(|| full::run(rest), Invocation::Run)
        }
        _ => other(args),
    }
}

/// All but `run`: apart, since what clap needs of the stack would be touched by every launch.
#[cold]
#[inline(never)]
fn other(args: &[OsString]) -> Invocation {
    match args {
        [first, rest @ ..] if first == "check" => full::check(rest),
        [first, rest @ ..] if first == "verify" => full::verify(rest),
        [first, rest @ ..] if first == "explain" => full::explain_operation(rest),
        [first, second, rest @ ..] if first == "host" && second == "audit" => full::host_audit(rest),
        [first, rest @ ..] if first == "host" => full::host(rest),
        [first, rest @ ..] if first == "inspect" => full::inspect(rest),
        [first, rest @ ..] if first == "watch" => full::watch(rest),
        [first, rest @ ..] if first == "surface" => full::surface(rest),
        [first, rest @ ..] if gate::COMMANDS.iter().any(|(name, _)| first == name) => {
            gate::parse(&first.to_string_lossy(), rest)
        }
        _ => full::top(args),
    }
}

#[cfg(test)]
mod tests;
