//! What an argument names: a file of any language, `FILE#GATE`, `builtin:NAME`, `pid:N`, or `-`.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use ringfence::exchange::{self, Error, Gate, Imported, Language, MAX_BYTES, Note, Options};

use super::Reading;

/// Reads what an argument names.
pub(crate) fn read(name: &str, reading: &Reading) -> Result<Imported, Error> {
    if let Some(pid) = name.strip_prefix("pid:") {
        let pid = pid.parse().ok().filter(|pid| *pid > 0);
        let wrong = || Error::new("no process id").at(name).help("write pid: and a number, as in pid:1");
        return exchange::observe::live(pid.ok_or_else(wrong)?);
    }
    let (file, gate) = match name.rsplit_once('#') {
        Some((file, gate)) if !Path::new(name).exists() => (file, Some(gate)),
        _ => (name, None),
    };
    let loader = |path: &str| load(path, reading);
    let options = Options { conditions: reading.conditions.clone(), loader: &loader };
    let mut imported = if file.starts_with("builtin:") {
        exchange::import(b"builtin", file, Language::Ringfence, &options)?
    } else {
        let bytes = bytes(file).map_err(|error| Error::new(error.to_string()).at(file))?;
        let language = match reading.language {
            Some(language) => language,
            None => exchange::recognise(&bytes, file)?,
        };
        if language == Language::Ringfence && file == "-" {
            return Err(Error::new("a policy of ringfence is read from a file, not from standard input"));
        }
        exchange::import(&bytes, file, language, &options)?
    };
    if let Some(gate) = gate {
        let names: Vec<String> = imported.gates.iter().map(|gate| gate.name.clone()).collect();
        imported.gates.retain(|one| one.name == gate);
        if imported.gates.is_empty() {
            return Err(Error::new(format!("no gate `{gate}`"))
                .at(file)
                .help(format!("it has {}", names.join(", "))));
        }
    }
    Ok(imported)
}

/// The one gate of an input.
pub(super) fn single<'a>(name: &str, imported: &'a Imported) -> Result<&'a Gate, Error> {
    match imported.gates.as_slice() {
        [gate] => Ok(gate),
        gates => {
            let names: Vec<String> = gates.iter().map(|gate| format!("{name}#{}", gate.name)).collect();
            Err(Error::new(format!("{} gates in one file", gates.len()))
                .at(name)
                .help(format!("name one of {}", names.join(", "))))
        }
    }
}

/// What makes every statement about an input uncertain.
pub(super) fn incomplete(imported: &Imported) -> Option<&Note> {
    imported.notes.iter().find(|note| note.incomplete)
}

/// A file, or standard input; one byte more than what is accepted at the most.
fn bytes(name: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = MAX_BYTES as u64 + 1;
    if name == "-" {
        io::stdin().lock().take(most).read_to_end(&mut bytes)?;
    } else {
        File::open(name)?.take(most).read_to_end(&mut bytes)?;
    }
    if bytes.len() > MAX_BYTES {
        return Err(io::Error::other(format!("larger than {} MiB: no profile is", MAX_BYTES >> 20)));
    }
    Ok(bytes)
}

/// An included file, or one of its name in a directory of `--include`.
pub(super) fn load(path: &str, reading: &Reading) -> io::Result<Vec<u8>> {
    let error = match bytes(path) {
        Ok(bytes) => return Ok(bytes),
        Err(error) => error,
    };
    let name = Path::new(path).file_name().unwrap_or_default();
    let found = reading
        .directories
        .iter()
        .map(|directory| Path::new(directory).join(name))
        .find(|path| path.exists());
    match found.as_deref().and_then(Path::to_str) {
        Some(path) if error.kind() == io::ErrorKind::NotFound => bytes(path),
        _ => Err(error),
    }
}
