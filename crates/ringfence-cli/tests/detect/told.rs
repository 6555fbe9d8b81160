//! What is made of events: files that are bounded, secrets, watchers, and changes that are tried.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::both;
use crate::harness::ground::{Ground, Who};
use crate::harness::run::Running;

/// The socket of a watcher.
fn watch_of(ground: &Ground, run: &Running) -> PathBuf {
    let name = format!("watch-{}", run.child.id());
    let user = ground.ids().0;
    let own = if user == 0 { "/run/ringfence".to_owned() } else { format!("/tmp/ringfence-{user}") };
    Path::new(&own).join(name)
}

fn wait_for(path: &Path, what: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !path.exists() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

both! {
    fn a_file_begins_again_at_its_limit(ground: &Ground) {
        if !ground.has(&["perl"]) {
            return;
        }
        let file = ground.root().join("home/events.json");
        let flags = format!("--events {} --events-limit 64K --events-keep 2", file.display());
        ground.ringfence(&flags, &["perl", "-e", "syscall(169, 0, 0, 0, $_) for 1 .. 1000"]).go().passes();
        let (mut lines, mut last) = (0, 0);
        for name in ["events.json.2", "events.json.1", "events.json"] {
            let text = fs::read_to_string(ground.root().join("home").join(name)).unwrap();
            assert!(text.len() <= 64 << 10 || name == "events.json", "{name}: {}", text.len());
            assert!(text.ends_with('\n'));
            for line in text.lines() {
                let event: Value = serde_json::from_str(line).unwrap();
                lines += 1;
                let number = event["operation"]["arguments"][3]["value"].as_str().and_then(|arg| {
                    i64::from_str_radix(arg.trim_start_matches("0x"), if arg.starts_with("0x") { 16 } else { 10 }).ok()
                });
                if let Some(number) = number {
                    assert!(last == 0 || number == last + 1, "{name}: {number} after {last}");
                    last = number;
                }
            }
        }
        assert!(lines < 1000 && last == 1000, "{lines} lines, the last {last}");
        assert!(!ground.root().join("home/events.json.3").exists());
        let run = ground.ringfence("--events /dev/null --events-limit 64K", &["true"]).go();
        assert!(run.exits(125).err.contains("regular file"), "{run}");
        let run = ground.ringfence("--events x --events-limit 1K", &["true"]).go();
        assert!(run.exits(125).err.contains("64K"), "{run}");
    }

    fn a_full_disk_is_said_and_stops_nothing(ground: &Ground) {
        let run = ground.shell("--explain=ptrace --events /dev/full", "cat /etc/shadow; exit 3").go();
        assert!(run.exits(3).err.contains("No space left on device"), "{run}");
        let run = ground.shell("--explain=ptrace --complete --events /dev/full", "cat /etc/shadow; exit 3").go();
        run.exits(125);
    }

    fn arguments_are_recorded_only_where_they_are_asked_for(ground: &Ground) {
        let file = ground.root().join("home/events.json");
        let script = "PASSWORD=sesame ./none swordfish 2>/dev/null; TOKEN=sesame /etc/passwd swordfish; true";
        for (flag, told) in [("", false), ("--events-arguments", true)] {
            let run = ground.shell(&format!("--explain=ptrace {flag} --events {}", file.display()), script).go();
            let text = fs::read_to_string(&file).unwrap() + &run.err;
            assert!(text.contains("execve"), "{run}");
            assert_eq!(text.contains("swordfish"), told, "{flag}: {text}");
            assert_eq!(text.contains("TOKEN=sesame"), told, "{flag}: {text}");
        }
    }

    fn all_events_need_a_source_that_sees_them(ground: &Ground) {
        let run = ground.ringfence("--audit all", &["true"]).go();
        assert!(run.exits(125).err.contains("--explain=ptrace"), "{run}");
        let file = ground.root().join("home/events.json");
        let flags = format!("--audit all --explain=ptrace --events {}", file.display());
        let run = ground.shell(&flags, "cat /etc/hostname; cat /etc/shadow; true").go();
        let text = fs::read_to_string(&file).unwrap();
        let passed = text.lines().filter(|line| line.contains("\"outcome\":\"passed\"")).count();
        let counted = format!("and {passed} calls that nothing denied");
        assert!(passed > 20 && run.passes().err.contains(&counted), "{run}");
        assert!(text.lines().any(|line| line.contains("/etc/hostname") && line.contains("\"passed\"")));
        assert!(text.lines().any(|line| line.contains("/etc/shadow") && line.contains("\"denied\"")));
        let run = ground.ringfence("--audit denials", &["true"]).go();
        assert!(run.passes().err.contains("no denials seen"), "{run}");
    }

    fn the_smallest_change_is_tried_before_it_is_certain(ground: &Ground) {
        if !ground.has(&["perl"]) {
            return;
        }
        let work = ground.work();
        let run = ground.shell("--explain=ptrace --suggest", "touch here; perl -e 'syscall(126, 0, 0)'; true").go();
        let (_, told) = run.err.split_once("suggestions").unwrap_or_else(|| panic!("{run}"));
        let flag = format!("    --fs-write={}\n    fs.write = [\"{}\"]\n    certain", work.display(), work.display());
        assert!(told.contains(&flag), "{run}");
        assert!(told.contains("syscalls.allow = [\"capset\"]\n    certain"), "{run}");
        ground.shell(&format!("--fs-write={}", work.display()), "touch here").go().passes();
        // Two controls deny it: one setting alone is not called enough.
        let run = ground.shell("--suggest", "perl -e 'socket(my $s, 2, 1, 0)'; true").go();
        let (_, told) = run.err.split_once("suggestions").unwrap_or_else(|| panic!("{run}"));
        assert!(told.contains("net.connect = [\"tcp:*\"]\n    net.mode = \"host\"\n    certain"), "{run}");
    }

    fn watchers_hear_of_a_run_that_was_killed(ground: &Ground) {
        let number = |run: &Running| rustix::process::Pid::from_child(&run.child);
        let end = |run: &Running| rustix::process::kill_process(number(run), rustix::process::Signal::TERM).unwrap();
        let mut watching = [&["--format", "json"][..], &[]].map(|words| {
            let run = ground.command(&ground.binary(), &[&["watch", "--policy", "offline"], words].concat()).start();
            wait_for(&watch_of(ground, &run), "no watcher");
            run
        }).into_iter();
        let (json, lines) = (watching.next().unwrap(), watching.next().unwrap());
        let stands = ground.root().join("home/stands");
        let script = format!("echo > {}; sleep 60", stands.display());
        let flags = format!("--policy builtin:offline --explain=ptrace --fs-write={}", ground.root().join("home").display());
        let run = ground.shell(&flags, &script).start();
        let whole = ground.shell("--policy builtin:offline --explain=ptrace", "true").go();
        whole.passes();
        wait_for(&stands, "no command");
        let gone = number(&run);
        rustix::process::kill_process(gone, rustix::process::Signal::KILL).unwrap();
        run.finish().exits(-9);
        std::thread::sleep(Duration::from_millis(300));
        end(&json);
        end(&lines);
        // Root hears the other test's runs as well.
        let (pid, user) = (gone.as_raw_nonzero().get(), ground.ids().0);
        let heard = json.finish();
        let said: Vec<Value> = heard.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let said: Vec<_> = said.iter().filter(|line| line["kind"] == "ringfence.gone" && line["run"]["uid"] == user).collect();
        let [only] = &said[..] else { panic!("{heard}") };
        assert_eq!(only["run"]["pid"], pid, "{heard}");
        let heard = lines.finish();
        let own = format!("of user {user}] is gone without");
        let said: Vec<_> = heard.out.lines().filter(|line| line.contains(&own)).collect();
        assert!(said.len() == 1 && said[0].starts_with(&format!("[run {pid} of user ")), "{heard}");
    }

    fn watchers_hear_every_run_and_slow_none_down(ground: &Ground) {
        if !ground.has(&["perl"]) {
            return;
        }
        let listen = |words: &[&str]| {
            let run = ground.command(&ground.binary(), &[&["watch"], words].concat()).start();
            wait_for(&watch_of(ground, &run), "no watcher");
            run
        };
        // Root hears the other test's runs as well.
        let (call, number) = if ground.who == Who::Root { ("swapon", 167) } else { ("reboot", 169) };
        let all = listen(&["--format", "json", "--count", "3", "--call", call]);
        let some = listen(&["--count", "1", "--control", "mount", "--policy", "offline"]);
        let stalled = listen(&["--format", "json"]);
        let pid = rustix::process::Pid::from_child(&stalled.child);
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
        let script = format!("open(F, '/etc/shadow'); syscall({number}, 0, 0, 0, 0) for 1 .. 20000; exit 4");
        let run = ground.ringfence("--policy builtin:offline --explain=ptrace", &["perl", "-e", &script]).go();
        assert!(run.exits(4).err.contains("20000 times"), "{run}");
        let heard = all.finish();
        let line = heard.passes().out.lines().find(|line| line.contains("ringfence.event")).unwrap().to_owned();
        let event: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(event["operation"]["call"], call);
        assert_eq!(event["run"]["uid"], ground.ids().0);
        assert!(some.finish().passes().out.contains("/etc/shadow"));
        rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
        // Who was there and is gone cannot be asked about any more: that is said.
        std::thread::sleep(Duration::from_millis(500));
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let heard = stalled.finish();
        let said = ["ringfence.refused", "ringfence.lost"].iter().any(|kind| heard.out.contains(kind));
        assert!(said || heard.passes().out.lines().count() > 20_000, "{heard}");
    }
}
