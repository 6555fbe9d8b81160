//! Tests of both readers of the command line, together and against each other.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use ringfence::policy::{Flag, key};

use super::{Invocation, full, parse, quick};
use crate::check::Format;
use crate::run::Job;

fn words(args: &[&str]) -> Vec<OsString> {
    args.iter().map(OsString::from).collect()
}

fn job(args: &[&str]) -> Job {
    match parse(&words(args)) {
        Invocation::Run(job) | Invocation::Check(job, _) => job,
        other => panic!("{other:?}"),
    }
}

fn usage(args: &[&str]) -> (String, u8) {
    match parse(&words(args)) {
        Invocation::Usage(text, status) => (text, status),
        other => panic!("{other:?}"),
    }
}

fn flag(name: &str, value: &str) -> Flag {
    Flag { name: name.to_owned(), value: value.to_owned() }
}

#[test]
fn what_follows_the_first_word_belongs_to_the_command() {
    let plain = job(&["run", "--fs-read", "/etc", "ls", "--fs-read", "-l", "--", "--help"]);
    assert_eq!(plain.flags, [flag("--fs-read", "/etc")]);
    assert_eq!(plain.command, words(&["ls", "--fs-read", "-l", "--", "--help"]));
    assert_eq!(job(&["run", "--", "--odd", "-x"]).command, words(&["--odd", "-x"]));
    assert_eq!(job(&["check", "ls", "--format", "json"]).command, words(&["ls", "--format", "json"]));
}

#[test]
fn values_may_begin_with_one_dash_and_be_empty() {
    let job = job(&[
        "run",
        "--fs-read=",
        "--fs-read",
        "-/etc",
        "--fs-read=-~/.x",
        "--process-env-set=A=b=c",
        "true",
    ]);
    let values: Vec<&str> = job.flags.iter().map(|flag| flag.value.as_str()).collect();
    assert_eq!(values, ["", "-/etc", "-~/.x", "A=b=c"]);
}

#[test]
fn a_forgotten_value_does_not_swallow_the_next_flag() {
    let (text, status) = usage(&["run", "--fs-read", "--net-mode", "none", "true"]);
    assert!(text.contains("--fs-read has no value") && status == 125, "{text}");
}

#[test]
fn mistakes_of_run_exit_125_and_of_others_2() {
    let (text, status) = usage(&["run", "--fs-raed", "/x", "true"]);
    assert!(text.contains("--fs-raed") && text.contains("--fs-read") && status == 125, "{text}");
    assert_eq!(usage(&["run"]).1, 125);
    assert_eq!(usage(&["run", "--fs-read"]).1, 125);
    assert_eq!(usage(&["run", "--"]).1, 125);
    assert_eq!(usage(&["check", "--fs-raed"]).1, 2);
    assert_eq!(usage(&["host", "--format", "xml"]).1, 2);
    assert_eq!(usage(&["host", "more"]).1, 2);
    let (text, status) = usage(&["chek", "true"]);
    assert!(text.contains("check") && status == 2, "{text}");
    assert_eq!(usage(&[]).1, 2);
}

#[test]
fn mistakes_say_what_is_wrong_and_what_to_do() {
    let shown: String = [
        &["run", "--fs-raed=.", "true"][..],
        &["run", "--nonsense", "true"],
        &["run"],
        &["run", "--fs-read"],
        &["run", "--fs-read", "--net-mode", "none", "true"],
        &["check", "--fromat", "json"],
        &["chek"],
        &["frobnicate"],
        &["--verison"],
        &["host", "more"],
        &["host", "--format", "xml"],
        &["host", "--format"],
    ]
    .iter()
    .map(|args| usage(args).0)
    .collect();
    expect_test::expect![[r#"
        ringfence: error: there is no flag `--fs-raed`
          help: did you mean `--fs-read`? `ringfence run --help` lists the flags
        ringfence: error: there is no flag `--nonsense`
          help: `ringfence run --help` lists the flags
        ringfence: error: no command to run
          help: write it last: ringfence run [FLAGS] -- COMMAND [ARGUMENTS]
        ringfence: error: `--fs-read` has no value
          help: it takes a value; `--fs-read=` gives it an empty one
        ringfence: error: --fs-read has no value, or is --net-mode its value?
          help: no value begins with `--`
        ringfence: error: there is no flag `--fromat`
          help: did you mean `--format`? `ringfence check --help` lists the flags
        ringfence: error: there is no command `chek`
          help: did you mean `check`? there are run, check, explain, host, surface, syscalls, diff, import, export; a program is started by `ringfence run`
        ringfence: error: there is no command `frobnicate`
          help: there are run, check, explain, host, surface, syscalls, diff, import, export; a program is started by `ringfence run`
        ringfence: error: there is no flag `--verison`
          help: did you mean `--version`? `ringfence --help` lists the flags
        ringfence: error: `more` is a word too many
          help: `ringfence host` takes flags only
        ringfence: error: `xml` is no value of `--format`
          help: it takes human, json
        ringfence: error: `--format` has no value
          help: it takes human, json
    "#]]
    .assert_eq(&shown);
}

#[test]
fn commands_are_any_bytes_and_policies_are_text() {
    let bytes = OsString::from_vec(vec![0xff, b'x']);
    let Invocation::Run(job) = parse(&[words(&["run", "--fs-read", "/"]), vec![bytes.clone()]].concat())
    else {
        panic!("not run");
    };
    assert_eq!(job.command, std::slice::from_ref(&bytes));
    let Invocation::Usage(text, 125) = parse(&[words(&["run", "--fs-read"]), vec![bytes]].concat()) else {
        panic!("not refused");
    };
    assert!(text.contains("UTF-8"), "{text}");
}

#[test]
fn formats_and_help() {
    assert_eq!(parse(&words(&["host"])), Invocation::Host(Format::Human));
    assert_eq!(parse(&words(&["host", "--format=json"])), Invocation::Host(Format::Json));
    assert!(matches!(parse(&words(&["check", "--format", "json"])), Invocation::Check(_, Format::Json)));
    for args in [&["--help"][..], &["--version"], &["run", "--help"], &["check", "-h"], &["host", "--help"]] {
        assert!(matches!(parse(&words(args)), Invocation::Show(_)), "{args:?}");
    }
}

#[test]
fn help_names_every_key() {
    let Invocation::Show(help) = parse(&words(&["run", "--help"])) else { panic!("no help") };
    for flag in key::keys().filter_map(|key| key.flag()) {
        assert!(help.contains(&format!("{flag} <")), "{flag}");
    }
    assert!(help.contains("builtin:offline") && help.contains("[fs]:"), "{help}");
}

/// Where the quick reader answers, the full one answers the same; over every argument list that a
/// small vocabulary makes.
#[test]
fn both_readers_agree() {
    let vocabulary = [
        "--policy",
        "--policy=a",
        "--fs-read",
        "--fs-read=",
        "--net-mode=none",
        "--expect-deny",
        "--expect-because=x",
        "--",
        "-",
        "-x",
        "--help",
        "--nonsense",
        "--version",
        "value",
        "",
    ];
    let mut answered = 0;
    for length in 0..4u32 {
        for number in 0..vocabulary.len().pow(length) {
            let pick = |position| vocabulary[number / vocabulary.len().pow(position) % vocabulary.len()];
            let args = words(&(0..length).map(pick).collect::<Vec<_>>());
            if let Some(job) = quick::run(&args) {
                answered += 1;
                assert_eq!(Invocation::Run(job), full::run(&args), "{args:?}");
            }
        }
    }
    assert!(answered > 500, "{answered}");
}

#[test]
fn events_are_told_where_one_of_three_flags_asks() {
    assert!(!job(&["run", "true"]).events.asked);
    let asked = job(&["run", "--events", "out.json", "--complete", "true"]);
    assert_eq!(asked.events.file.as_deref(), Some(std::path::Path::new("out.json")));
    assert!(asked.events.asked && asked.events.complete);
    assert_eq!(asked.flags, [flag("--audit-events", "denials")]);
    let own = job(&["run", "--explain", "--audit-events=none", "true", "--complete"]);
    assert!(own.events.asked && !own.events.complete);
    assert_eq!(own.flags, [flag("--audit-events", "none")]);
}
