//! `ringfence run`: policy, host and command become a plan, and the plan is carried out.

use std::ffi::{CStr, OsStr, OsString};
use std::io::{self, IsTerminal, Write as _};
use std::os::unix::ffi::OsStrExt as _;

use bumpalo::Bump;
use ringfence::event::{Sink, Summary, Watcher};
use ringfence::host::Host;
use ringfence::host::path::Surroundings;
use ringfence::launch::{self, Options, Outcome, Running};
use ringfence::plan::{self, Failure, Plan};
use ringfence::policy::{self, Diagnostic, Diagnostics, Flag, Policy};
use ringfence_sys::entry::Arguments;

use crate::HEAP;
use crate::events::{self, Telling, Wanted};
use crate::suggest;

/// ringfence itself failed, as in env(1), timeout(1) and docker-run(1).
pub(crate) const FAILED: i32 = 125;

/// What `run` and `check` have in common.
#[derive(Debug, PartialEq)]
pub(crate) struct Job {
    /// `--policy`, in order.
    pub(crate) policies: Vec<String>,
    /// All other flags, in order.
    pub(crate) flags: Vec<Flag>,
    /// The command and its arguments.
    pub(crate) command: Vec<OsString>,
    /// What `run` tells of denials.
    pub(crate) events: Wanted,
}

/// Runs the command; the answer is the exit status.
pub(crate) fn run(job: &Job, environment: &Arguments) -> i32 {
    let mut telling = match job.events.asked.then(|| Telling::open(job)).transpose() {
        Ok(telling) => telling,
        Err(error) => {
            let name = job.events.file.clone().unwrap_or_default();
            say(&format!(
                "error: --events {}: {error}\n  help: name a file, or a pipe that is read",
                name.display()
            ));
            return FAILED;
        }
    };
    let mut watcher = None;
    let sink = telling.as_mut().map(|telling| telling as &mut dyn Sink);
    let status = match start(job, environment, &mut watcher, sink) {
        Ok(running) => {
            // Policy and plan are gone: a supervisor has no use for the pages that they were on.
            HEAP.trim();
            let ended = running.wait();
            if ended.overtime {
                say("limits.wall: the time is over, and the command was told to end");
            }
            ended.status
        }
        Err(status) => status,
    };
    match watcher.map(finish).zip(telling) {
        Some((summary, mut telling)) => {
            let status = events::tell(&summary, &mut telling, &job.events, status);
            if job.events.suggest {
                suggest::suggest(job, &summary);
            }
            status
        }
        None => status,
    }
}

/// Starts the command. All that starting needs is gone when this returns: a supervisor is small.
fn start<'w, 's>(
    job: &Job,
    variables: &Arguments,
    watcher: &'w mut Option<Box<Watcher<'s>>>,
    sink: Option<&'s mut dyn Sink>,
) -> Result<Running<'w>, i32> {
    let policy = load(job).map_err(|diagnostics| complain(&diagnostics))?;
    let (arena, host) = (Bump::new(), Host::live());
    let variables = || variables.clone().filter_map(variable);
    // Only what passes: most environments have more variables than a program may see.
    let passing = variables().filter(|(name, _)| plan::passes(&policy, name));
    let environment: Vec<_> = passing.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let surroundings = Surroundings::of(variables());
    let request = request(job, &policy, &environment, &surroundings);
    let plan = plan::compile(&request, &host, &arena).map_err(|failure| refuse(&policy, failure))?;
    let options = Options { dedicated: true };
    let outcome = match job.events.asked {
        true => {
            let watcher = watcher.insert(watch(job, &plan, &policy, &host, sink));
            launch::start_observed(&plan, options, &mut **watcher)
        }
        false => launch::start(&plan, options),
    };
    match outcome {
        Outcome::Running(running) => Ok(running),
        Outcome::Ended(status) => Err(status),
        Outcome::Failed(error) => Err(failed(&plan, &policy, &error)),
    }
}

/// Apart, since a watcher is larger than all else that a launch has on its stack.
#[cold]
#[inline(never)]
fn watch<'s>(
    job: &Job,
    plan: &Plan<'_>,
    policy: &Policy,
    host: &Host,
    sink: Option<&'s mut dyn Sink>,
) -> Box<Watcher<'s>> {
    let mut watcher = Box::new(Watcher::new(plan, policy, host, sink));
    if job.events.arguments {
        watcher.tell_arguments();
    }
    watcher
}

#[cold]
#[inline(never)]
fn finish(watcher: Box<Watcher<'_>>) -> Summary {
    watcher.finish()
}

/// A variable as std::env has it: an `=` at the very beginning belongs to the name.
fn variable(text: &'static CStr) -> Option<(&'static OsStr, &'static OsStr)> {
    let bytes = text.to_bytes();
    let split = 1 + bytes.get(1..)?.iter().position(|byte| *byte == b'=')?;
    Some((OsStr::from_bytes(&bytes[..split]), OsStr::from_bytes(&bytes[split + 1..])))
}

/// The policy of a job, from files and flags.
pub(crate) fn load(job: &Job) -> Result<Policy, Diagnostics> {
    policy::load(&policy::Request { policies: &job.policies, flags: &job.flags, loader: &read_policy })
}

/// What a plan is compiled from.
pub(crate) fn request<'r>(
    job: &'r Job,
    policy: &'r Policy,
    environment: &'r [(OsString, OsString)],
    surroundings: &'r Surroundings,
) -> plan::Request<'r> {
    let terminals = [io::stdin().is_terminal(), io::stdout().is_terminal(), io::stderr().is_terminal()];
    let terminal = terminals.iter().enumerate().fold(0, |mask, (fd, is)| mask | u8::from(*is) << fd);
    plan::Request {
        policy,
        command: &job.command,
        environment,
        surroundings,
        terminal,
        watched: job.events.asked,
        traced: job.events.traced,
    }
}

/// More than most policies have, in bytes: they are read by two calls.
const USUAL: usize = 2048;

fn read_policy(name: &str) -> io::Result<String> {
    use io::Read as _;
    let mut text = String::with_capacity(USUAL);
    std::fs::File::open(name)?.take(policy::MAX_BYTES as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}

/// Prints what is wrong with a policy.
pub(crate) fn complain(diagnostics: &Diagnostics) -> i32 {
    say(&diagnostics.to_string());
    FAILED
}

/// Prints why there is no plan.
pub(crate) fn refuse(policy: &Policy, failure: Failure) -> i32 {
    match failure {
        Failure::Refused(list) => {
            let list = list.into_iter().map(|refused| {
                let diagnostic = Diagnostic::new("plan", refused.message).help(refused.help);
                match refused.at {
                    Some(at) => diagnostic.at(at),
                    None => diagnostic,
                }
            });
            complain(&Diagnostics::about(policy.sources.clone(), list.collect()))
        }
        Failure::Command { message, help, status } => {
            say(&format!("error: {message}\n  help: {help}\n"));
            status
        }
    }
}

fn failed(plan: &Plan<'_>, policy: &Policy, error: &launch::Error) -> i32 {
    let explained = plan::explain(plan, policy, error);
    say(&format!("error: {}\n  help: {}\n", explained.message, explained.help));
    explained.status
}

/// Says what is wrong with the input, and gives the status.
#[cold]
#[inline(never)]
pub(crate) fn bad(text: &str, status: i32) -> i32 {
    say(text);
    status
}

/// To stderr, where nothing better can be done about an error.
fn say(text: &str) {
    let _ = io::stderr().lock().write_all(format!("ringfence: {}\n", text.trim_end()).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_split_as_the_standard_library_splits_them() {
        let split =
            |text| variable(text).map(|(name, value)| (name.to_str().unwrap(), value.to_str().unwrap()));
        assert_eq!(split(c"A=b=c"), Some(("A", "b=c")));
        assert_eq!(split(c"A="), Some(("A", "")));
        assert_eq!(split(c"=A=b"), Some(("=A", "b")));
        assert_eq!(split(c"=A"), None);
        assert_eq!(split(c"A"), None);
        assert_eq!(split(c""), None);
    }
}
