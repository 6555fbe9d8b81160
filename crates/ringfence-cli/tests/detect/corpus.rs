//! Denials with known causes. Each is made by a system call from perl, whose errno is compared with
//! what the event says; then the event's own remedy is tried.

use std::fs;

use crate::harness::both;
use crate::harness::ground::Ground;

/// A denial: the call with its arguments for perl, and what must be said of it.
struct Denial {
    flags: &'static str,
    call: &'static str,
    errno: &'static str,
    cause: &'static str,
    /// A part of the policy line.
    line: &'static str,
}

/// What is the same for several calls: flags, errno, cause and a part of the policy line.
type Group = (&'static str, &'static str, &'static str, &'static str, &'static [&'static str]);

/// Numbers are those of x86_64, syscall_64.tbl. The arguments fail harmlessly where the call is made.
const CORPUS: &[Group] = &[
    (
        "",
        "EPERM",
        "not-allowed",
        "on_deny",
        &[
            "101, 16, 999999, 0, 0",
            "310, 999999, 0, 0, 0, 0, 0",
            "298, 0, 0, -1, -1, 0",
            "321, 0, 0, 0",
            "323, 0",
            "250, 0, 0, 0",
            "248, 0, 0, 0, 0, 0",
            "249, 0, 0, 0, 0",
            "165, 0, 0, 0, 0, 0",
            "166, 0, 0",
            "155, 0, 0",
            "161, 0",
            "429, -1, 0, -1, 0, 0",
            "430, 0, 0",
            "431, -1, 0, 0, 0, 0",
            "432, -1, 0, 0",
            "433, -1, 0, 0",
            "442, -1, 0, 0, 0, 0",
            "175, 0, 0, 0",
            "176, 0, 0",
            "313, -1, 0, 0",
            "246, 0, 0, 0, 0",
            "320, -1, -1, 0, 0, 0",
            "169, 0, 0, 0, 0",
            "163, 0",
            "167, 0, 0",
            "168, 0",
            "170, 0, 0",
            "171, 0, 0",
            "164, 0, 0",
            "227, 99, 0",
            "305, 99, 0",
            "159, 0",
            "172, 9",
            "173, 0, 0, 0",
            "304, -1, 0, 0",
            "179, 0, 0, 0, 0",
            "153",
            "139, 0, 0, 0",
            "103, 11, 0, 0",
            "300, 99, 0",
            "301, -1, 0, 0, -1, 0",
            "279, 999999, 0, 0, 0, 0, 0",
            "256, 999999, 0, 0, 0",
            "311, 999999, 0, 0, 0, 0, 0",
            "312, 999999, 0, 99, 0, 0",
            "212, 0, 0, 0",
            "180",
        ],
    ),
    (
        "--policy builtin:compute",
        "EPERM",
        "not-allowed",
        "on_deny",
        &[
            "49, -1, 0, 0",
            "42, -1, 0, 0",
            "50, -1, 0",
            "68, 0, 0",
            "240, 0, 0, 0, 0",
            "29, 0, 0, 99",
            "64, 0, 0, 99",
        ],
    ),
    (
        "--syscalls-on-deny=EXDEV",
        "EXDEV",
        "not-allowed",
        "EXDEV",
        &["101, 16, 999999, 0, 0", "323, 0", "155, 0, 0"],
    ),
    ("--syscalls-on-deny=ENOSYS", "ENOSYS", "not-allowed", "ENOSYS", &["250, 0, 0, 0", "165, 0, 0, 0, 0, 0"]),
    ("--syscalls-deny=mkdir", "EPERM", "deny-rule", "mkdir", &["83, 0, 0"]),
    ("--syscalls-deny=mkdir->ENOSPC", "ENOSPC", "deny-rule", "mkdir->ENOSPC", &["83, 0, 0"]),
    ("--syscalls-deny=kill(sig:12)->ESRCH", "ESRCH", "deny-rule", "kill(sig:12)", &["62, 999999, 12"]),
    ("--syscalls-deny=getpriority->EIO", "EIO", "deny-rule", "getpriority", &["140, 99, 0"]),
    ("--syscalls-deny=umask(mask:7)->EDOM", "EDOM", "deny-rule", "umask", &["95, 7"]),
    (
        "--syscalls-deny=@chown->EROFS",
        "EROFS",
        "deny-rule",
        "@chown",
        &["92, 0, 0, 0", "93, -1, 0, 0", "94, 0, 0, 0"],
    ),
    (
        "",
        "EAFNOSUPPORT",
        "network",
        "none",
        &[
            "41, 1, 1, 0",
            "41, 1, 2, 0",
            "41, 2, 1, 0",
            "41, 2, 2, 0",
            "41, 10, 1, 0",
            "41, 10, 2, 0",
            "41, 16, 3, 0",
            "41, 38, 5, 0",
            "41, 17, 3, 0",
            "41, 40, 1, 0",
            "41, 31, 3, 0",
            "53, 2, 1, 0, 0",
            "41, 2, 524289, 0",
        ],
    ),
    (
        "--policy builtin:service",
        "EAFNOSUPPORT",
        "network",
        "loopback",
        &["41, 17, 3, 0", "41, 38, 5, 0", "41, 40, 1, 0"],
    ),
    ("--policy builtin:service", "EACCES", "network", "loopback", &["41, 2, 3, 1", "41, 10, 3, 58"]),
    (
        "--policy builtin:service",
        "EPROTONOSUPPORT",
        "network",
        "loopback",
        &["41, 2, 1, 262", "41, 2, 1, 132"],
    ),
    ("", "ENOSYS", "deny-rule", "io_uring", &["425, 0, 0", "426, -1, 0, 0, 0, 0, 0", "427, -1, 0, 0, 0"]),
    ("", "EPERM", "nested-user-namespace", "", &["272, 268435456", "308, -1, 0", "272, 268566528"]),
    ("", "ENOSYS", "unknown-call", "unknown", &["599, 0, 0", "1000", "4000000"]),
    ("--syscalls-unknown=EPERM", "EPERM", "unknown-call", "EPERM", &["599, 0, 0"]),
    ("", "ENOSYS", "closed-abi", "abis", &["0x40000000 | 39", "0x40000000 | 2", "0x40000000 | 520"]),
];

fn denials() -> impl Iterator<Item = Denial> {
    CORPUS.iter().flat_map(|(flags, errno, cause, line, calls)| {
        calls.iter().map(|call| Denial { flags, call, errno, cause, line })
    })
}

/// The same for `deny.c`: flags, words, errno and cause; without what perl computes.
pub(crate) fn as_words() -> impl Iterator<Item = (String, String, String, String)> {
    let plain = denials().filter(|denial| !denial.call.contains('|'));
    plain.map(|denial| {
        let words = denial.call.replace(',', "");
        // `compute` shows no working directory, and the program is there.
        let more = if denial.flags.contains("builtin:compute") { " --fs-exec=." } else { "" };
        (format!("{}{more}", denial.flags), words, denial.errno.to_owned(), denial.cause.to_owned())
    })
}

impl Denial {
    fn script(&self) -> String {
        format!("$! = 0; my $r = syscall({}); print $r, ' ', $! + 0, \"\\n\"", self.call)
    }

    /// The errno that perl saw.
    fn seen(&self, ground: &Ground, flags: &str) -> (i32, String, String) {
        let events = ground.root().join("home/events.json");
        let flags = format!("{} {flags} --events {}", self.flags, events.display());
        let run = ground.ringfence(&flags, &["perl", "-e", &self.script()]).go();
        let number = run.out.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(-1);
        let lines = fs::read_to_string(&events).unwrap_or_default();
        (number, lines, run.err)
    }
}

fn errno(name: &str) -> i32 {
    let errnos = [
        ("EPERM", 1),
        ("ESRCH", 3),
        ("EIO", 5),
        ("EACCES", 13),
        ("EXDEV", 18),
        ("ENOSPC", 28),
        ("EROFS", 30),
        ("EDOM", 33),
        ("ENOSYS", 38),
        ("EPROTONOSUPPORT", 93),
        ("EAFNOSUPPORT", 97),
    ];
    errnos.iter().find(|(known, _)| *known == name).unwrap().1
}

/// A string field of a line of JSON, as it stands there.
fn field<'l>(line: &'l str, after: &str) -> Option<&'l str> {
    let (_, rest) = line.split_once(after)?;
    rest.split_once('"').map(|(value, _)| value)
}

/// The flags that the event says would allow it.
fn remedy(line: &str) -> Vec<String> {
    let rest = line.split_once("\"settings\":[").map_or("", |(_, rest)| rest);
    rest.split("\"flag\":\"")
        .skip(1)
        .filter_map(|rest| rest.split_once('"'))
        .map(|(flag, _)| flag.replace('\'', ""))
        .collect()
}

/// What the filter denied. What it lets pass, other controls may deny, and other sources tell.
fn of_filter(line: &str) -> bool {
    line.contains("\"ringfence.event\"") && line.contains("\"source\":\"seccomp-notify\"")
}

both! {
    fn every_denial_says_what_really_happened(ground: &Ground) {
        if !ground.has(&["perl"]) {
            return;
        }
        assert!(denials().count() >= 100);
        let (mut wrong, mut replayed) = (Vec::new(), 0);
        for denial in denials() {
            let (seen, events, shown) = denial.seen(ground, "");
            let call = denial.call.split(',').next().unwrap();
            let lines: Vec<&str> = events.lines().filter(|line| of_filter(line)).collect();
            // The last one is the script's; perl's own start may be denied something as well.
            let Some(line) = lines.last() else {
                wrong.push(format!("{call}: no event: {shown}"));
                continue;
            };
            let said = (field(line, "\"errno\":{\"known\":\"observed\",\"value\":\""), field(line, "\"cause\":{\"known\":\"observed\",\"value\":\""));
            let policy = field(line, "\"text\":\"").unwrap_or_default();
            let place = line.split_once("\"policy\":").map_or("", |(_, rest)| rest);
            let named = denial.line.is_empty() || place.split("\"errno\"").next().unwrap().contains(denial.line);
            if seen != errno(denial.errno) || said != (Some(denial.errno), Some(denial.cause)) || !named {
                wrong.push(format!("{} {call}: perl saw {seen}, the event says {said:?} {policy}: {line}", denial.flags));
                continue;
            }
            let flags = remedy(line);
            if flags.is_empty() || flags.iter().any(|flag| flag.contains("PATH")) {
                continue;
            }
            replayed += 1;
            let (_, events, shown) = denial.seen(ground, &flags.join(" "));
            let again = events.lines().rfind(|line| of_filter(line));
            let number = field(line, "\"call\":\"");
            if !events.contains("\"ringfence.summary\"") || again.is_some_and(|again| field(again, "\"call\":\"") == number) {
                wrong.push(format!("{} {call}: still denied with {flags:?}: {shown}", denial.flags));
            }
        }
        assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
        assert!(replayed >= 60, "only {replayed} remedies were tried");
    }

    fn the_program_sees_the_same_with_and_without_events(ground: &Ground) {
        if !ground.has(&["perl"]) {
            return;
        }
        for flags in ["", "--policy builtin:compute", "--policy builtin:service"] {
            let calls: Vec<&str> = CORPUS.iter().filter(|group| group.0 == flags).flat_map(|group| group.4).copied().collect();
            let script: String =
                calls.iter().map(|call| format!("$! = 0; $r = syscall({call}); print \"$r \", $! + 0, \"\\n\";\n")).collect();
            let plain = ground.ringfence(flags, &["perl", "-e", &script]).go();
            let told = ground.ringfence(&format!("{flags} --explain"), &["perl", "-e", &script]).go();
            assert_eq!(plain.out, told.out, "{flags}");
            assert_eq!(plain.status, told.status);
            assert_eq!(plain.out.lines().count(), calls.len(), "{plain}");
            let own = told.err.strip_prefix(&plain.err);
            assert!(own.is_some_and(|own| own.starts_with("ringfence: ")), "{plain} {told}");
        }
    }
}
