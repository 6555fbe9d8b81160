//! `ringfence surface`: what a filter leaves reachable, and how accurate the tables are here.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::Command;

use ringfence::exchange::gate::Failure;
use ringfence::report::surface::{self as report, Accuracy, Subject};
use ringfence_bpf::accuracy::{Entries, Kernel, Manual, Page};
use ringfence_bpf::diagram::Space;
use ringfence_bpf::surface::{Surface, surface};
use ringfence_bpf::table::Abi;

use crate::check::Format;
use crate::gate::{Reading, input};

/// What the command line asks for.
#[derive(Debug, PartialEq)]
pub(crate) struct Job {
    /// What [`input::read`] takes; none with `check_man` only.
    pub(crate) subjects: Vec<String>,
    /// How to read them.
    pub(crate) reading: Reading,
    /// Whether to compare the tables with this kernel and with syscalls(2).
    pub(crate) check_man: bool,
    /// Where the man pages are.
    pub(crate) man: String,
    /// How to print.
    pub(crate) format: Format,
}

/// The table agrees with the kernel.
const HOLDS: i32 = 0;
const DISAGREES: i32 = 1;
const BAD: i32 = 2;
const UNVERIFIABLE: i32 = 3;

/// Prints the answer. 0; 1 where a table and this kernel disagree; 2 for what cannot be read; 3 where
/// a filter is too complex, or this kernel's symbols cannot be read.
#[inline(never)]
pub(crate) fn run(job: &Job) -> i32 {
    let mut shown = Vec::new();
    for name in &job.subjects {
        match look(name, &job.reading) {
            Ok(found) => shown.extend(found),
            Err((message, status)) => return complain(&message, status),
        }
    }
    let checked = if job.check_man { Some(check(&job.man)) } else { None };
    let checked = match checked.transpose() {
        Ok(checked) => checked,
        Err(message) => return complain(&message, UNVERIFIABLE),
    };
    let subjects: Vec<Subject<'_>> = shown.iter().map(Shown::subject).collect();
    let unknown = checked.as_ref().map(|checked| checked.kernel.unknown()).unwrap_or_default();
    let accuracy = checked.as_ref().map(|checked| checked.accuracy(&unknown));
    let text = match job.format {
        Format::Json => report::json(&subjects, accuracy.as_ref()),
        Format::Human => {
            let parts = subjects.iter().map(report::human).chain(accuracy.as_ref().map(report::accuracy));
            parts.collect::<Vec<_>>().join("\n")
        }
    };
    // A reader that has seen enough is no error.
    let _ = io::stdout().lock().write_all(text.as_bytes());
    match &checked {
        Some(checked)
            if checked.entries.iter().any(|abi| !abi.absent.is_empty() || !abi.early.is_empty()) =>
        {
            DISAGREES
        }
        _ => HOLDS,
    }
}

fn complain(message: &str, status: i32) -> i32 {
    let _ = writeln!(io::stderr().lock(), "ringfence: error: {message}");
    status
}

/// One thread of a subject.
struct Shown {
    name: String,
    thread: String,
    surface: Surface,
    notes: Vec<String>,
}

impl Shown {
    fn subject(&self) -> Subject<'_> {
        Subject { name: &self.name, thread: &self.thread, surface: &self.surface, notes: &self.notes }
    }
}

fn look(name: &str, reading: &Reading) -> Result<Vec<Shown>, (String, i32)> {
    let imported = input::read(name, reading).map_err(|error| (error.to_string(), BAD))?;
    let notes: Vec<String> = imported.notes.iter().map(|note| note.text.clone()).collect();
    let mut found = Vec::new();
    for gate in &imported.gates {
        let mut space = Space::default();
        let surface = gate.diagram(&mut space).and_then(|filter| Ok(surface(&mut space, filter)?));
        let surface = surface.map_err(|failure| match failure {
            Failure::Bad(error) => (error.to_string(), BAD),
            Failure::Unverifiable(_) => (format!("{name}: {failure}"), UNVERIFIABLE),
        })?;
        found.push(Shown { name: name.to_owned(), thread: gate.name.clone(), surface, notes: notes.clone() });
    }
    Ok(found)
}

/// This kernel and the page, and the tables against them.
struct Checked {
    kernel: Kernel,
    entries: Vec<Entries>,
    page: Result<(usize, Page), String>,
}

impl Checked {
    fn accuracy<'a>(&'a self, unknown: &'a [&'a str]) -> Accuracy<'a> {
        Accuracy {
            release: self.kernel.release(),
            entries: &self.entries,
            unknown,
            page: self.page.as_ref().map(|(len, page)| (*len, page)).map_err(String::as_str),
        }
    }
}

fn check(man: &str) -> Result<Checked, String> {
    let read = |path: &str| std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
    let (symbols, release) = (read("/proc/kallsyms")?, read("/proc/sys/kernel/osrelease")?);
    let kernel = Kernel::new(&symbols, &release).map_err(|error| format!("/proc/kallsyms: {error}"))?;
    let entries = Abi::ALL.into_iter().filter_map(|abi| kernel.entries(abi)).collect();
    let page = manual(man).map(|manual| (manual.len(), manual.compare(&kernel)));
    Ok(Checked { kernel, entries, page })
}

fn manual(folder: &str) -> Result<Manual, String> {
    let plain = Path::new(folder).join("man2/syscalls.2");
    let packed = Path::new(folder).join("man2/syscalls.2.gz");
    let text = if plain.exists() {
        std::fs::read_to_string(&plain).map_err(|error| format!("{}: {error}", plain.display()))?
    } else if packed.exists() {
        let output = Command::new("gzip")
            .arg("-dc")
            .arg(&packed)
            .output()
            .map_err(|error| format!("gzip: {error}"))?;
        String::from_utf8_lossy(&output.stdout).into_owned()
    } else {
        let help = "install Debian's manpages-dev, or name the folder with --man";
        return Err(format!("no man2/syscalls.2 in {folder}; {help}"));
    };
    Manual::new(&text).map_err(|error| format!("{}: {error}", packed.display()))
}
