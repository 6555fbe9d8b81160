//! `ringfence explain`: the way of an operation through the gate, predicted; nothing is tried.

use std::io::{self, Write as _};
use std::path::Path;

use bumpalo::Bump;
use ringfence::event::scene;
use ringfence::event::way::{self, Found, Model};
use ringfence::host::Host;
use ringfence::host::path::{Absent, Resolver, Surroundings};
use ringfence::operation::{self, Operation};
use ringfence::policy::model::PathSpec;
use ringfence::policy::{At, Origin};
use ringfence::verify::asked;
use ringfence::{plan, report};

use crate::check::Format;
use crate::run::{self, Job};

/// The policy or the operation cannot be read.
const BAD: i32 = 2;

/// Prints every way; 0, or 2 for bad input.
#[inline(never)]
pub(crate) fn explain(job: &Job, text: &str, format: Format) -> i32 {
    let operation = match operation::parse(text) {
        Ok(operation) => operation,
        Err(error) => {
            let help = error.help.map(|help| format!("\n  help: {help}")).unwrap_or_default();
            return run::bad(&format!("error: `{}`: {}{help}", text.escape_debug(), error.message), BAD);
        }
    };
    let policy = match run::load(job) {
        Ok(policy) => policy,
        Err(diagnostics) => {
            run::complain(&diagnostics);
            return BAD;
        }
    };
    let (arena, host) = (Bump::new(), Host::live());
    let environment: Vec<_> = std::env::vars_os().collect();
    let surroundings = Surroundings::live();
    let who = way::Who::of(&policy, &host.caller().value);
    let found = match found(&operation, &surroundings, who) {
        Ok(found) => found,
        Err(refusal) => {
            return run::bad(&format!("error: {}\n  help: {}", refusal.message, refusal.help), BAD);
        }
    };
    match plan::compile(&run::request(job, &policy, &environment, &surroundings), &host, &arena) {
        Ok(plan) => {
            let model = Model::new(&plan, &policy, &host);
            let ways = way::ways(&model, &operation, &|_: &PathSpec| found.clone());
            let active = host.lsms().value.known().cloned().unwrap_or_default();
            let asked = asked::hook(&operation).map(|hook| hook.asked(&active)).unwrap_or_default();
            let text = match format {
                Format::Human => report::way::human(&ways, &asked),
                Format::Json => report::way::json(text, &ways, &asked),
            };
            // A reader that has seen enough is no error.
            let _ = io::stdout().lock().write_all(text.as_bytes());
            0
        }
        Err(failure) => {
            run::refuse(&policy, failure);
            BAD
        }
    }
}

/// What the operation's path leads to, where it has one.
pub(crate) fn found(
    operation: &Operation,
    surroundings: &Surroundings,
    who: way::Who,
) -> Result<Found, ringfence::control::Refusal> {
    let nothing = Found { path: "/".into(), directory: None, inside: false, bits: None };
    let (Operation::File(_, path) | Operation::ConnectUnix(path)) = operation else { return Ok(nothing) };
    let nowhere = Origin { source: 0, offset: 0, len: 0 };
    let resolve = |text: &str| {
        let spec = PathSpec { text: text.to_owned(), ..path.clone() };
        Resolver::new(surroundings).resolve(&At::new(spec, nowhere), None, Absent::Kept)
    };
    let refusal = match resolve(&path.text) {
        Ok(None) => return Ok(nothing),
        Ok(Some(resolved)) => {
            return Ok(Found {
                directory: resolved.exists().then(|| resolved.is_dir()),
                inside: false,
                bits: scene::bits_here(&resolved.real, who),
                path: resolved.real,
            });
        }
        Err(refusal) => refusal,
    };
    // What this user may not search either: as far as it goes, permission bits say the rest.
    let whole = Path::new(&path.text);
    for above in whole.ancestors().skip(1) {
        if let (Some(text), Ok(rest)) = (above.to_str(), whole.strip_prefix(above))
            && let Ok(Some(resolved)) = resolve(if text.is_empty() { "." } else { text })
        {
            let real = resolved.real.join(rest);
            return Ok(Found {
                directory: None,
                inside: false,
                bits: scene::bits_here(&real, who),
                path: real,
            });
        }
    }
    Err(refusal)
}
