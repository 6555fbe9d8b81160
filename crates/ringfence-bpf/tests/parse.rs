//! Rules from text: what is accepted, and what each error points at.

use ringfence_bpf::filter::Action;
use ringfence_bpf::rule::{self, Test, parse};
use ringfence_bpf::table::Abi;

fn tests(text: &str) -> Vec<Test> {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}")).conditions.remove(0).tests
}

#[test]
fn every_form() {
    assert_eq!(parse(" openat ").unwrap().conditions, []);
    assert!(parse("@system-service").unwrap().target.calls().count() > 300);
    assert_eq!(tests("socket(domain: AF_UNIX | AF_INET)"), [Test::Equal(1), Test::Equal(2)]);
    assert_eq!(tests("socket(family: 0..=5)"), [Test::Range(0, 5)]);
    assert_eq!(tests("ptrace(PTRACE_TRACEME)"), [Test::Equal(0)]);
    assert_eq!(tests("ioctl(_, TIOCSTI)"), [Test::Equal(0x5412)]);
    assert_eq!(tests("ioctl(request: !TIOCSTI)"), [Test::NotEqual(0x5412)]);
    assert_eq!(tests("openat(_, _, & O_ACCMODE == O_RDONLY)"), [Test::Masked { mask: 3, value: 0 }]);
    assert_eq!(tests("mprotect(prot: !& PROT_EXEC)"), [Test::Masked { mask: 4, value: 0 }]);
    assert_eq!(
        tests("clone(flags: !& (CLONE_NEWUSER | 0x20000))"),
        [Test::Masked { mask: 0x1002_0000, value: 0 }]
    );
    assert_eq!(tests("openat(dfd: AT_FDCWD)"), [Test::Equal(-100)]);
    assert_eq!(tests("chmod(mode: 0644 | 0o644 | 0x1a4 | 420)"), [Test::Equal(420); 4]);
}

#[test]
fn actions() {
    for (text, action) in [
        ("read", None),
        ("read -> ENOSYS", Some(Action::Errno(38))),
        ("read->kill", Some(Action::KillProcess)),
        ("read() -> kill-thread", None),
        ("@mount -> trap", Some(Action::Trap(0))),
        ("socket(AF_ALG) -> EPERM", Some(Action::Errno(1))),
        ("read -> log", Some(Action::Log)),
    ] {
        match parse(text) {
            Ok(rule) => assert_eq!(rule.action, action, "{text}"),
            Err(_) => assert_eq!(text, "read() -> kill-thread"),
        }
    }
}

/// The argument is found by its name where the order differs, and where the compat name does.
#[test]
fn places_in_each_abi() {
    let positions = |text: &str| parse(text).unwrap().conditions[0].positions;
    assert_eq!(positions("clone(tls: 0)"), [Some(4), None, Some(4)]);
    assert_eq!(positions("clone(flags: 0)"), [Some(0), Some(0), Some(0)]);
    assert_eq!(positions("ioctl(arg: 0)"), [Some(2); 3]);
    assert_eq!(positions("mmap(prot: 0)")[Abi::I386 as usize], None);
}

#[test]
fn errors_point_at_what_is_wrong() {
    for (text, part, message, help) in [
        ("opnat", "opnat", "unknown system call `opnat`", "did you mean `openat`?"),
        ("@sytem-service", "@sytem-service", "unknown group", "did you mean `@system-service`?"),
        ("mount-", "mount-", "unknown system call `mount-`", "did you mean `mount`?"),
        ("debug", "debug", "unknown system call `debug`", "did you mean the group `@debug`?"),
        ("arm_fadvise64_64", "arm_fadvise64_64", "unknown system call", "other architectures have it"),
        ("socket(domian: 1)", "domian", "socket has no argument `domian`", "did you mean `domain`?"),
        ("socket(AF_UNX)", "AF_UNX", "unknown constant `AF_UNX`", "did you mean `AF_UNIX`?"),
        ("getpid(1)", "1", "getpid has 0 arguments only", ""),
        ("socket(1, 2, 3, 4)", "4", "socket has 3 arguments only", ""),
        ("socket(0x100000000)", "0x100000000", "does not fit `int family`", ""),
        ("socket(_, 0x80001)", "0x80001", "low four bits", "flags"),
        ("socket(5..=1)", "5..=1", "this range is empty", ""),
        ("socket(& 1 == 2)", "2", "this never holds", "bits of the mask"),
        ("socket(& 1)", ")", "expected `==`", "!& MASK"),
        ("socket(1", "", "expected `,` or `)`", ""),
        ("socket(", "", "expected a condition", ""),
        ("socket()", ")", "expected a condition", "a number"),
        ("socket(1) x", "x", "does not belong", "`->`"),
        ("socket(09)", "09", "is not a number", "octal"),
        ("@mount(1)", "(", "takes no conditions", "each call"),
        ("read -> kil", "kil", "unknown action `kil`", "did you mean `kill`?"),
        ("read -> allow", "allow", "unknown action", ""),
        ("", "", "expected the name", ""),
        ("é", "é", "expected the name", ""),
        ("socket(é)", "é", "expected a condition", ""),
    ] {
        let error = parse(text).expect_err(text);
        assert_eq!(&text[error.offset..error.offset + error.len], part, "{text}: {error:?}");
        assert!(error.message.contains(message), "{text}: {error:?}");
        assert!(error.help.as_deref().unwrap_or_default().contains(help), "{text}: {error:?}");
        assert!(!error.message.ends_with('.'));
    }
    let error = rule::parse_allow("read -> kill ").unwrap_err();
    assert_eq!((error.offset, error.len), (5, 7));
}

/// No input makes the parser fail otherwise than by an error with a place inside the text.
#[test]
fn hostile_text() {
    let pieces = [
        "socket",
        "(",
        ")",
        "|",
        "&",
        "==",
        "!",
        "!&",
        "..=",
        "1",
        "-",
        "_",
        ",",
        ":",
        "->",
        "é",
        "\0",
        "domain",
        " ",
        "@",
        "0x",
        "99999999999999999999",
    ];
    let mut state = 1_u64;
    for _ in 0..5_000 {
        let mut text = String::from("socket(");
        for _ in 0..12 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            text += pieces[(state >> 40) as usize % pieces.len()];
        }
        if let Err(error) = parse(&text) {
            assert!(text.get(error.offset..error.offset + error.len).is_some(), "{text}: {error:?}");
        }
    }
    let deep = format!("socket({}", "(".repeat(100_000));
    assert!(parse(&deep).is_err());
    let long = format!("socket({}1)", "1|".repeat(100_000));
    assert!(parse(&long).unwrap_err().message.contains("tests"));
}
