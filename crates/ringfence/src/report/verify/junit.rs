//! JUnit XML: a suite a part, a case a claim. Broken is a failure; unverifiable is skipped, with its
//! reason, and so never counts as passed. What is told for information is no case. Every published
//! schema has a text in `<skipped>`; only later ones have a message there, and none counts what is
//! skipped in all suites together.

use std::fmt::Write as _;

use super::xml::escaped;
use super::{claim_word, claims, verdict_name, why};
use crate::verify::baseline::{Change, Weight};
use crate::verify::{Finding, Part, Report};

/// One case of a suite.
struct Case {
    name: String,
    result: Result,
    text: String,
}

enum Result {
    Passed,
    Failed(String),
    Skipped(String),
}

/// The report as one document with a final newline.
#[must_use]
pub fn junit(report: &Report, kernel: &str, changes: Option<&[Change]>) -> String {
    let of_part = |part: Part| {
        let cases: Vec<Case> = claims(report).filter(|finding| finding.part == part).map(case).collect();
        (part.name(), cases)
    };
    let mut suites: Vec<(&str, Vec<Case>)> = Part::ALL.into_iter().map(of_part).collect();
    suites.extend(changes.map(|changes| ("baseline", since(changes))));
    suites.retain(|(_, cases)| !cases.is_empty());
    let all = || suites.iter().flat_map(|(_, cases)| cases);
    let seconds = report.milliseconds as f64 / 1000.0;
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let [tests, failures, _] = counts(all());
    let _ = writeln!(
        text,
        "<testsuites name=\"ringfence verify\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" time=\"{seconds:.3}\">"
    );
    for (name, cases) in &suites {
        let [tests, failures, skipped] = counts(cases.iter());
        let _ = writeln!(
            text,
            "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\" time=\"0\">"
        );
        let _ = writeln!(
            text,
            "    <properties><property name=\"kernel\" value=\"{}\"/></properties>",
            escaped(kernel)
        );
        for case in cases {
            write(name, case, &mut text);
        }
        text += "  </testsuite>\n";
    }
    text + "</testsuites>\n"
}

/// Cases, those that failed, and those that were skipped.
fn counts<'c>(cases: impl Iterator<Item = &'c Case>) -> [usize; 3] {
    let (mut tests, mut failures, mut skipped) = (0, 0, 0);
    for case in cases {
        tests += 1;
        match case.result {
            Result::Passed => {}
            Result::Failed(_) => failures += 1,
            Result::Skipped(_) => skipped += 1,
        }
    }
    [tests, failures, skipped]
}

fn write(suite: &str, case: &Case, text: &mut String) {
    let _ = write!(
        text,
        "    <testcase classname=\"ringfence.{suite}\" name=\"{}\" time=\"0\"",
        escaped(&case.name)
    );
    let lines = |first: &str| match (first, case.text.as_str()) {
        ("", text) | (text, "") => escaped(text),
        (first, text) => escaped(&format!("{first}\n{text}")),
    };
    let _ = match &case.result {
        Result::Passed => {
            *text += "/>\n";
            return;
        }
        Result::Failed(message) => {
            write!(text, "><failure type=\"broken\" message=\"{}\">{}</failure>", escaped(message), lines(""))
        }
        Result::Skipped(message) => write!(text, "><skipped>{}</skipped>", lines(message)),
    };
    *text += "</testcase>\n";
}

fn case(finding: &Finding) -> Case {
    let why = why(finding).unwrap_or_default().to_owned();
    let result = match verdict_name(finding) {
        "held" => Result::Passed,
        "broken" => Result::Failed(why),
        word => Result::Skipped(format!("{word}: {why}")),
    };
    let place = finding.place.as_deref().map(|place| format!(" [{place}]")).unwrap_or_default();
    let text = format!(
        "{} {}\n{}; tried by {}{place}",
        claim_word(finding.intent),
        finding.operation,
        finding.reason,
        finding.route
    );
    Case { name: finding.id.clone(), result, text }
}

fn since(changes: &[Change]) -> Vec<Case> {
    let case = |change: &Change| {
        let result = match change.weight() {
            Weight::Regression => Result::Failed(change.words()),
            Weight::Unknown => Result::Skipped(change.words()),
            Weight::Note => Result::Passed,
        };
        Case { name: change.words(), result, text: String::new() }
    };
    if changes.is_empty() {
        return vec![Case {
            name: "nothing has changed".into(),
            result: Result::Passed,
            text: String::new(),
        }];
    }
    changes.iter().map(case).collect()
}
