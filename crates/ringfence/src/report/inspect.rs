//! What a live process is contained by, for people and as JSON. Names that the process chose are
//! escaped.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value as Json;

use crate::inspect::{Entry, Value};

/// Raised when a field or a name changes its meaning or goes away.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'i> {
    version: u32,
    kind: &'static str,
    entries: Vec<Shown<'i>>,
}

#[derive(Serialize)]
struct Shown<'i> {
    part: &'static str,
    id: &'i str,
    state: &'static str,
    value: Json,
    text: &'i str,
}

/// As JSON, indented, with a final newline.
#[must_use]
pub fn json(entries: &[Entry]) -> String {
    let entries = entries.iter().map(shown).collect();
    let document = Document { version: VERSION, kind: "ringfence.inspect", entries };
    // Nothing in the document can fail to serialise: strings, numbers and lists of them.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

fn shown(entry: &Entry) -> Shown<'_> {
    let state = if entry.value.is_some() { "known" } else { "unknown" };
    let value = entry.value.as_ref().map_or(Json::Null, plain);
    Shown { part: entry.part, id: &entry.id, state, value, text: &entry.text }
}

fn plain(value: &Value) -> Json {
    match value {
        Value::Nothing => Json::Null,
        Value::Flag(flag) => Json::from(*flag),
        Value::Number(number) => Json::from(*number),
        Value::Text(text) => Json::from(text.as_str()),
        Value::List(list) => list.iter().map(plain).collect(),
        Value::Map(map) => {
            Json::Object(map.iter().map(|(key, one)| ((*key).to_owned(), plain(one))).collect())
        }
    }
}

/// For people: a part, what is known of it, and what is not.
#[must_use]
pub fn human(entries: &[Entry]) -> String {
    let mut text = String::new();
    let mut part = "";
    for entry in entries {
        let heading = if entry.part == part { "" } else { entry.part };
        part = entry.part;
        let unknown = if entry.value.is_none() { "unknown: " } else { "" };
        let _ = writeln!(text, "{heading:<12}{:<24} {unknown}{}", entry.id, entry.text);
    }
    text
}
