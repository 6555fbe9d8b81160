//! Filters of other tools: import and export. `docs/gate.md` says what each language means.
//!
//! Text becomes one or more [`Gate`]s, each a stack of filters in the order in which they are
//! attached. A filter is kept as what its author's tool makes of it: a [`Meaning`]. Nothing is
//! guessed: what a language has and this cannot hold is an error, and what lies outside the text
//! (a directive that is no filter, a call of another architecture) is a [`Note`].
//!
//! No input or output here, but in [`observe`]: the caller reads files and passes a [`Loader`].

mod compare;
mod error;
mod firecracker;
mod libseccomp;
pub mod listing;
mod minijail;
mod oci;
mod policy;
mod raw;
mod recognise;
mod systemd;

pub mod call;
pub mod export;
pub mod gate;
pub mod observe;

use std::io;

use ringfence_bpf::filter::{Action, FilterSpec};
use ringfence_bpf::program::{Program, SeccompData};
use ringfence_bpf::{eval, rule};

pub use error::Error;
pub use oci::{Capabilities, Conditions, Kernel};
pub use policy::changed_keys;
pub use recognise::recognise;

use listing::Listing;

/// The most bytes that a text may have; no real profile has a tenth of it.
pub const MAX_BYTES: usize = 4 << 20;

/// A language of filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    /// OCI, Docker, Podman: JSON.
    Oci,
    /// Firecracker and seccompiler: JSON.
    Firecracker,
    /// systemd units.
    Systemd,
    /// minijail policies.
    Minijail,
    /// `struct sock_filter`, as bytes or as text.
    Bpf,
    /// A policy of ringfence.
    Ringfence,
}

/// What a text means.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The language that it was read as.
    pub language: Language,
    /// One, but for Firecracker, which has one for each kind of thread.
    pub gates: Vec<Gate>,
    /// What a reader should know.
    pub notes: Vec<Note>,
}

/// What one thread passes at the gate.
#[derive(Debug, Clone)]
pub struct Gate {
    /// Firecracker's name of the thread; empty where there is one gate only.
    pub name: String,
    /// The filters, the one attached first first. None: everything is allowed.
    pub stack: Vec<Filter>,
}

/// One filter.
#[derive(Debug, Clone)]
pub struct Filter {
    /// What asked for it: a directive, or empty.
    pub label: String,
    /// What it says.
    pub meaning: Meaning,
}

/// What a filter says, in the form nearest to its source.
#[derive(Debug, Clone)]
pub enum Meaning {
    /// Rules of ringfence.
    Spec(FilterSpec),
    /// Rules of another tool.
    Listing(Listing),
    /// A program.
    Program(Program),
}

/// Something about a text that its filters do not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Whether the text asks for more than was imported, so that no statement about what it permits
    /// is certain.
    pub incomplete: bool,
    /// In one line.
    pub text: String,
}

/// Reads a file that a text includes, at most [`MAX_BYTES`] of it.
pub type Loader<'a> = dyn Fn(&str) -> io::Result<Vec<u8>> + 'a;

/// How to read.
pub struct Options<'a> {
    /// What decides the conditions of OCI profiles.
    pub conditions: Conditions,
    /// Reads included files.
    pub loader: &'a Loader<'a>,
}

impl Language {
    /// All of them, with the words that name them.
    pub const ALL: [(Language, &'static str); 6] = [
        (Language::Oci, "oci"),
        (Language::Firecracker, "firecracker"),
        (Language::Systemd, "systemd"),
        (Language::Minijail, "minijail"),
        (Language::Bpf, "bpf"),
        (Language::Ringfence, "ringfence"),
    ];

    /// Its word.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(language, _)| *language == self).map_or("", |(_, name)| name)
    }
}

impl Note {
    fn new(text: impl Into<String>) -> Note {
        Note { incomplete: false, text: text.into() }
    }

    fn incomplete(text: impl Into<String>) -> Note {
        Note { incomplete: true, text: text.into() }
    }
}

impl Filter {
    fn listing(label: impl Into<String>, listing: Listing) -> Filter {
        Filter { label: label.into(), meaning: Meaning::Listing(listing) }
    }

    /// The answer to a call, and what in the text gave it, where that is known.
    #[must_use]
    pub fn answer(&self, data: &SeccompData) -> (Action, Option<&str>) {
        match &self.meaning {
            Meaning::Spec(spec) => (rule::meaning(spec, data), None),
            Meaning::Listing(listing) => listing.meaning(data),
            // What the kernel accepts always answers; `import` has checked that it does.
            Meaning::Program(program) => {
                (eval::action(program.insns(), data).unwrap_or(Action::KillProcess), None)
            }
        }
    }
}

/// Reads a text. `name` is for messages, and what included files are relative to.
///
/// # Errors
/// What is wrong, where, and what to do about it.
pub fn import(
    bytes: &[u8],
    name: &str,
    language: Language,
    options: &Options<'_>,
) -> Result<Imported, Error> {
    if bytes.len() > MAX_BYTES {
        let message = format!("larger than {} MiB: no profile is", MAX_BYTES >> 20);
        return Err(Error::new(message).at(name));
    }
    if bytes.is_empty() {
        return Err(Error::new("the file is empty").at(name));
    }
    let text = || {
        std::str::from_utf8(bytes).map_err(|error| {
            let message = format!("byte {} is not UTF-8 text", error.valid_up_to());
            Error::new(message).at(name).help(format!("is it really of the language {}?", language.name()))
        })
    };
    match language {
        Language::Oci => oci::import(text()?, name, &options.conditions),
        Language::Firecracker => firecracker::import(text()?, name),
        Language::Systemd => systemd::import(text()?, name),
        Language::Minijail => minijail::import(text()?, name, options.loader),
        Language::Bpf => raw::import(bytes, name),
        Language::Ringfence => policy::import(name, options.loader),
    }
}
