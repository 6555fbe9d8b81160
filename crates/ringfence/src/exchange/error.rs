//! What is wrong with a foreign text: where, and what to do.

use std::fmt;

/// Why something cannot be imported or exported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    /// What is wrong, without a full stop.
    pub message: String,
    /// Where: `FILE:3:14`, `FILE: syscalls[3].names[0]`; empty where no text is at fault.
    pub place: String,
    /// What to do.
    pub help: Option<String>,
}

impl Error {
    /// An error without a place.
    pub fn new(message: impl Into<String>) -> Error {
        Error { message: message.into(), place: String::new(), help: None }
    }

    /// With its place.
    #[must_use]
    pub fn at(self, place: impl Into<String>) -> Error {
        Error { place: place.into(), ..self }
    }

    /// With what to do.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Error {
        Error { help: Some(help.into()), ..self }
    }

    /// An unknown name, and the nearest known one.
    pub fn unknown<'a>(kind: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Error {
        let shown: String = name.chars().take(64).collect();
        let error = Error::new(format!("unknown {kind} `{shown}`"));
        match crate::policy::nearest::nearest(name, known) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => error,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}
