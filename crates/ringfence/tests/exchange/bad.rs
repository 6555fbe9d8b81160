//! Bad input: each mistake is an error that says where and what to do, and nothing else happens.

use std::io;

use ringfence::exchange::{self, Conditions, Language, recognise};

use super::{import, no_files, options};

fn wrong(language: Language, text: &str) -> String {
    import(text, language).err().unwrap_or_else(|| panic!("accepted: {text}")).to_string()
}

#[test]
fn oci() {
    let cases = [
        ("{", "test:1:1: EOF"),
        ("{\"defaultAction\": 3}", "expected a string"),
        ("{\"defaultAction\": \"SCMP_ACT_ALOW\"}", "did you mean `SCMP_ACT_ALLOW`?"),
        (r#"{"defaultAction": "SCMP_ACT_ALLOW", "defaltErrnoRet": 1}"#, "unknown field `defaltErrnoRet`"),
        (r#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 65536}"#, "16 bits"),
        (r#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_46"]}"#, ""),
        (
            r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["opnat"], "action": "SCMP_ACT_KILL"}]}"#,
            "syscalls[0].names[0]: unknown system call `opnat`",
        ),
        (
            r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [], "action": "SCMP_ACT_KILL"}]}"#,
            "names",
        ),
        (
            r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_KILL",
              "args": [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}]}]}"#,
            "no argument 6",
        ),
        (
            r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_KILL",
              "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EG"}]}]}"#,
            "did you mean `SCMP_CMP_",
        ),
    ];
    for (text, words) in cases {
        if words.is_empty() {
            // Another architecture of libseccomp, as far as anybody can tell.
            assert!(import(text, Language::Oci).is_ok());
            continue;
        }
        let error = wrong(Language::Oci, text);
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn calls_of_other_architectures_are_noted() {
    let text = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["riscv_flush_icache", "read"],
      "action": "SCMP_ACT_KILL"}]}"#;
    let imported = import(text, Language::Oci).unwrap();
    assert!(imported.notes.iter().any(|note| note.text.contains("riscv_flush_icache") && !note.incomplete));
}

#[test]
fn minijail() {
    let cases = [
        ("opnat: 1", "test:1:1: unknown system call of x86_64 `opnat`"),
        ("read 1", "expected `:`"),
        ("read: 2", "expected `1`"),
        ("read: alow", "did you mean `allow`?"),
        ("read: arg6 == 1", "no argument 6"),
        ("read: arg0 = 1", "expected `==`"),
        ("read: arg0 == O_RDWRR", "O_RDWR"),
        ("read: arg0 == 99999999999999999999", "64 bits"),
        ("read: arg0 == 1; return EPERM", "means two things"),
        ("read: 1\nread: 1", "already has an unconditional action at test:1"),
        ("read: arg0 == (1", "expected `)`"),
        ("read: $", "`$` has no meaning here"),
        ("@default allow", "unknown default action"),
        ("@include ./gone.policy", "cannot include"),
        ("read: return 65536", "is no errno"),
    ];
    for (text, words) in cases {
        let error = wrong(Language::Minijail, text);
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn files_that_include_themselves_or_too_many_end() {
    let cycle = |path: &str| match path {
        "./a" | "a" => Ok(b"@include ./b\n".to_vec()),
        "./b" | "b" => Ok(b"@include ./a\n".to_vec()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    let error =
        exchange::import(b"@include ./a", "x", Language::Minijail, &options(Conditions::default(), &cycle));
    assert!(error.unwrap_err().to_string().contains("includes itself"));
    let deep = |path: &str| {
        let number: usize = path.trim_start_matches("./").parse().map_err(|_| io::ErrorKind::NotFound)?;
        Ok(format!("@include ./{}\n", number + 1).into_bytes())
    };
    let error =
        exchange::import(b"@include ./1", "x", Language::Minijail, &options(Conditions::default(), &deep));
    assert!(error.unwrap_err().to_string().contains("files deep"));
}

#[test]
fn systemd() {
    let cases = [
        ("[Service]\nSystemCallFilter=opnat", "test:2: unknown system call `opnat`"),
        ("[Service]\nSystemCallFilter=@systm-service", "did you mean `@system-service`?"),
        ("[Service]\nSystemCallFilter=read:EPERM", "no error number"),
        ("[Service]\nSystemCallFilter=~read:EPREM", "did you mean `EPERM`?"),
        ("[Service]\nSystemCallArchitectures=x86_64", "unknown architecture"),
        ("[Service]\nRestrictAddressFamilies=AF_INTE", "did you mean `AF_INET`?"),
        ("[Service]\nRestrictNamespaces=usr", "did you mean `user`?"),
        ("[Service]\nLockPersonality=maybe", "neither yes nor no"),
        ("[Service\n", "ends with `]`"),
        ("[Service]\nnonsense", "Directive=value"),
        (
            "[Service]\nSystemCallErrorNumber=EPERM\nSystemCallFilter=read\nSystemCallFilter=~write:EPERM",
            "every other",
        ),
    ];
    for (text, words) in cases {
        let error = wrong(Language::Systemd, text);
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn firecracker() {
    let thread = |filter: &str| {
        format!(r#"{{"a": {{"default_action": "trap", "filter_action": "allow", "filter": [{filter}]}}}}"#)
    };
    let cases = [
        (thread(r#"{"syscall": "opnat"}"#), "`openat`"),
        (thread(r#"{"syscall": "read", "args": []}"#), "empty list"),
        (thread(r#"{"syscall": "read", "arg": []}"#), "unknown field"),
        (
            thread(r#"{"syscall": "read", "args": [{"index": 6, "type": "dword", "op": "eq", "val": 0}]}"#),
            "0 to 5",
        ),
        (
            r#"{"a": {"default_action": "allow", "filter_action": "allow", "filter": []}}"#.to_owned(),
            "the same",
        ),
        ("{}".to_owned(), "no thread"),
    ];
    for (text, words) in cases {
        let error = wrong(Language::Firecracker, &text);
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn sizes_are_bounded() {
    let huge = vec![b' '; exchange::MAX_BYTES + 1];
    for (language, _) in Language::ALL {
        let error = exchange::import(&huge, "x", language, &options(Conditions::default(), &no_files));
        assert!(error.unwrap_err().to_string().contains("larger than 4 MiB"));
        let error = exchange::import(&[], "x", language, &options(Conditions::default(), &no_files));
        assert!(error.unwrap_err().to_string().contains("empty"));
    }
    // Deep nesting ends in an error, not in the stack.
    let deep = format!("{{\"a\": {}", "[".repeat(100_000));
    assert!(recognise(deep.as_bytes(), "x").is_err());
    let deep = format!("read: arg0 == {}1", "(".repeat(100_000));
    assert!(wrong(Language::Minijail, &deep).contains("too many parentheses"));
    // More alternatives than any program holds.
    let wide = vec!["arg0 != 0x100000001"; 40].join(" && ");
    assert!(wrong(Language::Minijail, &format!("read: {wide}")).contains("alternatives"));
}
