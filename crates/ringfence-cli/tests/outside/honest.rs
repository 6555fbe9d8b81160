//! Launchers that do what they say.

use crate::harness::both;
use crate::harness::ground::{Ground, Who};
use crate::{contained, findings, held, script, verify, via};

/// What ringfence's default policy withholds in ways that can be seen from inside.
const WITHHELD: [&str; 4] =
    ["gate/x86_64/syscall/ptrace", "namespace/own/pid", "namespace/own/user", "credential/new-privileges"];

both! {
    /// The verifier's own control: where nothing contains, no denial is held.
    fn nothing_holds_where_nothing_contains(ground: &Ground) {
        let before = ground.picture();
        let outcome = verify(ground, &["--via", "/usr/bin/env"]).go();
        let found = findings(&outcome);
        let wrong = contained(ground, &found);
        assert!(wrong.is_empty(), "{wrong:?}");
        assert!(found.values().filter(|found| found.verdict == "broken").count() > 1500, "{outcome}");
        // Ring 3 it is all the same, by the signal of the processor.
        assert_eq!(found["cpu/cli"].verdict, "held", "{}", found["cpu/cli"].why);
        outcome.exits(1);
        ground.nothing_left(&before);
    }

    /// Two ways to the same: ringfence's own containment by its own launch, and by a command line.
    fn ringfence_itself_is_another_launcher(ground: &Ground) {
        let binary = ground.binary();
        let launcher = format!("{} run --fs-exec {{self}} -- {{}}", binary.display());
        let by_via = verify(ground, &["--via", &launcher]).go();
        let own = findings(&verify(ground, &["--fs-exec", binary.to_str().unwrap()]).go());
        let there = findings(&by_via);
        for (id, found) in &there {
            assert_ne!(found.verdict, "broken", "{id}: {}", found.why);
            // What is held there is held here; not the other way round: nothing can be left out there.
            if found.verdict == "held" && own.contains_key(id) {
                assert_ne!(own[id].verdict, "broken", "{id}: {}", own[id].why);
            }
        }
        assert!(held(&there).len() > 1500, "{}", held(&there).len());
    }

    /// Beside a listener nothing is asked: its supervisor might have the calls made.
    fn a_filter_with_a_supervisor_is_not_asked(ground: &Ground) {
        let launcher = format!("{} run --explain --fs-exec {{self}} -- {{}}", ground.binary().display());
        let found = findings(&verify(ground, &["--via", &launcher]).go());
        let gate: Vec<_> = found.iter().filter(|(id, _)| id.starts_with("gate/")).collect();
        assert!(gate.len() > 1000);
        let asked = gate.iter().find(|(_, found)| found.verdict != "unverifiable" || !found.why.contains("EBUSY"));
        assert!(asked.is_none(), "{asked:?}");
        assert!(found.values().all(|found| found.verdict != "broken"));
    }

    /// Through a pipe that passes, and through standard output among noise, the same is found.
    fn what_passes_does_not_matter(ground: &Ground) {
        let (_, piped) = via(ground, &script(ground, "exec \"$@\""));
        let noise = "n=900; while [ $n -lt 910 ]; do eval \"exec $n>&-\"; n=$((n+1)); done; \
                     printf 'RINGFENCE1:AAAA\\nno line end'; head -c 200000 /dev/urandom; exec \"$@\"";
        let noise = format!("exec bash -c '{}' bash \"$@\"", noise.replace('\'', "'\\''"));
        let (outcome, lines) = via(ground, &script(ground, &noise));
        let different: Vec<_> = piped.iter().filter(|(id, found)| lines.get(*id) != Some(found)).collect();
        // The witness' descriptor is closed with the pipe.
        let different: Vec<_> = different.iter().filter(|(id, _)| *id != "namespace/descriptor").collect();
        assert!(different.is_empty(), "{different:?}\n{outcome}");
    }

    fn bubblewrap_holds_what_it_holds(ground: &Ground) {
        if !ground.has(&["bwrap"]) {
            return;
        }
        let launcher = "bwrap --ro-bind / / --unshare-all --dev /dev --proc /proc --tmpfs /tmp {}";
        // The tests' own place is in /tmp.
        let place = format!("--tmpfs /tmp --ro-bind {0} {0}", ground.root().display());
        let launcher = launcher.replace("--tmpfs /tmp", &place);
        let found = findings(&verify(ground, &["--via", &launcher]).go());
        let mut ids = vec!["namespace/own/pid", "namespace/own/net", "namespace/own/ipc", "network/abstract"];
        // Permission bits deny it to an ordinary user everywhere.
        ids.extend((ground.ids().0 == 0).then_some("file/deny/write/usr"));
        for id in ids {
            assert_eq!(found[id].verdict, "held", "{id}: {}", found[id].why);
        }
        // It loads no filter, and passes descriptors on.
        for id in ["gate/x86_64/syscall/ptrace", "namespace/descriptor", "expect/deny/ptrace(PTRACE_TRACEME)"] {
            assert_eq!(found[id].verdict, "broken", "{id}");
        }
    }

    /// From inside of ringfence, and from outside of anything.
    fn here_is_where_one_stands(ground: &Ground) {
        let binary = ground.binary();
        let binary = binary.to_str().unwrap();
        let flags = format!("--fs-exec={binary}");
        let inside = ground.ringfence(&flags, &[binary, "verify", "--here", "--format", "json"]).go();
        let found = findings(&inside);
        let broken: Vec<_> = found.iter().filter(|(_, found)| found.verdict == "broken").collect();
        assert!(broken.is_empty(), "{broken:?}");
        for id in WITHHELD {
            assert_eq!(found[id].verdict, "held", "{id}: {}", found[id].why);
        }
        for id in ["network/listener", "namespace/own/net", "namespace/process/signal host"] {
            assert_eq!(found[id].verdict, "unverifiable", "{id}");
        }
        let outside = findings(&verify(ground, &["--here"]).go());
        for id in WITHHELD {
            assert_ne!(outside[id].verdict, "held", "{id}");
        }
    }
}

#[test]
fn a_descriptor_that_was_open_from_the_beginning_is_told() {
    let Some(ground) =
        Ground::new(if crate::harness::ground::is_root() { Who::Root } else { Who::User }, "descriptor")
    else {
        return;
    };
    let words = |redirect: &str| {
        // Whoever runs the tests may have left some open.
        let text = format!(
            "for n in $(seq 3 1020); do eval \"exec $n<&-\"; done; exec '{}' verify --here --format json {redirect}",
            ground.binary().display()
        );
        findings(&ground.plain(&["bash", "-c", &text]).go())
    };
    let id = "namespace/descriptor";
    assert_eq!(words("")[id].verdict, "held");
    let open = &words("7</etc/hostname")[id];
    assert!(open.verdict == "broken" && open.why.contains("7 leads to /etc/hostname"), "{open:?}");
}
