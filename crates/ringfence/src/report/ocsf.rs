//! Denials as findings of the Open Cybersecurity Schema Framework: class *Detection Finding* (2004) with
//! the profile *Security Control*, version 1.8.0, <https://schema.ocsf.io>.

use serde_json::{Map, Value as Json, json};

use super::document::{call, path, plain_line, put, sources};
use super::event::{cause_name, in_short, line_words, remedy_words, source};
use crate::event::{Event, Known, Outcome, Summary};

/// The version of the schema.
pub const VERSION: &str = "1.8.0";

const CLASS: u32 = 2004;

/// One event as one line, with its newline. `number`: the how manieth of the run, so that no two findings have
/// the same id.
#[must_use]
pub fn line(event: &Event, number: u64) -> String {
    let denied = event.outcome == Outcome::Denied;
    let title = in_short(event);
    let mut finding = common(event.time_ms, 1, "Create", &title);
    let sure = match &event.control {
        Known::Observed(_) => (3, "High"),
        Known::Predicted(_) => (2, "Medium"),
        Known::Unknown(_) => (1, "Low"),
    };
    put(
        &mut finding,
        json!({
            "severity_id": if denied { 2 } else { 1 },
            "severity": if denied { "Low" } else { "Informational" },
            "action_id": if denied { 2 } else { 1 },
            "action": if denied { "Denied" } else { "Allowed" },
            "disposition_id": if denied { 2 } else { 1 },
            "disposition": if denied { "Blocked" } else { "Allowed" },
            "status_id": 1,
            "is_alert": denied,
            "confidence_id": sure.0,
            "confidence": sure.1,
            "evidences": [evidence(event)],
            "finding_info": {
                "uid": format!("{}-{}-{number}", event.time_ms, event.process.id().unwrap_or(0)),
                "title": title,
                "types": [event.cause.value().map_or("unknown", cause_name)],
                "created_time": event.time_ms,
                "data_sources": [source(event.source)],
            },
        }),
    );
    if let Some(line) = event.line.value() {
        put(
            &mut finding,
            json!({ "policy": { "name": line.file, "desc": line_words(line), "is_applied": true } }),
        );
    }
    if let Some(remedy) = event.remedy.value() {
        put(&mut finding, json!({ "remediation": { "desc": remedy_words(remedy) } }));
    }
    plain_line(&Json::Object(finding).to_string())
}

fn evidence(event: &Event) -> Json {
    let name = event.process.command.value().map(ToString::to_string);
    let mut process = Map::new();
    if let Some(pid) = event.process.id() {
        put(&mut process, json!({ "pid": pid }));
    }
    if let Some(thread) = event.process.thread() {
        put(&mut process, json!({ "tid": thread }));
    }
    if let Some(name) = name {
        put(&mut process, json!({ "name": name }));
    }
    let mut response = Map::new();
    if let Some(errno) = event.errno.value() {
        put(&mut response, json!({ "code": errno, "error": super::event::errno_name(*errno) }));
    }
    let mut evidence = Map::new();
    put(&mut evidence, json!({ "api": { "operation": call(event), "response": response } }));
    // The schema has no process without an id.
    if event.process.id().is_some() {
        put(&mut evidence, json!({ "process": process }));
    }
    if let Some(path) = path(event) {
        put(&mut evidence, json!({ "file": { "name": path, "path": path, "type_id": 0 } }));
    }
    Json::Object(evidence)
}

/// The end of a run: what was seen, and what may be missing.
#[must_use]
pub fn end(summary: &Summary, time_ms: u64) -> String {
    let title = format!("{} denials; complete: {}", summary.denials(), summary.complete());
    let mut finding = common(time_ms, 3, "Close", &title);
    put(
        &mut finding,
        json!({
            "severity_id": 1,
            "severity": "Informational",
            "status_id": 1,
            "finding_info": { "uid": format!("{time_ms}-end"), "title": title, "desc": sources(summary).join("; ") },
        }),
    );
    plain_line(&Json::Object(finding).to_string())
}

fn common(time_ms: u64, activity: u32, name: &str, message: &str) -> Map<String, Json> {
    let mut finding = Map::new();
    put(
        &mut finding,
        json!({
            "class_uid": CLASS,
            "class_name": "Detection Finding",
            "category_uid": 2,
            "category_name": "Findings",
            "activity_id": activity,
            "activity_name": name,
            "type_uid": CLASS * 100 + activity,
            "time": time_ms,
            "message": message,
            "metadata": {
                "version": VERSION,
                "profiles": ["security_control"],
                "product": {
                    "name": "ringfence",
                    "vendor_name": "ringfence",
                    "version": env!("CARGO_PKG_VERSION"),
                },
            },
        }),
    );
    finding
}
