//! Policies that cannot be read, do not say what they could mean, or contradict themselves.

use expect_test::{Expect, expect};

use crate::complaint;
use crate::harness::both;
use crate::harness::ground::{Ground, Who};

/// A policy file of this text, and the complaint about it.
#[track_caller]
fn refused(ground: &Ground, text: &str, expected: &Expect) {
    ground.file("home/work/policy.toml", text);
    let run = ground.ringfence("--policy policy.toml", &["touch", "started"]).go();
    complaint(ground, &run, 125, expected);
    assert!(!ground.work().join("started").exists());
}

/// Flags, and the complaint about them.
#[track_caller]
fn flags(ground: &Ground, flags: &str, expected: &Expect) {
    let run = ground.ringfence(flags, &["true"]).go();
    complaint(ground, &run, 125, expected);
}

both! {
    fn unknown_keys(ground: &Ground) {
        refused(ground, "version = 1\n[fs]\nraed = [\"/usr\"]\n", &expect![[r#"
            ringfence: error[unknown-key]: unknown key `raed` in [fs]
             --> policy.toml:3:1
              |
            3 | raed = ["/usr"]
              | ^^^^ did you mean `read`?
              = help: the keys in [fs] are read, exec, write, deny, tmp, proc, dev
        "#]]);
        refused(ground, "version = 1\n[fss]\nread = [\"/usr\"]\n", &expect![[r#"
            ringfence: error[unknown-key]: unknown key `fss` at the top
             --> policy.toml:2:2
              |
            2 | [fss]
              |  ^^^ did you mean `fs`?
              = help: the keys at the top are version, extends, process, fs, net, syscalls, namespaces, lsm, limits, audit, degrade, expect
        "#]]);
        flags(ground, "--fs-raed=/usr", &expect![[r#"
            ringfence: error: there is no flag `--fs-raed`
              help: did you mean `--fs-read`? `ringfence run --help` lists the flags
        "#]]);
    }

    /// What a higher layer makes void is said.
    fn what_is_set_aside_is_shown(ground: &Ground) {
        let words = ["check", "--policy", "builtin:service", "--net-mode", "none", "true"];
        let check = ground.command(&ground.binary(), &words).go();
        let (_, aside) = check.passes().out.split_once("\nset aside by a higher layer\n").expect("a section");
        assert_eq!(aside.lines().count(), 4, "{aside}");
        let line = aside.lines().next().unwrap();
        assert!(line.contains("\"tcp:*\" [builtin:service:") && line.ends_with("by none [command line]"), "{line}");
        let words = [&words[..1], &["--format", "json"], &words[1..]].concat();
        ground.command(&ground.binary(), &words).go().passes().prints("\"by\": \"none [command line]\"");
        let words = ["check", "true"];
        let check = ground.command(&ground.binary(), &words).go();
        assert!(!check.passes().out.contains("set aside"), "{check}");
    }

    fn unknown_names(ground: &Ground) {
        refused(ground, "version = 1\n[net]\nmode = \"lopback\"\n", &expect![[r#"
            ringfence: error[unknown-word]: net.mode: unknown word `lopback`
             --> policy.toml:3:9
              |
            3 | mode = "lopback"
              |         ^^^^^^^ did you mean `loopback`?
              = help: write one of none, loopback, host
        "#]]);
        refused(ground, "version = 1\n[syscalls]\nallow = [\"opennat\", \"@file-sistem\"]\n", &expect![[r#"
            ringfence: error[bad-rule]: syscalls.allow: unknown system call `opennat`
             --> policy.toml:3:11
              |
            3 | allow = ["opennat", "@file-sistem"]
              |           ^^^^^^^
              = help: did you mean `openat`?

            error[bad-rule]: syscalls.allow: unknown group `@file-sistem`
             --> policy.toml:3:22
              |
            3 | allow = ["opennat", "@file-sistem"]
              |                      ^^^^^^^^^^^^
              = help: did you mean `@file-system`?
        "#]]);
        refused(ground, "version = 1\n[process]\ncapabilities = [\"CAP_SYS_ADMINISTRATOR\"]\n", &expect![[r#"
            ringfence: error[unknown-name]: process.capabilities: unknown capability `CAP_SYS_ADMINISTRATOR`
             --> policy.toml:3:18
              |
            3 | capabilities = ["CAP_SYS_ADMINISTRATOR"]
              |                  ^^^^^^^^^^^^^^^^^^^^^
              = help: capabilities(7) lists the names, from CAP_CHOWN
        "#]]);
        refused(ground, "version = 1\nextends = [\"builtin:buld\"]\n", &expect![[r#"
            ringfence: error[unknown-name]: unknown built-in policy `buld`
             --> policy.toml:2:12
              |
            2 | extends = ["builtin:buld"]
              |            ^^^^^^^^^^^^^^ did you mean `builtin:build`?
              = help: the built-in policies are compute, offline, build, service, container
        "#]]);
        flags(ground, "--process-user=nobody-at-all", &expect![[r#"
            ringfence: error[plan]: no user `nobody-at-all`: /etc/passwd has no such line
             --> command line
              |
              | --process-user=nobody-at-all
              |                ^^^^^^^^^^^^^
              = help: name a user of /etc/passwd, or write uid:gid
        "#]]);
        flags(ground, "--degrade-allow=everything", &expect![[r#"
            ringfence: error[unknown-name]: degrade.allow: unknown name `everything`
             --> command line
              |
              | --degrade-allow=everything
              |                 ^^^^^^^^^^
              = help: docs/policy.md lists what may be missing, under degrade.allow
        "#]]);
    }

    fn bad_numbers(ground: &Ground) {
        refused(ground, "version = 2\n", &expect![[r#"
            ringfence: error[version]: this ringfence reads version 1 of the language, not `2`
             --> policy.toml:1:11
              |
            1 | version = 2
              |           ^
              = help: write `version = 1`
        "#]]);
        refused(ground, "version = 1\n[limits]\nmemory = \"2 lots\"\npids = -1\nwall = \"soon\"\n", &expect![[r#"
            ringfence: error[bad-value]: limits.memory: `2 lots` is not a size
             --> policy.toml:3:11
              |
            3 | memory = "2 lots"
              |           ^^^^^^
              = help: write bytes as a number with K, M, G or T (powers of 1024), such as "512M"

            error[bad-value]: limits.pids: `-1` is not a count
             --> policy.toml:4:8
              |
            4 | pids = -1
              |        ^^
              = help: write a whole number from 1

            error[bad-value]: limits.wall: `soon` is not a duration
             --> policy.toml:5:9
              |
            5 | wall = "soon"
              |         ^^^^
              = help: write numbers with d, h, m, s or ms, largest first, such as "10m" or "1h30m"
        "#]]);
        refused(ground, "version = 1\n[net]\nconnect = [\"tcp:65536\"]\n", &expect![[r#"
            ringfence: error[bad-value]: net.connect: `65536` is not a port
             --> policy.toml:3:17
              |
            3 | connect = ["tcp:65536"]
              |                 ^^^^^
              = help: write tcp or udp, a colon, and a port from 0 to 65535 or `*`, such as "tcp:443"
        "#]]);
        refused(ground, "version = 1\n[process]\nfds = [0, \"one\"]\n", &expect![[r#"
            ringfence: error[wrong-type]: process.fds: expected an integer, found a string
             --> policy.toml:3:11
              |
            3 | fds = [0, "one"]
              |           ^^^^^
              = help: write it as in `fds = [0, 1, 2]`
        "#]]);
        flags(ground, "--limits-pids=99999999999999999999", &expect![[r#"
            ringfence: error[bad-value]: limits.pids: `99999999999999999999` is more than the kernel can count
             --> command line
              |
              | --limits-pids=99999999999999999999
              |               ^^^^^^^^^^^^^^^^^^^^
              = help: write "unlimited" where there is to be no limit
        "#]]);
    }

    fn no_policy_at_all(ground: &Ground) {
        refused(ground, "", &expect![[r#"
            ringfence: error[version]: the policy does not say its version
             --> policy.toml:1:1
              |
            1 | 
              | ^
              = help: write `version = 1` on the first line
        "#]]);
        refused(ground, "version = 1\n[fs\n", &expect![[r#"
            ringfence: error[not-toml]: unclosed table, expected `]`
             --> policy.toml:2:4
              |
            2 | [fs
              |    ^
        "#]]);
        refused(ground, "version = 1\n[fs]\nread = [\"a\\u0000b\"]\n", &expect![[r#"
            ringfence: error[bad-value]: fs.read: the text has a NUL byte in it
             --> policy.toml:3:9
              |
            3 | read = ["a\u0000b"]
              |         ^^^^^^^^^^
              = help: the kernel would end the text there; take it out
        "#]]);
        std::fs::write(ground.work().join("bytes.toml"), b"version = 1\n# \xff\xfe\n").unwrap();
        flags(ground, "--policy bytes.toml", &expect![[r#"
            ringfence: error[unreadable]: cannot read the policy `bytes.toml`: it is not UTF-8
             --> command line
              |
              | --policy=bytes.toml
              |          ^^^^^^^^^^
              = help: write policies in UTF-8
        "#]]);
    }

    fn contradictions(ground: &Ground) {
        refused(ground, "version = 1\n[net]\nmode = \"none\"\nconnect = [\"tcp:443\"]\n", &expect![[r#"
            ringfence: error[contradiction]: a port in a network that does not exist
             --> policy.toml:4:12
              |
            4 | connect = ["tcp:443"]
              |            ^^^^^^^^^
             ::: policy.toml:3:8
              |
            3 | mode = "none"
              |        ^^^^^^ no network
              = help: write net.connect = [], or net.mode = "loopback" or "host"

            error[contradiction]: the filter allows no system call, so nothing can start
              --> default
               |
               | syscalls.mode = "filter"
               |                 ^^^^^^^^
               = help: write allow = ["@system-service"], or extend a built-in policy
        "#]]);
        refused(ground, "version = 1\n[fs]\ntmp = [\"/tmp\"]\n[namespaces]\nunshare = [\"user\"]\n", &expect![[r#"
            ringfence: error[contradiction]: an own /proc needs the mnt and pid namespaces
              --> default
               |
               | fs.proc = "own"
               |           ^^^^^
              ::: policy.toml:5:11
               |
             5 | unshare = ["user"]
               |           ^^^^^^^^ has no `mnt` and `pid`
               = help: add "mnt", "pid" to namespaces.unshare, or write fs.proc = "none"

            error[contradiction]: a minimal /dev needs the mnt namespace
              --> default
               |
               | fs.dev = "minimal"
               |          ^^^^^^^^^
              ::: policy.toml:5:11
               |
             5 | unshare = ["user"]
               |           ^^^^^^^^ has no `mnt`
               = help: add "mnt" to namespaces.unshare, or write fs.dev = "none"

            error[contradiction]: a private directory needs the mnt namespace
             --> policy.toml:3:8
              |
            3 | tmp = ["/tmp"]
              |        ^^^^^^
             ::: policy.toml:5:11
              |
            5 | unshare = ["user"]
              |           ^^^^^^^^ has no `mnt`
              = help: add "mnt" to namespaces.unshare, or write fs.tmp = []

            error[contradiction]: `none` needs the net namespace
              --> default
               |
               | net.mode = "none"
               |            ^^^^^^
              ::: policy.toml:5:11
               |
             5 | unshare = ["user"]
               |           ^^^^^^^^ has no `net`
               = help: add "net" to namespaces.unshare, or write net.mode = "host"

            error[contradiction]: the filter allows no system call, so nothing can start
              --> default
               |
               | syscalls.mode = "filter"
               |                 ^^^^^^^^
               = help: write allow = ["@system-service"], or extend a built-in policy
        "#]]);
        refused(ground, "version = 1\n[fs]\ntmp = [\"/srv\"]\nwrite = [\"/srv\"]\n", &expect![[r#"
            ringfence: error[contradiction]: fs.write: `/srv` is to be private and empty
             --> policy.toml:4:10
              |
            4 | write = ["/srv"]
              |          ^^^^^^
             ::: policy.toml:3:8
              |
            3 | tmp = ["/srv"]
              |        ^^^^^^ in fs.tmp
              = help: take it out of fs.write or fs.tmp; an empty list above drops what a base gave

            error[contradiction]: the filter allows no system call, so nothing can start
              --> default
               |
               | syscalls.mode = "filter"
               |                 ^^^^^^^^
               = help: write allow = ["@system-service"], or extend a built-in policy
        "#]]);
        flags(ground, "--namespaces-unshare=user --limits-wall=1s", &expect![[r#"
            ringfence: error[contradiction]: a wall limit needs the pid namespace
             --> command line
              |
              | --limits-wall=1s
              |               ^^
             ::: command line
              |
              | --namespaces-unshare=user
              |                      ^^^^ has no `pid`
              = help: add "pid" to namespaces.unshare, or write wall = "unlimited"

            error[contradiction]: an own /proc needs the mnt and pid namespaces
              --> builtin:compute:23:8
               |
            23 | proc = "masked"
               |        ^^^^^^^^
              ::: command line
               |
               | --namespaces-unshare=user
               |                      ^^^^ has no `mnt` and `pid`
               = help: add "mnt", "pid" to namespaces.unshare, or write fs.proc = "none"

            error[contradiction]: a minimal /dev needs the mnt namespace
              --> builtin:compute:24:7
               |
            24 | dev = "minimal"
               |       ^^^^^^^^^
              ::: command line
               |
               | --namespaces-unshare=user
               |                      ^^^^ has no `mnt`
               = help: add "mnt" to namespaces.unshare, or write fs.dev = "none"

            error[contradiction]: a private directory needs the mnt namespace
              --> builtin:offline:23:8
               |
            23 | tmp = ["/tmp", "/var/tmp"]
               |        ^^^^^^
              ::: command line
               |
               | --namespaces-unshare=user
               |                      ^^^^ has no `mnt`
               = help: add "mnt" to namespaces.unshare, or write fs.tmp = []

            error[contradiction]: `none` needs the net namespace
              --> builtin:compute:27:8
               |
            27 | mode = "none"
               |        ^^^^^^
              ::: command line
               |
               | --namespaces-unshare=user
               |                      ^^^^ has no `net`
               = help: add "net" to namespaces.unshare, or write net.mode = "host"
        "#]]);
    }

    fn paths_that_are_not_there(ground: &Ground) {
        refused(ground, "version = 1\nextends = [\"builtin:offline\"]\n[fs]\nread = [\"/no/such/place\"]\n", &expect![[r#"
            ringfence: error[plan]: path "/no/such/place": /no/such/place does not exist
             --> policy.toml:4:9
              |
            4 | read = ["/no/such/place"]
              |         ^^^^^^^^^^^^^^^^
              = help: create it, or write "-/no/such/place" to leave it out where it does not exist
        "#]]);
        flags(ground, "--fs-write=later", &expect![[r#"
            ringfence: error[plan]: path "later": [ROOT]/home/work/later does not exist
             --> command line
              |
              | --fs-write=later
              |            ^^^^^
              = help: create it, or write "-later" to leave it out where it does not exist
        "#]]);
        flags(ground, "--process-cwd=/no/such/place", &expect![[r#"
            ringfence: error[plan]: path "/no/such/place": /no/such/place does not exist
             --> command line
              |
              | --process-cwd=/no/such/place
              |               ^^^^^^^^^^^^^^
              = help: create it, or write "-/no/such/place" to leave it out where it does not exist
        "#]]);
        flags(ground, "--fs-read=$NOPE/x", &expect![[r#"
            ringfence: error[unknown-name]: fs.read: unknown variable `$NOPE`
             --> command line
              |
              | --fs-read=$NOPE/x
              |           ^^^^^
              = help: a path may use $HOME, $USER, $PWD, $TMPDIR, $XDG_RUNTIME_DIR, $XDG_CACHE_HOME, $XDG_CONFIG_HOME, $XDG_DATA_HOME, $CARGO_HOME, $RUSTUP_HOME; write `\$` for a name with a dollar
        "#]]);
    }

    fn files_that_cannot_be_read(ground: &Ground) {
        flags(ground, "--policy missing.toml", &expect![[r#"
            ringfence: error[unreadable]: cannot read the policy `missing.toml`: there is no such file
             --> command line
              |
              | --policy=missing.toml
              |          ^^^^^^^^^^^^
              = help: check the name and the working directory
        "#]]);
        flags(ground, "--policy /usr", &expect![[r#"
            ringfence: error[unreadable]: cannot read the policy `/usr`: it is a directory
             --> command line
              |
              | --policy=/usr
              |          ^^^^
              = help: name a file
        "#]]);
        flags(ground, "--policy /dev/zero", &expect![[r#"
            ringfence: error[too-large]: the policy `/dev/zero` is larger than 1 MiB
             --> command line
              |
              | --policy=/dev/zero
              |          ^^^^^^^^^
              = help: is it a policy? People write policies of a few kilobytes
        "#]]);
        flags(ground, "--policy builtin:", &expect![[r#"
            ringfence: error[unknown-name]: unknown built-in policy ``
             --> command line
              |
              | --policy=builtin:
              |          ^^^^^^^^
              = help: the built-in policies are compute, offline, build, service, container
        "#]]);
        ground.file("home/work/around.toml", "version = 1\nextends = [\"around.toml\"]\n");
        flags(ground, "--policy around.toml", &expect![[r#"
            ringfence: error[extends-cycle]: a policy extends itself: `around.toml` extends `around.toml`
             --> around.toml:2:12
              |
            2 | extends = ["around.toml"]
              |            ^^^^^^^^^^^^^
              = help: take one of these out of `extends`
        "#]]);
        ground.file("home/work/above.toml", "version = 1\nextends = [\"below.toml\"]\n");
        flags(ground, "--policy above.toml", &expect![[r#"
            ringfence: error[unreadable]: cannot read the policy `below.toml`: there is no such file
             --> above.toml:2:12
              |
            2 | extends = ["below.toml"]
              |            ^^^^^^^^^^^^
              = help: check the name and the working directory
        "#]]);
        if ground.who == Who::User {
            use std::os::unix::fs::PermissionsExt as _;
            let path = ground.file("home/work/closed.toml", "version = 1\n");
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o000)).unwrap();
            flags(ground, "--policy closed.toml", &expect![[r#"
                ringfence: error[unreadable]: cannot read the policy `closed.toml`: it may not be read
                 --> command line
                  |
                  | --policy=closed.toml
                  |          ^^^^^^^^^^^
                  = help: check its permission bits
            "#]]);
        }
    }

    fn ten_megabytes(ground: &Ground) {
        let start = std::time::Instant::now();
        let line = "# a policy of ten megabytes says nothing in most of them\n";
        refused(ground, &format!("version = 1\n{}", line.repeat((10 << 20) / line.len())), &expect![[r#"
            ringfence: error[too-large]: the policy `policy.toml` is larger than 1 MiB
             --> command line
              |
              | --policy=policy.toml
              |          ^^^^^^^^^^^
              = help: is it a policy? People write policies of a few kilobytes
        "#]]);
        assert!(start.elapsed().as_secs() < 20);
    }

    /// The same complaint a thousand times is one that nobody reads.
    fn many_mistakes_are_counted(ground: &Ground) {
        let text = format!("version = 1\n[fs]\n{}", (0..1000).map(|n| format!("raed{n} = []\n")).collect::<String>());
        ground.file("home/work/policy.toml", &text);
        let run = ground.ringfence("--policy policy.toml", &["true"]).go();
        run.exits(125).complains("raed0").complains("more");
        assert!(run.err.lines().count() < 500, "{}", run.err.lines().count());
    }
}
