//! Every format of `verify`, read by foreign parsers: Python's for JSON, XML and HTML, the published
//! schema of SARIF, and perl's `prove` for TAP.

// What is skipped is said where a person sees it.
#![allow(clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Place, number, text};

/// Held, broken and unverifiable claims, in a file with a name that formats must escape.
const POLICY: &str = "version = 1\nextends = [\"builtin:compute\"]\n\n[[expect]]\ndeny = \"getpid\"\n\n\
                      [[expect]]\ndeny = \"read /nowhere <&\\\"'#\"\n";
const NAME: &str = "a policy <&#.toml";

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

/// Where python3-jsonschema can read it.
fn schema() -> Option<&'static Path> {
    let python = Command::new("/usr/bin/python3").args(["-c", "import jsonschema"]).output();
    let can = python.is_ok_and(|output| output.status.success());
    can.then(|| Path::new("tests/verify/schema/sarif-2.1.0.json"))
}

fn foreign(format: &str, file: &Path, json: &Path, schema: Option<&Path>) -> Result<(), String> {
    let script = Path::new("tests/verify/foreign.py");
    let output = Command::new("/usr/bin/python3")
        .args([script, Path::new(format), file, json])
        .args(schema)
        .output()
        .map_err(|error| format!("skipped: formats: needs python3 ({error})"))?;
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(said.into_owned()) }
}

#[test]
fn foreign_parsers_read_every_format_and_count_the_same() {
    let (place, kept) = (Place::new("formats"), Place::new("formats-kept"));
    let json = made(&place, &kept, "json", &[]);
    let schema = schema();
    if schema.is_none() {
        println!("skipped: formats: needs python3-jsonschema");
    }
    for format in ["sarif", "junit", "html"] {
        let file = made(&place, &kept, format, &["--all"]);
        if let Err(why) = foreign(format, &file, &json, schema) {
            assert!(why.starts_with("skipped: "), "{format}: {why}");
            println!("{why}");
            return;
        }
    }
    // The checkers can fail: one verdict changed is seen.
    for (format, from, to) in [
        ("sarif", "\"kind\": \"open\"", "\"kind\": \"pass\""),
        // Only the schema knows how a run may count its columns.
        ("sarif", "\"columnKind\": \"", "\"columnKind\": \"x"),
        ("junit", "<skipped", "<passed"),
        ("html", "<td class=\"unverifiable\"", "<td class=\"held\""),
    ] {
        let file = kept.0.join(format!("out.{format}"));
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{format} has no {from}");
        std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
        let noticed = foreign(format, &file, &json, schema).is_err();
        assert!(noticed || from.contains("columnKind") && schema.is_none(), "{format}: {to}");
        std::fs::write(&file, text).unwrap();
    }
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
#[test]
fn prove_reads_tap_and_counts_the_same() {
    let (place, kept) = (Place::new("tap"), Place::new("tap-kept"));
    let json = std::fs::read_to_string(made(&place, &kept, "json", &[])).unwrap();
    let tap = std::fs::read_to_string(made(&place, &kept, "tap", &[])).unwrap();
    assert!(tap.starts_with("TAP version 14\n1.."), "{}", &tap[..40]);
    let old = kept.0.join("old.tap");
    std::fs::write(&old, tap.replacen("TAP version 14", "TAP version 13", 1)).unwrap();
    let script = "my $p = TAP::Parser->new({source => $ARGV[0]}); \
                  my ($ok, $todo, $bad) = (0, 0, 0); \
                  while (my $r = $p->next) { next unless $r->is_test; \
                  if ($r->has_todo) { $todo++ } elsif ($r->is_ok) { $ok++ } else { $bad++ } } \
                  die join('; ', $p->parse_errors) if $p->parse_errors; print \"$ok $bad $todo\";";
    let output = Command::new("perl").args(["-MTAP::Parser", "-e", script]).arg(&old).output();
    let Ok(output) = output else {
        println!("skipped: formats: needs perl");
        return;
    };
    let wanted = ["held", "broken", "unverifiable"].map(|word| number(&json, word).to_string()).join(" ");
    assert_eq!(String::from_utf8_lossy(&output.stdout), wanted, "{}", text(&output));
}
