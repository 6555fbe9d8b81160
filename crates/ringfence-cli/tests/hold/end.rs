//! How it ends: exit statuses, signals, limits, and that nothing stays, whoever dies first.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::ground::{Ground, find};
use crate::harness::{both, skip};

/// Kills by number; util-linux is not needed for the shell's own.
fn kill(signal: &str, pid: &str) {
    let words = format!("kill -{signal} {pid}");
    let _ = Command::new("/bin/sh").args(["-c", &words]).stderr(Stdio::null()).status();
}

/// The numbers, outside, of processes whose arguments have this word.
fn numbers(ground: &Ground, word: &str) -> Vec<String> {
    let found = ground.processes().into_iter().filter(|process| process.contains(word));
    found.filter_map(|process| process.split(' ').next().map(str::to_owned)).collect()
}

fn soon(what: &str, happens: impl Fn() -> bool) {
    let start = Instant::now();
    while !happens() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

both! {
    /// A caller that ignores SIGCHLD: the kernel would reap the child and nobody learn its status.
    fn the_exit_status_survives_an_ignored_sigchld(ground: &Ground) {
        let script = format!("trap '' CHLD; exec {} run -- /bin/sh -c 'exit 3'", ground.binary().display());
        ground.plain(&["/bin/sh", "-c", &script]).go().exits(3);
    }

    fn the_exit_status_is_the_commands(ground: &Ground) {
        for (script, status) in [
            ("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -TERM $$", 143), ("kill -KILL $$", 137),
            ("kill -SEGV $$", 139), ("kill -HUP $$", 129),
        ] {
            for flags in ["", "--policy builtin:compute"] {
                ground.shell(flags, script).go().exits(status);
            }
        }
        ground.ringfence("", &["no-such-command"]).go().exits(127);
        ground.file("home/work/words", "no program\n");
        ground.ringfence("", &["./words"]).go().exits(126);
        ground.ringfence("--fs-raed=x", &["true"]).go().exits(125);
    }

    fn signals_are_passed_on(ground: &Ground) {
        for (signal, status) in [("TERM", 143), ("INT", 130), ("HUP", 129), ("USR1", 10)] {
            let script = "trap 'exit 10' USR1; echo ready; while :; do sleep 0.05; done";
            let running = ground.shell("", script).start();
            soon("the shell starts", || numbers(ground, "while").len() >= 2);
            std::thread::sleep(Duration::from_millis(200));
            kill(signal, &running.child.id().to_string());
            let ended = running.finish();
            assert_eq!(ended.status, status, "SIG{signal}: {ended}");
        }
    }

    fn orphans_end_with_the_command(ground: &Ground) {
        let before = ground.picture();
        let root = ground.root().display().to_string();
        let script = format!(
            "sh -c 'sleep 1000' {root} & setsid sh -c 'sleep 1000; :' {root} & \
             (trap '' TERM HUP INT; nohup setsid sh -c 'sleep 1000; :' {root} >/dev/null 2>&1 &) ; exit 3"
        );
        let start = Instant::now();
        ground.shell("", &script).go().exits(3);
        assert!(start.elapsed() < Duration::from_secs(60));
        ground.nothing_left(&before);
    }

    fn sigkill_of_ringfence_ends_everything(ground: &Ground) {
        let before = ground.picture();
        for wait in [0, 1, 3, 10, 100] {
            let mut running = ground.shell("", "setsid sleep 1000 & sleep 1000").start();
            std::thread::sleep(Duration::from_millis(wait));
            running.child.kill().unwrap();
            assert_eq!(running.finish().status, -9);
            ground.nothing_left(&before);
        }
    }

    fn sigkill_of_the_init_ends_everything(ground: &Ground) {
        let before = ground.picture();
        let running = ground.shell("", "setsid sleep 1000 & sleep 1000").start();
        let outer = running.child.id().to_string();
        soon("the shell starts", || numbers(ground, "setsid").len() >= 3);
        let children = std::fs::read_to_string(format!("/proc/{outer}/task/{outer}/children")).unwrap_or_default();
        let init = children.split_whitespace().next().map(str::to_owned);
        let Some(init) = init else {
            skip(&ground.test, "needs CONFIG_PROC_CHILDREN");
            return;
        };
        kill("KILL", &init);
        let ended = running.finish();
        assert!(ended.status == 137 || ended.status == 125, "{ended}");
        ground.nothing_left(&before);
    }

    fn under_timeout_it_ends_in_time(ground: &Ground) {
        let before = ground.picture();
        let binary = ground.binary();
        let timeout = find("timeout").unwrap();
        let (binary, root) = (binary.to_str().unwrap(), ground.root().to_str().unwrap());
        for (words, status) in [(&["1"][..], 124), (&["-s", "KILL", "1"][..], 137)] {
            let inner = [binary, "run", "--", "sh", "-c", "setsid sleep 1000 & sleep 1000", root];
            let run = ground.command(&timeout, &[words, &inner[..]].concat()).go();
            // timeout(1) that kills with KILL kills itself as well.
            assert!(run.status == status || (status == 137 && run.status == -9), "{run}");
            ground.nothing_left(&before);
        }
    }

    fn the_wall_limit_ends_it(ground: &Ground) {
        let before = ground.picture();
        for (script, status) in [("sleep 1000", 143), ("trap '' TERM; while :; do sleep 0.1; done", 137)] {
            let start = Instant::now();
            let run = ground.shell("--limits-wall=500ms", script).go();
            assert!(start.elapsed() < Duration::from_secs(30), "{script}");
            assert_eq!(run.status, status, "{script}: {run}");
            run.complains("limits.wall: the time is over");
            ground.nothing_left(&before);
        }
        let run = ground.shell("--limits-wall=60s", "exit 4").go();
        assert_eq!(run.exits(4).err, "", "nothing is said of a limit that was not reached");
    }

    fn rlimits_are_set(ground: &Ground) {
        let flags = "--limits-open-files=64 --limits-file-size=4096 --limits-stack=1M --limits-cpu-time=30s";
        let script = "ulimit -n; ulimit -s; ulimit -c; ulimit -t; ulimit -Hn";
        assert_eq!(ground.shell(flags, script).go().passes().out, "64\n1024\n0\n30\n64\n");
        let run = ground.shell(flags, "head -c 5000 /dev/zero >/tmp/x; wc -c </tmp/x").go();
        assert_eq!(run.out.trim(), "4096", "{run}");
        // The launcher's own descriptors do not count: with programs in the kernel it has more than that.
        let run = ground.shell("--explain --limits-open-files=24", "ulimit -n; ulimit -Hn").go();
        assert_eq!(run.passes().out, "24\n24\n", "{run}");
    }

    fn the_limit_of_tasks_stops_a_fork_bomb(ground: &Ground) {
        let before = ground.picture();
        // At most 300 processes, were the limit not there.
        let script = "for n in $(seq 300); do sleep 1000 & done; echo all of them";
        let run = ground.shell("--limits-pids=20", script).go();
        if run.status == 125 && run.err.contains("cgroup") {
            run.complains("degrade");
            skip(&ground.test, "needs a cgroup with the pids controller");
            return;
        }
        assert!(!run.out.contains("all of them"), "{run}");
        assert!(run.err.contains("fork"), "{run}");
        // The namespace begins at the program's own cgroup: it sees no name of the host's.
        let names = ground.shell("--limits-pids=20", "cat /proc/self/cgroup").go();
        assert!(names.passes().out.contains(":/\n") && !names.out.contains("ringfence-"), "{names}");
        ground.nothing_left(&before);
    }

    fn the_limit_of_memory_ends_what_takes_more(ground: &Ground) {
        if !ground.has(&["python3"]) {
            return;
        }
        let before = ground.picture();
        let python = find("python3").unwrap();
        let program = "x = bytearray(200 << 20); print('got it')";
        let command = [python.to_str().unwrap(), "-c", program];
        let run = ground.ringfence("--limits-memory=64M", &command).go();
        if run.status == 125 && run.err.contains("cgroup") {
            run.complains("degrade");
            skip(&ground.test, "needs a cgroup with the memory controller");
            return;
        }
        assert!(run.status == 137 || run.err.contains("MemoryError"), "{run}");
        assert!(!run.out.contains("got it"), "{run}");
        ground.nothing_left(&before);
    }

    fn ringfence_in_ringfence_says_what_is_missing(ground: &Ground) {
        let flags = format!("--fs-exec={}", ground.binary().display());
        let binary = ground.binary();
        let inner = [binary.to_str().unwrap(), "run", "--", "echo", "nested"];
        let run = ground.ringfence(&flags, &inner).go();
        if run.status == 0 {
            run.prints("nested");
        } else {
            let missing = ["user namespace", "mount_setattr(2)"];
            assert!(run.status == 125 && missing.iter().any(|what| run.err.contains(what)), "{run}");
        }
        // One level that needs no namespaces works inside another.
        let plain = ["--namespaces-unshare=", "--fs-tmp=", "--fs-proc=none", "--fs-dev=none", "--net-mode=host", "--fs-deny="];
        if !ground.landlock(&plain.join(" ")) {
            return;
        }
        let mut inner = vec![binary.to_str().unwrap(), "run"];
        inner.extend(plain);
        inner.extend(["--", "echo", "nested"]);
        ground.ringfence(&format!("{flags} --syscalls-allow=@sandbox --syscalls-allow=capset"), &inner).go().passes().prints("nested");
    }

    fn five_hundred_runs_leave_nothing(ground: &Ground) {
        let before = ground.picture();
        let batch = |runs: usize| {
            let start = |n: usize| {
                let words = ["run", "--", "/bin/sh", "-c", if n.is_multiple_of(2) { "exit 0" } else { "sleep 100 & exit 0" }];
                let mut command = ground.command(&ground.binary(), &words).into_command();
                command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
                command.spawn().unwrap()
            };
            let running: Vec<_> = (0..runs).map(start).collect();
            running.into_iter().for_each(|mut child| assert!(child.wait().unwrap().success()));
        };
        (0..50).for_each(|_| batch(10));
        ground.nothing_left(&before);
    }
}
