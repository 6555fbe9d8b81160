//! Processes: signals, ptrace and memory of those outside, and of the init inside.

use std::time::Duration;

use super::attempt::{Attacker, DONE};
use crate::harness::both;
use crate::harness::ground::find;

both! {
    fn processes_outside_have_no_number(ground: &Ground) {
        let Some(attacker) = Attacker::new(ground) else { return };
        let mut witness = ground.plain(&["/bin/sleep", "600"]).start();
        let pid = witness.child.id();
        // Signal 0 asks only; 23 is SIGURG, which is ignored where nobody waits for it.
        attacker.table("", &[
            (&format!("send {pid} 0"), DONE, &["ESRCH"]),
            (&format!("send {pid} 23"), DONE, &["ESRCH"]),
            (&format!("own_fd {pid}"), DONE, &["ESRCH"]),
            (&format!("seize {pid}"), DONE, &["ESRCH", "EPERM"]),
            (&format!("peek {pid}"), "EFAULT", &["ESRCH", "EPERM"]),
        ]);
        for flags in ["--fs-proc=own", "--fs-proc=masked"] {
            let run = ground.shell(flags, &format!("ls -d /proc/{pid}; ls -d /proc/[0-9]* | wc -l")).go();
            run.complains("No such file or directory");
        }
        let _ = witness.child.kill();
        let _ = witness.finish();
    }

    /// A witness of the same user waits for a signal that would reach everybody.
    fn a_signal_to_everybody_stays_inside(ground: &Ground) {
        let Some(attacker) = Attacker::new(ground) else { return };
        let script = "trap 'echo got' URG; echo ready; for n in 1 2 3 4; do sleep 0.5; done; echo end";
        let witness = ground.plain(&["/bin/sh", "-c", script]).start();
        std::thread::sleep(Duration::from_millis(300));
        for words in ["send -1 23", "send 0 23"] {
            assert!(["ESRCH", "done"].contains(&attacker.inside("", words).as_str()));
        }
        // Only what runs inside is told: the shell by itself, its caller not.
        let run = ground.shell("", "trap '' TERM; kill -TERM -1; kill -TERM 0; echo still here").go();
        run.passes().prints("still here");
        let seen = witness.finish();
        assert_eq!(seen.passes().out, "ready\nend\n");
    }

    fn the_init_cannot_be_touched(ground: &Ground) {
        let Some(attacker) = Attacker::new(ground) else { return };
        let denied: &[&str] = &["EPERM", "EACCES"];
        let absent: &[&str] = &["EPERM", "EACCES", "EROFS", "ENOENT"];
        let rows: [(&str, &[&str]); 9] = [
            ("seize 1", denied), ("peek 1", denied), ("steal_fd 1", denied), ("read_file /proc/1/mem", denied),
            ("read_file /proc/1/environ", denied), ("read_file /proc/1/maps", denied),
            ("open_write /proc/1/mem", absent), ("open_path /proc/1/fd/0", absent), ("follow /proc/1/root", denied),
        ];
        for flags in ["", "--fs-proc=own"] {
            attacker.refused(flags, &rows);
        }
        // Also where the filter has the calls.
        let open = "--syscalls-allow=@debug --syscalls-allow=process_vm_readv --syscalls-allow=pidfd_getfd";
        attacker.refused(open, &rows);
        // Signals do not end it: it has the pid that the kernel protects.
        ground.shell("", "kill -9 1; echo alive").go().passes().prints("alive");
        // Nor does it get those that it passes on, where Landlock has a scope for signals.
        if ground.landlock("--lsm-landlock=require>=6") {
            ground.shell("", "kill -TERM 1; kill -INT 1; echo alive").go().passes().prints("alive");
        }
    }

    fn tracing_is_for_who_asks_for_it(ground: &Ground) {
        let Some(attacker) = Attacker::new(ground) else { return };
        attacker.table("", &[("trace_me", DONE, &["EPERM"])]);
        if ground.has(&["strace"]) && find("strace").is_some() {
            let run = ground.ringfence("--syscalls-allow=@debug", &["strace", "-e", "trace=write", "echo", "seen"]).go();
            run.passes().complains("write(1, \"seen\\n\"");
            let run = ground.ringfence("", &["strace", "echo", "unseen"]).go();
            assert_ne!(run.status, 0);
            run.complains("Operation not permitted");
        }
    }
}
