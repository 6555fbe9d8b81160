//! What documents of foreign schemas have in common: fields that are added, and the words of an event.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json};

use super::event::{source, verdict_words};
use crate::event::text::shown_as_is;
use crate::event::{Event, Summary, Value};

/// One line of JSON, in which every character that [`crate::event::text::Text`] would not show as it is stands as an escape: those
/// that are not ASCII are in strings only.
pub(super) fn plain_line(json: &str) -> String {
    let mut line = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        match c {
            c if shown_as_is(c) => line.push(c),
            c => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                let _ = write!(line, "\\u{unit:04x}");
            }),
        }
    }
    line.push('\n');
    line
}

/// Adds the fields of an object.
pub(super) fn put(into: &mut Map<String, Json>, fields: Json) {
    if let Json::Object(fields) = fields {
        into.extend(fields);
    }
}

/// The name of the call, or its number.
pub(super) fn call(event: &Event) -> String {
    match (event.operation.call, event.operation.number) {
        (Some(call), _) => call.to_owned(),
        (None, Some(number)) => format!("call {number}"),
        (None, None) => "an unknown call".to_owned(),
    }
}

/// The first path among the arguments.
pub(super) fn path(event: &Event) -> Option<String> {
    event.operation.arguments.iter().find_map(|argument| match &argument.value {
        Value::String(path) => Some(path.to_string()),
        _ => None,
    })
}

/// Each source with what it may have missed.
pub(super) fn sources(summary: &Summary) -> Vec<String> {
    let accounts = summary.accounts.iter();
    accounts
        .map(|account| format!("{}: {}", source(account.source), verdict_words(&account.verdict())))
        .collect()
}
