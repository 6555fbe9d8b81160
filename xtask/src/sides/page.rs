//! The page of a comparison.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Result;
use ringfence::verify::Part;
use serde_json::Value;

use super::Found;

/// Claims that are named for each sandbox.
const NAMED: usize = 12;

/// Numbers of held, broken and unverifiable claims.
type Counts = [usize; 3];

/// Parts of which anything is claimed here.
fn parts(all: &[Found]) -> Vec<&'static str> {
    let reports = || all.iter().filter_map(|found| found.report.as_ref().ok());
    let names = Part::ALL.into_iter().map(Part::name);
    names
        .filter(|part| reports().any(|report| findings(report).any(|finding| finding["part"] == *part)))
        .collect()
}

/// One line for a person who waits.
pub(super) fn line(report: &Result<Value, String>) -> String {
    match report {
        Ok(report) => {
            let [held, broken, unverifiable] = count(report, |_| true);
            format!("{held} held, {broken} broken, {unverifiable} unverifiable")
        }
        Err(why) => why.clone(),
    }
}

fn findings(report: &Value) -> impl Iterator<Item = &Value> {
    report["findings"].as_array().into_iter().flatten().filter(|finding| finding["claim"] != "none")
}

fn count(report: &Value, of: impl Fn(&Value) -> bool) -> Counts {
    ["held", "broken", "unverifiable"]
        .map(|word| findings(report).filter(|finding| of(finding) && finding["verdict"] == word).count())
}

pub(super) fn page(all: &[Found]) -> Result<String> {
    let mut text = String::from(
        "# Side by side\n\nOne policy, [side-by-side.toml](side-by-side.toml), as the statement of what should hold, and the same\n\
         claims attempted in each sandbox by `ringfence verify --via`. Made by `cargo xtask side-by-side`, as root;\n\
         do not edit. Each sandbox is started with those of its own options that come closest to the policy, and\n\
         some once more with the policy's own filter, which `ringfence export` writes for them.\n\n\
         What the numbers are **not**: a ranking. A sandbox that was not asked to filter system calls breaks every\n\
         claim about the gate, and that is what it was asked; a container shows its own files by design. *Held* is\n\
         only what was seen denied (or let through) and let through (or not) in the control; what could not be\n\
         compared is *unverifiable*, and never held.\n\nIn each cell: held / broken / unverifiable.\n\n",
    );
    let kernel = all.iter().find_map(|found| found.report.as_ref().ok()?["kernel"].as_str());
    let _ = writeln!(text, "Linux {}.\n", kernel.unwrap_or("unknown"));
    let parts = parts(all);
    let _ = writeln!(text, "| | {} | all |", parts.join(" | "));
    let _ = writeln!(text, "|---|{}--:|", "--:|".repeat(parts.len()));
    for found in all {
        row(found, &parts, &mut text);
    }
    for found in all {
        section(found, &parts, &mut text);
    }
    text += "\n## What the launchers above use\n\n`{self}` is ringfence's own path, which `verify` puts in. In `{place}`, \
             `cargo xtask side-by-side` makes: `bpf`, by\n`ringfence export --to bpf`; `oci`, the policy's calls by name (what it says of \
             arguments and of other ABIs\nhas no equal form there); podman's image, an empty tree; and `runc`, a script that puts the \
             prober's words\ninto the configuration of a bundle with a read-only root, masked paths, no capability, \
             no_new_privs and that\nfilter. `xtask/src/sides/list.rs` has all of it.\n";
    Ok(text)
}

fn row(found: &Found, parts: &[&str], text: &mut String) {
    let _ = write!(text, "| {} |", found.side.name);
    match absent(found) {
        Some(_) => {
            let _ = writeln!(text, "{} not here |", " |".repeat(parts.len()));
        }
        None => {
            let Ok(report) = &found.report else { return };
            let cell = |counts: Counts| counts.map(|count| count.to_string()).join(" / ");
            for part in parts {
                let _ = write!(text, " {} |", cell(count(report, |finding| finding["part"] == *part)));
            }
            let _ = writeln!(text, " {} |", cell(count(report, |_| true)));
        }
    }
}

/// Why nothing is known of a sandbox.
fn absent(found: &Found) -> Option<String> {
    match &found.report {
        Err(why) => Some(why.clone()),
        Ok(report) => {
            let [held, broken, _] = count(report, |_| true);
            let why = || findings(report).find_map(|finding| finding["why"].as_str().map(str::to_owned));
            (held + broken == 0).then(why).flatten()
        }
    }
}

fn section(found: &Found, parts: &[&str], text: &mut String) {
    let _ = writeln!(text, "\n## {}\n\n{}\n", found.side.name, found.version.trim());
    let launcher = plain(&found.side.launcher);
    let prober = found.side.prober.map(|path| format!(" --prober {path}")).unwrap_or_default();
    let _ = writeln!(
        text,
        "```sh\nringfence verify --via {}{prober} side-by-side.toml\n```\n",
        quoted(&launcher)
    );
    if let Some(why) = absent(found) {
        let _ = writeln!(text, "Nothing was verified: {}", code(&why));
        return;
    }
    let Ok(report) = &found.report else { return };
    let ms = report["summary"]["milliseconds"].as_u64().unwrap_or(0);
    let _ = writeln!(text, "{} attempts in {:.1} s.", report["summary"]["attempts"], ms as f64 / 1000.0);
    let mut broken: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for finding in findings(report).filter(|finding| finding["verdict"] == "broken") {
        broken.entry(finding["part"].as_str().unwrap_or_default()).or_default().push(finding);
    }
    if broken.is_empty() {
        let _ = writeln!(text, "Nothing is broken.");
        return;
    }
    let _ = writeln!(text, "\nBroken, the first of each part:\n");
    for part in parts {
        let Some(list) = broken.get(*part) else { continue };
        let _ = writeln!(text, "- {part} ({}): {}", list.len(), named(list));
    }
}

fn named(list: &[&Value]) -> String {
    let words = |finding: &Value| {
        let claim = finding["claim"].as_str().unwrap_or_default();
        // Where this machine has them says nothing to others.
        let operation = match finding["reason"].as_str() {
            Some("it is a mount of the host") => "see another mount of the host",
            _ => finding["operation"].as_str().unwrap_or_default(),
        };
        format!("{claim} {operation}")
    };
    let mut all: Vec<String> = list.iter().map(|finding| words(finding)).collect();
    all.dedup();
    // What has a name says more than a number of no call.
    all.sort_by_key(|words| words.contains(" #"));
    let more = all.len().saturating_sub(NAMED);
    let mut text = all.iter().take(NAMED).map(|words| code(words)).collect::<Vec<_>>().join(", ");
    if more > 0 {
        let _ = write!(text, " and {more} more");
    }
    text
}

/// Without paths of the machine that it was made on.
fn plain(launcher: &str) -> String {
    let words = launcher.split(' ').map(|word| match word.rsplit_once('/') {
        Some((_, name @ ("ringfence" | "side-by-side.toml")))
            if word.contains("/target/") || word.contains("/docs/") =>
        {
            name
        }
        _ => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

fn quoted(text: &str) -> String {
    if text.contains('\'') { format!("\"{text}\"") } else { format!("'{text}'") }
}

fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'"))
}
