//! `ringfence import` and `ringfence export`: the same filter in another language, proven equal
//! before anything is written.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use ringfence::exchange::Error;
use ringfence::exchange::export::{self, Target};
use ringfence::exchange::gate::Failure;

use super::{HOLDS, Reading, UNVERIFIABLE, input, print, say};

pub(super) fn export(
    name: &str,
    (target, as_read): (Target, bool),
    output: Option<&str>,
    reading: &Reading,
) -> Result<i32, Failure> {
    let imported = input::read(name, reading)?;
    if let Some(note) = input::incomplete(&imported) {
        say(&format!("cannot be verified: {}", note.text));
        return Ok(UNVERIFIABLE);
    }
    let gate = input::single(name, &imported)?;
    let read = if as_read { Some(gate.as_read()?) } else { None };
    if as_read {
        say("note: --as-read: equal for every call whose arguments have no bits that the kernel drops");
    }
    let exported = export::export(read.as_ref().unwrap_or(gate), target)?;
    let texts = imported.notes.iter().map(|note| &note.text).chain(&exported.notes);
    for text in texts {
        say(&format!("note: {text}"));
    }
    match output {
        Some(path) => write(path, &exported.bytes)?,
        None => print(&exported.bytes),
    }
    Ok(HOLDS)
}

/// Writes a whole file or none: beside its place first, then in its place.
pub(super) fn write(path: &str, bytes: &[u8]) -> Result<(), Error> {
    let failed = |error: io::Error| Error::new(error.to_string()).at(path);
    if Path::new(path).is_dir() {
        return Err(Error::new("is a directory").at(path));
    }
    let beside = format!("{path}.{}.new", std::process::id());
    let mut file = File::create_new(&beside).map_err(failed)?;
    let written = file.write_all(bytes).and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| {
        // The first error is the one that matters.
        let _ = fs::remove_file(&beside);
        failed(error)
    })
}
