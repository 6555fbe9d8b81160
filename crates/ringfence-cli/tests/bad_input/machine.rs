//! A machine that gives less: no user namespaces, no room on the disk, no memory for it.

use crate::harness::ground::{Ground, Who, find};
use crate::harness::run::Outcome;
use crate::harness::{both, skip};

/// Runs a script as root of a user namespace of its own, with a mount namespace.
fn nested(ground: &Ground, script: &str) -> Option<Outcome> {
    let unshare = find("unshare")?;
    let words = ["--user", "--map-root-user", "--mount", "/bin/sh", "-c", script];
    let probe = ground.command(&unshare, &["--user", "--map-root-user", "--mount", "/bin/true"]).go();
    if probe.status != 0 {
        skip(&ground.test, "needs user namespaces");
        return None;
    }
    Some(ground.command(&unshare, &words).go())
}

both! {
    /// The switch is the nested namespace's own, namespaces(7): nothing of the host's changes.
    fn without_user_namespaces(ground: &Ground) {
        let before = ground.picture();
        let host = std::fs::read_to_string("/proc/sys/user/max_user_namespaces").unwrap();
        let script = format!(
            "echo 0 >/proc/sys/user/max_user_namespaces && exec {} run -- touch started",
            ground.binary().display()
        );
        let Some(run) = nested(ground, &script) else { return };
        run.exits(125).complains("user namespace").complains("max_user_namespaces");
        assert_eq!(run.out, "");
        assert!(!ground.work().join("started").exists());
        assert_eq!(std::fs::read_to_string("/proc/sys/user/max_user_namespaces").unwrap(), host);
        ground.nothing_left(&before);
    }

    fn without_mount_namespaces(ground: &Ground) {
        let script = format!(
            "echo 1 >/proc/sys/user/max_mnt_namespaces && exec {} run -- touch started",
            ground.binary().display()
        );
        let Some(run) = nested(ground, &script) else { return };
        if run.status != 0 {
            run.exits(125).complains("max_mnt_namespaces");
        }
    }

    /// What the kernel, or this caller, cannot have is an error, and nothing starts; let pass by name, the
    /// plan says so. Who asks for nothing of it is not told of it.
    fn without_bpf_lsm_programs(ground: &Ground) {
        let binary = ground.binary();
        let check = |flags: &[&str]| {
            let words = [&["check"], flags, &["--", "true"]].concat();
            ground.command(&binary, &words).go()
        };
        let degraded = check(&["--lsm-bpf=require", "--degrade-allow=lsm.bpf"]);
        if degraded.passes().out.contains("a BPF LSM program: given") {
            skip(&ground.test, "needs a kernel without BPF LSM");
            return;
        }
        degraded.prints("a BPF LSM program: MISSING, let pass by [degrade]");
        let run = ground.ringfence("--lsm-bpf=require", &["touch", "started"]).go();
        run.exits(125).complains("this host cannot give a BPF LSM program").complains("lsm.bpf");
        assert!(!ground.work().join("started").exists());
        ground.ringfence("--lsm-bpf=require --degrade-allow=lsm.bpf", &["true"]).go().passes();
        assert!(!check(&[]).passes().out.contains("BPF LSM"));
    }

    fn on_a_full_disk(ground: &Ground) {
        let binary = ground.binary();
        let fill = "mount -t tmpfs -o size=64k,nr_inodes=8 full here && cd here &&
            { head -c 1000000 /dev/zero >fill 2>/dev/null; touch 1 2 3 4 5 6 7 8 9 2>/dev/null; }";
        ground.directory("home/work/here");
        // What writes nothing runs; what writes gets the kernel's answer.
        let script = format!("{fill}; TMPDIR=$PWD {} run -- echo ran", binary.display());
        let Some(run) = nested(ground, &script) else { return };
        run.passes().prints("ran");
        let script = format!("{fill}; {} run --fs-write=. -- sh -c 'echo x >more'", binary.display());
        let run = nested(ground, &script).unwrap();
        assert!(run.status > 0 && run.status < 125, "{run}");
        run.complains("No space left");
        // A place for a denied name that does not exist yet cannot be made: nothing starts.
        let script = format!("{fill}; {} run --fs-write=. --fs-deny=later -- touch started; echo $?; ls", binary.display());
        let run = nested(ground, &script).unwrap();
        run.prints("125\n").complains("No space left").complains("later");
        assert!(!run.out.contains("started"), "{run}");
    }

    fn with_little_memory(ground: &Ground) {
        let before = ground.picture();
        for kilobytes in [1_000, 4_000, 16_000, 48_000] {
            let script = format!("ulimit -v {kilobytes}; exec {} run -- echo ran", ground.binary().display());
            let run = ground.plain(&["/bin/sh", "-c", &script]).go();
            // Too little to exec it at all, to start, or to go on: never half started.
            assert!(run.status == 0 || run.out.is_empty(), "{run}");
        }
        ground.nothing_left(&before);
    }

    fn with_a_shallow_stack(ground: &Ground) {
        let before = ground.picture();
        for kilobytes in [16, 64, 127] {
            let script = format!("ulimit -s {kilobytes}; exec {} run -- echo ran", ground.binary().display());
            let run = ground.plain(&["/bin/sh", "-c", &script]).go();
            run.exits(125).prints("").complains("ulimit -s 128").complains("limits.stack");
        }
        let script = format!("ulimit -s 128; exec {} run -- echo ran", ground.binary().display());
        ground.plain(&["/bin/sh", "-c", &script]).go().passes().prints("ran\n");
        ground.nothing_left(&before);
    }

    fn with_few_processes(ground: &Ground) {
        if ground.who == Who::Root {
            return; // RLIMIT_NPROC means nothing to root.
        }
        let script = format!("ulimit -u 1; exec {} run -- echo ran", ground.binary().display());
        let run = ground.plain(&["/bin/bash", "-c", &script]).go();
        if run.status != 0 {
            run.exits(125).complains("processes");
        }
    }
}
