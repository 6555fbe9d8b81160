//! `ringfence surface`: what a filter leaves reachable, and how accurate the tables are here.

use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::Command;

use ringfence::exchange::{self, Conditions, Gate, Imported, Language, Meaning, Options};
use ringfence::report::surface::{self as report, Accuracy, Subject};
use ringfence_bpf::accuracy::{Entries, Kernel, Manual, Page};
use ringfence_bpf::diagram::{Diagram, Space};
use ringfence_bpf::surface::{Surface, surface};
use ringfence_bpf::table::Abi;

use crate::check::Format;

/// What the command line asks for.
#[derive(Debug, PartialEq)]
pub(crate) struct Job {
    /// A file of any language, `builtin:NAME`, `pid:N` or `-`; none with `check_man` only.
    pub(crate) subjects: Vec<String>,
    /// The language, where the content is not to say.
    pub(crate) from: Option<String>,
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
/// this kernel's symbols cannot be read.
pub(crate) fn run(job: &Job) -> i32 {
    let mut shown = Vec::new();
    for name in &job.subjects {
        match look(name, job.from.as_deref()) {
            Ok(found) => shown.extend(found),
            Err(message) => return complain(&message, BAD),
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
    let _ = writeln!(io::stderr().lock(), "ringfence: {message}");
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

fn look(name: &str, from: Option<&str>) -> Result<Vec<Shown>, String> {
    let imported = read(name, from)?;
    let notes: Vec<String> = imported.notes.iter().map(|note| note.text.clone()).collect();
    let mut found = Vec::new();
    for gate in &imported.gates {
        let mut space = Space::default();
        let filter = diagram(&mut space, gate).map_err(|message| format!("{name}: {message}"))?;
        let surface = surface(&mut space, filter).map_err(|error| format!("{name}: {error}"))?;
        found.push(Shown { name: name.to_owned(), thread: gate.name.clone(), surface, notes: notes.clone() });
    }
    Ok(found)
}

fn read(name: &str, from: Option<&str>) -> Result<Imported, String> {
    let language = match from {
        None => None,
        Some(word) => {
            let known = Language::ALL.iter().find(|(_, other)| *other == word);
            Some(known.ok_or_else(|| format!("--from: no language `{word}`"))?.0)
        }
    };
    if let Some(pid) = name.strip_prefix("pid:") {
        let pid = pid.parse().map_err(|_| format!("`{name}`: a process is pid:NUMBER"))?;
        return exchange::observe::live(pid).map_err(|error| error.to_string());
    }
    let loader = |path: &str| bytes(path);
    let options = Options { conditions: Conditions::default(), loader: &loader };
    if name.starts_with("builtin:") {
        return exchange::import(b"builtin", name, Language::Ringfence, &options)
            .map_err(|error| error.to_string());
    }
    let content = bytes(name).map_err(|error| format!("{name}: {error}"))?;
    let language = match language {
        Some(language) => language,
        None => exchange::recognise(&content, name).map_err(|error| error.to_string())?,
    };
    exchange::import(&content, name, language, &options).map_err(|error| error.to_string())
}

/// A file, or standard input for `-`.
fn bytes(path: &str) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let most = exchange::MAX_BYTES as u64 + 1;
    if path == "-" {
        io::stdin().lock().take(most).read_to_end(&mut content)?;
    } else {
        std::fs::File::open(path)?.take(most).read_to_end(&mut content)?;
    }
    Ok(content)
}

fn diagram(space: &mut Space, gate: &Gate) -> Result<Diagram, String> {
    let mut filters = Vec::new();
    for filter in &gate.stack {
        let found = match &filter.meaning {
            Meaning::Spec(spec) => space.spec(spec),
            Meaning::Listing(listing) => {
                let program = listing.program().map_err(|error| error.to_string())?;
                space.program(&program)
            }
            Meaning::Program(program) => space.program(program),
        };
        filters.push(found.map_err(|error| error.to_string())?);
    }
    space.stack(&filters).map_err(|error| error.to_string())
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
