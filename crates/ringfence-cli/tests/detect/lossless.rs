//! Nothing is lost unsaid: bursts, many processes, a reader that is stopped, a program that fights.

use std::fs;
use std::time::{Duration, Instant};

use crate::harness::both;
use crate::harness::ground::Ground;

/// Waits until a perl of this ground runs.
pub(crate) fn perl_runs(ground: &Ground) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !ground
        .processes()
        .iter()
        .any(|process| process.contains("perl ") && !process.contains("--explain"))
    {
        assert!(Instant::now() < deadline, "no perl was started");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// How many denials of reboot(2) the summary counts.
fn counted(text: &str, call: &str) -> u64 {
    let kinds = text.lines().filter(|line| line.trim_start().starts_with(&format!("{call}(")));
    kinds
        .map(|line| match line.rsplit_once(", ").and_then(|(_, rest)| rest.strip_suffix(" times]")) {
            Some(times) => times.parse().unwrap(),
            None => 1,
        })
        .sum()
}

both! {
    fn a_burst_is_received_whole(ground: &Ground) {
        if !ground.has(&["perl"]) {
            return;
        }
        let run = ground.ringfence("--explain", &["perl", "-e", "syscall(169, 0, 0, 0, 0) for 1 .. 20000"]).go();
        assert_eq!(counted(&run.passes().err, "reboot"), 20_000, "{run}");
        assert!(run.err.contains("seccomp-notify: complete"), "{run}");
    }

    fn many_processes_are_received_whole(ground: &Ground) {
        if !ground.has(&["perl"]) {
            return;
        }
        let script = "for (1 .. 16) { unless (fork) { syscall(169, 0, 0, 0, 0) for 1 .. 250; exit 0 } } 1 while wait != -1;";
        let run = ground.ringfence("--explain", &["perl", "-e", script]).go();
        assert_eq!(counted(&run.passes().err, "reboot"), 4_000, "{run}");
    }

    fn denials_wait_for_a_stopped_ringfence(ground: &Ground) {
        if !ground.has(&["perl"]) {
            return;
        }
        let root = ground.root().to_str().unwrap();
        let script = "select undef, undef, undef, 1; syscall(169, 0, 0, 0, 0) for 1 .. 5000";
        let run = ground.ringfence("--explain", &["perl", "-e", script, root]).start();
        perl_runs(ground);
        let pid = rustix::process::Pid::from_child(&run.child);
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
        std::thread::sleep(Duration::from_secs(2));
        rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
        let run = run.finish();
        assert_eq!(counted(&run.passes().err, "reboot"), 5_000, "{run}");
    }

    fn a_program_that_fights_is_still_told_of_and_ends(ground: &Ground) {
        if !ground.has(&["perl"]) {
            return;
        }
        let before = ground.picture();
        for (script, least) in [
            ("syscall(169, 0, 0, 0, 0); kill 'KILL', 0; exit 0", 1),
            ("for (1 .. 8) { unless (fork) { syscall(169, 0, 0, 0, 0) while 1 } } select undef, undef, undef, 0.3; exit 3", 8),
            ("syscall(169, 0, 0, 0, 0); exec 'perl', '-e', 'syscall(169, 0, 0, 0, 0); exit 5'", 2),
        ] {
            let run = ground.ringfence("--explain", &["perl", "-e", script]).go();
            assert!(counted(&run.err, "reboot") >= least, "{script}: {run}");
            ground.nothing_left(&before);
        }
    }

    /// A call that waits can be interrupted before it is taken up: then it was not denied, and is
    /// not told of. What the program counts is what is counted.
    fn signals_neither_lose_nor_double_a_denial(ground: &Ground) {
        if !ground.has(&["perl"]) {
            return;
        }
        let script = "$SIG{ALRM} = sub { }; my $often = pack('q4', 0, 1000, 0, 1000); my $off = pack('q4', 0, 0, 0, 0); \
                      syscall(38, 0, $often, 0); my $denied = 0; \
                      for (1 .. 3000) { $! = 0; syscall(169, 0, 0, 0, 0); $denied++ if $! == 1 } \
                      syscall(38, 0, $off, 0); print \"$denied\\n\"";
        let run = ground.ringfence("--explain", &["perl", "-e", script]).go();
        let denied: u64 = run.passes().out.trim().parse().unwrap();
        assert!(denied > 1000, "{run}");
        assert_eq!(counted(&run.err, "reboot"), denied, "{run}");
    }

    fn a_killed_ringfence_leaves_nothing(ground: &Ground) {
        if !ground.has(&["perl"]) {
            return;
        }
        let before = ground.picture();
        let script = "$| = 1; print \"on\\n\"; syscall(169, 0, 0, 0, 0) while 1";
        let root = ground.root().to_str().unwrap();
        let mut run = ground.ringfence("--explain", &["perl", "-e", script, root]).start();
        perl_runs(ground);
        run.child.kill().unwrap();
        let _ = run.finish();
        ground.nothing_left(&before);
    }

    fn each_denial_is_a_line_of_the_file(ground: &Ground) {
        if !ground.has(&["perl"]) {
            return;
        }
        let events = ground.root().join("home/events.json");
        let flags = format!("--events {}", events.display());
        ground.ringfence(&flags, &["perl", "-e", "syscall(169, 0, 0, 0, 0) for 1 .. 300"]).go().passes();
        let text = fs::read_to_string(&events).unwrap();
        assert_eq!(text.lines().filter(|line| line.contains("\"call\":\"reboot\"")).count(), 300);
        assert!(text.lines().all(|line| line.starts_with("{\"version\":1,") && line.ends_with('}')));
        assert!(text.ends_with('\n') && text.lines().last().unwrap().contains("\"ringfence.summary\""));
    }
}
