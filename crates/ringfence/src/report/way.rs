//! Ways through the gate: a tree for people, JSON for programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::event::{
    Part, Place, Remedies, cause_name, cause_words, errno_name, line_words, part, place, remedies,
    remedy_words,
};
use crate::event::way::{Answer, Stop, Way};
use crate::event::{Control, Known, Remedy};
use ringfence_bpf::table::Abi;

/// Raised when a field changes its meaning or goes away.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'w> {
    version: u32,
    kind: &'static str,
    operation: &'w str,
    known: &'static str,
    /// The LSMs that are asked of it, in the host's order.
    asked: &'w [&'w str],
    ways: Vec<Told<'w>>,
}

#[derive(Serialize)]
struct Told<'w> {
    what: &'w str,
    abi: &'static str,
    denied_by: Option<&'static str>,
    errno: Option<String>,
    depth: usize,
    controls: Vec<One<'w>>,
}

#[derive(Serialize)]
struct One<'w> {
    control: &'static str,
    answer: &'static str,
    errno: Option<String>,
    about: &'w str,
    cause: Option<&'static str>,
    policy: Option<Place<'w>>,
    remedy: Option<Part<Remedies>>,
    recorded: Option<bool>,
    recorded_because: Option<&'w str>,
}

/// The ways as one JSON document with a final newline.
#[must_use]
pub fn json(operation: &str, ways: &[Way], asked: &[&str]) -> String {
    let document = Document {
        version: VERSION,
        kind: "ringfence.explain",
        operation,
        known: "predicted",
        asked,
        ways: ways.iter().map(told).collect(),
    };
    // Nothing in the document can fail to serialise: strings, numbers and lists of them.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

fn told(way: &Way) -> Told<'_> {
    Told {
        what: &way.what,
        abi: way.abi.name(),
        denied_by: way.denied_by().map(|stop| stop.control.name()),
        errno: way.denied_by().and_then(|stop| errno(stop.answer)),
        depth: way.depth(),
        controls: way.stops.iter().map(one).collect(),
    }
}

fn one(stop: &Stop) -> One<'_> {
    One {
        control: stop.control.name(),
        answer: match stop.answer {
            Answer::Allows => "allows",
            Answer::Denies(_) => "denies",
            Answer::Kills => "kills",
            Answer::Traps => "traps",
            Answer::Unknown => "unknown",
        },
        errno: errno(stop.answer),
        about: &stop.about,
        cause: stop.cause.as_ref().map(cause_name),
        policy: stop.line.as_ref().map(place),
        remedy: stop.remedy.as_ref().map(|remedy| part(remedy, remedies)),
        recorded: stop.logged.as_ref().and_then(|logged| logged.recorded),
        recorded_because: stop.logged.as_ref().map(|logged| logged.because.as_str()),
    }
}

fn errno(answer: Answer) -> Option<String> {
    match answer {
        Answer::Denies(errno) => Some(errno_name(errno)),
        _ => None,
    }
}

/// The ways as trees.
#[must_use]
pub fn human(ways: &[Way], asked: &[&str]) -> String {
    let mut text = String::new();
    for way in ways {
        let end = match way.denied_by() {
            Some(stop) => format!("denied by {}: {}", stop.control.name(), answer_words(stop.answer)),
            None if way.stops.iter().any(|stop| stop.answer == Answer::Unknown) => {
                "no control that is modelled denies it".to_owned()
            }
            None => "allowed".to_owned(),
        };
        let abi = if way.abi == Abi::X86_64 { String::new() } else { format!(" through {}", way.abi.name()) };
        let _ = writeln!(text, "{}{abi} (predicted): {end}", way.what);
        // Behind the filter nothing tells ABIs apart: what was shown of the first holds for the others.
        if !abi.is_empty() && !way.calls.is_empty() {
            let own = way.stops.iter().filter(|stop| stop.control == Control::Seccomp);
            let why: Vec<String> =
                own.filter_map(|stop| stop.cause.as_ref()).map(cause_words).take(1).collect();
            let _ = writeln!(text, "└ seccomp: {}", why.first().map_or("allows", String::as_str));
            continue;
        }
        for (at, stop) in way.stops.iter().enumerate() {
            let (branch, stem) = if at + 1 == way.stops.len() { ("└", " ") } else { ("├", "│") };
            let late = way.stops[..at].iter().any(|before| before.answer.stops());
            tree(&mut text, stop, branch, stem, late);
        }
    }
    if let Some(first) = asked.first() {
        let _ = writeln!(
            text,
            "LSMs with a hook for it, as this kernel asks them: {} ({first} answers first)",
            asked.join(", ")
        );
    }
    text
}

fn tree(text: &mut String, stop: &Stop, branch: &str, stem: &str, late: bool) {
    let too = if late && stop.answer.stops() { "would also: " } else { "" };
    let _ = writeln!(
        text,
        "{branch} {}: {too}{} ({})",
        stop.control.name(),
        answer_words(stop.answer),
        stop.about
    );
    if let (Some(cause), true) = (&stop.cause, stop.answer.stops()) {
        let _ = writeln!(text, "{stem}     because {}", cause_words(cause));
    }
    if let Some(line) = &stop.line {
        let _ = writeln!(text, "{stem}     {}", line_words(line));
    }
    match &stop.remedy {
        Some(Known::Observed(remedy) | Known::Predicted(remedy)) if matches!(remedy, Remedy::None(_)) => {
            let _ = writeln!(text, "{stem}     {}", remedy_words(remedy));
        }
        Some(Known::Observed(remedy) | Known::Predicted(remedy)) => {
            let _ = writeln!(text, "{stem}     would allow: {}", remedy_words(remedy));
        }
        Some(Known::Unknown(why)) => {
            let _ = writeln!(text, "{stem}     unknown what would allow it: {why}");
        }
        None => {}
    }
    if let Some(logged) = &stop.logged {
        let whether = match logged.recorded {
            Some(true) => "recorded",
            Some(false) => "not recorded",
            None => "unknown whether recorded",
        };
        let _ = writeln!(text, "{stem}     {whether}: {}", logged.because);
    }
}

fn answer_words(answer: Answer) -> String {
    match answer {
        Answer::Allows => "allows".to_owned(),
        Answer::Denies(errno) => format!("denies, {}", errno_name(errno)),
        Answer::Kills => "kills".to_owned(),
        Answer::Traps => "denies, SIGSYS".to_owned(),
        Answer::Unknown => "unknown".to_owned(),
    }
}
