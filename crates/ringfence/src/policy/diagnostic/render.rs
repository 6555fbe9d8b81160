//! Diagnostics for people: the line, a run of carets, and what to do. Text from a policy may come
//! from anyone, so what could command a terminal or reorder a line is shown as an escape.

use std::fmt::{Display, Formatter, Result, Write as _};

use super::{Diagnostic, Diagnostics};
use crate::policy::source::{Kind, Origin, Place};

/// The most characters of a line that are shown; around the carets, where it is longer.
const WIDTH: usize = 110;
/// The most characters of a user's word that a message repeats.
const WORD: usize = 64;

impl Display for Diagnostics {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for (index, diagnostic) in self.list.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            self.render(diagnostic, f)?;
        }
        if self.beyond > 0 {
            write!(f, "\n\n… and {} more", self.beyond)?;
        }
        Ok(())
    }
}

impl Diagnostics {
    fn render(&self, diagnostic: &Diagnostic, f: &mut Formatter<'_>) -> Result {
        write!(f, "error[{}]: {}", diagnostic.code, diagnostic.message)?;
        let digits = self.digits(diagnostic);
        if let Some(at) = diagnostic.at {
            self.excerpt(at, "-->", diagnostic.label.as_deref(), digits, f)?;
        }
        for (at, words) in &diagnostic.notes {
            self.excerpt(*at, ":::", Some(words), digits, f)?;
        }
        if let Some(help) = &diagnostic.help {
            let mut lines = help.lines();
            write!(f, "\n{:digits$} = help: {}", "", lines.next().unwrap_or_default())?;
            for line in lines {
                write!(f, "\n{:digits$}         {line}", "")?;
            }
        }
        Ok(())
    }

    /// The width of the column of line numbers.
    fn digits(&self, diagnostic: &Diagnostic) -> usize {
        let places = diagnostic.at.iter().chain(diagnostic.notes.iter().map(|(at, _)| at));
        let lines = places.filter_map(|at| self.place(*at)).map(|place| place.line);
        lines.max().map_or(1, |line| line.ilog10() as usize + 1)
    }

    fn excerpt(
        &self,
        at: Origin,
        arrow: &str,
        label: Option<&str>,
        digits: usize,
        f: &mut Formatter<'_>,
    ) -> Result {
        let Some(place) = self.place(at) else { return Ok(()) };
        let (text, before, carets) = window(&place);
        write!(f, "\n{:digits$}{arrow} {}", "", Visible(place.file))?;
        if matches!(place.kind, Kind::File | Kind::Builtin) {
            write!(f, ":{}:{}", place.line, place.column)?;
            write!(f, "\n{:digits$} |\n{:digits$} | {text}", "", place.line)?;
        } else {
            write!(f, "\n{:digits$} |\n{:digits$} | {text}", "", "")?;
        }
        write!(f, "\n{:digits$} | {:before$}{:^<carets$}", "", "", "")?;
        if let Some(label) = label {
            write!(f, " {label}")?;
        }
        Ok(())
    }
}

/// The part of a line to show, the number of columns before the carets, and the number of carets.
fn window(place: &Place<'_>) -> (String, usize, usize) {
    let caret = place.column - 1;
    let total = place.text.chars().count();
    let first = if total <= WIDTH { 0 } else { caret.saturating_sub(WIDTH / 3) };
    let (mut text, mut before, mut carets) = (String::new(), 0, 0);
    if first > 0 {
        text.push('…');
        before += 1;
    }
    for (index, character) in place.text.chars().enumerate().skip(first).take(WIDTH) {
        let start = text.len();
        push_visible(character, &mut text);
        let width = text[start..].chars().count();
        if index < caret {
            before += width;
        } else if index < caret + place.len {
            carets += width;
        }
    }
    if total > first + WIDTH {
        text.push('…');
    }
    (text, before, carets.max(1))
}

/// A name with what could command a terminal shown as escapes.
struct Visible<'a>(&'a str);

impl Display for Visible<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let mut shown = String::new();
        self.0.chars().for_each(|character| push_visible(character, &mut shown));
        f.write_str(&shown)
    }
}

fn push_visible(character: char, out: &mut String) {
    match character {
        '\t' => out.push(' '),
        // Controls; zero-width and bidirectional marks (Unicode technical report 36).
        c if c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(c, '\u{2060}'..='\u{2069}' | '\u{feff}') =>
        {
            let _ = write!(out, "{}", c.escape_unicode());
        }
        c => out.push(c),
    }
}

/// A user's word for use in a message: in backticks, shortened, harmless to a terminal.
pub fn quote(word: &str) -> String {
    let mut out = String::from("`");
    for (count, character) in word.chars().enumerate() {
        if count == WORD {
            out.push('…');
            break;
        }
        push_visible(character, &mut out);
    }
    out.push('`');
    out
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::policy::source::Source;

    fn origin(source: u16, offset: u32, len: u32) -> Origin {
        Origin { source, offset, len }
    }

    fn about(text: &'static str) -> Diagnostics {
        let file = Source { name: "box.toml".into(), kind: Kind::File, text: text.into() };
        let flags =
            Source { name: "command line".into(), kind: Kind::CommandLine, text: "--fs-read=x\n".into() };
        Diagnostics::new(vec![file, flags])
    }

    #[test]
    fn shows_line_carets_notes_and_help() {
        let mut diagnostics = about("version = 1\n[fs]\nraed = []\n");
        let first = Diagnostic::new("unknown-key", "unknown key `raed`").at(origin(0, 17, 4));
        diagnostics.push(first.label("did you mean `read`?").help("one\ntwo").note(origin(1, 10, 1), "here"));
        diagnostics.push(Diagnostic::new("nowhere", "something without a place").help("wait"));
        expect![[r#"
            error[unknown-key]: unknown key `raed`
             --> box.toml:3:1
              |
            3 | raed = []
              | ^^^^ did you mean `read`?
             ::: command line
              |
              | --fs-read=x
              |           ^ here
              = help: one
                      two

            error[nowhere]: something without a place
              = help: wait"#]]
        .assert_eq(&diagnostics.to_string());
    }

    #[test]
    fn a_terminal_sees_no_command_from_a_policy() {
        let mut diagnostics = about("a\u{1b}[2Jb\u{202e}c = 1");
        diagnostics.push(Diagnostic::new("x", quote("\u{1b}]0;pwned\u{7}")).at(origin(0, 1, 5)));
        let shown = diagnostics.to_string();
        assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
        assert!(!shown.contains('\u{202e}'));
    }

    #[test]
    fn a_megabyte_in_one_line_shows_only_what_is_near() {
        let mut text = "x".repeat(1 << 20);
        text.push_str("BAD");
        let mut diagnostics = about(String::leak(text));
        diagnostics.push(Diagnostic::new("x", "y").at(origin(0, 1 << 20, 3)));
        let shown = diagnostics.to_string();
        assert!(shown.len() < 1000 && shown.contains("BAD\n") && shown.contains("^^^"), "{shown}");
    }

    #[test]
    fn a_flood_is_counted_not_shown() {
        let mut diagnostics = about("");
        for _ in 0..LIMIT_PLUS_FIVE {
            diagnostics.push(Diagnostic::new("x", "y"));
        }
        assert_eq!(diagnostics.iter().count(), crate::policy::diagnostic::LIMIT);
        assert!(diagnostics.to_string().ends_with("… and 5 more"));
    }

    const LIMIT_PLUS_FIVE: usize = crate::policy::diagnostic::LIMIT + 5;
}
