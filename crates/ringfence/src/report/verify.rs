//! What was verified: for people, a table with what needs attention in full; for programs, JSON.

mod html;
mod junit;
mod matrix;
mod sarif;
mod tap;
mod xml;

use std::fmt::Write as _;

use serde::Serialize;

use crate::host::asked::Hook;
use crate::verify::baseline::{Change, Weight};
use crate::verify::{Finding, Intent, Part, Report, Verdict};

pub use html::html;
pub use junit::junit;
pub use sarif::sarif;
pub use tap::tap;

/// Raised when a field or an id changes its meaning or goes away.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'r> {
    version: u32,
    kind: &'static str,
    kernel: &'r str,
    summary: Summary,
    notes: &'r [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<Difference>>,
    findings: Vec<Entry<'r>>,
}

#[derive(Serialize)]
struct Difference {
    weight: &'static str,
    kind: &'static str,
    id: String,
    text: String,
}

#[derive(Serialize)]
struct Summary {
    held: usize,
    broken: usize,
    unverifiable: usize,
    reachable: usize,
    attempts: usize,
    milliseconds: u64,
}

#[derive(Serialize)]
struct Entry<'r> {
    id: &'r str,
    part: &'static str,
    claim: &'static str,
    operation: &'r str,
    route: &'r str,
    verdict: &'static str,
    why: Option<&'r str>,
    /// What the attempt inside came to.
    seen: Option<&'r str>,
    policy: Option<&'r str>,
    reason: &'r str,
    references: &'r [String],
    depth: Option<usize>,
    controls: Option<Vec<String>>,
    /// The LSMs that are asked of it, where it gets that far; the first that denies answers.
    asked: Vec<&'r str>,
    attempts: usize,
}

/// The report as one JSON document, indented, with a final newline.
#[must_use]
pub fn json(report: &Report, kernel: &str, changes: Option<&[Change]>) -> String {
    let document = Document {
        version: VERSION,
        kind: "ringfence.verify",
        kernel,
        summary: summary(report),
        notes: &report.notes,
        changes: changes.map(|changes| changes.iter().map(difference).collect()),
        findings: report.findings.iter().map(|finding| entry(finding, &report.lsms)).collect(),
    };
    // Nothing in the document can fail to serialise: strings, numbers and lists of them.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

fn difference(change: &Change) -> Difference {
    let weight = match change.weight() {
        Weight::Regression => "regression",
        Weight::Unknown => "unknown",
        Weight::Note => "note",
    };
    Difference { weight, kind: change.kind(), id: change.id().to_owned(), text: change.words() }
}

/// What has changed since a baseline, the gravest first.
#[must_use]
pub fn changes(changes: &[Change]) -> String {
    let mut text = String::from("\nsince the baseline\n");
    if changes.is_empty() {
        text += "  nothing has changed\n";
    }
    let mut sorted: Vec<_> = changes.iter().collect();
    sorted.sort_by_key(|change| std::cmp::Reverse(change.weight()));
    for change in sorted {
        let _ = writeln!(text, "  {}", change.words());
    }
    text
}

/// The report as text: a line a part, then everything that is not held.
#[must_use]
pub fn human(report: &Report, all: bool) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{:<12}{:>7}{:>8}{:>14}{:>10}", "", "held", "broken", "unverifiable", "attempts");
    for part in Part::ALL {
        let of_part = || report.findings.iter().filter(move |finding| finding.part == part);
        if part == Part::KnownBug || of_part().next().is_none() {
            continue;
        }
        let count = |word| of_part().filter(|finding| verdict_name(finding) == word).count();
        let attempts: usize = of_part().map(|finding| finding.attempts).sum();
        let [held, broken, unverifiable] = ["held", "broken", "unverifiable"].map(count);
        let _ = writeln!(text, "{:<12}{held:>7}{broken:>8}{unverifiable:>14}{attempts:>10}", part.name());
    }
    let sum = summary(report);
    let _ = writeln!(
        text,
        "{:<12}{:>7}{:>8}{:>14}{:>10}   {} ms",
        "all", sum.held, sum.broken, sum.unverifiable, sum.attempts, sum.milliseconds
    );
    sections(report, all, &mut text);
    text
}

fn sections(report: &Report, all: bool, text: &mut String) {
    let titles = [("broken", "broken"), ("unverifiable", "unverifiable"), ("held", "held")];
    for (word, title) in titles {
        let found: Vec<_> = claims(report).filter(|finding| verdict_name(finding) == word).collect();
        if found.is_empty() || word == "held" && !all {
            continue;
        }
        let _ = writeln!(text, "\n{title}");
        for finding in together(found, all || word != "unverifiable", text) {
            line(finding, text);
        }
    }
    let single: Vec<_> = claims(report)
        .filter(|finding| finding.holding.as_ref().is_some_and(|held| held.len() == 1))
        .collect();
    if !single.is_empty() && claims(report).any(|f| f.part != Part::Gate && f.holding.is_some()) {
        let _ = writeln!(text, "\nheld by one control alone");
        for finding in single.into_iter().filter(|finding| finding.part != Part::Gate) {
            let _ = writeln!(text, "  {}: {}", finding.id, holding(finding));
        }
    }
    text.push_str(&matrix::matrix(report));
    asked(&report.lsms, text);
    known_bugs(report, text);
    if !report.notes.is_empty() {
        let _ = writeln!(text, "\nnot covered");
        for note in &report.notes {
            let _ = writeln!(text, "  {note}");
        }
    }
}

/// What is to be shown one by one. Where many claims have the same reason, as where a launcher starts
/// nothing, that is said once.
fn together<'f>(found: Vec<&'f Finding>, each: bool, text: &mut String) -> Vec<&'f Finding> {
    /// So many are shown one by one.
    const FEW: usize = 5;
    if each {
        return found;
    }
    let mut reasons: Vec<(&str, Vec<&Finding>)> = Vec::new();
    for finding in found {
        let why = why(finding).unwrap_or_default();
        match reasons.iter_mut().find(|(known, _)| *known == why) {
            Some((_, list)) => list.push(finding),
            None => reasons.push((why, vec![finding])),
        }
    }
    let mut single = Vec::new();
    for (why, list) in reasons {
        if list.len() <= FEW {
            single.extend(list);
            continue;
        }
        let mut parts: Vec<&str> = list.iter().map(|finding| finding.part.name()).collect();
        parts.dedup();
        let _ = writeln!(text, "  {} claims ({}; --all shows each)\n    {why}", list.len(), parts.join(", "));
    }
    single
}

/// Of several LSMs that deny, the first one's answer is what a program sees.
fn asked(lsms: &[String], text: &mut String) {
    if lsms.is_empty() {
        return;
    }
    let _ = writeln!(text, "\nLSMs, in the order in which this kernel asks them");
    for hook in Hook::ALL {
        let asked = hook.asked(lsms);
        let words = if asked.is_empty() { "none".to_owned() } else { asked.join(", ") };
        let _ = writeln!(text, "  {:<13} {words}", hook.name());
    }
}

fn claims(report: &Report) -> impl Iterator<Item = &Finding> {
    report.findings.iter().filter(|finding| finding.intent != Intent::Tell)
}

fn line(finding: &Finding, text: &mut String) {
    let _ = writeln!(text, "  {} {}", claim_word(finding.intent), finding.operation);
    if let Some(why) = why(finding) {
        let _ = writeln!(text, "    {why}");
    }
    let place = finding.place.as_deref().map(|place| format!("  [{place}]")).unwrap_or_default();
    let seen = finding.seen.as_deref().filter(|_| finding.verdict == Verdict::Held);
    let seen = seen.map(|seen| format!("; seen: {seen}")).unwrap_or_default();
    let _ = writeln!(text, "    {}; {}{seen}{place}", finding.reason, finding.route);
    if finding.holding.is_some() {
        let _ = writeln!(text, "    {}", holding(finding));
    }
}

fn holding(finding: &Finding) -> String {
    let names = finding.holding.iter().flatten().map(|control| control.name().to_owned());
    let names: Vec<String> = names.collect();
    format!(
        "depth {}: {}",
        names.len(),
        if names.is_empty() { "none alone".into() } else { names.join(", ") }
    )
}

fn known_bugs(report: &Report, text: &mut String) {
    let told: Vec<_> = report.findings.iter().filter(|finding| finding.part == Part::KnownBug).collect();
    if told.is_empty() {
        return;
    }
    let with = |word| told.iter().filter(|finding| verdict_name(finding) == word).count();
    let _ = writeln!(
        text,
        "\nknown bugs: the operation that each needs is denied for {}, reachable for {}, unknown for {}",
        with("held"),
        with("reachable"),
        with("unverifiable")
    );
    for finding in told.iter().filter(|finding| finding.holding.is_some()) {
        let _ = writeln!(text, "  {:<16}{}", finding.references.join(" "), holding(finding));
    }
    for finding in told.iter().filter(|finding| verdict_name(finding) == "reachable") {
        let _ = writeln!(
            text,
            "  reachable  {}  {} ({})",
            finding.references.join(" "),
            finding.operation,
            finding.reason
        );
    }
}

fn summary(report: &Report) -> Summary {
    let count = |word| claims(report).filter(|finding| verdict_name(finding) == word).count();
    Summary {
        held: count("held"),
        broken: count("broken"),
        unverifiable: count("unverifiable"),
        reachable: report.findings.iter().filter(|finding| verdict_name(finding) == "reachable").count(),
        attempts: report.attempts(),
        milliseconds: report.milliseconds,
    }
}

fn entry<'r>(finding: &'r Finding, lsms: &'r [String]) -> Entry<'r> {
    Entry {
        id: &finding.id,
        part: finding.part.name(),
        claim: if finding.intent == Intent::Tell { "none" } else { claim_word(finding.intent) },
        operation: &finding.operation,
        route: &finding.route,
        verdict: verdict_name(finding),
        why: why(finding),
        seen: finding.seen.as_deref(),
        policy: finding.place.as_deref(),
        reason: &finding.reason,
        references: &finding.references,
        depth: finding.holding.as_ref().map(Vec::len),
        controls: finding
            .holding
            .as_ref()
            .map(|list| list.iter().map(|control| control.name().to_owned()).collect()),
        asked: finding.hook().map(|hook| hook.asked(lsms)).unwrap_or_default(),
        attempts: finding.attempts,
    }
}

const fn claim_word(intent: Intent) -> &'static str {
    match intent {
        Intent::Deny => "deny",
        Intent::Allow => "allow",
        Intent::Tell => "tell",
    }
}

fn verdict_name(finding: &Finding) -> &'static str {
    match (&finding.verdict, finding.intent) {
        (Verdict::Held, _) => "held",
        (Verdict::Broken(_), _) => "broken",
        (Verdict::Unverifiable(_), _) => "unverifiable",
        (Verdict::Reachable(_), _) => "reachable",
    }
}

fn why(finding: &Finding) -> Option<&str> {
    match &finding.verdict {
        Verdict::Held => None,
        Verdict::Broken(why) | Verdict::Unverifiable(why) | Verdict::Reachable(why) => Some(why),
    }
}

#[cfg(test)]
mod testing {
    use super::{Finding, Intent, Part, Report, Verdict};

    pub(super) fn finding(id: &str, verdict: Verdict) -> Finding {
        let intent = if matches!(verdict, Verdict::Reachable(_)) { Intent::Tell } else { Intent::Deny };
        Finding {
            id: id.into(),
            part: Part::File,
            intent,
            operation: "read /x".into(),
            route: "openat".into(),
            place: None,
            reason: "it says so".into(),
            references: Vec::new(),
            verdict,
            holding: None,
            seen: None,
            attempts: 1,
        }
    }

    pub(super) fn report(findings: Vec<Finding>) -> Report {
        Report { findings, notes: Vec::new(), milliseconds: 0, lsms: Vec::new() }
    }
}
