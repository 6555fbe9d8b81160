//! `run --suggest`: the smallest change of the policy that allows what was denied. Each change is tried in
//! fresh containments, the smaller ones first; what was not tried is not called certain.

use std::collections::BTreeSet;
use std::io::{self, Write as _};

use bumpalo::Bump;
use ringfence::event::way::{self, Model};
use ringfence::event::{Event, Known, Remedy, Setting, Summary};
use ringfence::host::Host;
use ringfence::host::path::Surroundings;
use ringfence::launch::witness::Witnesses;
use ringfence::operation;
use ringfence::policy::model::PathSpec;
use ringfence::policy::{Flag, Policy};
use ringfence::verify::claims;
use ringfence::verify::{Options, Part, Subject, Verdict};
use ringfence::{plan, report};
use ringfence_bpf::table::Abi;
use ringfence_sys::thread::SingleThreaded;

use crate::explain;
use crate::run::{self, Job};

/// The most kinds of denials that are tried.
const MOST: usize = 20;
/// The most settings of which every combination is tried.
const SETTINGS: usize = 4;

/// What came of a change.
enum Tried {
    /// The operation succeeds.
    Works,
    /// It is still denied.
    Denied,
    /// It could not be tried; why.
    Not(String),
}

/// Says what would allow each kind of denial, on standard error.
#[cold]
#[inline(never)]
pub(crate) fn suggest(job: &Job, summary: &Summary) {
    if let Some(proof) = SingleThreaded::check() {
        ringfence_sys::thread::dumpable_again(&proof);
    }
    let mut text = String::from("ringfence: suggestions\n");
    let (mut done, mut all) = (BTreeSet::new(), BTreeSet::new());
    for kind in summary.journal.listed() {
        let Some(tried) = &kind.first.tried else { continue };
        if done.len() == MOST || !done.insert(tried.clone()) {
            continue;
        }
        text.push_str(&one(job, &kind.first, tried, &mut all));
    }
    if done.is_empty() {
        text.push_str("  nothing that was denied can be tried again\n");
    }
    if all.len() > 1 {
        let flags: Vec<String> = all.iter().map(Setting::flag).collect();
        text.push_str(&format!("  all of them: {}\n", flags.join(" ")));
    }
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

fn one(job: &Job, event: &Event, tried: &str, all: &mut BTreeSet<Setting>) -> String {
    let shown = format!("  {}\n", ringfence::event::text::Text::new(tried));
    let settings = settings(job, event, tried);
    if settings.is_empty() {
        return match &event.remedy {
            Known::Observed(remedy) | Known::Predicted(remedy) => {
                format!("{shown}    {} (predicted)\n", report::event::remedy_words(remedy))
            }
            Known::Unknown(why) => format!("{shown}    unknown what would allow it: {why}\n"),
        };
    }
    for change in subsets(&settings) {
        match attempt(job, &change, tried) {
            Tried::Denied => {}
            Tried::Works if change.is_empty() => {
                return format!("{shown}    it succeeds when tried again: what denied it has changed\n");
            }
            Tried::Works => {
                all.extend(change.iter().cloned());
                return format!(
                    "{shown}{}    certain: it then succeeds, and no smaller change does it\n",
                    lines(&change)
                );
            }
            Tried::Not(why) => {
                return format!("{shown}{}    predicted, not tried: {why}\n", lines(&settings));
            }
        }
    }
    format!(
        "{shown}{}    tried, and it is still denied: something else denies it as well\n",
        lines(&settings)
    )
}

/// The change as flags, and as lines of a policy.
fn lines(change: &[Setting]) -> String {
    let flags: Vec<String> = change.iter().map(Setting::flag).collect();
    let toml: String = change.iter().map(|setting| format!("    {}\n", setting.line())).collect();
    format!("    {}\n{toml}", flags.join(" "))
}

/// What every control on the way asks for, each once.
fn settings(job: &Job, event: &Event, tried: &str) -> Vec<Setting> {
    let mut found: Vec<Setting> = Vec::new();
    let mut add = |remedy: &Remedy| {
        if let Remedy::Settings(settings) = remedy {
            found.extend(settings.iter().filter(|setting| setting.value != "PATH").cloned());
        }
    };
    if let Some(remedy) = event.remedy.value() {
        add(remedy);
    }
    // Other ABIs are other ways: nobody has tried them.
    let taken = event.operation.abi.unwrap_or(Abi::X86_64);
    for way in ways(job, tried).unwrap_or_default().iter().filter(|way| way.abi == taken) {
        for stop in way.stops.iter().filter(|stop| stop.answer.stops()) {
            if let Some(remedy) = stop.remedy.as_ref().and_then(Known::value) {
                add(remedy);
            }
        }
    }
    found.sort();
    found.dedup();
    found.truncate(SETTINGS);
    found
}

fn ways(job: &Job, tried: &str) -> Option<Vec<way::Way>> {
    let operation = operation::parse(tried).ok()?;
    let policy = run::load(job).ok()?;
    let (arena, host, surroundings) = (Bump::new(), Host::live(), Surroundings::live());
    let environment: Vec<_> = std::env::vars_os().collect();
    let plan = plan::compile(&run::request(job, &policy, &environment, &surroundings), &host, &arena).ok()?;
    let who = way::Who::of(&policy, &host.caller().value);
    let found = explain::found(&operation, &surroundings, who).ok()?;
    Some(way::ways(&Model::new(&plan, &policy, &host), &operation, &|_: &PathSpec| found.clone()))
}

/// Every combination, fewer settings first, beginning with none.
fn subsets(settings: &[Setting]) -> Vec<Vec<Setting>> {
    let pick = |mask: u32| {
        let chosen = settings.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1);
        chosen.map(|(_, setting)| setting.clone()).collect::<Vec<_>>()
    };
    let mut masks: Vec<u32> = (0..1 << settings.len()).collect();
    masks.sort_by_key(|mask: &u32| (mask.count_ones(), *mask));
    masks.into_iter().map(pick).collect()
}

/// Tries the operation under the policy with a change.
fn attempt(job: &Job, change: &[Setting], tried: &str) -> Tried {
    let flag = |setting: &Setting| Flag { name: setting.name(), value: setting.value.clone() };
    let mut flags = job.flags.clone();
    flags.retain(|flag| flag.name != "--audit-events");
    flags.extend(change.iter().map(flag));
    flags.push(Flag { name: "--expect-allow".to_owned(), value: tried.to_owned() });
    let job = Job { policies: job.policies.clone(), flags, command: Vec::new(), events: Default::default() };
    match run::load(&job) {
        Ok(policy) => verdict(&job, &policy, tried).unwrap_or_else(Tried::Not),
        // A combination that contradicts itself allows nothing.
        Err(_) => Tried::Denied,
    }
}

fn verdict(job: &Job, policy: &Policy, tried: &str) -> Result<Tried, String> {
    let (arena, host, surroundings) = (Bump::new(), Host::live(), Surroundings::live());
    let environment: Vec<_> = std::env::vars_os().collect();
    let request = plan::Request { terminal: 0, ..run::request(job, policy, &environment, &surroundings) };
    let Ok(plan) = plan::compile(&request, &host, &arena) else { return Ok(Tried::Denied) };
    let witnesses = Witnesses::put_up().map_err(|error| error.to_string())?;
    let scene = crate::verify::scene(&host, &witnesses).map_err(|error| error.to_string())?;
    let subject = Subject { policy, plan: &plan, surroundings: &surroundings };
    let mut claims = claims::claims(&subject, &scene).map_err(|_| "the operation has no claim".to_owned())?;
    claims.retain(|claim| claim.part == Part::Expect && claim.operation == tried);
    let quiet = |_: usize, _: usize| {};
    let found = ringfence::verify::verify(subject, &claims, Vec::new(), Options::default(), &quiet)
        .map_err(|error| error.to_string())?;
    Ok(match found.findings.first().map(|finding| &finding.verdict) {
        Some(Verdict::Held) => Tried::Works,
        Some(Verdict::Broken(_)) => Tried::Denied,
        Some(Verdict::Reachable(_)) => Tried::Works,
        Some(Verdict::Unverifiable(why)) => Tried::Not(why.clone()),
        None => Tried::Not("there is no way to try it".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smaller_changes_come_first() {
        let one = |value: &str| Setting { key: "fs.read", value: value.into(), list: true };
        let all = subsets(&[one("a"), one("b"), one("c")]);
        assert_eq!(all.len(), 8);
        assert!(all[0].is_empty() && all[7].len() == 3);
        assert!(all.windows(2).all(|pair| pair[0].len() <= pair[1].len()));
    }
}
