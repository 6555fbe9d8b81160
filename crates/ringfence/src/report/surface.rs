//! What a filter leaves reachable, and how accurate the tables are, as text and as JSON.

use std::fmt::Write as _;

use ringfence_bpf::accuracy::{Entries, Page};
use ringfence_bpf::diagram::Count;
use ringfence_bpf::surface::{Conditions, Reach, Reachable, Surface};
use ringfence_bpf::table::{self, Prototype, Version};
use serde::Serialize;

/// Raised when a field changes its meaning or goes away.
const VERSION: u32 = 1;

/// How wide text may be.
const WIDTH: usize = 100;

/// What one thread leaves reachable.
pub struct Subject<'a> {
    /// What was asked about.
    pub name: &'a str,
    /// Which thread of it; empty where there is one only.
    pub thread: &'a str,
    /// The answer.
    pub surface: &'a Surface,
    /// What a reader should know.
    pub notes: &'a [String],
}

/// How accurate the tables are here.
pub struct Accuracy<'a> {
    /// The running kernel.
    pub release: Version,
    /// Each ABI that it has.
    pub entries: &'a [Entries],
    /// Its entry points that no table has.
    pub unknown: &'a [&'a str],
    /// The page, or why there is none.
    pub page: Result<(usize, &'a Page), &'a str>,
}

/// For people.
#[must_use]
pub fn human(subject: &Subject<'_>) -> String {
    let mut text = subject.name.to_owned();
    if !subject.thread.is_empty() {
        let _ = write!(text, ", thread {}", subject.thread);
    }
    text.push('\n');
    for note in subject.notes {
        let _ = writeln!(text, "  note: {note}");
    }
    for reach in &subject.surface.abis {
        one_abi(&mut text, reach);
    }
    let _ = writeln!(text, "inputs that may run: {} of 2^512", number(&subject.surface.inputs));
    text
}

fn one_abi(text: &mut String, reach: &Reach) {
    let (open, conditional) = (reach.open().count(), reach.conditional().count());
    let name = reach.abi.name();
    if reach.calls.is_empty() && reach.unknown.is_empty() {
        let _ = writeln!(text, "{name}: nothing");
        return;
    }
    let _ = writeln!(
        text,
        "{name}: {} of {} calls: {open} whatever their arguments, {conditional} under conditions",
        open + conditional,
        reach.of
    );
    wrap(text, reach.open().map(|call| call.prototype.name));
    for (call, conditions) in reach.conditional() {
        for line in lines(call, conditions) {
            let _ = writeln!(text, "  {line}");
        }
    }
    for (first, last) in &reach.unknown {
        let range =
            if first == last { format!("number {first}") } else { format!("numbers {first} to {last}") };
        let _ = writeln!(text, "  {range}, which no table has");
    }
}

/// The conditions of a call, one alternative a line, and how much of its arguments they are.
fn lines(call: &Reachable, conditions: &Conditions) -> Vec<String> {
    let share = format!("2^{:.1} of 2^448", conditions.inputs.log2());
    let name = call.prototype.name;
    let mut lines: Vec<String> = match (&conditions.rules, &conditions.cubes) {
        (Some(rules), _) => rules.clone(),
        (None, Some(cubes)) => cubes.iter().map(|cube| format!("{name} where {cube}")).collect(),
        (None, None) => vec![format!("{name} under too many conditions to list")],
    };
    if let Some(last) = lines.last_mut() {
        let _ = write!(last, "   ({share})");
    }
    lines
}

fn wrap<'a>(text: &mut String, words: impl Iterator<Item = &'a str>) {
    let mut line = String::new();
    for word in words {
        if !line.is_empty() && line.len() + word.len() > WIDTH {
            let _ = writeln!(text, "{line}");
            line.clear();
        }
        line += if line.is_empty() { "  " } else { " " };
        line += word;
    }
    if !line.is_empty() {
        let _ = writeln!(text, "{line}");
    }
}

/// A count as a power of two.
fn number(count: &Count) -> String {
    if count.is_zero() { "none".to_owned() } else { format!("2^{:.2}", count.log2()) }
}

/// For people: the tables against this kernel and the page.
#[must_use]
pub fn accuracy(accuracy: &Accuracy<'_>) -> String {
    let mut text = format!(
        "table: Linux {}; this kernel: {}, by its symbols (/proc/kallsyms)\n",
        table::KERNEL,
        accuracy.release
    );
    for entries in accuracy.entries {
        let of = entries.agree + entries.absent.len() + entries.early.len();
        let _ =
            writeln!(text, "{}: the table agrees for {} of {of} calls", entries.abi.name(), entries.agree);
        let names = |list: &[&'static Prototype]| list.iter().map(|call| call.name).collect::<Vec<_>>();
        list(&mut text, "left out of this build, ENOSYS", &names(&entries.left_out));
        list(&mut text, "newer than this kernel, ENOSYS", &names(&entries.newer));
        list(&mut text, "missing, though not newer", &names(&entries.absent));
        list(&mut text, "there, though newer", &names(&entries.early));
    }
    list(&mut text, "entry points that no table has", accuracy.unknown);
    match accuracy.page {
        Ok((len, page)) => {
            let of = page.named + page.unnamed.len();
            let _ = writeln!(
                text,
                "syscalls(2), {len} calls: names {} of the {of} calls that this kernel has on x86_64",
                page.named
            );
            list(&mut text, "not named", &page.unnamed);
            list(&mut text, "named without remark, and not in this kernel", &page.without_code);
            let versions: Vec<String> = page
                .versions
                .iter()
                .map(|(name, page, table)| format!("{name} {page} (table: {table})"))
                .collect();
            list(&mut text, "another version", &versions.iter().map(String::as_str).collect::<Vec<_>>());
        }
        Err(why) => {
            let _ = writeln!(text, "syscalls(2): not compared: {why}");
        }
    }
    text
}

fn list(text: &mut String, what: &str, names: &[&str]) {
    if !names.is_empty() {
        let _ = writeln!(text, "  {what} ({}):", names.len());
        wrap(text, names.iter().copied());
    }
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    kind: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subjects: Vec<One<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accuracy: Option<Tables<'a>>,
}

#[derive(Serialize)]
struct One<'a> {
    name: &'a str,
    thread: &'a str,
    notes: &'a [String],
    inputs_log2: Option<f64>,
    abis: Vec<AbiReach>,
}

#[derive(Serialize)]
struct AbiReach {
    abi: &'static str,
    of: usize,
    open: Vec<&'static str>,
    conditional: Vec<Conditional>,
    unknown_numbers: Vec<(u32, u32)>,
}

#[derive(Serialize)]
struct Conditional {
    call: &'static str,
    rules: Option<Vec<String>>,
    conditions: Option<Vec<String>>,
    inputs_log2: f64,
}

#[derive(Serialize)]
struct Tables<'a> {
    table: &'static str,
    kernel: String,
    abis: Vec<TableAbi>,
    unknown_entry_points: &'a [&'a str],
    page: Option<PageReport<'a>>,
    page_missing: Option<&'a str>,
}

#[derive(Serialize)]
struct TableAbi {
    abi: &'static str,
    agree: usize,
    left_out: Vec<&'static str>,
    newer: Vec<&'static str>,
    absent: Vec<&'static str>,
    early: Vec<&'static str>,
}

#[derive(Serialize)]
struct PageReport<'a> {
    calls: usize,
    named: usize,
    unnamed: &'a [&'static str],
    without_code: &'a [&'static str],
    versions: Vec<(&'static str, String, String)>,
}

/// For programs: one document, indented, with a final newline.
#[must_use]
pub fn json(subjects: &[Subject<'_>], accuracy: Option<&Accuracy<'_>>) -> String {
    let document = Document {
        version: VERSION,
        kind: "ringfence.surface",
        subjects: subjects.iter().map(one).collect(),
        accuracy: accuracy.map(tables),
    };
    // Nothing in the document can fail to serialise: strings, numbers and lists of them.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

fn one<'a>(subject: &Subject<'a>) -> One<'a> {
    let inputs = &subject.surface.inputs;
    One {
        name: subject.name,
        thread: subject.thread,
        notes: subject.notes,
        inputs_log2: (!inputs.is_zero()).then(|| inputs.log2()),
        abis: subject.surface.abis.iter().map(abi).collect(),
    }
}

fn abi(reach: &Reach) -> AbiReach {
    let conditional = |(call, conditions): (&Reachable, &Conditions)| Conditional {
        call: call.prototype.name,
        rules: conditions.rules.clone(),
        conditions: conditions.cubes.as_ref().map(|cubes| cubes.iter().map(ToString::to_string).collect()),
        inputs_log2: conditions.inputs.log2(),
    };
    AbiReach {
        abi: reach.abi.name(),
        of: reach.of,
        open: reach.open().map(|call| call.prototype.name).collect(),
        conditional: reach.conditional().map(conditional).collect(),
        unknown_numbers: reach.unknown.clone(),
    }
}

fn tables<'a>(accuracy: &Accuracy<'a>) -> Tables<'a> {
    let names = |list: &[&'static Prototype]| list.iter().map(|call| call.name).collect();
    let abi = |entries: &Entries| TableAbi {
        abi: entries.abi.name(),
        agree: entries.agree,
        left_out: names(&entries.left_out),
        newer: names(&entries.newer),
        absent: names(&entries.absent),
        early: names(&entries.early),
    };
    let page = accuracy.page.as_ref().ok().map(|(calls, page)| PageReport {
        calls: *calls,
        named: page.named,
        unnamed: &page.unnamed,
        without_code: &page.without_code,
        versions: page.versions.iter().map(|(name, a, b)| (*name, a.to_string(), b.to_string())).collect(),
    });
    Tables {
        table: table::KERNEL,
        kernel: accuracy.release.to_string(),
        abis: accuracy.entries.iter().map(abi).collect(),
        unknown_entry_points: accuracy.unknown,
        page,
        page_missing: accuracy.page.err(),
    }
}
