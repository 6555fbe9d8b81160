//! What documents of foreign schemas have in common: fields that are added, and the words of an event.

use serde_json::{Map, Value as Json};

use super::event::{source, verdict_words};
use crate::event::{Event, Summary, Value};

/// Adds the fields of an object.
pub(super) fn put(into: &mut Map<String, Json>, fields: Json) {
    if let Json::Object(fields) = fields {
        into.extend(fields);
    }
}

/// The name of the call, or its number.
pub(super) fn call(event: &Event) -> String {
    event.operation.call.map_or_else(|| format!("call {}", event.operation.number), str::to_owned)
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
