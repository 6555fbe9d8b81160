//! `ringfence verify`: attempts every claim of a policy on this kernel, and says what holds.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write as _};

use bumpalo::Bump;
use ringfence::host::Host;
use ringfence::host::path::Surroundings;
use ringfence::launch::witness::{self, Witnesses};
use ringfence::verify::baseline::{Baseline, Change, Weight};
use ringfence::verify::claims::{self, Scene};
use ringfence::verify::{Options, Report, Subject};
use ringfence::{plan, report};

use crate::check::Format;
use crate::run::{self, Job};

/// The policy cannot be read or carried out here.
const BAD: i32 = 2;
/// Nothing could be attempted.
const UNVERIFIABLE: i32 = 3;

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
}

/// Prints what was found; 0 held, 1 broken, 2 bad input, 3 unverifiable.
pub(crate) fn verify(job: &Job, wishes: &Wishes, format: Format) -> i32 {
    let policy = match run::load(job) {
        Ok(policy) => policy,
        Err(diagnostics) => {
            run::complain(&diagnostics);
            return BAD;
        }
    };
    let before = match wishes.against.as_deref().map(read).transpose() {
        Ok(before) => before,
        Err(why) => return bad(&why),
    };
    let (arena, host) = (Bump::new(), Host::live());
    let environment: Vec<_> = std::env::vars_os().collect();
    let surroundings = Surroundings::live();
    // Attempts have no terminal: what is tried must not depend on who watches.
    let request = plan::Request { terminal: 0, ..run::request(job, &policy, &environment, &surroundings) };
    let plan = match plan::compile(&request, &host, &arena) {
        Ok(plan) => plan,
        Err(failure) => {
            run::refuse(&policy, failure);
            return BAD;
        }
    };
    let witnesses = match Witnesses::put_up() {
        Ok(witnesses) => witnesses,
        Err(error) => return give_up(&error.to_string()),
    };
    let scene = match scene(&host, &witnesses) {
        Ok(scene) => scene,
        Err(error) => return give_up(&error.to_string()),
    };
    let subject = Subject { policy: &policy, plan: &plan, surroundings: &surroundings };
    let claims = match claims::claims(&subject, &scene) {
        Ok(claims) => claims,
        Err(diagnostics) => {
            run::complain(&diagnostics);
            return BAD;
        }
    };
    let options = Options { depth: wishes.depth };
    let notes = claims::notes(&subject, &scene);
    match ringfence::verify::verify(subject, &claims, notes, options, &progress) {
        Ok(report) => finish(&report, &host, wishes, before.as_ref(), format),
        Err(error) => give_up(&error.to_string()),
    }
}

fn scene(host: &Host, witnesses: &Witnesses) -> Result<Scene, ringfence::launch::Error> {
    Ok(Scene {
        entries: witness::entries()?,
        process: std::process::id(),
        umip: host.cpu().value.flags.contains("umip"),
        descriptor: witnesses.descriptor(),
        port: witnesses.port(),
        abstract_name: witnesses.name().map(str::to_owned),
    })
}

fn finish(found: &Report, host: &Host, wishes: &Wishes, before: Option<&Baseline>, format: Format) -> i32 {
    clear_progress();
    let facts = match (before, &wishes.save) {
        (None, None) => BTreeMap::new(),
        _ => report::baseline::facts(host),
    };
    if let Some(path) = &wishes.save {
        let text = report::baseline::write(&Baseline::of(found, facts.clone()));
        if let Err(error) = std::fs::write(path, text) {
            return bad(&format!("{path}: {error}"));
        }
    }
    let changes = before.map(|before| before.compare(found, &facts));
    let mut text = match format {
        Format::Human => report::verify::human(found, wishes.all),
        Format::Json => report::verify::json(found, &host.release().value.text, changes.as_deref()),
    };
    let Some(changes) = changes else {
        show(&text);
        return i32::from(found.status());
    };
    if format == Format::Human {
        text += &report::verify::changes(&changes);
    }
    show(&text);
    match changes.iter().map(Change::weight).max() {
        Some(Weight::Regression) => 1,
        Some(Weight::Unknown) => UNVERIFIABLE,
        Some(Weight::Note) | None => 0,
    }
}

/// A baseline from a file.
fn read(path: &str) -> Result<Baseline, String> {
    use std::io::Read as _;
    let mut text = String::new();
    let limit = report::baseline::MAX_BYTES as u64;
    std::fs::File::open(path)
        .and_then(|file| file.take(limit).read_to_string(&mut text))
        .map_err(|error| format!("{path}: {error}"))?;
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

/// On a terminal, one line that is written over.
fn progress(done: usize, all: usize) {
    /// Claims between two updates.
    const STEP: usize = 64;
    if (done.is_multiple_of(STEP) || done == all) && io::stderr().is_terminal() {
        let _ = write!(io::stderr().lock(), "\r{done}/{all} claims");
    }
}

fn clear_progress() {
    if io::stderr().is_terminal() {
        let _ = write!(io::stderr().lock(), "\r\x1b[K");
    }
}

fn give_up(why: &str) -> i32 {
    let _ = writeln!(io::stderr().lock(), "ringfence: nothing can be verified here: {why}");
    UNVERIFIABLE
}
