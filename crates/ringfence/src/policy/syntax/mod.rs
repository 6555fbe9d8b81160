//! TOML to a [`Layer`]: the only place that knows the file format. Unknown keys and wrong types
//! are found here; what a value means is decided in `value`.

mod report;
mod toml_value;

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, quote};
use super::key::{self, Key, Slot, Store};
use super::layer::Layer;
use super::source::Origin;
use super::value::Fault;
use report::Report;
use toml_value::{TypeName, inner_offset, scalar_text};

/// The one version of the language.
const VERSION: &str = "1";

/// A text that is TOML.
pub(super) struct Document<'a> {
    text: &'a str,
    root: DeTable<'a>,
}

/// A base that a text extends.
pub(super) struct Base {
    /// Its name as written.
    pub(super) name: String,
    /// Bytes of the text.
    pub(super) range: Range<usize>,
}

impl<'a> Document<'a> {
    /// Parses TOML.
    ///
    /// # Errors
    /// What is not TOML, for the text with index `source`.
    pub(super) fn parse(text: &'a str) -> Result<Document<'a>, Vec<toml::de::Error>> {
        let (root, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() { Ok(Document { text, root: root.into_inner() }) } else { Err(errors) }
    }

    /// What the text extends, in order. Anything else than a list of strings is left for
    /// [`Document::layer`] to report.
    pub(super) fn bases(&self) -> Vec<Base> {
        let Some(list) = self.root.get("extends").and_then(|value| value.get_ref().as_array()) else {
            return Vec::new();
        };
        let name = |item: &Spanned<DeValue<'_>>| Some((item.get_ref().as_str()?.to_owned(), item.span()));
        list.iter().filter_map(name).map(|(name, range)| Base { name, range }).collect()
    }

    /// What the text says. `source` is its index; what is wrong is added to `out`.
    pub(super) fn layer(&self, source: u16, out: &mut Vec<Diagnostic>) -> Layer {
        let mut report = Report::new(source, out);
        let mut layer = Layer::default();
        if !self.root.contains_key("version") {
            let help = "write `version = 1` on the first line";
            report.add("version", 0..0, "the policy does not say its version", None, Some(help.to_owned()));
        }
        Reader { text: self.text, layer: &mut layer, report: &mut report }
            .table(&mut String::new(), &self.root);
        report.finish();
        layer
    }
}

/// What is not TOML, as diagnostics.
pub(super) fn not_toml(source: u16, errors: &[toml::de::Error], out: &mut Vec<Diagnostic>) {
    let mut report = Report::new(source, out);
    for error in errors {
        report.add("not-toml", error.span().unwrap_or(0..0), error.message(), None, None);
    }
    report.finish();
}

struct Reader<'r, 'a> {
    text: &'r str,
    layer: &'r mut Layer,
    report: &'r mut Report<'a>,
}

impl Reader<'_, '_> {
    /// Reads a table; `path` is its dotted path, empty at the top. Recursion ends with the known
    /// sections: three levels.
    fn table(&mut self, path: &mut String, table: &DeTable<'_>) {
        for (name, value) in table {
            let length = path.len();
            if length > 0 {
                path.push('.');
            }
            path.push_str(name.get_ref());
            match (key::find(path), value.get_ref()) {
                // A quoted name with a dot in it would look like a path.
                _ if name.get_ref().contains('.') => {
                    self.report.unknown_key(&path[..length], name.get_ref(), name.span());
                }
                _ if path == "expect" => self.expectations(value),
                (Some(key), _) => self.value(key, value),
                (None, DeValue::Table(below)) if key::is_section(path) => self.table(path, below),
                (None, other) if key::is_section(path) => {
                    let message = format!("`{path}` is a table, not {}", other.type_name());
                    let help = format!("write its keys below a line `[{path}]`");
                    self.report.add("wrong-type", value.span(), &message, None, Some(help));
                }
                _ => self.report.unknown_key(&path[..length], name.get_ref(), name.span()),
            }
            path.truncate(length);
        }
    }

    fn value(&mut self, key: &'static Key, value: &Spanned<DeValue<'_>>) {
        match key.slot {
            Slot::Version => self.version(value),
            Slot::Extends => {
                self.list(key, value);
            }
            Slot::Scalar(store) | Slot::Expect(store) => self.one(key, value, store),
            Slot::Adds { clear, push } => {
                let Some(list) = self.list(key, value) else { return };
                if list.is_empty() {
                    clear(self.layer);
                }
                for item in list {
                    match item.get_ref().as_str() {
                        Some("") => clear(self.layer),
                        _ => self.one(key, item, push),
                    }
                }
            }
            Slot::Whole { open, push } => {
                let Some(list) = self.list(key, value) else { return };
                open(self.layer, self.report.origin(value.span()));
                for item in list {
                    self.one(key, item, push);
                }
            }
            Slot::Map(put) => self.map(key, value, put),
        }
    }

    fn map(
        &mut self,
        key: &'static Key,
        value: &Spanned<DeValue<'_>>,
        put: fn(&mut Layer, &str, &str, Origin) -> Result<(), Fault>,
    ) {
        let DeValue::Table(entries) = value.get_ref() else {
            let help = format!("write {}", key.example);
            return self.report.wrong_type(key, "a table", value.get_ref().type_name(), value.span(), help);
        };
        for (name, item) in entries {
            let Some(text) = self.scalar(key, item, &|_| true) else { continue };
            let at = self.report.origin(item.span());
            if let Err(fault) = put(self.layer, name.get_ref(), &text, at) {
                self.report.fault(key, fault, name.span(), None);
            }
        }
    }

    fn version(&mut self, value: &Spanned<DeValue<'_>>) {
        let written = scalar_text(value.get_ref());
        if matches!(value.get_ref(), DeValue::Integer(_)) && written.as_deref() == Some(VERSION) {
            return;
        }
        let message = match written {
            Some(other) => format!("this ringfence reads version 1 of the language, not {}", quote(&other)),
            None => "the version is a number".to_owned(),
        };
        self.report.add("version", value.span(), &message, None, Some("write `version = 1`".to_owned()));
    }

    /// `[[expect]]`: what it says comes before why and how deep.
    fn expectations(&mut self, value: &Spanned<DeValue<'_>>) {
        let DeValue::Array(list) = value.get_ref() else {
            let help = "write its keys below a line `[[expect]]`".to_owned();
            let message = format!("`expect` is a list of tables, not {}", value.get_ref().type_name());
            return self.report.add("wrong-type", value.span(), &message, None, Some(help));
        };
        if list.is_empty() {
            self.layer.expect.clear();
        }
        for item in list {
            let DeValue::Table(table) = item.get_ref() else {
                let message = format!("an expectation is a table, not {}", item.get_ref().type_name());
                let help = "write `{ deny = \"OPERATION\" }`".to_owned();
                self.report.add("wrong-type", item.span(), &message, None, Some(help));
                continue;
            };
            for name in table.keys().filter(|name| key::find(&format!("expect.{}", name.get_ref())).is_none())
            {
                self.report.unknown_key("expect", name.get_ref(), name.span());
            }
            self.expectation(item.span(), table);
        }
    }

    fn expectation(&mut self, span: Range<usize>, table: &DeTable<'_>) {
        let says = [table.get_key_value("allow"), table.get_key_value("deny")];
        match says {
            [Some(_), Some((name, _))] => {
                let help = "write one [[expect]] for each".to_owned();
                let message = "an expectation says either allow or deny";
                return self.report.add("contradiction", name.span(), message, None, Some(help));
            }
            [None, None] => {
                let help = "write `deny = \"OPERATION\"` or `allow = \"OPERATION\"`".to_owned();
                let message = "an expectation says neither allow nor deny";
                return self.report.add("bad-value", span, message, None, Some(help));
            }
            _ => {}
        }
        let before = self.layer.expect.items.len();
        for name in ["expect.allow", "expect.deny", "expect.because", "expect.depth"] {
            let value = name.strip_prefix("expect.").and_then(|name| table.get(name));
            if let (Some(key), Some(value)) = (key::find(name), value) {
                self.value(key, value);
            }
            // Without its operation, the rest would go to the expectation before.
            if name == "expect.deny" && self.layer.expect.items.len() == before {
                return;
            }
        }
    }

    /// The items of a list, or a report that it is none.
    fn list<'v>(
        &mut self,
        key: &'static Key,
        value: &'v Spanned<DeValue<'_>>,
    ) -> Option<&'v [Spanned<DeValue<'v>>]> {
        match value.get_ref() {
            DeValue::Array(list) => Some(list),
            other => {
                let help = match scalar_text(other) {
                    Some(_) => format!("write [{}]", &self.text[value.span()]),
                    None => format!("write {}", key.example),
                };
                self.report.wrong_type(key, "a list", other.type_name(), value.span(), help);
                None
            }
        }
    }

    /// The text of a scalar of a type that the key accepts, or a report. `works` tells whether a
    /// text would be a good value.
    fn scalar(
        &mut self,
        key: &'static Key,
        value: &Spanned<DeValue<'_>>,
        works: &dyn Fn(&str) -> bool,
    ) -> Option<String> {
        match toml_value::accepted(key.accept, value.get_ref()) {
            Ok(text) => Some(text),
            Err(wanted) => {
                let help = match scalar_text(value.get_ref()) {
                    Some(text) if wanted == "a string" && works(&text) => format!("write \"{text}\""),
                    _ => format!("write it as in `{} = {}`", key.name(), key.example),
                };
                self.report.wrong_type(key, wanted, value.get_ref().type_name(), value.span(), help);
                None
            }
        }
    }

    /// Stores one value, and reports a fault under the part of the text that has it.
    fn one(&mut self, key: &'static Key, value: &Spanned<DeValue<'_>>, store: Store) {
        let at = self.report.origin(value.span());
        let works = |text: &str| store(&mut Layer::default(), text, at).is_ok();
        let Some(text) = self.scalar(key, value, &works) else { return };
        if let Err(fault) = store(self.layer, &text, at) {
            let inner = inner_offset(&self.text[value.span()], &text);
            self.report.fault(key, fault, value.span(), inner);
        }
    }
}
