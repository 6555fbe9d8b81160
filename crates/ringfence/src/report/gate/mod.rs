//! What a filter means, as text and as JSON: rules, findings, differences, answers.

pub mod answer;
pub mod compare;
pub mod finding;
pub mod rules;

use serde::Serialize;
use serde_json::{Value, json};

use crate::exchange::{Imported, Note};

/// Raised when a field changes its meaning or goes away.
const VERSION: u32 = 1;

/// An imported file under the name that the user gave it.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The name.
    pub name: &'a str,
    /// What it means.
    pub imported: &'a Imported,
}

impl Subject<'_> {
    fn json(&self) -> Value {
        let notes: Vec<Value> = self.imported.notes.iter().map(note).collect();
        let gates: Vec<Value> = self
            .imported
            .gates
            .iter()
            .map(|gate| {
                let labels: Vec<&str> = gate.stack.iter().map(|filter| filter.label.as_str()).collect();
                json!({ "name": gate.name, "filters": labels })
            })
            .collect();
        json!({ "name": self.name, "language": self.imported.language.name(), "gates": gates, "notes": notes })
    }

    /// The name with that of a gate.
    fn gate(&self, gate: &str) -> String {
        let named = self.name.ends_with(&format!("#{gate}"));
        if gate.is_empty() || named { self.name.to_owned() } else { format!("{}#{gate}", self.name) }
    }

    /// The first lines of every report.
    pub(crate) fn head(&self) -> String {
        let filters: usize = self.imported.gates.iter().map(|gate| gate.stack.len()).sum();
        let plural = if filters == 1 { "" } else { "s" };
        let mut text =
            format!("{}: {}, {filters} filter{plural}\n", self.name, self.imported.language.name());
        for note in &self.imported.notes {
            text.push_str(&format!("  note: {}\n", note.text));
        }
        text
    }
}

fn note(note: &Note) -> Value {
    json!({ "text": note.text, "incomplete": note.incomplete })
}

/// A document with its version and kind, indented, with a final newline.
fn document(kind: &str, body: impl Serialize) -> String {
    let mut document = json!({ "version": VERSION, "kind": format!("ringfence.{kind}") });
    if let (Value::Object(document), Ok(Value::Object(body))) = (&mut document, serde_json::to_value(body)) {
        document.extend(body);
    }
    format!("{document:#}\n")
}
