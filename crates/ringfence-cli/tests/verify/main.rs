//! `ringfence verify` as a user meets it: what holds, what does not, what is not known, and bad
//! input. The attempts themselves are tested in `ringfence-sys`, the judge in `ringfence`.

mod formats;

use std::path::PathBuf;
use std::process::{Command, Output};

/// A working directory of the test's own, removed at the end.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        // In a guest of the matrix there is no tree.
        let tree = || std::env::current_dir().unwrap().join("../../target");
        let base = match std::env::var_os("RINGFENCE_GUEST") {
            Some(_) => std::env::var_os("HOME").map_or_else(tree, PathBuf::from),
            None => tree(),
        };
        let path = base.join(format!("verify-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }

    fn verify(&self, args: &[&str]) -> Output {
        Command::new(binary()).arg("verify").args(args).current_dir(&self.0).output().unwrap()
    }

    /// The same in an IPC namespace of its own, and what is left there: System V objects, POSIX queues.
    fn verify_apart(&self, args: &[&str]) -> (Output, String) {
        let script = "q=$1; shift; \"$@\"; status=$?; \
                      { tail -q -n +2 /proc/sysvipc/*; mount -t mqueue q $q && ls $q; } >left 2>&1; \
                      exit $status";
        let queues = self.0.join("queues");
        std::fs::create_dir(&queues).unwrap();
        let own = ["--user", "--map-root-user", "--mount", "--ipc", "sh", "-c", script, "sh"];
        let mut unshare = Command::new("unshare");
        unshare.args(own).arg(&queues).arg(binary()).arg("verify").args(args).current_dir(&self.0);
        let output = unshare.output().unwrap();
        (output, std::fs::read_to_string(self.0.join("left")).unwrap())
    }

    /// What is in it.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn binary() -> std::ffi::OsString {
    std::env::var_os("RINGFENCE_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_ringfence").into())
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The number after a name in JSON that has one entry a line.
fn number(json: &str, name: &str) -> u64 {
    let found = json.split(&format!("\"{name}\": ")).nth(1).unwrap_or_else(|| panic!("no {name} in {json}"));
    found.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

/// The object of a finding, as text.
fn finding<'j>(json: &'j str, id: &str) -> &'j str {
    let at = json.find(&format!("\"id\": \"{id}\"")).unwrap_or_else(|| panic!("no {id}"));
    json[at..].split("\n    }").next().unwrap()
}

#[test]
fn the_default_policy_holds_here_and_enough_is_attempted() {
    let place = Place::new("default");
    let output = place.verify(&["--format", "json"]);
    let json = String::from_utf8_lossy(&output.stdout);
    assert!(json.contains("\"kind\": \"ringfence.verify\""), "{}", text(&output));
    assert_eq!(number(&json, "broken"), 0, "{}", text(&place.verify(&[])));
    assert!(number(&json, "held") > 1500 && number(&json, "attempts") > 1500);
    assert!(matches!(output.status.code(), Some(0 | 3)));
    for held in
        ["expect/deny/ptrace(PTRACE_TRACEME)", "gate/x86_64/syscall/ptrace", "cpu/cli", "namespace/own/pid"]
    {
        assert!(finding(&json, held).contains("\"verdict\": \"held\""), "{}", finding(&json, held));
    }
    let cve = finding(&json, "known-bug/CVE-2019-13272");
    assert!(cve.contains("\"verdict\": \"held\"") && cve.contains("\"claim\": \"none\""), "{cve}");
    assert!(place.names().is_empty(), "left behind: {:?}", place.names());
}

#[test]
fn a_wrong_expectation_is_broken_with_its_line() {
    let place = Place::new("wrong");
    for (flag, operation) in [
        ("--expect-deny", "read /etc/passwd"),
        ("--expect-allow", "ptrace(PTRACE_TRACEME)"),
        ("--expect-deny", "getpid"),
        ("--expect-allow", "write /usr/bin/env"),
        ("--expect-allow", "signal host"),
    ] {
        let output = place.verify(&[flag, operation]);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(1), "{flag} {operation}\n{said}");
        let broken = said.split("\nbroken\n").nth(1).unwrap_or_default();
        let broken = broken.split("\nunverifiable\n").next().unwrap_or_default();
        assert!(broken.contains(operation) && broken.contains("command line"), "{said}");
    }
}

#[test]
fn what_cannot_be_tried_is_never_held() {
    let place = Place::new("unknown");
    for operation in ["read /nowhere/at/all", "connect tcp:192.0.2.1:443"] {
        let json = place.verify(&["--format", "json", "--expect-deny", operation]);
        let text = String::from_utf8_lossy(&json.stdout);
        let found = finding(&text, &format!("expect/deny/{operation}"));
        assert!(found.contains("\"verdict\": \"unverifiable\"") && found.contains("\"why\": \""), "{found}");
        assert_eq!(json.status.code(), Some(3), "{operation}");
    }
}

#[test]
fn a_depth_that_is_not_reached_is_broken() {
    let place = Place::new("depth");
    let with = |depth: &str| {
        place.verify(&[
            "--expect-deny",
            "ptrace(PTRACE_TRACEME)",
            "--expect-depth",
            depth,
            "--format",
            "json",
        ])
    };
    let json = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let one = json(&with("1"));
    let found = finding(&one, "expect/deny/ptrace(PTRACE_TRACEME)");
    assert!(found.contains("\"verdict\": \"held\"") && found.contains("\"depth\": 1"), "{found}");
    let two = with("2");
    let text = json(&two);
    let found = finding(&text, "expect/deny/ptrace(PTRACE_TRACEME)");
    assert!(found.contains("\"verdict\": \"broken\"") && found.contains("fewer controls"), "{found}");
    assert_eq!(two.status.code(), Some(1));
}

/// The second was dropped once, and with it the depth that it asks for.
#[test]
fn two_expectations_of_one_operation_are_two_claims() {
    let place = Place::new("twice");
    let expect = |depth| format!("[[expect]]\ndeny = \"ptrace(PTRACE_TRACEME)\"\ndepth = {depth}\n");
    let policy = format!("version = 1\nextends = [\"builtin:compute\"]\n{}{}", expect(1), expect(9));
    std::fs::write(place.0.join("twice.toml"), policy).unwrap();
    let output = place.verify(&["twice.toml", "--format", "json"]);
    let json = String::from_utf8_lossy(&output.stdout);
    let found = finding(&json, "expect/deny/ptrace(PTRACE_TRACEME)");
    assert!(found.contains("\"verdict\": \"held\""), "{found}");
    let second = finding(&json, "expect/deny/ptrace(PTRACE_TRACEME)#2");
    assert!(second.contains("\"verdict\": \"broken\"") && second.contains("fewer controls"), "{second}");
    assert_eq!(output.status.code(), Some(1));
}

/// To its own name nothing is renamed, and the kernel says so before it sees the mount; a directory that
/// holds a denied path is one, and cannot be renamed.
#[test]
fn a_mount_point_that_could_not_be_renamed_is_not_called_broken() {
    let place = Place::new("rename");
    for directory in ["held", "free"] {
        std::fs::create_dir_all(place.0.join(directory).join("inner")).unwrap();
    }
    let (held, free) = (place.0.join("held"), place.0.join("free"));
    let inner = held.join("inner");
    let verdict = |path: &std::path::Path| {
        let operation = format!("rename {}", path.display());
        let write = place.0.to_str().unwrap();
        let output = place.verify(&[
            "--fs-write",
            write,
            "--fs-deny",
            inner.to_str().unwrap(),
            "--expect-deny",
            &operation,
            "--format",
            "json",
        ]);
        let json = String::from_utf8_lossy(&output.stdout).into_owned();
        finding(&json, &format!("expect/deny/{operation}")).to_owned()
    };
    assert!(verdict(&held).contains("\"verdict\": \"held\""), "{}", verdict(&held));
    assert!(verdict(&free).contains("\"verdict\": \"broken\""), "{}", verdict(&free));
}

/// What DESIGN.md's example policy expects, with its depth.
#[test]
fn the_depth_of_an_expected_denial_is_told() {
    let place = Place::new("expected");
    let policy = place.0.join("policy.toml");
    let expect = "version = 1\nextends = [\"builtin:offline\"]\n\n[[expect]]\n\
                  deny = \"ptrace(PTRACE_TRACEME)\"\nbecause = \"CVE-2019-13272\"\ndepth = 1\n";
    std::fs::write(&policy, expect).unwrap();
    let policy = policy.to_str().unwrap();
    let json = place.verify(&[policy, "--depth", "--format", "json"]);
    let json = String::from_utf8_lossy(&json.stdout);
    for id in ["expect/deny/ptrace(PTRACE_TRACEME)", "known-bug/CVE-2019-13272"] {
        let found = finding(&json, id);
        assert!(found.contains("\"verdict\": \"held\"") && found.contains("CVE-2019-13272"), "{found}");
        assert!(number(found, "depth") >= 1 && found.contains("\"seccomp\""), "{found}");
    }
    // A person reads it at the same place, and what one control holds alone. A control that was tried alone,
    // without a namespace, left the queue behind that it let a process make and not open.
    let (output, left) = place.verify_apart(&[policy, "--depth"]);
    let said = text(&output);
    assert_eq!(left, "", "left behind");
    let single = said.split("\nheld by one control alone\n").nth(1).expect("single points of failure");
    assert!(single.contains("expect/deny/ptrace(PTRACE_TRACEME): depth 1: seccomp"), "{said}");
    assert!(said.contains("CVE-2019-13272  depth 1: seccomp"), "{said}");
}

#[test]
fn a_mistake_in_an_operation_is_shown_with_the_nearest_word() {
    let place = Place::new("mistake");
    for (operation, meant) in [("raed /etc/shadow", "read"), ("ptrcae(0)", "ptrace"), ("bind tpc:1", "tcp")] {
        let output = place.verify(&["--expect-deny", operation]);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(&format!("did you mean `{meant}`?")) && said.contains('^'), "{said}");
    }
    let output = place.verify(&["no/such/policy.toml"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
}

#[test]
fn every_builtin_policy_says_of_itself_only_what_holds() {
    for builtin in ["compute", "offline", "build", "service", "container"] {
        let place = Place::new(builtin);
        let output = place.verify(&[&format!("builtin:{builtin}")]);
        let said = text(&output);
        assert!(matches!(output.status.code(), Some(0 | 3)), "{builtin}\n{said}");
        assert!(place.names().is_empty(), "{builtin} left {:?}", place.names());
    }
}

#[test]
fn a_baseline_tells_what_has_changed() {
    let place = Place::new("baseline");
    // Elsewhere: what can be attempted on a directory depends on whether anything is in it.
    let kept = Place::new("kept");
    let file = kept.0.join("baseline.json");
    let file = file.to_str().unwrap();
    let saved = place.verify(&["--save", file]);
    assert!(matches!(saved.status.code(), Some(0 | 3)), "{}", text(&saved));
    let same = place.verify(&["--against", file]);
    assert_eq!(same.status.code(), Some(0), "{}", text(&same));
    assert!(text(&same).contains("nothing has changed"), "{}", text(&same));
    // The same policy with one call more: the expectation that it be denied is broken now.
    let weaker = place.verify(&["--against", file, "--syscalls-allow", "ptrace"]);
    let said = text(&weaker);
    assert_eq!(weaker.status.code(), Some(1), "{said}");
    assert!(said.contains("broken        expect/deny/ptrace(PTRACE_TRACEME)"), "{said}");
    let edited = std::fs::read_to_string(file).unwrap().replacen("\"held\"", "\"broken\"", 1);
    std::fs::write(file, edited).unwrap();
    let refused = place.verify(&["--against", file]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused).contains("changed after it was saved"), "{}", text(&refused));
    assert_eq!(place.verify(&["--against", "absent.json"]).status.code(), Some(2));
}
