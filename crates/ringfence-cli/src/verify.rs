//! `ringfence verify`: attempts every claim of a policy on this kernel, and says what holds.

mod outside;
mod progress;

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::PathBuf;

use bumpalo::Bump;
use ringfence::control::seccomp::Proof;
use ringfence::host::Host;
use ringfence::host::path::Surroundings;
use ringfence::launch::foreign::Template;
use ringfence::launch::witness::{self, Witnesses};
use ringfence::policy::Policy;
use ringfence::verify::baseline::{Baseline, Change, Weight};
use ringfence::verify::claims::{self, Scene};
use ringfence::verify::{Options, Report, Subject};
use ringfence::{plan, report};

use crate::run::{self, Job};

/// The policy cannot be read or carried out here.
const BAD: i32 = 2;
/// Nothing could be attempted.
const UNVERIFIABLE: i32 = 3;

/// How `verify` prints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// A table, and what needs attention.
    #[default]
    Human,
    /// One versioned document.
    Json,
    /// SARIF 2.1.0.
    Sarif,
    /// JUnit XML.
    Junit,
    /// TAP version 14.
    Tap,
    /// One page that needs no other file.
    Html,
}

impl Format {
    /// All, by name; the first is the default.
    pub(crate) const ALL: [(&str, Self); 6] = [
        ("human", Self::Human),
        ("json", Self::Json),
        ("sarif", Self::Sarif),
        ("junit", Self::Junit),
        ("tap", Self::Tap),
        ("html", Self::Html),
    ];
}

/// What `verify` has beside a policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// `--depth`.
    pub(crate) depth: bool,
    /// `--all`: also what holds.
    pub(crate) all: bool,
    /// `--save`: where the baseline goes.
    pub(crate) save: Option<String>,
    /// `--against`: the baseline to compare with.
    pub(crate) against: Option<String>,
    /// `--format`.
    pub(crate) format: Format,
    /// Where the claims are tried.
    pub(crate) place: Place,
    /// `--prober`: where ringfence is inside.
    pub(crate) prober: Option<PathBuf>,
    /// `--patience`: seconds that a launcher may say nothing.
    pub(crate) patience: Option<u64>,
}

/// Where claims are tried.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Place {
    /// In containments of ringfence's own.
    #[default]
    Own,
    /// In those of another launcher: `--via`.
    Via(Template),
    /// Where ringfence stands: `--here`.
    Here,
}

/// Prints what was found; 0 held, 1 broken, 2 bad input, 3 unverifiable.
#[inline(never)]
pub(crate) fn verify(job: &Job, wishes: &Wishes) -> i32 {
    // Before anything is opened.
    let open = outside::open_at_start(&wishes.place);
    let policy = match run::load(job) {
        Ok(policy) => policy,
        Err(diagnostics) => {
            run::complain(&diagnostics);
            return BAD;
        }
    };
    if let Some(directory) = wishes.save.as_deref().and_then(missing_directory) {
        return bad(&format!("--save: there is no directory {directory}; make it first"));
    }
    let before = match wishes.against.as_deref().map(read).transpose() {
        Ok(before) => before,
        Err(why) => return bad(&why),
    };
    let host = Host::live();
    if wishes.depth && wishes.place != Place::Own {
        let help = "which controls hold a claim is found by leaving some out, and only ringfence's own containments let that be done";
        return bad(&format!("--depth does not go with --via or --here: {help}"));
    }
    let found = match &wishes.place {
        Place::Own => own(job, wishes, &policy, &host),
        Place::Via(template) => outside::via(wishes, &policy, &host, template),
        Place::Here => outside::here(&policy, &host, &open),
    };
    match found {
        Ok(mut report) => {
            report.lsms = host.lsms().value.known().cloned().unwrap_or_default();
            finish(&report, &host, &policy, wishes, before.as_ref())
        }
        Err(status) => status,
    }
}

/// In ringfence's own containments; else the status.
fn own(job: &Job, wishes: &Wishes, policy: &Policy, host: &Host) -> Result<Report, i32> {
    let arena = Bump::new();
    let environment: Vec<_> = std::env::vars_os().collect();
    let surroundings = Surroundings::live();
    // Attempts have no terminal: what is tried must not depend on who watches.
    let request = plan::Request { terminal: 0, ..run::request(job, policy, &environment, &surroundings) };
    let refused = |failure| {
        run::refuse(policy, failure);
        BAD
    };
    let plan = plan::compile(&request, host, &arena).map_err(refused)?;
    let proof = plan::prove(&plan).map_err(refused)?;
    let witnesses = Witnesses::put_up().map_err(|error| give_up(&error.to_string()))?;
    let scene = scene(host, &witnesses).map_err(|error| give_up(&error.to_string()))?;
    let subject = Subject { policy, plan: &plan, surroundings: &surroundings };
    let claims = claims::claims(&subject, &scene).map_err(|diagnostics| {
        run::complain(&diagnostics);
        BAD
    })?;
    let options = Options { depth: wishes.depth };
    let mut notes = claims::notes(&subject, &scene);
    if let Some(Proof::TooComplex { why, .. }) = proof {
        notes.push(format!("the filter is not proven equal to its rules: {why}"));
    }
    ringfence::verify::verify(subject, &claims, notes, options, &|done, all| progress::show(done, all))
        .map_err(|error| give_up(&error.to_string()))
}

/// What attempts need to know of this machine.
pub(crate) fn scene(host: &Host, witnesses: &Witnesses) -> Result<Scene, ringfence::launch::Error> {
    Ok(Scene {
        entries: witness::entries()?,
        process: std::process::id(),
        umip: host.cpu().value.flags.contains("umip"),
        descriptor: witnesses.descriptor(),
        port: witnesses.port(),
        abstract_name: witnesses.name().map(str::to_owned),
        user: host.caller().value.euid,
        permitted: host.caller().value.permitted,
        landlock: host.landlock().value.abi,
    })
}

fn finish(found: &Report, host: &Host, policy: &Policy, wishes: &Wishes, before: Option<&Baseline>) -> i32 {
    progress::clear();
    let facts = match (before, &wishes.save) {
        (None, None) => BTreeMap::new(),
        _ => facts(host, policy, &wishes.place),
    };
    if let Some(path) = &wishes.save {
        let text = report::baseline::write(&Baseline::of(found, facts.clone()));
        if let Err(error) = save(path, &text) {
            return bad(&format!("{path}: {error}"));
        }
    }
    let changes = before.map(|before| before.compare(found, &facts));
    show(&text(found, &host.release().value.text, wishes, changes.as_deref()));
    let Some(changes) = changes else { return i32::from(found.status()) };
    match changes.iter().map(Change::weight).max() {
        Some(Weight::Regression) => 1,
        Some(Weight::Unknown) => UNVERIFIABLE,
        Some(Weight::Note) | None => 0,
    }
}

fn text(found: &Report, kernel: &str, wishes: &Wishes, changes: Option<&[Change]>) -> String {
    match wishes.format {
        Format::Human => {
            let since = changes.map(report::verify::changes).unwrap_or_default();
            report::verify::human(found, wishes.all) + &since
        }
        Format::Json => report::verify::json(found, kernel, changes),
        Format::Sarif => report::verify::sarif(found, kernel, changes, wishes.all),
        Format::Junit => report::verify::junit(found, kernel, changes),
        Format::Tap => report::verify::tap(found, kernel, changes),
        Format::Html => report::verify::html(found, kernel, changes),
    }
}

/// What bears on a comparison: the host, which policy, which ringfence.
fn facts(host: &Host, policy: &Policy, place: &Place) -> BTreeMap<String, String> {
    let mut facts = report::baseline::facts(host);
    let names: Vec<&str> = policy.sources.iter().map(|source| &*source.name).collect();
    facts.insert("policy".into(), names.join(" "));
    let launcher = match place {
        Place::Own => "ringfence".to_owned(),
        Place::Via(template) => template.to_string(),
        Place::Here => "whoever started ringfence".to_owned(),
    };
    facts.insert("launcher".into(), launcher);
    facts.insert("ringfence.version".into(), env!("CARGO_PKG_VERSION").into());
    facts
}

/// Whole or not at all: what was there stays until the new text is written.
fn save(path: &str, text: &str) -> io::Result<()> {
    // A pipe or a device is written to.
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return std::fs::write(path, text);
    }
    let beside = format!("{path}.{}.new", std::process::id());
    let written = std::fs::File::create_new(&beside).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.and_then(|()| std::fs::rename(&beside, path)).inspect_err(|_| {
        let _ = std::fs::remove_file(&beside);
    })
}

/// Told before a long run rather than after it.
fn missing_directory(path: &str) -> Option<String> {
    let parent = std::path::Path::new(path).parent().filter(|parent| !parent.as_os_str().is_empty())?;
    (!parent.is_dir()).then(|| parent.display().to_string())
}

/// A baseline from a file.
fn read(path: &str) -> Result<Baseline, String> {
    use std::io::Read as _;
    let mut text = String::new();
    let limit = report::baseline::MAX_BYTES as u64;
    std::fs::File::open(path)
        .and_then(|file| file.take(limit).read_to_string(&mut text))
        .map_err(|error| format!("{path}: {error}"))?;
    if text.len() as u64 == limit {
        return Err(format!("{path}: not a baseline: it has {limit} bytes or more"));
    }
    report::baseline::read(&text).map_err(|error| format!("{path}: {error}"))
}

fn show(text: &str) {
    // A reader that has seen enough is no error.
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

fn bad(why: &str) -> i32 {
    let _ = writeln!(io::stderr().lock(), "ringfence: {why}");
    BAD
}

fn give_up(why: &str) -> i32 {
    let _ = writeln!(io::stderr().lock(), "ringfence: nothing can be verified here: {why}");
    UNVERIFIABLE
}
