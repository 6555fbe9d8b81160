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
        refused(ground, "version = 1\n[fs]\nraed = [\"/usr\"]\n", &expect![[""]]);
        refused(ground, "version = 1\n[fss]\nread = [\"/usr\"]\n", &expect![[""]]);
        flags(ground, "--fs-raed=/usr", &expect![[""]]);
    }

    fn unknown_names(ground: &Ground) {
        refused(ground, "version = 1\n[net]\nmode = \"lopback\"\n", &expect![[""]]);
        refused(ground, "version = 1\n[syscalls]\nallow = [\"opennat\", \"@file-sistem\"]\n", &expect![[""]]);
        refused(ground, "version = 1\n[process]\ncapabilities = [\"CAP_SYS_ADMINISTRATOR\"]\n", &expect![[""]]);
        refused(ground, "version = 1\nextends = [\"builtin:buld\"]\n", &expect![[""]]);
        flags(ground, "--process-user=nobody-at-all", &expect![[""]]);
        flags(ground, "--degrade-allow=everything", &expect![[""]]);
    }

    fn bad_numbers(ground: &Ground) {
        refused(ground, "version = 2\n", &expect![[""]]);
        refused(ground, "version = 1\n[limits]\nmemory = \"2 lots\"\npids = -1\nwall = \"soon\"\n", &expect![[""]]);
        refused(ground, "version = 1\n[net]\nconnect = [\"tcp:65536\"]\n", &expect![[""]]);
        refused(ground, "version = 1\n[process]\nfds = [0, \"one\"]\n", &expect![[""]]);
        flags(ground, "--limits-pids=99999999999999999999", &expect![[""]]);
    }

    fn no_policy_at_all(ground: &Ground) {
        refused(ground, "", &expect![[""]]);
        refused(ground, "version = 1\n[fs\n", &expect![[""]]);
        refused(ground, "version = 1\n[fs]\nread = [\"a\\u0000b\"]\n", &expect![[""]]);
        std::fs::write(ground.work().join("bytes.toml"), b"version = 1\n# \xff\xfe\n").unwrap();
        flags(ground, "--policy bytes.toml", &expect![[""]]);
    }

    fn contradictions(ground: &Ground) {
        refused(ground, "version = 1\n[net]\nmode = \"none\"\nconnect = [\"tcp:443\"]\n", &expect![[""]]);
        refused(ground, "version = 1\n[fs]\ntmp = [\"/tmp\"]\n[namespaces]\nunshare = [\"user\"]\n", &expect![[""]]);
        refused(ground, "version = 1\n[fs]\nread = [\"/usr\"]\nwrite = [\"/usr\"]\n", &expect![[""]]);
        flags(ground, "--namespaces-unshare=user --limits-wall=1s", &expect![[""]]);
    }

    fn paths_that_are_not_there(ground: &Ground) {
        refused(ground, "version = 1\nextends = [\"builtin:offline\"]\n[fs]\nread = [\"/no/such/place\"]\n", &expect![[""]]);
        flags(ground, "--fs-write=later", &expect![[""]]);
        flags(ground, "--process-cwd=/no/such/place", &expect![[""]]);
        flags(ground, "--fs-read=$NOPE/x", &expect![[""]]);
    }

    fn files_that_cannot_be_read(ground: &Ground) {
        flags(ground, "--policy missing.toml", &expect![[""]]);
        flags(ground, "--policy /usr", &expect![[""]]);
        flags(ground, "--policy /dev/zero", &expect![[""]]);
        flags(ground, "--policy builtin:", &expect![[""]]);
        ground.file("home/work/around.toml", "version = 1\nextends = [\"around.toml\"]\n");
        flags(ground, "--policy around.toml", &expect![[""]]);
        ground.file("home/work/above.toml", "version = 1\nextends = [\"below.toml\"]\n");
        flags(ground, "--policy above.toml", &expect![[""]]);
        if ground.who == Who::User {
            use std::os::unix::fs::PermissionsExt as _;
            let path = ground.file("home/work/closed.toml", "version = 1\n");
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o000)).unwrap();
            flags(ground, "--policy closed.toml", &expect![[""]]);
        }
    }

    fn ten_megabytes(ground: &Ground) {
        let start = std::time::Instant::now();
        let line = "# a policy of ten megabytes says nothing in most of them\n";
        refused(ground, &format!("version = 1\n{}", line.repeat((10 << 20) / line.len())), &expect![[""]]);
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
