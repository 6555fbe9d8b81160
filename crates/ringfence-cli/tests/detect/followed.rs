//! Programs that are followed by ptrace: they see what they would see otherwise, and end.

use crate::harness::both;

/// What programs do with threads, signals, jobs and execve; each prints what it saw.
const SCRIPTS: [&str; 6] = [
    // Signals come as they were sent, once each, and to the handler.
    "trap 'echo usr1' USR1; trap 'echo term' TERM; kill -USR1 $$; kill -TERM $$; kill -USR1 $$; echo end",
    // A group stop by a signal, seen by the parent, and its end.
    "set -m; sh -c 'kill -STOP $$; echo on' & sleep 0.2; jobs | grep -c -i stopped; kill -CONT %1; wait; echo $?",
    // The status of children that end in every way.
    "(exit 3); echo $?; sh -c 'kill -KILL $$'; echo $?; sh -c 'kill -SEGV $$' 2>/dev/null; echo $?; (sleep 0.1; exit 4) & wait $!; echo $?",
    // vfork, threads, and execve by another thread than the first.
    "python3 -c 'import subprocess,threading,os
print(subprocess.run([\"true\"]).returncode)
t = [threading.Thread(target=os.getpid) for _ in range(20)]; [x.start() for x in t]; [x.join() for x in t]
threading.Thread(target=lambda: os.execvp(\"echo\", [\"echo\", \"from a thread\"])).start()
import time; time.sleep(5)'",
    // Calls that are interrupted and go on.
    "python3 -c 'import signal,time
signal.signal(signal.SIGALRM, lambda *a: print(\"alarm\"))
signal.setitimer(signal.ITIMER_REAL, 0.05); t = time.time(); time.sleep(0.3); print(time.time() - t > 0.25)'",
    // Pipes, a reader that goes, a deep chain of forks.
    "yes | head -n 3; i=0; while [ $i -lt 30 ]; do (:); i=$((i+1)); done; echo $i",
];

both! {
    fn followed_programs_see_what_they_would_see(ground: &Ground) {
        if !ground.has(&["python3"]) {
            return;
        }
        for script in SCRIPTS {
            let command = ["bash", "-c", script];
            let (plain, followed) = (ground.ringfence("", &command).go(), ground.ringfence("--explain=ptrace", &command).go());
            assert_eq!(plain.out, followed.out, "{script}");
            assert_eq!(plain.status, followed.status, "{script}");
        }
    }

    fn followed_programs_that_fight_end_and_leave_nothing(ground: &Ground) {
        if !ground.has(&["perl"]) {
            return;
        }
        let before = ground.picture();
        for (script, status) in [
            ("open(F, '/etc/shadow'); kill 'KILL', 0; exit 0", 137),
            ("open(F, '/etc/shadow'); kill 'CONT', $$ for 1 .. 500; exit 2", 2),
            ("for (1 .. 8) { unless (fork) { open(F, '/etc/shadow') while 1 } } select undef, undef, undef, 0.3; exit 3", 3),
            ("for (1 .. 200) { unless (fork) { open(F, \"/etc/shadow\"); exit 0 } } 1 while wait != -1; exit 4", 4),
            ("open(F, '/etc/shadow'); exec 'perl', '-e', 'open(F, q(/etc/shadow)); exit 5'", 5),
            ("my $p = fork; unless ($p) { kill 'STOP', $$; exit 0 } select undef, undef, undef, 0.1; kill 'KILL', $p; wait; exit 6", 6),
        ] {
            let run = ground.ringfence("--explain=ptrace", &["perl", "-e", script]).go();
            assert_eq!(run.status, status, "{script}: {run}");
            ground.nothing_left(&before);
        }
    }

    fn every_followed_denial_is_counted(ground: &Ground) {
        if !ground.has(&["perl"]) {
            return;
        }
        let script = "for (1 .. 20) { unless (fork) { open(F, '/etc/shadow') for 1 .. 100; exit 0 } } 1 while wait != -1";
        let run = ground.ringfence("--explain=ptrace", &["perl", "-e", script]).go();
        let told: u64 = run.passes().err.lines().filter(|line| line.contains("\"/etc/shadow\"")).map(|line| {
            line.rsplit_once(", ").and_then(|(_, rest)| rest.strip_suffix(" times]")?.parse().ok()).unwrap_or(1)
        }).sum();
        assert_eq!(told, 2000, "{run}");
        assert!(run.err.contains("ptrace: complete"), "{run}");
    }

    fn a_followed_program_that_traces_is_told_why_it_cannot(ground: &Ground) {
        if !ground.has(&["perl"]) {
            return;
        }
        let flags = "--explain=ptrace --syscalls-allow=ptrace";
        let run = ground.ringfence(flags, &["perl", "-e", "syscall(101, 0, 0, 0, 0)"]).go();
        assert!(run.err.contains("it is traced already, by --explain=ptrace"), "{run}");
    }

    fn a_filter_of_the_programs_own_is_not_taken_for_the_policys(ground: &Ground) {
        if !ground.has(&["python3"]) {
            return;
        }
        // Everything but mkdir passes, which gets EACCES: `ld nr; jeq 83; ret errno; ret allow`.
        let script = "import ctypes, os, struct
code = b''.join(struct.pack('HBBI', *one) for one in [(0x20, 0, 0, 0), (0x15, 0, 1, 83), (6, 0, 0, 0x5000d), (6, 0, 0, 0x7fff0000)])
held = ctypes.create_string_buffer(code); prog = struct.pack('HxxxxxxP', 4, ctypes.addressof(held))
libc = ctypes.CDLL(None); libc.prctl(22, 2, prog, 0, 0)
try: os.mkdir('/tmp/x')
except OSError as error: print(error.errno)";
        let run = ground.ringfence("--explain=ptrace", &["python3", "-c", script]).go();
        assert_eq!(run.passes().out, "13\n", "{run}");
        assert!(run.err.contains("denied by an unknown control"), "{run}");
        assert!(run.err.contains("filters of its own"), "{run}");
    }
}
