//! The corpus of denials with known causes, against a source of events: how many are attributed, and that
//! none is attributed wrongly; and `explain` beside each. Writes docs/attribution.md where `UPDATE_EXPECT`
//! is set, and otherwise holds the table against it.
//!
//! With `RINGFENCE_SHOW_UNKNOWN`, an event that says that it does not know is a failure too; with
//! `RINGFENCE_EVERY=8`, each eighth denial is made, for slow kernels in guests.
//!
//! The source is that of `RINGFENCE_SOURCE`, flags of `run`; without it `--explain=ptrace`, which every user
//! may use.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde_json::Value;

use crate::harness::ground::{Ground, Who, is_root, stand};
use crate::harness::skip;

const CORPUS: &str = include_str!("corpus/denials.txt");
/// A plan without a view, so that Landlock alone guards files.
const BARE: &str = "--namespaces-unshare=pid --namespaces-unshare=user --fs-proc=none --fs-dev=none --fs-tmp= \
                    --net-mode=host --net-connect=tcp:1 --fs-read=/etc --fs-exec=$W/deny";

/// A line of the corpus.
#[derive(Debug, Clone, Default)]
struct Denial {
    who: String,
    flags: String,
    words: String,
    errno: String,
    control: String,
    cause: String,
    remedy: String,
}

/// What became of a denial.
#[derive(Debug, PartialEq, Eq)]
enum Grade {
    /// Control and cause are right.
    Right,
    /// Said to be unknown.
    Unknown(String),
    /// Something else is said, or the denial did not happen as the corpus says.
    Wrong(String),
}

/// How many of each, of one control.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Count {
    all: usize,
    right: usize,
    unknown: usize,
    wrong: usize,
    explained: usize,
    agreeing: usize,
}

fn corpus(ground: &Ground) -> Vec<Denial> {
    let fill = |text: &str| {
        let text = text.trim().replace("BARE", BARE);
        let text = text.replace("$W", ground.work().to_str().unwrap());
        let text = text.replace("$H", ground.home().to_str().unwrap());
        text.replace("$P", &std::process::id().to_string())
    };
    let own = if ground.who == Who::Root { "root" } else { "user" };
    let lines = CORPUS.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let denials = lines.map(|line| {
        let parts: Vec<String> = line.split('|').map(&fill).collect();
        let [who, flags, words, errno, control, cause, remedy] =
            parts.try_into().unwrap_or_else(|_| panic!("{line}"));
        Denial { who, flags, words, errno, control, cause, remedy }
    });
    let mut all: Vec<Denial> = denials.filter(|denial| denial.who == "any" || denial.who == own).collect();
    all.extend(super::corpus::as_words().map(|(flags, words, errno, cause)| Denial {
        flags,
        words,
        errno,
        control: "seccomp".to_owned(),
        cause,
        ..Denial::default()
    }));
    all
}

/// The files that the corpus names, made anew.
fn lay(ground: &Ground) {
    let work = ground.work();
    let _ = fs::set_permissions(work.join("closed"), fs::Permissions::from_mode(0o700));
    let _ = fs::set_permissions(work.join("lean"), fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(&work).unwrap().flatten() {
        if entry.file_name() == "deny" {
            continue;
        }
        let path = entry.path();
        let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    }
    for name in ["dir", "dir/empty", "closed", "lean", "lean/empty"] {
        ground.directory(&format!("home/work/{name}"));
    }
    for name in ["mine", "dir/file", "shut", "closed/file", "lean/file"] {
        let path = ground.file(&format!("home/work/{name}"), "words\n");
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    }
    for (name, mode) in [("shut", 0), ("closed", 0), ("lean", 0o555)] {
        fs::set_permissions(work.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    if !ground.home().join("hidden").exists() {
        ground.directory("home/hidden");
        ground.file("home/secret", "secret\n");
        let tool = ground.file("home/tool", "#!/bin/true\n");
        fs::set_permissions(tool, fs::Permissions::from_mode(0o755)).unwrap();
        symlink("secret", ground.home().join("link")).unwrap();
    }
}

/// The program that makes the calls: where there is no compiler, it is given.
fn build(ground: &Ground) -> bool {
    let out = ground.work().join("deny");
    if let Some(given) = std::env::var_os("RINGFENCE_DENY") {
        ground.plain(&["/usr/bin/cp", given.to_str().unwrap(), out.to_str().unwrap()]).go().passes();
        return true;
    }
    if !ground.has(&["gcc"]) {
        return false;
    }
    let source = ground.file("home/deny.c", include_str!("corpus/deny.c"));
    let compile =
        ["/usr/bin/gcc", "-O1", "-static", "-pthread", "-o", out.to_str().unwrap(), source.to_str().unwrap()];
    ground.plain(&compile).go().passes();
    true
}

/// Runs one denial; the event that names it. `None`: this kernel has no such denial, because it lacks a
/// right of Landlock's, which the policy then lets pass by name.
fn event(ground: &Ground, source: &str, denial: &mut Denial) -> Option<Result<Value, Grade>> {
    let file = ground.root().join("home/events.json");
    let words: Vec<&str> = denial.words.split_whitespace().collect();
    let command = [&["./deny"], &words[..]].concat();
    let run = |flags: &str| {
        let flags = format!("{flags} {source} --events {}", file.display());
        ground.ringfence(&flags, &command).go()
    };
    let mut ran = run(&denial.flags);
    let lacking = degradable(&ran.err);
    if ran.status == 125 && !lacking.is_empty() {
        denial.flags += &lacking;
        ran = run(&denial.flags);
    }
    let number = ran.out.split_whitespace().nth(1).and_then(|word| word.parse::<i32>().ok());
    let signal = match denial.errno.as_str() {
        "SIGSYS" => Some(128 + 31),
        "SIGXFSZ" => Some(128 + 25),
        _ => None,
    };
    let happened = match signal {
        Some(status) => ran.status == status,
        None => number == ringfence_errno(&denial.errno),
    };
    if !happened && !lacking.is_empty() && ran.status == 0 {
        return None;
    }
    if !happened {
        let why = format!("the program saw {number:?}, not {}: {ran}", denial.errno);
        return Some(Err(Grade::Wrong(why)));
    }
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let own = own_call(denial);
    let is_own = |event: &&Value| event["outcome"] == "denied" && call_of(event) == Some(own);
    Some(match lines.iter().rfind(is_own) {
        Some(event) => Ok(event.clone()),
        None if lines.iter().any(|line| admits(line, &denial.control)) => {
            Err(Grade::Unknown("no event, as the account says".to_owned()))
        }
        None => Err(Grade::Wrong(format!("no event, and the account does not say so: {}", ran.err))),
    })
}

/// Flags that let Landlock's rights pass which a refusal says that this kernel lacks.
fn degradable(refusal: &str) -> String {
    let names = refusal.split("[degrade] allow = [\"").skip(1).filter_map(|rest| rest.split('"').next());
    let rights = names.filter(|name| name.starts_with("landlock."));
    rights.map(|name| format!(" --degrade-allow={name}")).collect()
}

/// Whether a summary says that a control was not watched, or that a source may have missed something.
fn admits(line: &Value, control: &str) -> bool {
    let unwatched = line["unwatched"].as_array().into_iter().flatten();
    let sources = line["sources"].as_array().into_iter().flatten();
    unwatched.into_iter().any(|blind| blind["control"] == control)
        || sources.into_iter().any(|source| source["verdict"] != "complete")
}

/// The ABI and number of the last call that a line makes: sources tell of others as well, and not in
/// the order of the calls.
fn own_call(denial: &Denial) -> (&'static str, u64) {
    let mut words = denial.words.split_whitespace().skip_while(|word| *word == "thread").peekable();
    let abi = match words.next_if(|word| ["x86_64", "i386", "x32"].contains(word)) {
        Some("i386") => "i386",
        Some("x32") => "x32",
        _ => "x86_64",
    };
    let calls = words.collect::<Vec<_>>();
    let last = calls.rsplit(|word| *word == ",").next().and_then(|call| call.first());
    let number = last.and_then(|word| word.split('*').next()?.parse().ok());
    (abi, number.unwrap_or_else(|| panic!("{}", denial.words)))
}

fn call_of(event: &Value) -> Option<(&str, u64)> {
    let operation = &event["operation"];
    // The bit that the ABI adds is no part of the number.
    Some((operation["abi"].as_str()?, operation["number"].as_u64()? & 0x3fff_ffff))
}

fn ringfence_errno(name: &str) -> Option<i32> {
    ringfence_bpf::table::errno(name).map(i32::from)
}

fn grade(event: &Value, denial: &Denial) -> Grade {
    let known = |part: &str| event[part]["known"] != "unknown";
    let value = |part: &str| event[part]["value"].as_str().unwrap_or_default().to_owned();
    if !known("control") {
        return Grade::Unknown(format!("{}", event["control"]["because"]));
    }
    let said = (value("control"), value("cause"));
    if said != (denial.control.clone(), denial.cause.clone()) {
        return Grade::Wrong(format!("said {said:?}"));
    }
    if ringfence_errno(&denial.errno).is_some() && value("errno") != denial.errno {
        return Grade::Wrong(format!("the errno is said to be {}", event["errno"]));
    }
    let remedy = event["remedy"].to_string().replace('\'', "");
    if !denial.remedy.is_empty() && !remedy.contains(&denial.remedy) {
        return Grade::Wrong(format!("the remedy is said to be {remedy}"));
    }
    Grade::Right
}

/// Whether `explain` predicts what was seen; `None` where the language has no words for it.
fn explained(ground: &Ground, event: &Value, denial: &Denial) -> Option<Result<(), String>> {
    let tried = event["tried"].as_str()?;
    // A limit, and a process that happens to be outside, are no operations.
    if matches!(denial.control.as_str(), "limit" | "namespace") {
        return None;
    }
    let mut words = vec!["explain"];
    words.extend(denial.flags.split_whitespace());
    words.extend(["--format", "json", tried]);
    let said = ground.command(&ground.binary(), &words).go();
    let Ok(said) = serde_json::from_str::<Value>(&said.out) else { return Some(Err(said.to_string())) };
    let abi = event["operation"]["abi"].as_str().unwrap_or("x86_64");
    let ways = said["ways"].as_array().cloned().unwrap_or_default();
    let way = ways.iter().find(|way| way["abi"] == abi).or_else(|| ways.first())?.clone();
    let agrees = way["denied_by"] == event["control"]["value"]
        && (ringfence_errno(&denial.errno).is_none() || way["errno"] == event["errno"]["value"]);
    Some(if agrees {
        Ok(())
    } else {
        Err(format!("explain {tried:?} says {} {}", way["denied_by"], way["errno"]))
    })
}

fn count(ground: &Ground, source: &str, denials: Vec<Denial>) -> (BTreeMap<String, Count>, Vec<String>) {
    let (mut counts, mut wrong) = (BTreeMap::<String, Count>::new(), Vec::new());
    for mut denial in denials {
        lay(ground);
        let Some(event) = event(ground, source, &mut denial) else { continue };
        let count = counts.entry(denial.control.clone()).or_default();
        count.all += 1;
        let graded = match &event {
            Ok(event) => grade(event, &denial),
            Err(Grade::Unknown(why)) => Grade::Unknown(why.clone()),
            Err(Grade::Wrong(why)) => Grade::Wrong(why.clone()),
            Err(Grade::Right) => Grade::Right,
        };
        let line = format!("{} {} -> {} {}", denial.flags, denial.words, denial.errno, denial.control);
        match graded {
            Grade::Right => count.right += 1,
            Grade::Unknown(why) => {
                count.unknown += 1;
                if std::env::var_os("RINGFENCE_SHOW_UNKNOWN").is_some() {
                    wrong.push(format!("{line}: unknown: {why}"));
                }
            }
            Grade::Wrong(why) => {
                count.wrong += 1;
                wrong.push(format!("{line}: {why}"));
            }
        }
        match event.ok().and_then(|event| explained(ground, &event, &denial)) {
            Some(Ok(())) => {
                count.explained += 1;
                count.agreeing += 1;
            }
            Some(Err(why)) => {
                count.explained += 1;
                wrong.push(format!("{line}: {why}"));
            }
            None => {}
        }
    }
    (counts, wrong)
}

fn table(counts: &BTreeMap<String, Count>) -> String {
    let mut text = String::from(
        "| control | denials | attributed | unknown | wrong | explained | `explain` agrees |\n|---|--:|--:|--:|--:|--:|--:|\n",
    );
    let mut sum = Count::default();
    let mut row = |name: &str, count: &Count| {
        let Count { all, right, unknown, wrong, explained, agreeing } = count;
        text.push_str(&format!(
            "| {name} | {all} | {right} | {unknown} | {wrong} | {explained} | {agreeing} |\n"
        ));
    };
    for (name, count) in counts {
        row(name, count);
        sum.all += count.all;
        sum.right += count.right;
        sum.unknown += count.unknown;
        sum.wrong += count.wrong;
        sum.explained += count.explained;
        sum.agreeing += count.agreeing;
    }
    row("**all**", &sum);
    text
}

/// Holds a part of docs/attribution.md against a table, or writes it.
fn document(section: &str, table: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/attribution.md");
    let (begin, end) = (format!("<!-- {section} -->\n"), format!("<!-- /{section} -->"));
    let text = fs::read_to_string(&path).expect("docs/attribution.md");
    let (head, rest) = text.split_once(&begin).expect("a mark");
    let (old, tail) = rest.split_once(&end).expect("a mark");
    if old == table {
        return;
    }
    assert!(
        std::env::var_os("UPDATE_EXPECT").is_some(),
        "docs/attribution.md is old: UPDATE_EXPECT=1\n{table}"
    );
    fs::write(&path, format!("{head}{begin}{table}{end}{tail}")).unwrap();
}

fn attribute(ground: &Ground) {
    if !build(ground) {
        return;
    }
    let given = std::env::var("RINGFENCE_SOURCE");
    let source = given.clone().unwrap_or_else(|_| "--explain=ptrace".to_owned());
    let every = std::env::var("RINGFENCE_EVERY").ok().map(|every| every.parse::<usize>().unwrap());
    let begun = Instant::now();
    let (counts, wrong) =
        count(ground, &source, corpus(ground).into_iter().step_by(every.unwrap_or(1)).collect());
    let table = table(&counts);
    assert!(wrong.is_empty(), "{} wrong\n{}\n{table}", wrong.len(), wrong.join("\n"));
    let sum = |part: fn(&Count) -> usize| counts.values().map(part).sum::<usize>();
    let (all, right) = (sum(|count| count.all), sum(|count| count.right));
    assert!(every.is_some() || all >= 120, "only {all} denials");
    let least = match (source.as_str(), ground.who) {
        ("--explain=ptrace", _) => all * 9 / 10,
        // By eBPF.
        (_, Who::Root) => all * 99 / 100,
        // By the filter's listener: what it answers, and no more.
        (_, Who::User) => counts.get("seccomp").map_or(0, |count| count.all * 9 / 10),
    };
    assert!(right >= least, "{right} of {all} attributed\n{table}");
    let section = match (given.is_ok(), ground.who) {
        (false, Who::User) => "user",
        (false, Who::Root) => "root",
        (true, Who::User) => "user, --explain",
        (true, Who::Root) => "root, --explain",
    };
    match given {
        Err(_) => document(section, &table),
        // What is counted depends on the kernel.
        Ok(source) if source == "--explain" && std::env::var_os("UPDATE_EXPECT").is_some() => {
            document(section, &table);
        }
        Ok(source) => skip(
            &ground.test,
            &format!(
                "{source} is not held against the page; {all} runs in {:.1?}:\n{table}",
                begun.elapsed()
            ),
        ),
    }
}

/// By eBPF, what the filter does not answer: each ninth of it, for the time that it takes.
#[test]
fn a_part_of_the_corpus_is_attributed_by_ebpf() {
    let test = concat!(module_path!(), "::a_part_of_the_corpus_is_attributed_by_ebpf::as_root");
    stand(Who::Root, test, |ground| {
        if !std::path::Path::new("/sys/kernel/btf/vmlinux").exists() {
            return skip(&ground.test, "needs /sys/kernel/btf/vmlinux");
        }
        if !build(ground) {
            return;
        }
        let behind = corpus(ground).into_iter().filter(|denial| denial.control != "seccomp");
        let (counts, wrong) = count(ground, "--explain", behind.step_by(9).collect());
        let table = table(&counts);
        assert!(wrong.is_empty(), "{}\n{table}", wrong.join("\n"));
        assert!(counts.len() >= 3 && counts.values().all(|count| count.right == count.all), "{table}");
    });
}

/// One after the other: both write one page.
static PAGE: Mutex<()> = Mutex::new(());

#[test]
fn the_corpus_is_attributed_as_user() {
    let _page = PAGE.lock().unwrap_or_else(PoisonError::into_inner);
    stand(Who::User, concat!(module_path!(), "::the_corpus_is_attributed_as_user"), attribute);
}

#[test]
fn the_corpus_is_attributed_as_root() {
    let _page = PAGE.lock().unwrap_or_else(PoisonError::into_inner);
    if is_root() {
        stand(Who::Root, concat!(module_path!(), "::the_corpus_is_attributed_as_root"), attribute);
    }
}
