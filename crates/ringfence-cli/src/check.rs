//! `ringfence check`: parses, compiles and prints the plan; changes nothing.

use std::io::{self, Write as _};

use bumpalo::Bump;
use ringfence::host::Host;
use ringfence::host::path::Surroundings;
use ringfence::{plan, report};

use crate::run::{self, Job};

/// The policy does not hold here, or cannot be read.
const BAD: i32 = 2;

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Human,
    /// For programs.
    Json,
}

/// Prints the plan; 0 where it could be carried out here, 2 otherwise.
#[inline(never)]
pub(crate) fn check(job: &Job, format: Format) -> i32 {
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
    let plan = plan::compile(&run::request(job, &policy, &environment, &surroundings), &host, &arena);
    match plan.and_then(|plan| Ok((plan::prove(&plan)?, plan))) {
        Ok((proof, plan)) => {
            let text = match format {
                Format::Human => plan::human(&plan, &policy, proof.as_ref()),
                Format::Json => report::plan::json(&plan, &policy, proof.as_ref()),
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
