//! What is wrong with one text, with positions, in the order of the text.

use std::ops::Range;

use crate::policy::diagnostic::{Diagnostic, quote};
use crate::policy::key::{self, Key};
use crate::policy::nearest::nearest;
use crate::policy::source::Origin;
use crate::policy::value::Fault;

/// The most reports kept of one text before they are sorted and cut to the limit of all: a
/// megabyte of errors must not cost a gigabyte.
const KEPT: usize = 1000;

/// Collects reports about one text.
pub(super) struct Report<'a> {
    source: u16,
    kept: Vec<Diagnostic>,
    out: &'a mut Vec<Diagnostic>,
}

impl<'a> Report<'a> {
    /// About the text with index `source`; [`Report::finish`] moves it all to `out`.
    pub(super) fn new(source: u16, out: &'a mut Vec<Diagnostic>) -> Report<'a> {
        Report { source, kept: Vec::new(), out }
    }

    /// Moves the reports out, in the order of the text: tables come sorted by name.
    pub(super) fn finish(&mut self) {
        self.kept.sort_by_key(|diagnostic| diagnostic.at);
        self.out.append(&mut self.kept);
    }

    /// Bytes of this text as an origin.
    pub(super) fn origin(&self, range: Range<usize>) -> Origin {
        Origin { source: self.source, offset: range.start as u32, len: (range.end - range.start) as u32 }
    }

    /// Adds a report.
    pub(super) fn add(
        &mut self,
        code: &'static str,
        range: Range<usize>,
        message: &str,
        label: Option<String>,
        help: Option<String>,
    ) {
        if self.kept.len() >= KEPT {
            return;
        }
        let at = Some(self.origin(range));
        self.kept.push(Diagnostic { code, message: message.to_owned(), at, label, notes: Vec::new(), help });
    }

    /// A value of a type that the key does not take.
    pub(super) fn wrong_type(
        &mut self,
        key: &Key,
        wanted: &str,
        found: &str,
        range: Range<usize>,
        help: String,
    ) {
        let message = format!("{}: expected {wanted}, found {found}", key.path);
        self.add("wrong-type", range, &message, None, Some(help));
    }

    /// A fault of a value that was written in `range`; `inner` is where its text begins there.
    pub(super) fn fault(&mut self, key: &Key, fault: Fault, range: Range<usize>, inner: Option<usize>) {
        let exact = inner.map(|inner| range.start + inner);
        let place = match exact {
            Some(start) if !fault.range.is_empty() => start + fault.range.start..start + fault.range.end,
            Some(start) if start + fault.range.start < range.end => start + fault.range.start..range.end,
            _ => range,
        };
        self.add(fault.code, place, &format!("{}: {}", key.path, fault.message), fault.label, fault.help);
    }

    /// A key that no table of this name has.
    pub(super) fn unknown_key(&mut self, section: &str, name: &str, range: Range<usize>) {
        let known = key::names_in(section);
        let place = if section.is_empty() { "at the top".to_owned() } else { format!("in [{section}]") };
        let message = format!("unknown key {} {place}", quote(name));
        let elsewhere = key::keys().find(|key| key.name() == name).map(|key| match key.section() {
            "" => format!("`{name}` stands at the top, before the first table"),
            section => format!("`{name}` is a key of [{section}]"),
        });
        let label = match nearest(name, known.iter().copied()) {
            Some(near) => Some(format!("did you mean `{near}`?")),
            None => elsewhere,
        };
        self.add("unknown-key", range, &message, label, Some(format!("the keys {place} are {}", known.join(", "))));
    }
}
