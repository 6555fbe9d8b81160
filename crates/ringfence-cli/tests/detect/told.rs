//! What is made of events: formats against their published schemas, files that are bounded, secrets,
//! watchers, and changes that are tried.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::both;
use crate::harness::ground::{Ground, Who};

const OCSF: &str = include_str!("schema/ocsf-1.8.0.json");
const ECS: &str = include_str!("schema/ecs-9.4.0.json");
/// Denials of several controls, one with a hostile name, and one that is killed.
const SCRIPT: &str = "cat /etc/shadow; touch here; cat \"$(printf '/etc/ssl/a\\033b')\"; \
                      perl -e 'socket(my $s, 2, 1, 0); syscall(169, 0, 0, 0, 0); kill 0, 1'; true";

fn events(ground: &Ground, flags: &str) -> Vec<Value> {
    let file = ground.root().join("home/events.json");
    let run = ground.shell(&format!("{flags} --explain=ptrace --events {}", file.display()), SCRIPT).go();
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.lines().count() > 4, "{run}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What of `value` a JSON Schema does not allow: the keywords that OCSF's uses.
fn faults(schema: &Value, root: &Value, value: &Value, at: &str, out: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let named = &root["$defs"][name.trim_start_matches("#/$defs/")];
        assert!(!named.is_null(), "no {name}");
        faults(named, root, value, at, out);
    }
    let fits = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        other => panic!("type {other}"),
    };
    if schema["type"].as_str().is_some_and(|kind| !fits(kind)) {
        out.push(format!("{at}: {value} is no {}", schema["type"]));
    }
    if schema["enum"].as_array().is_some_and(|list| !list.contains(value)) {
        out.push(format!("{at}: {value} is none of {}", schema["enum"]));
    }
    if !schema["const"].is_null() && schema["const"] != *value {
        out.push(format!("{at}: {value} is not {}", schema["const"]));
    }
    if let Some(most) = schema["maxLength"].as_u64() {
        if value.as_str().is_some_and(|text| text.chars().count() as u64 > most) {
            out.push(format!("{at}: longer than {most}"));
        }
    }
    for required in schema["required"].as_array().into_iter().flatten() {
        if value[required.as_str().unwrap()].is_null() {
            out.push(format!("{at}: no {required}"));
        }
    }
    for (kind, least) in [("anyOf", 1), ("oneOf", 1)] {
        let Some(list) = schema[kind].as_array() else { continue };
        let fitting = list.iter().filter(|one| {
            let mut found = Vec::new();
            faults(one, root, value, at, &mut found);
            found.is_empty()
        });
        if fitting.count() < least {
            out.push(format!("{at}: {kind} has none that fits"));
        }
    }
    for (name, part) in value.as_object().into_iter().flatten() {
        match schema["properties"].get(name) {
            Some(inner) => faults(inner, root, part, &format!("{at}.{name}"), out),
            None if schema["additionalProperties"] == false => out.push(format!("{at}: unknown {name}")),
            None => {}
        }
    }
    for (number, part) in value.as_array().into_iter().flatten().enumerate() {
        if !schema["items"].is_null() {
            faults(&schema["items"], root, part, &format!("{at}[{number}]"), out);
        }
    }
}

/// What of a document is no field of ECS, or not of its type; below `ringfence` everything is.
fn foreign(fields: &Value, value: &Value, at: &str, out: &mut Vec<String>) {
    for (name, part) in value.as_object().unwrap() {
        let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        if path == "ringfence" {
            continue;
        }
        let Some(field) = fields.get(&path) else {
            match part.is_object() {
                true => foreign(fields, part, &path, out),
                false => out.push(format!("unknown {path}")),
            }
            continue;
        };
        let list = field["array"] == true;
        let parts = if list { part.as_array().cloned().unwrap_or_default() } else { vec![part.clone()] };
        if list != part.is_array() || parts.is_empty() {
            out.push(format!("{path}: {part}"));
        }
        for part in parts {
            let fits = match field["type"].as_str().unwrap() {
                "keyword" | "match_only_text" | "wildcard" | "constant_keyword" => part.is_string(),
                "long" => part.is_i64() || part.is_u64(),
                "date" => part.as_str().is_some_and(|text| text.len() == 24 && text.ends_with('Z')),
                other => panic!("{path} is a {other}"),
            };
            let allowed = field["allowed"].as_array().is_none_or(|list| list.contains(&part));
            if !fits || !allowed {
                out.push(format!("{path}: {part}"));
            }
        }
    }
}

#[test]
fn the_checkers_see_what_is_wrong() {
    let (ocsf, ecs): (Value, Value) =
        (serde_json::from_str(OCSF).unwrap(), serde_json::from_str(ECS).unwrap());
    for wrong in ["{}", "{\"class_uid\": \"2004\"}", "{\"nonsense\": 1}"] {
        let mut out = Vec::new();
        faults(&ocsf, &ocsf, &serde_json::from_str(wrong).unwrap(), "", &mut out);
        assert!(!out.is_empty(), "{wrong}");
    }
    for wrong in [
        "{\"event\":{\"kind\":\"nonsense\"}}",
        "{\"event\":{\"type\":\"denied\"}}",
        "{\"process\":{\"nonsense\":1}}",
    ] {
        let mut out = Vec::new();
        foreign(&ecs, &serde_json::from_str(wrong).unwrap(), "", &mut out);
        assert!(!out.is_empty(), "{wrong}");
    }
}

both! {
    fn ocsf_and_ecs_are_what_their_schemas_say(ground: &Ground) {
        if !ground.has(&["perl"]) {
            return;
        }
        let (ocsf, ecs): (Value, Value) = (serde_json::from_str(OCSF).unwrap(), serde_json::from_str(ECS).unwrap());
        let mut out = Vec::new();
        for event in events(ground, "--events-format ocsf") {
            faults(&ocsf, &ocsf, &event, "", &mut out);
            assert_eq!(event["metadata"]["version"], "1.8.0");
        }
        let told = events(ground, "--events-format ecs");
        for event in &told {
            foreign(&ecs, event, "", &mut out);
            assert_eq!(event["ecs"]["version"], "9.4.0");
        }
        assert!(told.iter().any(|event| event["file"]["path"] == "\"/etc/shadow\"" && event["error"]["code"] == "ENOENT"));
        assert!(out.is_empty(), "{}", out.join("\n"));
    }

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

    fn watchers_hear_every_run_and_slow_none_down(ground: &Ground) {
        if !ground.has(&["perl"]) {
            return;
        }
        let listen = |words: &[&str]| {
            let run = ground.command(&ground.binary(), &[&["watch"], words].concat()).start();
            let ready = |pid: u32| {
                let name = format!("watch-{pid}");
                let own = if ground.ids().0 == 0 { "/run/ringfence".to_owned() } else { format!("/tmp/ringfence-{}", ground.ids().0) };
                std::path::Path::new(&own).join(name).exists()
            };
            let deadline = Instant::now() + Duration::from_secs(20);
            while !ready(run.child.id()) {
                assert!(Instant::now() < deadline, "no watcher");
                std::thread::sleep(Duration::from_millis(5));
            }
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
