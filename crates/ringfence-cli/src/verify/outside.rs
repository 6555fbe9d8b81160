//! `verify --via` and `--here`: claims tried in what somebody else contains.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::time::Duration;

use ringfence::host::Host;
use ringfence::host::path::Surroundings;
use ringfence::launch::foreign::{self, Here, Template, Via};
use ringfence::launch::witness::{self, Witnesses};
use ringfence::plan;
use ringfence::policy::Policy;
use ringfence::verify::claims::{self, Scene};
use ringfence::verify::outside::{self, Launcher, Subject};
use ringfence::verify::{Claim, Report};

use super::{BAD, Place, Wishes, bad, give_up, progress};
use crate::run;

/// Seconds that a launcher may say nothing: container engines pull and unpack.
const PATIENCE: u64 = 60;

/// Descriptors that were open when ringfence began, where that is asked.
pub(super) fn open_at_start(place: &Place) -> Vec<(i32, String)> {
    if *place == Place::Here { foreign::open_descriptors(&[]) } else { Vec::new() }
}

/// In what a launcher contains: the report, or the status.
pub(super) fn via(wishes: &Wishes, policy: &Policy, host: &Host, template: &Template) -> Result<Report, i32> {
    if !found(template.program()) {
        let program = template.program();
        return Err(bad(&format!(
            "--via: there is no program `{program}`; install it, or name it by its path"
        )));
    }
    let failed = |error: ringfence::launch::Error| give_up(&error.to_string());
    let patience = Duration::from_secs(wishes.patience.unwrap_or(PATIENCE));
    let mut launcher = Via::new(template.clone(), wishes.prober.clone(), patience).map_err(failed)?;
    let witnesses = Witnesses::put_up().map_err(failed)?;
    // The launcher inherits this one, and may pass it on.
    let leaked = foreign::leak("/").map_err(failed)?;
    let scene = Scene {
        descriptor: std::os::fd::AsRawFd::as_raw_fd(&leaked),
        ..super::scene(host, &witnesses).map_err(failed)?
    };
    let (claims, mut notes) = claimed(policy, &scene)?;
    notes.push(format!(
        "what `{template}` does besides: it is trusted to contain each launch alike (SECURITY.md)"
    ));
    let report = carried(policy, host, &claims, notes, BTreeMap::new(), &mut launcher)?;
    for process in launcher.left() {
        let _ =
            writeln!(io::stderr().lock(), "ringfence: could not be ended, and goes on: process {process}");
    }
    Ok(report)
}

/// Where ringfence stands: the report, or the status. `open`: as [`open_at_start`] has it.
pub(super) fn here(policy: &Policy, host: &Host, open: &[(i32, String)]) -> Result<Report, i32> {
    let failed = |error: ringfence::launch::Error| give_up(&error.to_string());
    let scene = Scene {
        entries: witness::denied_or_not().map_err(failed)?,
        process: 1,
        umip: host.cpu().value.flags.contains("umip"),
        descriptor: -1,
        // Nobody listens there; the claims are to be listed as what they are.
        port: Some(1),
        abstract_name: Some("ringfence-nobody".to_owned()),
        user: host.caller().value.euid,
        permitted: host.caller().value.permitted,
        landlock: host.landlock().value.abi,
    };
    let (claims, mut notes) = claimed(policy, &scene)?;
    let listed: Vec<i32> = policy.process.fds.iter().map(|fd| *fd as i32).collect();
    let beyond: Vec<(i32, String)> = open.iter().filter(|(fd, _)| !listed.contains(fd)).cloned().collect();
    let (claims, in_place) = outside::adapted(claims, &beyond);
    notes.push("from here there is no outside: what needs a control there is unverifiable".into());
    let mut launcher = Here::new().map_err(failed)?;
    carried(policy, host, &claims, notes, in_place, &mut launcher)
}

fn claimed(policy: &Policy, scene: &Scene) -> Result<(Vec<Claim>, Vec<String>), i32> {
    let (plan, surroundings) = (plan::unplanned(policy), Surroundings::live());
    let subject = ringfence::verify::Subject { policy, plan: &plan, surroundings: &surroundings };
    let claims = claims::claims(&subject, scene).map_err(|diagnostics| {
        run::complain(&diagnostics);
        BAD
    })?;
    Ok((claims, claims::notes(&subject, scene)))
}

fn carried(
    policy: &Policy,
    host: &Host,
    claims: &[Claim],
    notes: Vec<String>,
    in_place: BTreeMap<String, outside::InPlace>,
    launcher: &mut dyn Launcher,
) -> Result<Report, i32> {
    let caller = host.caller();
    let ids = (caller.value.uid, caller.value.gid);
    let subject = Subject { policy, ids, in_place: &in_place };
    outside::verify(subject, claims, notes, launcher, &|done, all| progress::show(done, all))
        .map_err(|error| give_up(&error.to_string()))
}

/// As execvp(3) looks for it.
fn found(program: &str) -> bool {
    if program.contains('/') {
        return std::path::Path::new(program).exists();
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    std::env::split_paths(&path).any(|directory| directory.join(program).exists())
}
