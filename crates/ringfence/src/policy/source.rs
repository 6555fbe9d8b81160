//! The texts that took part in a policy, and the place of every word in them.

use std::borrow::Cow;

use super::model::Policy;

/// Where a value was written: an index into [`Policy::sources`], and a position in its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// Index into [`Policy::sources`].
    pub source: u16,
    /// Byte offset in the source's text.
    pub offset: u32,
    /// Length in bytes.
    pub len: u32,
}

/// A value and the place where it was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub at: Origin,
}

impl<T> At<T> {
    /// `value`, written at `at`.
    pub fn new(value: T, at: Origin) -> At<T> {
        At { value, at }
    }
}

/// What kind of text a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What holds where nobody says otherwise.
    Default,
    /// A policy that comes with ringfence.
    Builtin,
    /// A file.
    File,
    /// The flags, one a line.
    CommandLine,
}

/// One text that took part in a policy, in the order of layering (the last one wins).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// A path, `builtin:NAME`, `default` or `command line`.
    pub name: Cow<'static, str>,
    /// What kind of text it is.
    pub kind: Kind,
    /// The whole text, for carets.
    pub text: Cow<'static, str>,
}

/// A place as a person finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The source's name.
    pub file: &'a str,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The length in characters, within the line.
    pub len: usize,
    /// The whole line, without its end.
    pub text: &'a str,
    /// The kind of the source: lines of `Default` and `CommandLine` have no numbers that a person knows.
    pub kind: Kind,
}

impl Source {
    /// The line that holds byte `offset`, and `len` bytes from there as far as that line goes.
    /// Positions outside the text or inside a character are moved to the nearest one that is not.
    pub fn place(&self, offset: usize, len: usize) -> Place<'_> {
        let text = &*self.text;
        let start = floor_boundary(text, offset);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[line_start..].find('\n').map_or(text.len(), |newline| line_start + newline);
        let line_text = text[line_start..line_end].trim_end_matches('\r');
        let end = floor_boundary(text, offset.saturating_add(len)).clamp(start, line_end.max(start));
        Place {
            file: &self.name,
            line: text.as_bytes()[..line_start].iter().filter(|byte| **byte == b'\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            len: text[start..end].chars().count(),
            text: line_text,
            kind: self.kind,
        }
    }
}

impl std::fmt::Display for Place<'_> {
    /// `FILE:LINE`, or only the name where lines have no numbers.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            Kind::File | Kind::Builtin => write!(f, "{}:{}", self.file, self.line),
            Kind::Default | Kind::CommandLine => f.write_str(self.file),
        }
    }
}

impl Policy {
    /// Where a value was written: the "policy line that asked for it".
    ///
    /// # Panics
    /// Where `at` comes from another policy and names a source that this one does not have.
    pub fn place(&self, at: Origin) -> Place<'_> {
        self.sources[usize::from(at.source)].place(at.offset as usize, at.len as usize)
    }
}

fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &'static str) -> Source {
        Source { name: "a.toml".into(), kind: Kind::File, text: text.into() }
    }

    #[test]
    fn lines_and_columns_count_from_one_and_in_characters() {
        let source = source("one\ntwö x\nthree");
        let place = source.place(9, 1);
        assert_eq!((place.line, place.column, place.len, place.text), (2, 5, 1, "twö x"));
        assert_eq!(source.place(0, 3).text, "one");
        assert_eq!(source.place(11, 5).line, 3);
    }

    #[test]
    fn a_span_over_several_lines_ends_with_its_first() {
        let source = source("a = [\n1,\n]");
        let place = source.place(4, 6);
        assert_eq!((place.line, place.column, place.len), (1, 5, 1));
    }

    #[test]
    fn positions_outside_the_text_or_inside_a_character_do_not_panic() {
        let source = source("ä\n");
        for offset in 0..6 {
            for len in 0..6 {
                let _ = source.place(offset, len);
            }
        }
        assert_eq!(source.place(usize::MAX, usize::MAX).line, 2);
    }
}
