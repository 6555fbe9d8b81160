//! `explain` against the kernel: what is predicted is what a program inside then sees.

use crate::harness::both;

/// Flags, the operation, a shell command that tries it, and the C library's words for the errno
/// that is predicted; empty where it is allowed.
const OPERATIONS: &[(&str, &str, &str, &str, &str)] = &[
    ("", "read /etc/shadow", "cat /etc/shadow", "ENOENT", "No such file"),
    ("", "write .", "touch new", "EROFS", "Read-only file system"),
    ("", "write ./mine", "echo x >>mine", "EROFS", "Read-only file system"),
    ("", "unlink ./mine", "rm -f mine", "EROFS", "Read-only file system"),
    ("", "rename ./mine", "mv mine yours", "EROFS", "Read-only file system"),
    ("", "chmod ./mine", "chmod 700 mine", "EROFS", "Read-only file system"),
    ("", "read ./mine", "cat mine", "", ""),
    ("", "exec /usr/bin/env", "/usr/bin/env true", "", ""),
    ("", "exec /etc/passwd", "exec /etc/passwd", "EACCES", "Permission denied"),
    ("--fs-write=.", "write ./mine", "echo x >>mine", "", ""),
    ("--fs-write=.", "write .", "touch new && rm new", "", ""),
    ("--fs-deny=mine", "read ./mine", "cat mine", "EACCES", "Permission denied"),
    ("", "write /tmp/x", "touch /tmp/x", "", ""),
    (
        "",
        "socket(AF_INET, SOCK_STREAM)",
        "perl -e 'socket(my $s, 2, 1, 0) or die $!'",
        "EAFNOSUPPORT",
        "Address family",
    ),
    ("", "connect tcp:9", "perl -e 'socket(my $s, 2, 1, 0) or die $!'", "EAFNOSUPPORT", "Address family"),
    (
        "--policy builtin:service",
        "socket(AF_INET, SOCK_STREAM)",
        "perl -e 'socket(my $s, 2, 1, 0) or die $!'",
        "",
        "",
    ),
    (
        "--policy builtin:service",
        "connect tcp:192.0.2.1:9",
        "perl -MSocket -e 'socket(my $s, 2, 1, 0) or die; connect($s, pack_sockaddr_in(9, inet_aton(\"192.0.2.1\"))) or die $!'",
        "ENETUNREACH",
        "Network is unreachable",
    ),
    (
        "--policy builtin:service",
        "bind tcp:80",
        "perl -MSocket -e 'socket(my $s, 2, 1, 0) or die; bind($s, pack_sockaddr_in(80, INADDR_ANY)) or die $!'",
        "EACCES",
        "Permission denied",
    ),
    (
        "--policy builtin:service",
        "bind tcp:8080",
        "perl -MSocket -e 'socket(my $s, 2, 1, 0) or die; bind($s, pack_sockaddr_in(8080, INADDR_ANY)) or die $!'",
        "",
        "",
    ),
    (
        "",
        "ptrace(PTRACE_TRACEME)",
        "perl -e 'syscall(101, 0, 0, 0, 0) == 0 or die $!'",
        "EPERM",
        "Operation not permitted",
    ),
    (
        "--syscalls-allow=ptrace",
        "ptrace(PTRACE_TRACEME)",
        "perl -e 'syscall(101, 0, 0, 0, 0) == 0 or die $!'",
        "",
        "",
    ),
    (
        "--syscalls-deny=mkdir->ENOSPC",
        "mkdir",
        "perl -e 'mkdir \"/tmp/y\" or die $!'",
        "ENOSPC",
        "No space left",
    ),
    (
        "",
        "unshare(CLONE_NEWUSER)",
        "perl -e 'syscall(272, 268435456) == 0 or die $!'",
        "EPERM",
        "Operation not permitted",
    ),
    ("", "capability CAP_SYS_CHROOT", "perl -e 'chroot \"/\" or die $!'", "EPERM", "Operation not permitted"),
    ("", "chroot .", "perl -e 'chroot \".\" or die $!'", "EPERM", "Operation not permitted"),
    ("", "signal host", "perl -e 'kill(0, 1000000) or die $!'", "ESRCH", "No such process"),
];

both! {
    fn what_is_predicted_is_what_happens(ground: &Ground) {
        if !ground.has(&["perl"]) {
            return;
        }
        ground.file("home/work/mine", "mine\n");
        let mut wrong = Vec::new();
        for (flags, operation, command, errno, words) in OPERATIONS {
            let mut explain = vec!["explain"];
            explain.extend(flags.split_whitespace());
            explain.extend(["--format", "json", operation]);
            let said = ground.command(&ground.binary(), &explain).go();
            let first = said.out.split_once("\"denied_by\": ").map_or("", |(_, rest)| rest);
            let denied = first.split_once("\"errno\": ").and_then(|(_, rest)| rest.split_once(',')).map_or("", |(errno, _)| errno);
            let denied = denied.trim_matches('"').replace("null", "");
            let run = ground.shell(flags, command).go();
            let happened = if run.status == 0 { "" } else { words };
            if denied != *errno || !run.err.contains(words) || (errno.is_empty()) != (run.status == 0) {
                wrong.push(format!("{flags} {operation}: predicted `{denied}`, expected `{errno}`, {happened}: {run}"));
            }
        }
        assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
    }

    fn bad_operations_are_refused(ground: &Ground) {
        for (operation, words) in [("raed /etc/passwd", "read"), ("connect tcp:http", "tcp"), ("", "system call")] {
            let run = ground.command(&ground.binary(), &["explain", operation]).go();
            assert!(run.exits(2).err.contains(words), "{run}");
            assert_eq!(run.out, "");
        }
    }

    fn the_audit_tree_knows_this_host(ground: &Ground) {
        let run = ground.command(&ground.binary(), &["host", "audit", "--format", "json"]).go();
        assert!(run.passes().out.contains("\"kind\": \"ringfence.audit\""), "{run}");
        let logged = std::fs::read_to_string("/proc/sys/kernel/seccomp/actions_logged").unwrap_or_default();
        let run = ground.command(&ground.binary(), &["host", "audit"]).go();
        let errno = run.out.lines().find(|line| line.starts_with("seccomp errno, log flag")).unwrap();
        assert_eq!(errno.contains("not recorded"), !logged.split_whitespace().any(|word| word == "errno"), "{errno}");
    }
}
