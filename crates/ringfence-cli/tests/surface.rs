//! `ringfence surface`: what it prints, and what it says to what it cannot read.
#![allow(clippy::print_stderr)]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

/// Runs `ringfence surface` with arguments, the text being its standard input.
fn surface(args: &[&str], input: &str) -> Output {
    let program =
        std::env::var("RINGFENCE_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_ringfence").to_owned());
    let mut command = Command::new(program);
    command.arg("surface").args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // One that does not read its input has none.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0));
    String::from_utf8(output.stdout.clone()).unwrap()
}

const POLICY: &str = "version = 1\nextends = []\n[syscalls]\nabis = [\"x86_64\"]\n\
                      allow = [\"read\", \"kill(sig: 0)\"]\n";

const PROGRAM: &str = r#"{"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X86_64"],
"syscalls":[{"names":["read","write"],"action":"SCMP_ACT_ALLOW"},
{"names":["kill"],"action":"SCMP_ACT_ALLOW","args":[{"index":1,"value":0,"op":"SCMP_CMP_EQ"}]}]}"#;

#[test]
fn a_builtin() {
    let text = text(&surface(&["builtin:compute"], ""));
    for part in
        ["builtin:compute\n", "x86_64: ", " whatever their arguments, ", "i386: nothing\n", "x32: nothing\n"]
    {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    assert!(text.contains("  clone(") && text.contains(" of 2^448)"), "{text}");
    assert!(!text.contains("no table has"), "{text}");
}

#[test]
fn a_profile_on_standard_input() {
    let text = text(&surface(&["-"], PROGRAM));
    assert!(
        text.contains("3 of ") && text.contains(": 2 whatever their arguments, 1 under conditions"),
        "{text}"
    );
    assert!(text.contains("  read write\n"), "{text}");
    // libseccomp compares 64 bits of the signal, of which the kernel reads 32: no rule says that.
    assert!(text.contains("kill where arg1 == 0x0   (2^384.0 of 2^448)"), "{text}");
}

#[test]
fn json() {
    let text = text(&surface(&["-", "--format", "json"], PROGRAM));
    for part in [
        "\"version\": 1",
        "\"kind\": \"ringfence.surface\"",
        "\"abi\": \"x86_64\"",
        "\"read\",",
        "\"call\": \"kill\"",
        "\"arg1 == 0x0\"",
        "\"inputs_log2\": 384.0",
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
}

#[test]
fn several_at_once() {
    let text = text(&surface(&["builtin:compute", "builtin:offline"], ""));
    assert!(text.contains("builtin:compute\n") && text.contains("\nbuiltin:offline\n"), "{text}");
}

/// The tables against this kernel: they agree, or this is a kernel that its vendor has changed.
#[test]
fn accuracy() {
    let output = surface(&["--check-man"], "");
    if output.status.code() == Some(3) {
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(message.contains("/proc/kallsyms"), "{message}");
        eprintln!("skipped: surface::accuracy: {message}");
        return;
    }
    let text = text(&output);
    assert!(text.contains("x86_64: the table agrees for ") && text.contains("syscalls(2)"), "{text}");
    let line = text.lines().find(|line| line.starts_with("x86_64: ")).unwrap();
    let numbers: Vec<&str> = line.split(' ').filter(|word| word.parse::<u32>().is_ok()).collect();
    assert!(numbers.len() == 2 && numbers[0] == numbers[1], "{line}");
}

#[test]
fn a_missing_man_page_is_said() {
    let output = surface(&["--check-man", "--man", "/nonexistent"], "");
    if output.status.code() != Some(3) {
        let text = text(&output);
        assert!(
            text.contains("syscalls(2): not compared: no man2/syscalls.2 in /nonexistent; install"),
            "{text}"
        );
    }
}

#[test]
fn bad_input() {
    for (args, input, message) in [
        (&["/nonexistent"][..], "", "/nonexistent: No such file"),
        (&[], "", "required"),
        (&["builtin:nope"], "", "unknown built-in policy `nope`"),
        (&["pid:x"], "", "no process id"),
        (&["pid:999999999"], "", "no such process"),
        (&["-"], "", "no language that is known"),
        (&["-"], "{ not json", "-:1:"),
        (&["-", "--from", "cobol"], "x", "cobol"),
    ] {
        let output = surface(args, input);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(message), "{args:?}: {said}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_policy_file() {
    let folder = std::env::temp_dir().join(format!("ringfence-surface-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("policy.toml");
    std::fs::write(&file, POLICY).unwrap();
    let output = surface(&[file.to_str().unwrap()], "");
    std::fs::remove_dir_all(&folder).unwrap();
    let text = text(&output);
    assert!(text.contains("\n  read\n") && text.contains("kill(sig: 0)"), "{text}");
}
