//! One HTML file that needs no other: what was found, the gravest first. No script, and nothing is
//! fetched.

use std::fmt::Write as _;

use super::xml::escaped;
use super::{claim_word, claims, holding, verdict_name, why};
use crate::verify::baseline::{Change, Weight};
use crate::verify::{Finding, Intent, Part, Report};

const STYLE: &str = "\
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1c1c1c;background:#fff}\
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .8rem;text-align:left;border-bottom:1px solid #ddd;vertical-align:top}\
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}code{font:13px ui-monospace,monospace;overflow-wrap:anywhere}\
.held{color:#17692f}.broken{color:#b3160e;font-weight:600}.unverifiable{color:#8a5a00}.reachable{color:#8a5a00}\
summary{cursor:pointer;font-weight:600;margin:.8rem 0}small{color:#555}\
@media(prefers-color-scheme:dark){body{color:#e4e4e4;background:#161616}td,th{border-color:#3a3a3a}small{color:#aaa}\
.held{color:#6fcf8a}.broken{color:#ff7b72}.unverifiable,.reachable{color:#e3b341}}";

/// The report as one document. `held` is listed part by part, folded.
#[must_use]
pub fn html(report: &Report, kernel: &str, changes: Option<&[Change]>) -> String {
    let mut text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>ringfence verify</title><style>{STYLE}</style></head>\n<body>\n<h1>ringfence verify</h1>\n"
    );
    let _ = writeln!(
        text,
        "<p>Linux {}; {} attempts in {} ms.</p>",
        escaped(kernel),
        report.attempts(),
        report.milliseconds
    );
    table(report, &mut text);
    if let Some(changes) = changes {
        since(changes, &mut text);
    }
    for word in ["broken", "unverifiable"] {
        section(report, word, &mut text);
    }
    told(report, &mut text);
    for part in Part::ALL {
        let held: Vec<_> = claims(report).filter(|f| f.part == part && verdict_name(f) == "held").collect();
        if !held.is_empty() {
            let _ = writeln!(text, "<details><summary>held: {} ({})</summary>", part.name(), held.len());
            rows(held.into_iter(), &mut text);
            text += "</details>\n";
        }
    }
    if !report.notes.is_empty() {
        text += "<h2>Not covered</h2>\n<ul>\n";
        for note in &report.notes {
            let _ = writeln!(text, "<li>{}</li>", escaped(note));
        }
        text += "</ul>\n";
    }
    text + "</body>\n</html>\n"
}

fn table(report: &Report, text: &mut String) {
    const WORDS: [&str; 3] = ["held", "broken", "unverifiable"];
    *text += "<table>\n<tr><th></th>";
    for word in WORDS {
        let _ = write!(text, "<th class=\"n\">{word}</th>");
    }
    *text += "</tr>\n";
    let mut row = |name: &str, of: &dyn Fn(&Finding) -> bool| {
        let counts = WORDS.map(|word| claims(report).filter(|f| of(f) && verdict_name(f) == word).count());
        if counts == [0; 3] {
            return;
        }
        let _ = write!(text, "<tr><th>{name}</th>");
        for (word, count) in WORDS.into_iter().zip(counts) {
            let class = if count > 0 { word } else { "" };
            let _ = write!(text, "<td class=\"n {class}\">{count}</td>");
        }
        *text += "</tr>\n";
    };
    for part in Part::ALL {
        row(part.name(), &|finding| finding.part == part);
    }
    row("all", &|_| true);
    *text += "</table>\n";
}

fn since(changes: &[Change], text: &mut String) {
    *text += "<h2>Since the baseline</h2>\n<ul>\n";
    if changes.is_empty() {
        *text += "<li>nothing has changed</li>\n";
    }
    let mut sorted: Vec<_> = changes.iter().collect();
    sorted.sort_by_key(|change| std::cmp::Reverse(change.weight()));
    for change in sorted {
        let class = match change.weight() {
            Weight::Regression => "broken",
            Weight::Unknown => "unverifiable",
            Weight::Note => "",
        };
        let _ = writeln!(text, "<li class=\"{class}\">{}</li>", escaped(&change.words()));
    }
    *text += "</ul>\n";
}

fn section(report: &Report, word: &str, text: &mut String) {
    let found: Vec<_> = claims(report).filter(|finding| verdict_name(finding) == word).collect();
    if !found.is_empty() {
        let _ = writeln!(text, "<h2 class=\"{word}\">{word} ({})</h2>", found.len());
        rows(found.into_iter(), text);
    }
}

fn told(report: &Report, text: &mut String) {
    let told: Vec<_> = report.findings.iter().filter(|finding| finding.intent == Intent::Tell).collect();
    if !told.is_empty() {
        let reachable = told.iter().filter(|finding| verdict_name(finding) == "reachable").count();
        let _ = writeln!(
            text,
            "<details><summary>for information: {} operations, {reachable} reachable</summary>",
            told.len()
        );
        rows(told.into_iter(), text);
        *text += "</details>\n";
    }
}

fn rows<'f>(findings: impl Iterator<Item = &'f Finding>, text: &mut String) {
    *text += "<table>\n";
    for finding in findings {
        let word = verdict_name(finding);
        let _ = write!(
            text,
            "<tr><td class=\"{word}\">{word}</td><td><code>{} {}</code>",
            claim_word(finding.intent),
            escaped(&finding.operation)
        );
        if let Some(why) = why(finding) {
            let _ = write!(text, "<br>{}", escaped(why));
        }
        let place =
            finding.place.as_deref().map(|place| format!(" [{}]", escaped(place))).unwrap_or_default();
        let _ = write!(text, "<br><small>{}; {}{place}", escaped(&finding.reason), escaped(&finding.route));
        if finding.holding.is_some() {
            let _ = write!(text, "; {}", escaped(&holding(finding)));
        }
        if !finding.references.is_empty() {
            let _ = write!(text, "; {}", escaped(&finding.references.join(", ")));
        }
        *text += "</small></td></tr>\n";
    }
    *text += "</table>\n";
}
