//! SARIF 2.1.0 (OASIS), for code scanning: one rule for what a part denies and one for what it
//! allows. Broken is `fail`, unverifiable is `open` ("insufficient information to decide"), held is
//! `pass`; only `fail` has a level, as section 3.27.9 demands.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};

use super::{claim_word, verdict_name, why};
use crate::report::fingerprint::fnv1a;
use crate::verify::baseline::Change;
use crate::verify::{Finding, Intent, Part, Report};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// Where results of one claim are recognised, whatever line it moved to.
const FINGERPRINT: &str = "ringfenceClaim/v1";

#[derive(Serialize)]
struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Value; 1],
}

/// The report as one SARIF log with a final newline. Without `all`, what holds is counted and not
/// listed.
#[must_use]
pub fn sarif(report: &Report, kernel: &str, changes: Option<&[Change]>, all: bool) -> String {
    let listed = |finding: &&Finding| all || !matches!(verdict_name(finding), "held");
    let findings: Vec<&Finding> = report.findings.iter().filter(listed).collect();
    let rules = rules(&findings);
    let places: BTreeMap<&str, usize> = rules.iter().enumerate().map(|(n, rule)| (rule.id, n)).collect();
    let states = changes.map(states);
    let mut results: Vec<Value> =
        findings.iter().map(|finding| result(finding, places[rule_id(finding)], states.as_ref())).collect();
    results.extend(changes.into_iter().flatten().filter_map(gone));
    let sum = super::summary(report);
    let run = json!({
        "tool": { "driver": {
            "name": "ringfence",
            "semanticVersion": env!("CARGO_PKG_VERSION"),
            "shortDescription": { "text": "Attempts what a policy claims, on the real kernel" },
            "rules": rules.iter().map(Rule::value).collect::<Vec<_>>(),
        }},
        "automationDetails": { "id": "ringfence/verify/" },
        "invocations": [{
            "executionSuccessful": true,
            "exitCode": report.status(),
            "toolExecutionNotifications":
                report.notes.iter().map(|note| json!({ "level": "note", "message": { "text": note } })).collect::<Vec<_>>(),
        }],
        "columnKind": "utf16CodeUnits",
        "results": results,
        "properties": {
            "kernel": kernel,
            "held": sum.held,
            "broken": sum.broken,
            "unverifiable": sum.unverifiable,
            "attempts": sum.attempts,
        },
    });
    let log = Log { schema: SCHEMA, version: "2.1.0", runs: [run] };
    // Nothing in the document can fail to serialise: strings, numbers, lists and maps of them.
    serde_json::to_string_pretty(&log).unwrap_or_default() + "\n"
}

struct Rule {
    id: &'static str,
    part: Part,
    intent: Intent,
}

impl Rule {
    fn value(&self) -> Value {
        let (part, what) = (self.part.name(), about(self.part));
        let (short, full, help) = match self.intent {
            Intent::Deny => (
                format!("The policy denies it, and it must not work: {what}"),
                "An operation that the policy denies was attempted where it is to be denied, beside a control that is let through.",
                "Broken: the operation was let through. Deny it by the policy line that the result names, or have the sandbox enforce that line; then verify again. Unverifiable (`open`): nothing is known, which is no proof that it holds.",
            ),
            Intent::Allow => (
                format!("The policy allows it, and it must work: {what}"),
                "An operation that the policy allows was attempted: blocking too much is a defect as well.",
                "Broken: the operation was denied. Allow it in the policy line that the result names, or take the claim back; then verify again.",
            ),
            Intent::Tell => (
                format!("For information, whether it can be reached: {what}"),
                "No claim of the policy: the operation that a known bug or an instruction needs was attempted.",
                "Reachable: the policy leaves what this needs open. Deny the operation where the program does not need it, and keep the kernel up to date.",
            ),
        };
        let markdown = format!(
            "{help}\n\n`ringfence explain POLICY OPERATION` shows the way of an operation through the controls."
        );
        json!({
            "id": self.id,
            "name": format!("{}{}", camel(part), camel(claim_word(self.intent))),
            "shortDescription": { "text": short },
            "fullDescription": { "text": full },
            "help": { "text": help, "markdown": markdown },
            "defaultConfiguration": { "level": if self.intent == Intent::Tell { "none" } else { "error" } },
            "properties": { "tags": ["security", "external/cwe/cwe-693"] },
        })
    }
}

fn rules(findings: &[&Finding]) -> Vec<Rule> {
    let ids: BTreeSet<_> = findings.iter().map(|f| (rule_id(f), f.part, f.intent)).collect();
    ids.into_iter().map(|(id, part, intent)| Rule { id, part, intent }).collect()
}

/// Stable: part and intent. Leaked never: each pair is one constant.
fn rule_id(finding: &Finding) -> &'static str {
    macro_rules! ids {
        ($($part:ident $word:literal),* $(,)?) => {
            match (finding.part, finding.intent) {
                $((Part::$part, Intent::Deny) => concat!($word, "/deny"),
                  (Part::$part, Intent::Allow) => concat!($word, "/allow"),
                  (Part::$part, Intent::Tell) => concat!($word, "/tell"),)*
            }
        };
    }
    ids!(
        Expect "expect", Cpu "cpu", Gate "gate", Credential "credential", Namespace "namespace",
        File "file", Network "network", Channel "channel", Exec "exec", Lsm "lsm", Limit "limit",
        KnownBug "known-bug",
    )
}

fn about(part: Part) -> &'static str {
    match part {
        Part::Expect => "what the policy expects of itself",
        Part::Cpu => "privileged instructions",
        Part::Gate => "system calls",
        Part::Credential => "capabilities and privileges",
        Part::Namespace => "objects of the host",
        Part::File => "files",
        Part::Network => "the network",
        Part::Channel => "channels between processes",
        Part::Exec => "what holds after execve",
        Part::Lsm => "Landlock alone",
        Part::Limit => "limits",
        Part::KnownBug => "operations that known bugs need",
    }
}

fn camel(word: &str) -> String {
    let part = |part: &str| {
        let mut letters = part.chars();
        letters
            .next()
            .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
            .unwrap_or_default()
    };
    word.split('-').map(part).collect()
}

fn result(finding: &Finding, rule: usize, states: Option<&BTreeMap<&str, &'static str>>) -> Value {
    let (kind, level) = match verdict_name(finding) {
        "broken" => ("fail", "error"),
        "held" => ("pass", "none"),
        "unverifiable" => ("open", "none"),
        _ => ("informational", "none"),
    };
    let verb = claim_word(finding.intent);
    let why = why(finding).map(|why| format!(": {why}")).unwrap_or_default();
    let text = format!(
        "{} {verb} {}{why}. {}; tried by {}",
        verdict_name(finding),
        finding.operation,
        finding.reason,
        finding.route
    );
    let mut value = json!({
        "ruleId": rule_id(finding),
        "ruleIndex": rule,
        "kind": kind,
        "level": level,
        "message": { "text": text },
        "partialFingerprints": { FINGERPRINT: fnv1a(finding.id.bytes()) },
        "locations": [location(finding)],
        "properties": {
            "claim": finding.id,
            "verdict": verdict_name(finding),
            "attempts": finding.attempts,
            "references": finding.references,
            "depth": finding.holding.as_ref().map(Vec::len),
        },
    });
    if let Some(states) = states {
        value["baselineState"] = states.get(finding.id.as_str()).copied().unwrap_or("unchanged").into();
    }
    value
}

/// A line of a file is a physical location; a line of a builtin policy, the command line or no line
/// is none.
fn location(finding: &Finding) -> Value {
    let logical = |name: &str| json!({ "logicalLocations": [{ "fullyQualifiedName": name }] });
    let Some(place) = &finding.place else { return logical(&finding.id) };
    let Some((file, line)) = place.rsplit_once(':') else { return logical(place) };
    let Ok(line) = line.parse::<u32>() else { return logical(place) };
    if line == 0 || file.starts_with("builtin:") || file == "command line" {
        return logical(place);
    }
    let artifact = if file.starts_with('/') {
        json!({ "uri": format!("file://{}", encoded(file)) })
    } else {
        json!({ "uri": encoded(file), "uriBaseId": "%SRCROOT%" })
    };
    json!({
        "physicalLocation": { "artifactLocation": artifact, "region": { "startLine": line } },
        "logicalLocations": [{ "fullyQualifiedName": finding.id }],
    })
}

/// RFC 3986: everything but unreserved characters and `/` as `%XX`.
fn encoded(path: &str) -> String {
    path.bytes().fold(String::with_capacity(path.len()), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text += &format!("%{byte:02X}");
        }
        text
    })
}

/// Section 3.27.24, by claim. What is not listed is unchanged.
fn states(changes: &[Change]) -> BTreeMap<&str, &'static str> {
    let state = |change: &'_ Change| match change {
        Change::New(..) => Some("new"),
        Change::Gone(..) | Change::Host(..) => None,
        _ => Some("updated"),
    };
    changes.iter().filter_map(|change| Some((change.id(), state(change)?))).collect()
}

fn gone(change: &Change) -> Option<Value> {
    let Change::Gone(id, _) = change else { return None };
    Some(json!({
        "ruleId": "gone",
        "kind": "review",
        "level": "none",
        "message": { "text": change.words() },
        "partialFingerprints": { FINGERPRINT: fnv1a(id.bytes()) },
        "locations": [{ "logicalLocations": [{ "fullyQualifiedName": id }] }],
        "baselineState": "absent",
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_locations_only_where_a_file_has_the_line() {
        let mut finding =
            crate::report::verify::testing::finding("file/deny/x", crate::verify::Verdict::Held);
        for (place, uri, line) in [
            ("a b/policy.toml:12", Some("a%20b/policy.toml"), 12),
            ("/etc/p.toml:3", Some("file:///etc/p.toml"), 3),
            ("builtin:offline:13", None, 0),
            ("command line:1", None, 0),
            ("odd", None, 0),
        ] {
            finding.place = Some(place.into());
            let value = location(&finding);
            let physical = &value["physicalLocation"];
            assert_eq!(physical["artifactLocation"]["uri"].as_str(), uri, "{place}");
            assert_eq!(physical["region"]["startLine"].as_u64().unwrap_or(0), line, "{place}");
        }
    }

    #[test]
    fn only_a_broken_claim_has_a_level() {
        use crate::verify::Verdict::{Broken, Held, Reachable, Unverifiable};
        for (verdict, kind, level) in [
            (Held, "pass", "none"),
            (Broken("x".into()), "fail", "error"),
            (Unverifiable("x".into()), "open", "none"),
            (Reachable("x".into()), "informational", "none"),
        ] {
            let finding = crate::report::verify::testing::finding("a", verdict);
            let value = result(&finding, 0, None);
            assert_eq!((value["kind"].as_str(), value["level"].as_str()), (Some(kind), Some(level)));
        }
    }
}
