//! Denials for people, and as JSON lines for programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::document::plain_line;
use crate::event::{
    Account, Argument, Blind, Cause, Event, Known, Line, Listed, Outcome, Remedy, Setting, SourceKind,
    Summary, Value, Verdict,
};

/// Raised when a field changes its meaning or goes away.
const VERSION: u32 = 1;

/// How many kinds of denial people get to see.
const MOST_SHOWN: usize = 20;

#[derive(Serialize)]
struct Record<'e> {
    version: u32,
    kind: &'static str,
    time_ms: u64,
    source: &'static str,
    outcome: &'static str,
    process: Process,
    operation: Operation<'e>,
    tried: Option<&'e str>,
    control: Part<String>,
    cause: Part<&'static str>,
    policy: Part<Place<'e>>,
    errno: Part<String>,
    remedy: Part<Remedies>,
}

#[derive(Serialize)]
struct Process {
    pid: Option<u32>,
    thread: Option<u32>,
    command: Part<String>,
}

#[derive(Serialize)]
struct Operation<'e> {
    text: String,
    call: Option<&'static str>,
    abi: Option<&'static str>,
    number: Option<u32>,
    arguments: Vec<Named<'e>>,
}

#[derive(Serialize)]
struct Named<'e> {
    name: &'e str,
    value: String,
    kind: &'static str,
}

/// A value and how it is known.
#[derive(Serialize)]
#[serde(tag = "known", rename_all = "lowercase")]
pub(super) enum Part<T> {
    Observed { value: T },
    Predicted { value: T },
    Unknown { because: String },
}

#[derive(Serialize)]
pub(super) struct Place<'e> {
    file: &'e str,
    line: Option<usize>,
    text: &'e str,
}

#[derive(Serialize)]
pub(super) struct Remedies {
    settings: Vec<Change>,
    words: String,
}

#[derive(Serialize)]
struct Change {
    key: &'static str,
    value: String,
    flag: String,
    line: String,
}

#[derive(Serialize)]
struct Ending<'s> {
    version: u32,
    kind: &'static str,
    denials: u64,
    passed: u64,
    unwritten: u64,
    complete: bool,
    sources: Vec<Sourced>,
    unwatched: Vec<Unwatched<'s>>,
}

#[derive(Serialize)]
struct Sourced {
    source: &'static str,
    covers: String,
    seen: u64,
    lost: u64,
    verdict: String,
}

#[derive(Serialize)]
struct Unwatched<'s> {
    control: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<&'static str>,
    because: &'s str,
}

/// One event as one line of JSON, with its newline. Names that the program chose are escaped as
/// [`crate::event::text::Text`] shows them.
#[must_use]
pub fn json_line(event: &Event) -> String {
    let operation = &event.operation;
    let record = Record {
        version: VERSION,
        kind: "ringfence.event",
        time_ms: event.time_ms,
        source: source(event.source),
        outcome: match event.outcome {
            Outcome::Denied => "denied",
            Outcome::Passed => "passed",
        },
        process: Process {
            pid: event.process.pid,
            thread: event.process.thread(),
            command: part(&event.process.command, ToString::to_string),
        },
        operation: Operation {
            text: operation.to_string(),
            call: operation.call,
            abi: operation.abi.map(|abi| abi.name()),
            number: operation.number,
            arguments: operation.arguments.iter().map(named).collect(),
        },
        tried: event.tried.as_deref(),
        control: part(&event.control, |control| control.name().to_owned()),
        cause: part(&event.cause, cause_name),
        policy: part(&event.line, place),
        errno: part(&event.errno, |errno| errno_name(*errno)),
        remedy: part(&event.remedy, remedies),
    };
    // Nothing in the record can fail to serialise: strings, numbers and lists of them.
    plain_line(&serde_json::to_string(&record).unwrap_or_default())
}

/// The last line of a run's events: what was seen, and what may be missing.
#[must_use]
pub fn json_summary(summary: &Summary) -> String {
    let sourced = |account: &Account| Sourced {
        source: source(account.source),
        covers: account.covers.to_string(),
        seen: account.seen,
        lost: account.lost,
        verdict: verdict_words(&account.verdict()),
    };
    let ending = Ending {
        version: VERSION,
        kind: "ringfence.summary",
        denials: summary.denials(),
        passed: summary.journal.passed(),
        unwritten: summary.unwritten,
        complete: summary.complete(),
        sources: summary.accounts.iter().map(sourced).collect(),
        unwatched: summary
            .blind
            .iter()
            .map(|Blind { control, part, because }| Unwatched {
                control: control.name(),
                part: *part,
                because,
            })
            .collect(),
    };
    plain_line(&serde_json::to_string(&ending).unwrap_or_default())
}

/// A run's denials for people, each kind once, and what may be missing.
#[must_use]
pub fn human(summary: &Summary) -> String {
    let mut text = String::new();
    let _ = match summary.denials() {
        0 => writeln!(text, "no denials seen"),
        1 => writeln!(text, "1 denial"),
        many => writeln!(text, "{many} denials"),
    };
    let mut listed: Vec<&Listed> = summary.journal.listed().iter().collect();
    // A name that was only looked for is rarely what a program failed for.
    listed.sort_by_key(|kind| kind.first.cause.value() == Some(&Cause::Hidden));
    for kind in listed.iter().take(MOST_SHOWN) {
        one(&mut text, kind);
    }
    let hidden: u64 = listed.iter().skip(MOST_SHOWN).map(|kind| kind.count).sum();
    let hidden = hidden + summary.journal.unlisted();
    if hidden > 0 {
        let _ = writeln!(text, "  and {hidden} more; --events FILE writes each of them");
    }
    if summary.journal.passed() > 0 {
        let _ = writeln!(text, "  and {} calls that nothing denied", summary.journal.passed());
    }
    for account in &summary.accounts {
        let _ = writeln!(
            text,
            "  {}: {}, {} seen ({})",
            source(account.source),
            verdict_words(&account.verdict()),
            account.seen,
            account.covers
        );
    }
    if summary.unwritten > 0 {
        let _ = writeln!(text, "  {} were not written to the file of events", summary.unwritten);
    }
    unwatched(&mut text, &summary.blind);
    text
}

/// What nobody watched: one line for each reason.
fn unwatched(text: &mut String, blind: &[Blind]) {
    for (at, Blind { because, .. }) in blind.iter().enumerate() {
        let same = |other: &&Blind| other.because == *because;
        if blind[..at].iter().any(|other| same(&other)) {
            continue;
        }
        let names = blind.iter().filter(same).map(|Blind { control, part, .. }| match part {
            Some(part) => format!("{} ({part})", control.name()),
            None => control.name().to_owned(),
        });
        let names: Vec<String> = names.collect();
        let _ = writeln!(text, "  not watched: {}: {because}", names.join(", "));
    }
}

fn one(text: &mut String, kind: &Listed) {
    let event = &kind.first;
    let errno = match &event.errno {
        Known::Observed(errno) => format!(" = {}", errno_name(*errno)),
        Known::Predicted(errno) => format!(" = {} (predicted)", errno_name(*errno)),
        Known::Unknown(_) => String::new(),
    };
    let times = if kind.count == 1 { String::new() } else { format!(", {} times", kind.count) };
    let command = event.process.command.value().map_or_else(String::new, |name| format!("{name} "));
    let pid = event.process.id().map_or_else(|| "unknown process".to_owned(), |pid| pid.to_string());
    let _ = writeln!(text, "  {}{errno}  [{command}{pid}{times}]", event.operation);
    let control = event.control.value().map_or("an unknown control", |control| control.name());
    let cause = match &event.cause {
        Known::Observed(cause) => cause_words(cause),
        Known::Predicted(cause) => format!("{} (predicted)", cause_words(cause)),
        Known::Unknown(why) => format!("unknown why: {why}"),
    };
    let line = match &event.line {
        Known::Observed(line) => format!(", {}", line_words(line)),
        Known::Predicted(line) => format!(", {} (predicted)", line_words(line)),
        Known::Unknown(_) => String::new(),
    };
    let _ = writeln!(text, "    denied by {control}: {cause}{line}");
    let _ = match &event.remedy {
        Known::Observed(remedy) => writeln!(text, "    allowed by: {}", remedy_words(remedy)),
        Known::Predicted(remedy @ Remedy::None(_)) => writeln!(text, "    {}", remedy_words(remedy)),
        Known::Predicted(remedy) => {
            writeln!(text, "    would be allowed by (predicted): {}", remedy_words(remedy))
        }
        Known::Unknown(why) => writeln!(text, "    unknown what would allow it: {why}"),
    };
}

/// A denial in one line.
pub(super) fn in_short(event: &Event) -> String {
    let errno = event.errno.value().map_or_else(String::new, |errno| format!(" = {}", errno_name(*errno)));
    match event.outcome {
        Outcome::Passed => format!("{}{errno}", event.operation),
        Outcome::Denied => {
            let control = event.control.value().map_or("an unknown control", |control| control.name());
            let cause =
                event.cause.value().map_or_else(String::new, |cause| format!(": {}", cause_words(cause)));
            format!("{}{errno}, denied by {control}{cause}", event.operation)
        }
    }
}

pub(super) fn part<'e, T, U>(known: &'e Known<T>, show: impl FnOnce(&'e T) -> U) -> Part<U> {
    match known {
        Known::Observed(value) => Part::Observed { value: show(value) },
        Known::Predicted(value) => Part::Predicted { value: show(value) },
        Known::Unknown(why) => Part::Unknown { because: why.clone() },
    }
}

fn named(argument: &Argument) -> Named<'_> {
    let kind = match argument.value {
        Value::Word(_) => "word",
        Value::String(_) => "string",
        Value::Address(_) => "address",
        Value::Pointer(_) => "pointer",
        Value::Unread(..) => "unread",
    };
    Named { name: argument.name, value: argument.value.to_string(), kind }
}

pub(super) fn place(line: &Line) -> Place<'_> {
    Place { file: &line.file, line: line.number, text: &line.text }
}

pub(super) fn remedies(remedy: &Remedy) -> Remedies {
    let change = |setting: &Setting| Change {
        key: setting.key,
        value: setting.value.clone(),
        flag: setting.flag(),
        line: setting.line(),
    };
    let settings = match remedy {
        Remedy::Settings(settings) => settings.iter().map(change).collect(),
        Remedy::Remove | Remedy::None(_) => Vec::new(),
    };
    Remedies { settings, words: remedy_words(remedy) }
}

/// A remedy in words.
#[must_use]
pub fn remedy_words(remedy: &Remedy) -> String {
    match remedy {
        Remedy::Settings(settings) => settings.iter().map(Setting::flag).collect::<Vec<_>>().join(" "),
        Remedy::Remove => "removing that line".to_owned(),
        Remedy::None(why) => format!("nothing allows it: {why}"),
    }
}

pub(super) fn line_words(line: &Line) -> String {
    match line.number {
        Some(number) => format!("{}:{number}: {}", line.file, line.text),
        None => format!("{}: {}", line.file, line.text),
    }
}

pub(super) fn source(source: SourceKind) -> &'static str {
    match source {
        SourceKind::Notify => "seccomp-notify",
        SourceKind::Audit => "audit",
        SourceKind::Guard => "bpf-lsm",
        SourceKind::Ebpf => "ebpf",
        SourceKind::Trace => "ptrace",
    }
}

pub(super) fn cause_name(cause: &Cause) -> &'static str {
    match cause {
        Cause::DenyRule => "deny-rule",
        Cause::NotAllowed => "not-allowed",
        Cause::OtherArguments => "other-arguments",
        Cause::UnknownCall => "unknown-call",
        Cause::ClosedAbi => "closed-abi",
        Cause::Network => "network",
        Cause::SharedTerminal => "shared-terminal",
        Cause::NestedUserNamespace => "nested-user-namespace",
        Cause::MissingRight(_) => "missing-right",
        Cause::Hidden => "hidden",
        Cause::Covered => "covered",
        Cause::ReadOnly => "read-only",
        Cause::NoExec => "no-exec",
        Cause::Mounted => "mounted",
        Cause::Bits(_) => "permission-bits",
        Cause::NotOwner => "not-owner",
        Cause::Capability(_) => "capability",
        Cause::OtherNamespace => "other-namespace",
        Cause::NoRoute => "no-route",
        Cause::Limit(_) => "limit",
        Cause::Traced => "traced",
        Cause::Profile(_) => "profile",
        Cause::Context(_) => "context",
    }
}

pub(super) fn cause_words(cause: &Cause) -> String {
    match cause {
        Cause::DenyRule => "a rule denies it",
        Cause::NotAllowed => "no rule of syscalls.allow names it",
        Cause::OtherArguments => "it is allowed with other arguments only",
        Cause::UnknownCall => "the tables do not know its number",
        Cause::ClosedAbi => "this way through the gate is closed",
        Cause::Network => "the network is restricted",
        Cause::SharedTerminal => "the terminal is shared",
        Cause::NestedUserNamespace => "it could make a user namespace",
        Cause::Profile(words) | Cause::Context(words) => return words.clone(),
        Cause::MissingRight(rights) => return format!("no rule grants {rights} there"),
        Cause::Hidden => "the view does not show it",
        Cause::Covered => "the view covers it",
        Cause::ReadOnly => "the view shows it read-only",
        Cause::NoExec => "the view shows it without programs",
        Cause::Mounted => "nothing moves across a mount of the view",
        Cause::Bits(bits) => return format!("permission bits: {bits}"),
        Cause::NotOwner => "it belongs to another user",
        Cause::Capability(name) => return format!("it needs {name}, which the program has not"),
        Cause::OtherNamespace => "the process is outside",
        Cause::NoRoute => "the program's own network has no way there",
        Cause::Limit(limit) => return format!("{limit} is reached"),
        Cause::Traced => "it is traced already, by --explain=ptrace",
    }
    .to_owned()
}

pub(super) fn verdict_words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Complete => "complete".to_owned(),
        Verdict::Missing(missing) => format!("incomplete, {missing} missing"),
        Verdict::Unsure(why) => format!("unsure: {why}"),
    }
}

pub(super) fn errno_name(errno: u16) -> String {
    crate::event::text::errno(errno).map_or_else(|| format!("errno {errno}"), str::to_owned)
}
