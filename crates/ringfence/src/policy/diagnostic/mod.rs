//! What is wrong with a policy, with its place, and what to do about it. Later stages (host facts,
//! the plan) report in the same form, against the same sources.

mod render;

use super::source::{Origin, Source};

pub use render::quote;

/// At most this many are kept: nobody reads more, and a broken file must not flood a log.
pub const LIMIT: usize = 20;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// A stable id, words joined by `-`: `unknown-key`.
    pub code: &'static str,
    /// What is wrong, in one line without a full stop.
    pub message: String,
    /// Where; `None` where no text asked for it.
    pub at: Option<Origin>,
    /// What stands beside the caret.
    pub label: Option<String>,
    /// Other places that have to do with it.
    pub notes: Vec<(Origin, String)>,
    /// What to do.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A diagnostic without a place.
    pub fn new(code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic { code, message: message.into(), at: None, label: None, notes: Vec::new(), help: None }
    }

    /// With its place.
    #[must_use]
    pub fn at(self, at: Origin) -> Diagnostic {
        Diagnostic { at: Some(at), ..self }
    }

    /// With words beside the caret.
    #[must_use]
    pub fn label(self, label: impl Into<String>) -> Diagnostic {
        Diagnostic { label: Some(label.into()), ..self }
    }

    /// With another place that has to do with it.
    #[must_use]
    pub fn note(mut self, at: Origin, words: impl Into<String>) -> Diagnostic {
        self.notes.push((at, words.into()));
        self
    }

    /// With what to do.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Diagnostic {
        Diagnostic { help: Some(help.into()), ..self }
    }
}

/// Everything that is wrong, with the texts that it is about. Its `Display` is for people and ends
/// without a newline; [`Diagnostics::records`] is for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    sources: Vec<Source>,
    list: Vec<Diagnostic>,
    beyond: usize,
}

/// One diagnostic for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// The stable id.
    pub code: &'static str,
    /// What is wrong.
    pub message: &'a str,
    /// What to do.
    pub help: Option<&'a str>,
    /// The source's name.
    pub source: Option<&'a str>,
    /// The line, from 1; 0 where there is no place.
    pub line: usize,
    /// The column in characters, from 1; 0 where there is no place.
    pub column: usize,
    /// The length in characters.
    pub len: usize,
}

impl Diagnostics {
    /// Those of `list`, about these texts.
    pub fn about(sources: Vec<Source>, list: Vec<Diagnostic>) -> Diagnostics {
        let mut diagnostics = Diagnostics::new(sources);
        list.into_iter().for_each(|diagnostic| diagnostics.push(diagnostic));
        diagnostics
    }

    /// None yet, about these texts.
    pub fn new(sources: Vec<Source>) -> Diagnostics {
        Diagnostics { sources, list: Vec::new(), beyond: 0 }
    }

    /// Adds one; beyond [`LIMIT`] it is only counted.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.list.len() < LIMIT {
            self.list.push(diagnostic);
        } else {
            self.beyond += 1;
        }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The ones that were kept, in the order of the texts.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// The same with places resolved, for JSON and for editors.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.list.iter().map(|diagnostic| {
            let place = diagnostic.at.and_then(|at| self.place(at));
            Record {
                code: diagnostic.code,
                message: &diagnostic.message,
                help: diagnostic.help.as_deref(),
                source: place.map(|place| place.file),
                line: place.map_or(0, |place| place.line),
                column: place.map_or(0, |place| place.column),
                len: place.map_or(0, |place| place.len),
            }
        })
    }

    /// How many more there were beyond [`LIMIT`].
    pub fn beyond(&self) -> usize {
        self.beyond
    }

    /// `Ok(value)` where nothing is wrong.
    ///
    /// # Errors
    /// `self`, where something is.
    pub fn or<T>(self, value: T) -> Result<T, Diagnostics> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }

    fn place(&self, at: Origin) -> Option<super::source::Place<'_>> {
        self.sources
            .get(usize::from(at.source))
            .map(|source| source.place(at.offset as usize, at.len as usize))
    }
}

impl std::error::Error for Diagnostics {}
