//! Words of minijail's policy language, each with its place.

use super::super::Error;

/// One word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind<'a>,
    /// Line from 1.
    pub(super) line: usize,
    /// Column in characters from 1.
    pub(super) column: usize,
}

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// `@include` and its like.
    Directive(&'a str),
    /// `./x`, `/x`.
    Path(&'a str),
    Number(&'a str),
    /// A name, an action, `return`, `in`, `arg0`.
    Word(&'a str),
    /// Punctuation and operators.
    Sign(&'a str),
}

/// Longer ones first.
const SIGNS: [&str; 22] = [
    "||", "&&", "==", "!=", "<=", ">=", "<", ">", "&", "|", "~", "(", ")", "{", "}", "[", "]", ":", ";", ",",
    "=", "!",
];

/// A statement: the words of one line, and of those that a `\` at the end joins to it.
pub(super) type Statement<'a> = Vec<Token<'a>>;

/// The statements of a file that have any word.
pub(super) fn statements<'a>(text: &'a str, name: &str) -> Result<Vec<Statement<'a>>, Error> {
    let mut statements = Vec::new();
    let mut tokens = Vec::new();
    for (line, text) in text.lines().enumerate() {
        words(text, line + 1, name, &mut tokens)?;
        if !text.ends_with('\\') && !tokens.is_empty() {
            statements.push(std::mem::take(&mut tokens));
        }
    }
    if !tokens.is_empty() {
        statements.push(tokens);
    }
    Ok(statements)
}

fn words<'a>(text: &'a str, line: usize, name: &str, tokens: &mut Vec<Token<'a>>) -> Result<(), Error> {
    let mut at = 0;
    loop {
        at += text[at..].len() - text[at..].trim_start().len();
        let rest = &text[at..];
        if rest.is_empty() || rest.starts_with('#') || rest == "\\" {
            return Ok(());
        }
        let column = text[..at].chars().count() + 1;
        let Some((kind, len)) = word(rest) else {
            let character = rest.chars().next().unwrap_or(' ');
            return Err(Error::new(format!("`{}` has no meaning here", character.escape_default()))
                .at(format!("{name}:{line}:{column}")));
        };
        tokens.push(Token { kind, line, column });
        at += len;
    }
}

fn word(rest: &str) -> Option<(Kind<'_>, usize)> {
    let span = |from: usize, part: fn(char) -> bool| {
        from + rest[from..].find(|c| !part(c)).unwrap_or(rest.len() - from)
    };
    let name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '@';
    if rest.starts_with('@') {
        let end = span(1, name);
        return Some((Kind::Directive(&rest[..end]), end));
    }
    if rest.starts_with("./") || rest.starts_with('/') {
        let end = span(0, |c| !c.is_whitespace());
        return Some((Kind::Path(&rest[..end]), end));
    }
    let digits = usize::from(rest.starts_with('-'));
    if rest[digits..].starts_with(|c: char| c.is_ascii_digit()) {
        let end = span(digits, |c| c.is_ascii_alphanumeric());
        return Some((Kind::Number(&rest[..end]), end));
    }
    if rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        let end = span(0, name);
        return Some((Kind::Word(&rest[..end]), end));
    }
    let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign))?;
    Some((Kind::Sign(&rest[..sign.len()]), sign.len()))
}
