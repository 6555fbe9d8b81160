//! Denials as documents of the Elastic Common Schema, version 9.4.0. What the schema has no field for
//! stands below `ringfence`.

use serde_json::{Map, Value as Json, json};

use super::document::{call, path, plain_line, put, sources};
use super::event::{cause_name, in_short, line_words, remedy_words, source};
use crate::event::{Control, Event, Known, Outcome, Summary};

/// The version of the schema.
pub const VERSION: &str = "9.4.0";

/// One event as one line, with its newline.
#[must_use]
pub fn line(event: &Event) -> String {
    let denied = event.outcome == Outcome::Denied;
    let category = match event.control.value() {
        Some(Control::Mount | Control::Credential | Control::Landlock) if path(event).is_some() => "file",
        Some(Control::Net) => "network",
        _ => "process",
    };
    let mut document = common(event.time_ms, &in_short(event));
    let mut told = Map::new();
    put(
        &mut told,
        json!({
            "kind": "event",
            "category": ["api", category],
            "type": [if denied { "denied" } else { "allowed" }],
            "outcome": if denied { "failure" } else { "success" },
            "action": call(event),
            "module": "ringfence",
            "dataset": "ringfence.event",
            "provider": source(event.source),
            "severity": if denied { 2 } else { 1 },
        }),
    );
    if let Some(errno) = event.errno.value() {
        let name = super::event::errno_name(*errno);
        put(&mut told, json!({ "code": name }));
        put(&mut document, json!({ "error": { "code": name } }));
    }
    let mut process = Map::new();
    if let Some(pid) = event.process.id() {
        put(&mut process, json!({ "pid": pid }));
    }
    if let Some(thread) = event.process.thread() {
        put(&mut process, json!({ "thread": { "id": thread } }));
    }
    if let Some(name) = event.process.command.value() {
        put(&mut process, json!({ "name": name.to_string() }));
    }
    put(&mut document, json!({ "event": told }));
    if !process.is_empty() {
        put(&mut document, json!({ "process": process }));
    }
    if let Some(path) = path(event) {
        put(&mut document, json!({ "file": { "path": path } }));
    }
    if let Some(line) = event.line.value() {
        put(&mut document, json!({ "rule": { "name": line_words(line), "ruleset": line.file } }));
    }
    let known = match &event.control {
        Known::Observed(_) => "observed",
        Known::Predicted(_) => "predicted",
        Known::Unknown(_) => "unknown",
    };
    let own = json!({
        "control": event.control.value().map(|control| control.name()),
        "known": known,
        "cause": event.cause.value().map(cause_name),
        "remedy": event.remedy.value().map(remedy_words),
    });
    put(&mut document, json!({ "ringfence": own }));
    plain_line(&Json::Object(document).to_string())
}

/// The end of a run: what was seen, and what may be missing.
#[must_use]
pub fn end(summary: &Summary, time_ms: u64) -> String {
    let message = format!("{} denials; complete: {}", summary.denials(), summary.complete());
    let mut document = common(time_ms, &message);
    put(
        &mut document,
        json!({
            "event": {
                "kind": "state",
                "category": ["process"],
                "type": ["end"],
                "action": "run-ended",
                "module": "ringfence",
                "dataset": "ringfence.summary",
            },
            "ringfence": { "denials": summary.denials(), "complete": summary.complete(), "sources": sources(summary) },
        }),
    );
    plain_line(&Json::Object(document).to_string())
}

fn common(time_ms: u64, message: &str) -> Map<String, Json> {
    let mut document = Map::new();
    put(
        &mut document,
        json!({ "@timestamp": timestamp(time_ms), "ecs": { "version": VERSION }, "message": message }),
    );
    document
}

/// RFC 3339, in UTC; the calendar by Howard Hinnant's algorithm for days since 1970.
fn timestamp(time_ms: u64) -> String {
    let (seconds, ms) = (time_ms / 1000, time_ms % 1000);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates() {
        // date -u -d @SECONDS
        for (seconds, date) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199, "2024-02-29T23:59:59.000Z"),
            (4_102_444_800, "2100-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(timestamp(seconds * 1000), date);
        }
    }
}
