//! Launchers that do not do what they should, by accident or on purpose.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::harness::both;
use crate::{contained, nothing_known, script, verify, via};

both! {
    fn one_that_hangs(ground: &Ground) {
        let before = ground.picture();
        let (outcome, found) = via(ground, &script(ground, "trap '' TERM INT; sleep 1000 & wait; wait"));
        nothing_known(&outcome, &found, "said nothing for 3 s");
        ground.nothing_left(&before);
    }

    /// Whoever waits for it can be told to end, and what it started ends as well.
    fn one_that_hangs_keeps_no_signal_from_the_verifier(ground: &Ground) {
        let before = ground.picture();
        let (binary, launcher) = (ground.binary(), script(ground, "sleep 1000"));
        let words = ["1", binary.to_str().unwrap(), "verify", "--patience", "300", "--via", &launcher];
        let start = Instant::now();
        let outcome = ground.command(Path::new("timeout"), &words).go();
        outcome.exits(124);
        assert!(start.elapsed() < Duration::from_secs(60), "it was waited for");
        ground.nothing_left(&before);
    }

    fn one_that_hangs_after_the_prober_is_done_only_takes_time(ground: &Ground) {
        let before = ground.picture();
        let (_, found) = via(ground, &script(ground, "\"$@\"; setsid sleep 1000 & exit 0"));
        assert!(found.values().any(|found| found.verdict == "broken"));
        ground.nothing_left(&before);
    }

    /// What fails for want of files, timers or bytes shows no control; nor does a directory that lies deep.
    fn one_that_gives_little(ground: &Ground) {
        let deep = "d=/tmp/$$; i=0; mkdir $d; cd $d; while [ $i -lt 40 ]; do mkdir d; cd d; i=$((i+1)); done; rm -r $d";
        for little in ["ulimit -n 50", "ulimit -i 0", "ulimit -f 0", "ulimit -q 0", "ulimit -s 200", deep] {
            let text = format!("exec bash -c '{little}; exec \"$@\"' bash \"$@\"");
            let (outcome, found) = via(ground, &script(ground, &text));
            let wrong = contained(ground, &found);
            assert!(wrong.is_empty(), "{little}: {wrong:?}");
            // Without a byte to be written nothing is heard at all.
            let known = found.values().any(|found| found.verdict == "broken");
            assert!(known || little == "ulimit -f 0", "{little}: {outcome}");
        }
    }

    fn one_that_goes_into_the_background(ground: &Ground) {
        let before = ground.picture();
        let (outcome, found) = via(ground, &script(ground, "setsid \"$@\" & exit 0"));
        // It answers from there all the same, as long as it can be heard.
        let broken = found.values().filter(|found| found.verdict == "broken").count();
        assert!(broken > 50 && contained(ground, &found).is_empty(), "{outcome}");
        let deaf = "setsid sh -c 'sleep 1000' >/dev/null 2>&1 900>&- & exit 0".replace("900>&-", "");
        let (outcome, found) = via(ground, &script(ground, &deaf));
        nothing_known(&outcome, &found, "");
        ground.nothing_left(&before);
    }

    /// What an earlier run printed has that run's signature.
    fn one_that_replays_an_earlier_run(ground: &Ground) {
        let record = ground.root().join("record");
        let record = record.display();
        let closing = "n=900; while [ $n -lt 910 ]; do eval \"exec $n>&-\"; n=$((n+1)); done";
        let text = format!(
            "exec bash -c '{closing}; \"$@\" | tee -a {record}' bash \"$@\"",
        );
        let (_, first) = via(ground, &script(ground, &text));
        assert!(first.values().any(|found| found.verdict == "broken"));
        assert!(std::fs::read_to_string(ground.root().join("record")).unwrap().contains("RINGFENCE1:"));
        let (outcome, found) = via(ground, &script(ground, &format!("cat {record}")));
        nothing_known(&outcome, &found, "bore the prober's mark and not its signature");
    }

    fn one_that_makes_answers_up(ground: &Ground) {
        let text = "i=0; while [ $i -lt 50 ]; do echo \"RINGFENCE1:$(head -c 30 /dev/urandom | base64 | tr -d '=+/\\n')\"; i=$((i+1)); done; \
                    echo held held held; exit 0";
        let (outcome, found) = via(ground, &script(ground, text));
        nothing_known(&outcome, &found, "50 lines bore the prober's mark");
    }

    fn one_that_floods(ground: &Ground) {
        let before = ground.picture();
        let (outcome, found) = via(ground, &script(ground, "exec yes RINGFENCE1"));
        nothing_known(&outcome, &found, "printed more than 16 MiB");
        ground.nothing_left(&before);
    }

    fn one_that_removes_the_program(ground: &Ground) {
        let copy = ground.root().join("copy");
        std::fs::copy(ground.binary(), &copy).unwrap();
        ground.own(&copy);
        let copy = copy.to_str().unwrap();
        let launcher = script(ground, "rm -f \"$1\"; exec \"$@\"");
        let words = ["--syscalls-mode", "off", "--patience", "3", "--prober", copy, "--via", &launcher];
        let outcome = verify(ground, &words).go();
        nothing_known(&outcome, &crate::findings(&outcome), "did not run the prober");
        assert!(outcome.out.contains("127"), "{outcome}");
    }

    fn one_that_kills_its_child(ground: &Ground) {
        let before = ground.picture();
        let (outcome, found) = via(ground, &script(ground, "\"$@\" & kill -9 $!; wait; exit 5"));
        nothing_known(&outcome, &found, "");
        for delay in ["0.05", "0.2"] {
            let (_, found) = via(ground, &script(ground, &format!("\"$@\" & sleep {delay}; kill -9 $!; wait; exit 5")));
            let wrong = contained(ground, &found);
            assert!(wrong.is_empty(), "{wrong:?}");
        }
        ground.nothing_left(&before);
    }

    fn one_that_kills_its_keeper(ground: &Ground) {
        let before = ground.picture();
        let (outcome, found) = via(ground, &script(ground, "kill -9 $PPID; sleep 1000"));
        nothing_known(&outcome, &found, "");
        ground.nothing_left(&before);
    }

    fn one_that_closes_every_descriptor(ground: &Ground) {
        let closing = "for n in $(seq 3 1020); do eval \"exec $n>&-\"; done; exec \"$@\" <&- >&- 2>&-";
        let text = format!("exec bash -c '{closing}' bash \"$@\"");
        let (outcome, found) = via(ground, &script(ground, &text));
        nothing_known(&outcome, &found, "did not run the prober, or hid what that said");
    }

    fn one_that_changes_words(ground: &Ground) {
        for change in ["exec \"$1\" \"$2\" AAAA", "exec \"$1\" \"$2\" \"${3}A\"", "exec \"$1\" \"$2\"", "exec \"$1\"", "exec \"$1\" host"] {
            let (outcome, found) = via(ground, &script(ground, change));
            nothing_known(&outcome, &found, "did not run the prober");
        }
    }

    /// Contains every other launch only. Which claims are tried where cannot be chosen: each launch
    /// has many, and says how it stands.
    fn one_that_contains_now_and_then(ground: &Ground) {
        if !ground.has(&["bwrap"]) {
            return;
        }
        let count = ground.root().join("home/count");
        let text = format!(
            "echo x >>{0}; [ $(($(wc -l <{0}) % 2)) = 1 ] && exec bwrap --unshare-user --ro-bind / / \"$@\"; exec \"$@\"",
            count.display()
        );
        let launcher = script(ground, &text);
        let outcome = verify(ground, &["--via", &launcher]).go();
        nothing_known(&outcome, &crate::findings(&outcome), "two launches were contained differently");
    }

    fn one_that_hides_proc(ground: &Ground) {
        if !ground.has(&["bwrap"]) {
            return;
        }
        let (_, found) = via(ground, "bwrap --ro-bind / / --tmpfs /proc {}");
        let own: Vec<_> = found.iter().filter(|(id, _)| id.starts_with("namespace/own/")).collect();
        assert!(!own.is_empty());
        // Without /proc nobody sees which namespaces these are.
        assert!(own.iter().all(|(_, found)| found.verdict != "held"), "{own:?}");
    }

    /// Ended with everything, whoever ends it.
    fn a_verifier_that_is_killed_leaves_nothing(ground: &Ground) {
        let before = ground.picture();
        let launcher = script(ground, "setsid sh -c 'echo; exec sleep 1000' $0 & exec sleep 1000");
        for after in [50, 300, 800] {
            let mut running = verify(ground, &["--via", &launcher]).start();
            std::thread::sleep(Duration::from_millis(after));
            running.child.kill().unwrap();
            let start = Instant::now();
            while !ground.processes().is_empty() {
                assert!(start.elapsed() < Duration::from_secs(20), "{:?}", ground.processes());
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = running.finish();
        }
        ground.nothing_left(&before);
    }
}
