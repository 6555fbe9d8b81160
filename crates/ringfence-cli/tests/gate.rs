//! `syscalls`, `diff`, `import` and `export` from outside: what they print, and their exit status.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory of one test, removed with this value.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let path = std::env::temp_dir().join(format!("ringfence-gate-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Place(path)
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn binary() -> std::ffi::OsString {
    std::env::var_os("RINGFENCE_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_ringfence").into())
}

/// Exit status, standard output and standard error.
fn ringfence(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(binary()).args(args).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

const OLD: &str = r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
  {"names": ["read", "write", "ptrace"], "action": "SCMP_ACT_ALLOW"},
  {"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]}]}"#;
const NEW: &str = r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
  {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"},
  {"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 8, "op": "SCMP_CMP_LE"}]}]}"#;

#[test]
fn diff_shows_exactly_what_changed() {
    let place = Place::new("diff");
    let (old, new) = (place.file("old.json", OLD), place.file("new.json", NEW));
    let (status, out, _) = ringfence(&["diff", &old, &new]);
    assert_eq!(status, 1, "{out}");
    assert!(out.contains("2 differences, 1 of them wider"), "{out}");
    assert!(out.contains("- x86_64:ptrace: ALLOW -> ERRNO(EPERM)"), "{out}");
    assert!(out.contains("+ x86_64:personality: ERRNO(EPERM) -> ALLOW, where arg0 <= 0x7"), "{out}");
    assert_eq!(ringfence(&["diff", &old, &old]).0, 0);
    assert_eq!(ringfence(&["diff", "--fail-on", "widen", &old, &new]).0, 1);
    let less = place.file("less.json", r#"{"defaultAction": "SCMP_ACT_ERRNO"}"#);
    assert_eq!(ringfence(&["diff", "--fail-on", "widen", &old, &less]).0, 0);
    let (_, json, _) = ringfence(&["diff", "--format", "json", &old, &new]);
    for part in ["\"version\": 1", "\"kind\": \"ringfence.diff\"", "\"equal\": false", "\"call\": \"ptrace\""]
    {
        assert!(json.contains(part), "{part}: {json}");
    }
}

#[test]
fn docker_before_and_after_io_uring_differ_in_io_uring_only() {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpus");
    let corpus = std::env::var_os("RINGFENCE_CORPUS").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let profile = |name: &str| corpus.join("docker").join(name).to_str().unwrap().to_owned();
    let (old, new) = (profile("2023-10-io_uring-allowed.json"), profile("2023-11-io_uring-blocked.json"));
    if !Path::new(&old).exists() {
        println!("skipped: exchange::docker: needs the corpus beside the repository, or RINGFENCE_CORPUS");
        return;
    }
    let (status, out, _) = ringfence(&["diff", &old, &new]);
    let expected: String = ["x86_64", "i386", "x32"]
        .map(|abi| {
            let entry = if abi == "x86_64" { String::new() } else { format!("{abi}:") };
            format!(
                "  - {abi}: ALLOW -> ERRNO(EPERM), 3 calls\n      io_uring_setup, io_uring_enter, io_uring_register\n      \
                 as in {entry}io_uring_setup(0x0, 0x0)\n"
            )
        })
        .concat();
    let changed = out.split_once("wider\n").map_or("", |(_, changed)| changed);
    assert_eq!((status, changed), (1, expected.as_str()), "{out}");
}

#[test]
fn check_proves_the_filter_that_it_prints() {
    let strict = ["--policy", "builtin:compute", "--syscalls-mode", "strict"];
    let own = ["--policy", "builtin:build", "--syscalls-deny", "ioctl(_, TIOCSTI) -> kill-process"];
    let builtins =
        ["compute", "offline", "build", "service", "container"].map(|name| format!("builtin:{name}"));
    let mut all: Vec<Vec<&str>> = builtins.iter().map(|name| vec!["--policy", name]).collect();
    all.extend([strict.to_vec(), own.to_vec()]);
    for flags in all {
        let args = [&["check"], flags.as_slice(), &["--", "true"]].concat();
        let (status, out, err) = ringfence(&args);
        assert!(
            status == 0 && out.contains("instructions, proven equal to its rules"),
            "{flags:?}: {out}{err}"
        );
        let (_, json, _) =
            ringfence(&[&["check", "--format", "json"], flags.as_slice(), &["--", "true"]].concat());
        assert!(json.contains("\"proven\": true"), "{flags:?}: {json}");
    }
    let (_, out, _) = ringfence(&["check", "--syscalls-mode", "off", "--", "true"]);
    assert!(!out.contains("filter   "), "{out}");
}

#[test]
fn proofs_hold_fail_or_cannot_be_made() {
    let place = Place::new("prove");
    let (old, new) = (place.file("old.json", OLD), place.file("new.json", NEW));
    let short = place.path("short.bpf");
    let (status, out, err) = ringfence(&["syscalls", "optimise", &old, "-o", &short]);
    assert!(status == 0 && out.contains("proven equal"), "{out}{err}");
    assert_eq!(ringfence(&["syscalls", "prove", &short, &old]).0, 0);
    let (status, out, _) = ringfence(&["syscalls", "prove", &short, &new]);
    assert!(status == 1 && out.contains("ptrace(0x0"), "{out}");
    let less = place.file("less.json", r#"{"defaultAction": "SCMP_ACT_ERRNO"}"#);
    assert_eq!(ringfence(&["syscalls", "prove", "--subset", &less, &old]).0, 0);
    assert_eq!(ringfence(&["syscalls", "prove", "--subset", &old, &less]).0, 1);
    // Rules that libseccomp compiles to something else than they say.
    let order = |value: u64| {
        format!(
            r#"{{"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{{"index": 0, "value": {value}, "op": "SCMP_CMP_LT"}}]}}"#
        )
    };
    let text =
        format!(r#"{{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{}, {}]}}"#, order(2), order(1 << 33));
    let doubtful = place.file("doubtful.json", &text);
    let (status, _, err) = ringfence(&["syscalls", "prove", &doubtful, &doubtful]);
    assert!(status == 3 && err.contains("cannot be verified"), "{err}");
    let written = place.path("out.bpf");
    assert_eq!(ringfence(&["export", &doubtful, "--to", "bpf", "-o", &written]).0, 3);
    assert!(!Path::new(&written).exists());
}

#[test]
fn rules_findings_and_answers_are_shown() {
    let place = Place::new("show");
    let old = place.file("old.json", OLD);
    let (status, out, _) = ringfence(&["syscalls", "show", &old, "--asm"]);
    assert!(status == 0 && out.contains("ptrace") && out.contains("ld   [arch]"), "{out}");
    let (status, out, _) = ringfence(&["syscalls", "check", &old]);
    assert!(out.contains("RF-G0") && out.contains("fix: "), "{out}");
    assert!(status == 0 || status == 1);
    assert_eq!(ringfence(&["syscalls", "check", "--fail-on", "never", &old]).0, 0);
    assert_eq!(ringfence(&["syscalls", "check", "--fail-on", "note", &old]).0, 1);
    let (status, out, _) = ringfence(&["syscalls", "eval", &old, "personality(8)"]);
    assert!(status == 0 && out.contains("-> ALLOW") && out.contains("by syscalls[1]"), "{out}");
    let (_, out, _) = ringfence(&["syscalls", "eval", &old, "personality(9)"]);
    assert!(out.contains("-> ERRNO(EPERM)"), "{out}");
    let (status, out, _) = ringfence(&["syscalls", "show", "--format", "json", "builtin:offline"]);
    assert!(status == 0 && out.contains("\"kind\": \"ringfence.syscalls.show\""), "{out}");
}

#[test]
fn a_policy_is_written_only_where_it_says_the_same() {
    let place = Place::new("import");
    let old = place.file("old.json", OLD);
    let policy = place.path("policy.toml");
    let (status, _, err) = ringfence(&["import", &old, "-o", &policy]);
    assert!(status == 2 && err.contains("personality") && err.contains("--as-read"), "{err}");
    assert!(!Path::new(&policy).exists());
    let (status, _, err) = ringfence(&["import", "--as-read", &old, "-o", &policy]);
    assert!(status == 0 && err.contains("note: "), "{err}");
    let text = fs::read_to_string(&policy).unwrap();
    assert!(text.contains("\"ptrace\"") && text.contains("on_deny = \"EPERM\""), "{text}");
    assert_eq!(ringfence(&["syscalls", "show", &policy]).0, 0);
    assert_eq!(fs::read_dir(&place.0).unwrap().count(), 2, "nothing is left beside it");
    let changed = text.replace("version = 1\n", "version = 1\n[limits]\nwall = \"1m\"\n");
    let other = place.file("other.toml", &changed);
    let (status, out, _) = ringfence(&["diff", &policy, &other]);
    assert!(status == 1 && out.contains("limits.wall differs") && out.contains("not compared"), "{out}");
}

#[test]
fn bad_input_exits_2_and_says_what_to_do() {
    let place = Place::new("bad");
    let huge = place.path("huge.json");
    fs::File::create(&huge).unwrap().set_len(100 << 20).unwrap();
    let broken = place.file("broken.json", "{\"defaultAction\": ");
    let old = place.file("old.json", OLD);
    let mut gone = Command::new("true").spawn().unwrap();
    gone.wait().unwrap();
    let gone = format!("pid:{}", gone.id());
    let cases: [(&[&str], &str); 12] = [
        (&["syscalls", "show", &huge], "larger than 4 MiB"),
        (&["syscalls", "show", &broken], "broken.json:1:"),
        (&["syscalls", "show", "/nonexistent"], "/nonexistent: "),
        (&["syscalls", "show", &gone], "no such process"),
        (&["syscalls", "show", "pid:x"], "no process id"),
        (&["syscalls", "show", "builtin:ofline"], "offline"),
        (&["syscalls", "show", &format!("{old}#vmm")], "no gate `vmm`"),
        (&["syscalls", "eval", &old, "opnat()"], "did you mean `openat`?"),
        (&["syscalls", "show", "--from", "bpf", &old], "whole number of instructions"),
        (&["export", &old, "--to", "systemd"], "depends on its arguments"),
        (&["syscalls", "frobnicate"], "frobnicate"),
        (&["syscalls", "optimise", &old], "--output"),
    ];
    for (args, words) in cases {
        let (status, out, err) = ringfence(args);
        assert!(status == 2 && out.is_empty() && err.contains(words), "{args:?}: {status} {out}{err}");
    }
}
