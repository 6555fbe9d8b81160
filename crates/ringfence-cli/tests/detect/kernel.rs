//! Denials behind the filter, told by programs in the kernel: nothing is lost unsaid, whoever is
//! stopped goes on, and nothing stays loaded after any death.

use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::ground::{Ground, Who, stand};
use crate::harness::run::Outcome;
use crate::harness::skip;
use crate::lossless::perl_runs;

/// Makes denials that only the kernel behind the filter makes.
const FLOOD: &str = "mkdir '/usr/refused' for 1 .. 20000";

/// The same, in records that soon fill the ring.
const LONG: &str = "my $long = '/usr/' . './' x 200 . 'refused'; mkdir $long for 1 .. 20000";

/// As root, with perl; what an older or locked kernel lacks is a skip.
fn kernel(name: &str, test: fn(&Ground)) {
    let Some(ground) = Ground::new(Who::Root, name) else { return };
    if !ground.has(&["perl"]) {
        return;
    }
    if loads(&ground) {
        test(&ground);
    }
}

/// Whether programs are loaded here. Only a kernel without its types or without bpf(2) may refuse: where
/// root has both, a program that does not load is a fault of ours.
fn loads(ground: &Ground) -> bool {
    if !std::path::Path::new("/sys/kernel/btf/vmlinux").exists() {
        skip(&ground.test, "needs /sys/kernel/btf/vmlinux");
        return false;
    }
    let run = ground.ringfence("--explain", &["true"]).go();
    assert!(run.err.contains("ebpf: "), "{run}");
    true
}

/// Since Linux 7.0 a program is left out where another task was put aside in it. That is said.
fn left_out(run: &Outcome) -> bool {
    let account = run.err.lines().find(|line| line.trim_start().starts_with("ebpf: unsure: "));
    account.is_some_and(|line| {
        line.contains("the kernel left the program") || line.contains("names were not found")
    })
}

/// Tries again for as long as that happens.
fn seen_whole(run: impl Fn() -> Outcome) -> Outcome {
    (0..20).map(|_| run()).find(|run| !left_out(run)).expect("a run of which nothing was left out")
}

/// With nothing but coreutils, so that guests of every kernel run it.
#[test]
fn this_kernel_takes_the_programs() {
    stand(Who::Root, concat!(module_path!(), "::this_kernel_takes_the_programs"), |ground| {
        if !loads(ground) {
            return;
        }
        let run = seen_whole(|| ground.ringfence("--explain", &["mkdir", "/usr/refused"]).go());
        assert!(run.err.contains("mkdir(pathname: \"/usr/refused\""), "{run}");
        assert!(run.err.contains("EROFS") && run.err.contains("ebpf: complete"), "{run}");
        who_refused(ground);
        // What attaching costs, to be read: nothing, the programs, and those at the ends of Landlock's hooks too.
        for flags in ["", "--explain --lsm-landlock=off", "--explain"] {
            let once = |_| {
                let begun = Instant::now();
                ground.ringfence(flags, &["true"]).go().passes();
                begun.elapsed()
            };
            let fastest = (0..3).map(once).min().unwrap();
            eprintln!("run {flags} -- true: {fastest:.2?}, the fastest of three");
        }
    });
}

/// A process that is not contained and is refused again and again; ended with all that it started.
struct Stranger(Child);

impl Stranger {
    fn new(words: &[&str]) -> Self {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Children, programs that they become, and a pid namespace below the command's; and nobody beside it,
/// wherever that one is.
#[test]
fn whoever_descends_from_the_command_is_told_of_and_nobody_else() {
    stand(
        Who::Root,
        concat!(module_path!(), "::whoever_descends_from_the_command_is_told_of_and_nobody_else"),
        |ground| {
            if !ground.has(&["unshare"]) || !loads(ground) {
                return;
            }
            let refused = ["sh", "-c", "while :; do mkdir /sys/stranger; done"];
            let elsewhere = [&["unshare", "--pid", "--fork", "--kill-child"], &refused[..]].concat();
            let _strangers = [Stranger::new(&refused), Stranger::new(&elsewhere)];
            let script = "for n in 1 2 3 4; do (mkdir /usr/child-$n; exec mkdir /usr/last-$n) & done; wait
                          unshare --user --pid --fork sh -c 'mkdir /usr/below; mkdir /usr/below-again'
                          mkdir /usr/after; true";
            // Its own filter would not let it make namespaces.
            let children = (1..=4).flat_map(|n| [format!("child-{n}"), format!("last-{n}")]);
            let mut names: BTreeSet<_> =
                children.chain(["below", "below-again", "after"].map(str::to_owned)).collect();
            for _ in 0..20 {
                let run = ground.shell("--explain --syscalls-mode=off --lsm-landlock=off", script).go();
                let told = |name: &String| run.err.matches(&format!("\"/usr/{name}\", mode")).count();
                assert!(!run.err.contains("stranger"), "{run}");
                // Whoever was not seen to enter was not answered by a filter: there is none.
                assert!(!run.err.contains("denied by seccomp"), "{run}");
                if !left_out(&run) {
                    assert!(names.iter().all(|name| told(name) == 1), "{run}");
                    assert!(run.passes().err.contains("ebpf: complete"), "{run}");
                    return;
                }
                names.retain(|name| told(name) == 0);
            }
            assert!(names.is_empty(), "never told: {names:?}");
        },
    );
}

/// It takes over the process and its number from the thread that was the first.
#[test]
fn a_thread_that_calls_execve_is_still_known() {
    stand(Who::Root, concat!(module_path!(), "::a_thread_that_calls_execve_is_still_known"), |ground| {
        if !ground.has(&["python3"]) || !loads(ground) {
            return;
        }
        let script = "import os, threading
threading.Thread(target=lambda: os.execv('/bin/mkdir', ['mkdir', '/usr/refused'])).start()
threading.Event().wait()";
        for flags in [
            "--explain",
            "--explain --namespaces-unshare=user --namespaces-unshare=mnt --fs-proc=none --net-mode=host",
        ] {
            let run = ground.ringfence(flags, &["python3", "-c", script]).go();
            assert!(run.err.contains("mkdir(pathname: \"/usr/refused\""), "{run}");
            assert!(run.err.contains("ebpf: complete"), "{run}");
        }
    });
}

/// The view is kept for as long as there are names to look for; who asks there is not who was denied.
#[test]
fn a_name_is_looked_for_in_the_view_when_all_have_ended() {
    stand(
        Who::Root,
        concat!(module_path!(), "::a_name_is_looked_for_in_the_view_when_all_have_ended"),
        |ground| {
            if !loads(ground) {
                return;
            }
            for _ in 0..5 {
                let run = ground.ringfence("--explain", &["mkdir", "/usr/refused"]).go();
                assert!(
                    run.err.contains("denied by mount: the view shows it read-only, builtin:compute:"),
                    "{run}"
                );
                assert!(run.err.contains("--fs-write=/usr"), "{run}");
            }
            // Bits deny the command, and not root, who looks.
            let shut = ground.file("home/shut", "x");
            std::fs::set_permissions(&shut, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
            let flags = format!("--explain --process-capabilities= --fs-read={}", shut.display());
            for _ in 0..5 {
                let run = ground.ringfence(&flags, &["cat", shut.to_str().unwrap()]).go();
                let denied = run
                    .err
                    .lines()
                    .skip_while(|line| !line.contains("home/shut\""))
                    .nth(1)
                    .unwrap_or_default();
                let honest = denied.contains("permission bits") || denied.contains("unknown");
                assert!(honest, "{denied}: {run}");
            }
        },
    );
}

/// What the summary says was told of the flood, and what it says is missing.
fn told(run: &Outcome) -> (u64, u64) {
    let number = |line: &str, before: &str, after: &str| {
        line.split_once(before)?.1.split_once(after)?.0.rsplit(' ').next()?.parse::<u64>().ok()
    };
    let flood = run.err.lines().filter(|line| line.contains("mkdir(pathname: \"/usr/"));
    let told = flood.filter_map(|line| number(line, "EROFS", " times]")).sum();
    let source = run.err.lines().find(|line| line.trim_start().starts_with("ebpf: ")).unwrap_or_default();
    (told, number(source, "incomplete, ", " missing").unwrap_or(0))
}

#[test]
fn a_flood_is_received_whole() {
    kernel(concat!(module_path!(), "::a_flood_is_received_whole"), |ground| {
        let run = ground.ringfence("--explain", &["perl", "-e", FLOOD]).go();
        assert_eq!(told(&run), (20_000, 0), "{run}");
        assert!(run.passes().err.contains("ebpf: complete"), "{run}");
    });
}

#[test]
fn a_flood_waits_for_a_reader_that_stands_still() {
    kernel(concat!(module_path!(), "::a_flood_waits_for_a_reader_that_stands_still"), |ground| {
        let script =
            format!("$| = 1; print \"on\\n\"; select undef, undef, undef, 1; {FLOOD}; print \"off\\n\"");
        let root = ground.root().to_str().unwrap();
        let run = ground.ringfence("--explain", &["perl", "-e", &script, root]).start();
        perl_runs(ground);
        let pid = Pid::from_child(&run.child);
        kill_process(pid, Signal::STOP).unwrap();
        std::thread::sleep(Duration::from_secs(2));
        kill_process(pid, Signal::CONT).unwrap();
        let run = run.finish();
        assert!(run.passes().out.ends_with("off\n"), "{run}");
        assert_eq!(told(&run), (20_000, 0), "{run}");
    });
}

/// Whoever wakes what was stopped, while the reader stands still, makes more events than the ring
/// holds, if the machine is fast enough; each one that is lost is counted.
#[test]
fn a_program_that_wakes_itself_is_counted_exactly() {
    kernel(concat!(module_path!(), "::a_program_that_wakes_itself_is_counted_exactly"), |ground| {
        // The flood is reaped last: a signal to a process that is gone fails, and would be told as well.
        let script = format!(
            "pipe my $end, my $open; \
             my $flood = fork; if (!$flood) {{ select undef, undef, undef, 1; {LONG}; exit 0 }} close $open; \
             my $waker = fork; if (!$waker) {{ while (1) {{ kill 'CONT', $flood }} }} \
             sysread $end, my $none, 1; \
             kill 'KILL', $waker; waitpid $waker, 0; waitpid $flood, 0; print \"off\\n\""
        );
        let root = ground.root().to_str().unwrap();
        let run = ground.ringfence("--explain", &["perl", "-e", &script, root]).start();
        perl_runs(ground);
        let pid = Pid::from_child(&run.child);
        kill_process(pid, Signal::STOP).unwrap();
        std::thread::sleep(Duration::from_secs(4));
        kill_process(pid, Signal::CONT).unwrap();
        let run = run.finish();
        assert!(run.passes().out.ends_with("off\n"), "{run}");
        let (told, missing) = told(&run);
        assert_eq!(told + missing, 20_000, "{run}");
    });
}

/// A process that stopped itself stays stopped, however often others are stopped and go on.
#[test]
fn what_others_stopped_is_not_woken() {
    kernel(concat!(module_path!(), "::what_others_stopped_is_not_woken"), |ground| {
        let script = format!(
            "my $still = fork; if (!$still) {{ kill 'STOP', $$; exit 0 }} waitpid $still, 2; {FLOOD}; \
             open my $stat, '<', \"/proc/$still/stat\"; print((split ' ', <$stat>)[2], \"\\n\"); \
             kill 'CONT', $still; waitpid $still, 0; print \"off\\n\""
        );
        let run = ground.ringfence("--explain", &["perl", "-e", &script]).go();
        assert_eq!(run.passes().out, "T\noff\n", "{run}");
    });
}

/// Whether the kernel holds a map that names this process as the launcher.
fn watches(pid: u32) -> bool {
    let maps = Command::new("bpftool").args(["map", "list"]).output().unwrap();
    let text = String::from_utf8_lossy(&maps.stdout).into_owned();
    let ids =
        text.lines().filter(|line| line.contains("name settings")).filter_map(|line| line.split(':').next());
    ids.map(str::to_owned).any(|id| {
        let value = Command::new("bpftool").args(["map", "dump", "id", &id]).output().unwrap();
        let text = String::from_utf8_lossy(&value.stdout).into_owned();
        let launcher = text.lines().find_map(|line| line.split_once("\"launcher\":")).map(|(_, rest)| rest);
        launcher.is_some_and(|rest| rest.trim().trim_end_matches(',') == pid.to_string())
    })
}

#[test]
fn nothing_stays_loaded_after_any_death() {
    kernel(concat!(module_path!(), "::nothing_stays_loaded_after_any_death"), |ground| {
        if Command::new("bpftool").arg("version").output().is_err() {
            return skip(&ground.test, "needs bpftool");
        }
        let before = ground.picture();
        let root = ground.root().to_str().unwrap();
        for signal in [Signal::KILL, Signal::TERM] {
            let run =
                ground.ringfence("--explain", &["perl", "-e", "mkdir '/usr/refused' while 1", root]).start();
            let pid = run.child.id();
            let deadline = Instant::now() + Duration::from_secs(30);
            while !watches(pid) {
                assert!(Instant::now() < deadline, "nothing was loaded");
                std::thread::sleep(Duration::from_millis(20));
            }
            kill_process(Pid::from_child(&run.child), signal).unwrap();
            let _ = run.finish();
            let deadline = Instant::now() + Duration::from_secs(10);
            while watches(pid) {
                assert!(Instant::now() < deadline, "programs are left after {signal:?}");
                std::thread::sleep(Duration::from_millis(20));
            }
            ground.nothing_left(&before);
        }
    });
}

#[test]
fn two_capabilities_are_enough_and_without_them_it_is_said() {
    let name = concat!(module_path!(), "::two_capabilities_are_enough_and_without_them_it_is_said");
    stand(Who::User, name, |ground| {
        let run = ground.ringfence("--explain", &["mkdir", "/usr/refused"]).go();
        assert!(run.err.contains("CAP_BPF and CAP_PERFMON"), "{run}");
        assert!(!run.err.contains("ebpf: "), "{run}");
    });
    // Only root can give somebody capabilities; setpriv(1), capabilities(7).
    stand(Who::Root, name, |ground| {
        if !loads(ground) {
            return;
        }
        let (user, binary) = (Ground::new(Who::User, &ground.test).unwrap(), ground.binary());
        let (uid, gid) = user.ids();
        let as_user = |capabilities: &str| {
            let ids = [format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".to_owned()];
            let given = [format!("--inh-caps={capabilities}"), format!("--ambient-caps={capabilities}")];
            let run = [binary.to_str().unwrap(), "run", "--explain", "--", "mkdir", "/usr/refused"];
            let words: Vec<&str> = ids.iter().chain(&given).map(String::as_str).chain(run).collect();
            ground.command(std::path::Path::new("/usr/bin/setpriv"), &words).within(user.work()).go()
        };
        let run = as_user("+bpf,+perfmon");
        assert!(run.err.contains("mkdir(pathname: \"/usr/refused\"") && run.err.contains("ebpf: "), "{run}");
        assert!(!run.err.contains("CAP_BPF and CAP_PERFMON"), "{run}");
        for one in ["+bpf", "+perfmon"] {
            let run = as_user(one);
            assert!(
                run.err.contains("CAP_BPF and CAP_PERFMON") && !run.err.contains("ebpf: "),
                "{one}: {run}"
            );
        }
    });
}

/// Bits, a mount and Landlock, each by one call of coreutils: named rightly whatever the kernel takes, and as
/// observed where it lets programs look at the ends of its functions.
fn who_refused(ground: &Ground) {
    const BARE: &str = "--namespaces-unshare=pid --namespaces-unshare=user --namespaces-unshare=net --fs-proc=none \
                        --fs-dev=none --fs-tmp= --fs-read=/etc";
    ground.file("home/work/shut", "x");
    let shut = ground.root().join("home/work/shut");
    std::fs::set_permissions(&shut, std::os::unix::fs::PermissionsExt::from_mode(0o0)).unwrap();
    let secret = ground.file("home/secret", "x").display().to_string();
    let events = ground.root().join("home/events.json");
    for (flags, words, control, cause) in [
        ("", ["cat", "shut"], "credential", "permission-bits"),
        ("", ["mkdir", "/usr/refused"], "mount", "read-only"),
        (BARE, ["cat", &secret], "landlock", "missing-right"),
    ] {
        let flags = format!("{flags} --explain --events {}", events.display());
        // Whoever has ended before its event is read is looked at no more, and then much is unknown.
        let run = ground.shell(&flags, &format!("{} {}; sleep 1; true", words[0], words[1])).go();
        // Before its newer rights, the kernel gives no policy by Landlock alone.
        if run.status == 125 && run.err.contains("needs Landlock ABI") {
            skip(&ground.test, "needs a newer Landlock");
            continue;
        }
        let text = std::fs::read_to_string(&events).unwrap();
        let event =
            text.lines().rfind(|line| line.contains("\"outcome\":\"denied\"") && line.contains(words[1]));
        let event: serde_json::Value =
            serde_json::from_str(event.unwrap_or_else(|| panic!("{run}"))).unwrap();
        assert_eq!(
            (event["control"]["value"].as_str(), event["cause"]["value"].as_str()),
            (Some(control), Some(cause)),
            "{run}"
        );
        let looks = run.err.contains("who refused is seen in the kernel");
        assert!(looks || run.err.contains("who refused is predicted"), "{run}");
        assert!(!looks || event["control"]["known"] == "observed", "{event}");
        if !looks {
            skip(&ground.test, "needs a kernel that lets programs look at the ends of its functions");
        }
    }
}
