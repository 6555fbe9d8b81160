//! Single values: from the text that a file or a flag gives to a validated value, or a fault that
//! says which part of the text is wrong. Files and flags share these, so they cannot disagree.

pub(crate) mod amount;
pub(crate) mod credential;
pub(crate) mod gate;
pub(crate) mod name;
pub(crate) mod path;
pub(crate) mod port;
pub(crate) mod word;

use std::ops::Range;

use super::diagnostic::quote;

/// What is wrong with a value, and where in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The diagnostic's stable id.
    pub(crate) code: &'static str,
    /// Bytes of the value's text.
    pub(crate) range: Range<usize>,
    /// What is wrong.
    pub(crate) message: String,
    /// What stands beside the caret.
    pub(crate) label: Option<String>,
    /// What to do.
    pub(crate) help: Option<String>,
}

impl Fault {
    /// A value of the right type that cannot be: the whole text is at fault.
    pub(crate) fn value(text: &str, message: impl Into<String>, help: impl Into<String>) -> Fault {
        let (message, help) = (message.into(), Some(help.into()));
        Fault { code: "bad-value", range: 0..text.len(), message, label: None, help }
    }

    /// A name that is not in a closed list; the nearest known one stands beside the caret.
    pub(crate) fn name<'a>(
        text: &str,
        what: &str,
        known: impl IntoIterator<Item = &'a str>,
        help: impl Into<String>,
    ) -> Fault {
        let label = super::nearest::nearest(text, known).map(|name| format!("did you mean `{name}`?"));
        let message = format!("unknown {what} {}", quote(text));
        Fault { code: "unknown-name", range: 0..text.len(), message, label, help: Some(help.into()) }
    }

    /// Only these bytes of the text are at fault.
    pub(crate) fn within(self, range: Range<usize>) -> Fault {
        Fault { range, ..self }
    }

    /// The fault of a part that begins at byte `by` of the whole.
    pub(crate) fn moved(self, by: usize) -> Fault {
        Fault { range: self.range.start + by..self.range.end + by, ..self }
    }
}

/// `true` or `false`.
pub(crate) fn boolean(text: &str) -> Result<bool, Fault> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Fault::value(text, format!("{} is not a boolean", quote(text)), "write true or false")),
    }
}

/// Text that is kept as it is.
pub(crate) fn text(text: &str) -> Result<String, Fault> {
    no_nul(text)?;
    if text.is_empty() {
        return Err(Fault::value(text, "the text is empty", "write something, or leave the key out"));
    }
    Ok(text.to_owned())
}

/// The kernel ends every string at a NUL.
pub(crate) fn no_nul(text: &str) -> Result<(), Fault> {
    match text.find('\0') {
        None => Ok(()),
        Some(at) => {
            let help = "the kernel would end the text there; take it out";
            Err(Fault::value(text, "the text has a NUL byte in it", help).within(at..at + 1))
        }
    }
}
