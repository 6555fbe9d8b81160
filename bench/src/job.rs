//! Policy, host and command to plan, as `ringfence run` does it.

use std::ffi::OsString;
use std::io::{self, Read as _};

use anyhow::{Result, anyhow};
use bumpalo::Bump;
use ringfence::host::Host;
use ringfence::host::path::Surroundings;
use ringfence::plan::{self, Plan};
use ringfence::policy::{self, Policy};

/// What stays the same from run to run.
pub(crate) struct Job {
    policies: Vec<String>,
    command: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    surroundings: Surroundings,
}

impl Job {
    /// `policy`: a file or `builtin:NAME`; the default where there is none.
    pub(crate) fn new(policy: Option<&str>) -> Self {
        Self {
            policies: policy.map(str::to_owned).into_iter().collect(),
            command: vec!["/bin/true".into()],
            environment: std::env::vars_os().collect(),
            surroundings: Surroundings::live(),
        }
    }

    /// Texts to policy.
    pub(crate) fn load(&self) -> Result<Policy> {
        policy::load(&policy::Request { policies: &self.policies, flags: &[], loader: &read })
            .map_err(|diagnostics| anyhow!("{diagnostics}"))
    }

    /// Policy to plan, on a host of which nothing is known yet.
    pub(crate) fn plan<'a>(&self, policy: &Policy, host: &Host, arena: &'a Bump) -> Result<Plan<'a>> {
        let request = plan::Request {
            policy,
            command: &self.command,
            environment: &self.environment,
            surroundings: &self.surroundings,
            terminal: 0,
            watched: false,
            traced: false,
        };
        plan::compile(&request, host, arena).map_err(|failure| anyhow!("{failure:?}"))
    }
}

fn read(name: &str) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(name)?.take(policy::MAX_BYTES as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}
