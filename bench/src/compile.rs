//! How long the way from text to plan takes in a process that is warm, stage by stage.

use std::hint::black_box;
use std::time::Instant;

use anyhow::Result;
use bumpalo::Bump;
use ringfence::host::Host;
use ringfence_bpf::compile::compile;
use ringfence_bpf::filter::{AbiSet, Action, FilterSpec};

use crate::job::Job;

const ENOSYS: u16 = 38;
const EPERM: u16 = 1;

/// Prints a line for each stage.
pub(crate) fn time(runs: usize, policy: Option<&str>) -> Result<()> {
    let job = Job::new(policy);
    let loaded = job.load()?;
    // The host's facts are read anew each time: `run` starts without any.
    job.plan(&loaded, &Host::live(), &Bump::new())?;
    stage("load", runs, || drop(black_box(job.load())));
    stage("plan", runs, || {
        black_box(job.plan(&loaded, &Host::live(), &Bump::new()).is_ok());
    });
    stage("load and plan", runs, || {
        let policy = job.load();
        let planned = policy.is_ok_and(|policy| job.plan(&policy, &Host::live(), &Bump::new()).is_ok());
        black_box(planned);
    });
    let spec = FilterSpec {
        abis: loaded.syscalls.abis.iter().fold(AbiSet::NONE, |set, abi| set.with(abi.value)),
        deny: loaded.syscalls.deny.iter().map(|rule| rule.value.clone()).collect(),
        allow: loaded.syscalls.allow.iter().map(|rule| rule.value.clone()).collect(),
        on_deny: Action::Errno(EPERM),
        unknown: Action::Errno(ENOSYS),
        bad_abi: Action::Errno(ENOSYS),
    };
    let length = compile(&spec)?.len();
    stage(&format!("filter of {length} instructions"), runs, || drop(black_box(compile(&spec))));
    Ok(())
}

fn stage(name: &str, runs: usize, mut work: impl FnMut()) {
    let mut times: Vec<u128> = (0..runs.max(1))
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_nanos()
        })
        .collect();
    times.sort_unstable();
    let at = |part: usize| times[(times.len() - 1) * part / 10];
    println!("{name}\t{}\t{}\t{}", at(0), at(5), at(9));
}
