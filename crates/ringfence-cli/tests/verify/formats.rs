//! Every format of `verify`, read by foreign parsers and held against schemas: Python's for JSON, XML
//! and HTML, the committed schemas of ringfence's own documents, the published ones of SARIF and JUnit,
//! and perl's for TAP.

// What is skipped is said where a person sees it.
#![allow(clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Place, number, text};

/// Held, broken and unverifiable claims, one with its depth, in a file with a name that formats must
/// escape.
const POLICY: &str = "version = 1\nextends = [\"builtin:compute\"]\n\n[[expect]]\ndeny = \"getpid\"\n\n\
                      [[expect]]\ndeny = \"read /nowhere <&\\\"'#\"\n\n\
                      [[expect]]\ndeny = \"ptrace(PTRACE_TRACEME)\"\ndepth = 1\n";
const NAME: &str = "a policy <&#.toml";

/// Where a person finds them: ringfence's own. `xmllint` reads the last, python3-jsonschema the rest.
const SCHEMAS: [(&str, &str); 4] = [
    ("json", "../../docs/schema/verify-1.json"),
    ("baseline", "../../docs/schema/baseline-1.json"),
    ("sarif", "tests/verify/schema/sarif-2.1.0.json"),
    ("junit", "tests/verify/schema/junit-4.xsd"),
];

/// One thing made wrong in a document, and whether only its schema can tell.
const FAULTS: [(&str, &str, &str, bool); 14] = [
    ("json", "\"version\": 1", "\"version\": 2", true),
    ("json", "\"seen\": ", "\"saw\": ", true),
    ("json", "\"verdict\": \"broken\"", "\"verdict\": \"unknown\"", true),
    (
        "json",
        "\"verdict\": \"held\",\n      \"why\": null",
        "\"verdict\": \"held\",\n      \"why\": \"x\"",
        true,
    ),
    ("json", "\"verdict\": \"held\"", "\"verdict\": \"broken\"", false),
    ("json", "\"depth\": 1", "\"depth\": 2", false),
    ("baseline", "\"held by seccomp\"", "\"held by nobody\"", false),
    ("baseline", "\"kind\": \"ringfence.", "\"kind\": \"fence.", true),
    ("baseline", "\"unverifiable\"", "\"held\"", false),
    ("sarif", "\"kind\": \"open\"", "\"kind\": \"pass\"", false),
    // Only the schema knows how a run may count its columns.
    ("sarif", "\"columnKind\": \"", "\"columnKind\": \"x", true),
    ("junit", "<skipped", "<passed", false),
    // Nor does the count of all suites have what was skipped.
    ("junit", "<testsuites ", "<testsuites skipped=\"0\" ", true),
    ("html", "<td class=\"unverifiable\"", "<td class=\"held\"", false),
];

fn made(place: &Place, kept: &Place, format: &str, more: &[&str]) -> PathBuf {
    let policy = kept.0.join(NAME);
    std::fs::write(&policy, POLICY).unwrap();
    let mut args = vec![policy.to_str().unwrap(), "--format", format];
    args.extend(more);
    let output = place.verify(&args);
    assert_eq!(output.status.code(), Some(1), "{format}: {}", text(&output));
    let file = kept.0.join(format!("out.{format}"));
    std::fs::write(&file, &output.stdout).unwrap();
    file
}

/// The schema of a format, where what reads it is installed.
fn schema(format: &str) -> Option<&'static Path> {
    let (_, schema) = SCHEMAS.into_iter().find(|(of, _)| *of == format)?;
    let (reader, args): (&str, &[&str]) = match format {
        "junit" => ("xmllint", &["--version"]),
        _ => ("/usr/bin/python3", &["-c", "import jsonschema"]),
    };
    let output = Command::new(reader).args(args).output();
    output.is_ok_and(|output| output.status.success()).then(|| Path::new(schema))
}

fn foreign(format: &str, file: &Path, json: &Path) -> Result<(), String> {
    let script = Path::new("tests/verify/foreign.py");
    let output = Command::new("/usr/bin/python3")
        .args([script, Path::new(format), file, json])
        .args(schema(format))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(said.into_owned()) }
}

#[test]
fn foreign_parsers_read_every_format_and_count_the_same() {
    if Command::new("/usr/bin/python3").arg("--version").output().is_err() {
        println!("skipped: formats: needs python3");
        return;
    }
    let (place, kept) = (Place::new("formats"), Place::new("formats-kept"));
    let baseline = kept.0.join("out.baseline");
    let saved = baseline.to_str().unwrap();
    let json = made(&place, &kept, "json", &["--save", saved]);
    for format in ["sarif", "junit", "html"] {
        made(&place, &kept, format, &["--all"]);
    }
    for format in ["json", "baseline", "sarif", "junit", "html"] {
        if schema(format).is_none() && format != "html" {
            println!("skipped: formats: needs what reads the schema of {format}");
        }
        let file = kept.0.join(format!("out.{format}"));
        foreign(format, &file, &json).unwrap_or_else(|why| panic!("{format}: {why}"));
    }
    // The checkers can fail: each thing made wrong is seen.
    for (format, from, to, only_schema) in FAULTS {
        let text = std::fs::read_to_string(kept.0.join(format!("out.{format}"))).unwrap();
        assert!(text.contains(from), "{format} has no {from}");
        let wrong = kept.0.join("wrong");
        std::fs::write(&wrong, text.replacen(from, to, 1)).unwrap();
        // What is counted by stays as it was.
        let noticed = foreign(format, &wrong, &json).is_err();
        assert!(noticed || only_schema && schema(format).is_none(), "{format}: {to}");
    }
    tap(&made(&place, &kept, "tap", &[]), &json);
    // What has changed is in the same document.
    let more = ["--against", saved, "--expect-deny", "getppid", "--save", saved];
    let since = made(&place, &kept, "json", &more);
    let said = std::fs::read_to_string(&since).unwrap();
    assert!(said.contains("\"weight\": \"regression\",\n      \"kind\": \"new\""), "{}", &said[..2000]);
    foreign("json", &since, &since).unwrap();
    std::fs::write(&since, said.replacen("\"weight\": \"regression\"", "\"weight\": \"grave\"", 1)).unwrap();
    assert!(foreign("json", &since, &since).is_err() || schema("json").is_none(), "a weight that is none");
}

#[test]
fn sarif_names_the_policys_file_and_line() {
    let (place, kept) = (Place::new("sarif"), Place::new("sarif-kept"));
    let log = std::fs::read_to_string(made(&place, &kept, "sarif", &[])).unwrap();
    let fails = log.split("\"kind\": \"fail\"").nth(1).expect("a broken claim");
    let after = fails.split("\"ruleId\"").next().unwrap();
    assert!(after.contains("a%20policy%20%3C%26%23.toml"), "{after}");
    assert_eq!(number(after, "startLine"), 5, "{after}");
    assert!(!log.contains("\"kind\": \"pass\""), "what holds is listed with --all only");
}

/// perl's parser knows TAP up to 13, of which 14 is an extension.
fn tap(file: &Path, json: &Path) {
    let [json, tap] = [json, file].map(|file| std::fs::read_to_string(file).unwrap());
    assert!(tap.starts_with("TAP version 14\n1.."), "{}", &tap[..40]);
    let script = "my $p = TAP::Parser->new({source => $ARGV[0]}); \
                  my ($ok, $todo, $bad) = (0, 0, 0); \
                  while (my $r = $p->next) { next unless $r->is_test; \
                  if ($r->has_todo) { $todo++ } elsif ($r->is_ok) { $ok++ } else { $bad++ } } \
                  die join('; ', $p->parse_errors) if $p->parse_errors; print \"$ok $bad $todo\";";
    // Perl would run a file of another name.
    let old = file.with_file_name("old.tap");
    let read = |tap: &str| {
        std::fs::write(&old, tap.replacen("TAP version 14", "TAP version 13", 1)).unwrap();
        Command::new("perl").args(["-MTAP::Parser", "-e", script]).arg(&old).output()
    };
    let Ok(output) = read(&tap) else {
        println!("skipped: formats: needs perl");
        return;
    };
    let wanted = ["held", "broken", "unverifiable"].map(|word| number(&json, word).to_string()).join(" ");
    assert_eq!(String::from_utf8_lossy(&output.stdout), wanted, "{}", text(&output));
    // The parser and the count can fail.
    for (from, to) in [(" 2 - ", " 3 - "), ("\n1..", "\n1..1"), ("\nnot ok ", "\nok "), (" # TODO ", " ")] {
        assert!(tap.contains(from), "no {from:?}");
        let output = read(&tap.replacen(from, to, 1)).unwrap();
        assert_ne!(String::from_utf8_lossy(&output.stdout), wanted, "{to:?}");
    }
}
