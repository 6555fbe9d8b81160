//! TAP version 14: a line a claim. Unverifiable is `not ok … # TODO`: it is no success to any
//! reader, and no failure to one that knows directives. What is told for information is a comment.

use std::fmt::Write as _;

use super::{claim_word, claims, verdict_name, why};
use crate::verify::baseline::{Change, Weight};
use crate::verify::{Finding, Intent, Report};

/// The report as text.
#[must_use]
pub fn tap(report: &Report, kernel: &str, changes: Option<&[Change]>) -> String {
    let since = changes.unwrap_or_default();
    let number = claims(report).count() + since.len();
    let mut text = format!("TAP version 14\n1..{number}\n");
    let _ = writeln!(text, "# kernel {}", line(kernel));
    let mut at = 0;
    for finding in claims(report) {
        at += 1;
        claim(at, finding, &mut text);
    }
    for change in since {
        at += 1;
        let name = escaped(&change.words());
        let _ = match change.weight() {
            Weight::Regression => writeln!(text, "not ok {at} - baseline: {name}"),
            Weight::Unknown => writeln!(text, "not ok {at} - baseline: {name} # TODO unverifiable"),
            Weight::Note => writeln!(text, "ok {at} - baseline: {name}"),
        };
    }
    for finding in report.findings.iter().filter(|finding| finding.intent == Intent::Tell) {
        let _ =
            writeln!(text, "# {} {}: {}", verdict_name(finding), line(&finding.id), line(&finding.operation));
    }
    for note in &report.notes {
        let _ = writeln!(text, "# not covered: {}", line(note));
    }
    text
}

fn claim(at: usize, finding: &Finding, text: &mut String) {
    let id = escaped(&finding.id);
    let why = why(finding).unwrap_or_default();
    let word = verdict_name(finding);
    let _ = match word {
        "held" => writeln!(text, "ok {at} - {id}"),
        "broken" => writeln!(text, "not ok {at} - {id}"),
        word => writeln!(text, "not ok {at} - {id} # TODO {word}: {}", escaped(why)),
    };
    if word != "broken" {
        return;
    }
    // A YAML 1.2 block: every scalar in double quotes, which is JSON's form.
    let scalar = |text: &str| serde_json::to_string(text).unwrap_or_default();
    let _ = writeln!(text, "  ---");
    let _ = writeln!(text, "  message: {}", scalar(why));
    let _ = writeln!(
        text,
        "  claim: {}",
        scalar(&format!("{} {}", claim_word(finding.intent), finding.operation))
    );
    let _ = writeln!(text, "  reason: {}", scalar(&finding.reason));
    let _ = writeln!(text, "  route: {}", scalar(&finding.route));
    if let Some(place) = &finding.place {
        let _ = writeln!(text, "  policy: {}", scalar(place));
    }
    let _ = writeln!(text, "  ...");
}

/// In one line.
fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A description must not end in what reads as a directive.
fn escaped(text: &str) -> String {
    line(text).replace('\\', "\\\\").replace('#', "\\#")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::verify::testing::{finding, report};
    use crate::verify::Verdict;

    #[test]
    fn no_name_makes_a_directive_and_unverifiable_is_never_ok() {
        let text = tap(
            &report(vec![
                finding("gate/#7 # SKIP", Verdict::Broken("a\nok 9".into())),
                finding("b", Verdict::Unverifiable("c # d".into())),
                finding("c", Verdict::Held),
            ]),
            "6.1",
            None,
        );
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..2], ["TAP version 14", "1..3"]);
        assert_eq!(lines[3], "not ok 1 - gate/\\#7 \\# SKIP");
        assert!(text.contains("\n  message: \"a\\nok 9\"\n"), "{text}");
        assert!(text.contains("\nnot ok 2 - b # TODO unverifiable: c \\# d\nok 3 - c\n"), "{text}");
    }
}
