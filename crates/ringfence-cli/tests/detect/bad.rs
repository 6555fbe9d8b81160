//! Hostile names, unreadable memory, readers that stall, flags that make no sense.

use std::fs;

use crate::harness::both;

both! {
    fn hostile_names_are_never_shown_raw(ground: &Ground) {
        if !ground.has(&["perl"]) {
            return;
        }
        let events = ground.root().join("home/events.json");
        let flags = format!("--syscalls-deny=mkdir --events {}", events.display());
        let script = r#"my $name = "\e]0;x\a\n"; syscall(157, 15, $name, 0, 0, 0); mkdir "a\n\e[2J\x{9b}31m\xff\"\\"; syscall(83, 1, 0)"#;
        let run = ground.ringfence(&flags, &["perl", "-e", script]).go();
        let file = fs::read_to_string(&events).unwrap();
        for text in [&run.err, &file] {
            assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
        }
        assert!(run.err.contains(r#"mkdir(pathname: "a\n\x1b[2J\x9b31m\xff\"\\""#), "{run}");
        assert!(run.err.contains(r#"["\x1b]0;x\x07\n" "#), "{run}");
        assert!(run.err.contains("mkdir(pathname: 0x1 (unread: nothing is there)"), "{run}");
    }

    fn what_could_be_missed_is_a_failure_where_all_is_asked_for(ground: &Ground) {
        let run = ground.ringfence("--complete", &["true"]).go();
        // Where programs in the kernel watch, nothing could be missed.
        if run.err.contains("ebpf: complete") && !run.err.contains("not watched: ") {
            assert_eq!(run.status, 0, "{run}");
            return;
        }
        assert!(run.exits(125).err.contains("not watched: "), "{run}");
        assert!(run.err.contains("--complete"), "{run}");
        ground.ringfence("--explain", &["true"]).go().passes();
    }

    fn a_file_of_events_that_cannot_be_opened_starts_nothing(ground: &Ground) {
        let run = ground.ringfence("--events /nowhere/x", &["sh", "-c", "echo started"]).go();
        assert_eq!(run.exits(125).out, "");
        let pipe = ground.root().join("home/pipe");
        ground.plain(&["/usr/bin/mkfifo", pipe.to_str().unwrap()]).go().passes();
        let run = ground.ringfence(&format!("--events {}", pipe.display()), &["sh", "-c", "echo started"]).go();
        assert_eq!(run.exits(125).out, "");
    }

    fn a_reader_that_stalls_stops_nothing_and_is_told_of(ground: &Ground) {
        if !ground.has(&["perl"]) {
            return;
        }
        let pipe = ground.root().join("home/pipe");
        ground.plain(&["/usr/bin/mkfifo", pipe.to_str().unwrap()]).go().passes();
        let reader = fs::File::options().read(true).write(true).open(&pipe).unwrap();
        let flags = format!("--events {}", pipe.display());
        let run = ground.ringfence(&flags, &["perl", "-e", "syscall(169, 0, 0, 0, 0) for 1 .. 2000; exit 7"]).go();
        assert!(run.exits(7).err.contains("were not written to the file of events"), "{run}");
        assert!(run.err.contains("2000 times") || run.err.contains("2000 denials"), "{run}");
        drop(reader);
    }

    fn every_event_is_more_than_can_be_told(ground: &Ground) {
        let run = ground.ringfence("--audit-events=all", &["true"]).go();
        assert!(run.exits(125).err.contains("audit.events"), "{run}");
    }
}
