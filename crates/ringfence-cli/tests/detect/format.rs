//! The formats of others, against their published schemas (`schema/`): real events, and every kind that there is.

use std::fs;

use ringfence::event::text::Text;
use ringfence::event::{
    Argument, Cause, Control, Event, Journal, Known, Line, Operation, Outcome, Process, Remedy, Setting,
    SourceKind, Summary, Value as Shown,
};
use ringfence::report::{ecs, ocsf};
use serde_json::Value;

use crate::harness::both;
use crate::harness::ground::Ground;

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

const CONTROLS: [Control; 10] = [
    Control::Seccomp,
    Control::Namespace,
    Control::Mount,
    Control::Net,
    Control::Credential,
    Control::Landlock,
    Control::Lsm,
    Control::BpfLsm,
    Control::Limit,
    Control::Launch,
];

fn causes() -> Vec<Cause> {
    let word = || "x".to_owned();
    vec![
        Cause::DenyRule,
        Cause::NotAllowed,
        Cause::OtherArguments,
        Cause::UnknownCall,
        Cause::ClosedAbi,
        Cause::Network,
        Cause::SharedTerminal,
        Cause::NestedUserNamespace,
        Cause::MissingRight(word()),
        Cause::Hidden,
        Cause::Covered,
        Cause::ReadOnly,
        Cause::NoExec,
        Cause::Mounted,
        Cause::Bits(word()),
        Cause::NotOwner,
        Cause::Capability("CAP_NET_RAW"),
        Cause::OtherNamespace,
        Cause::NoRoute,
        Cause::Limit(word()),
        Cause::Traced,
        Cause::Profile(word()),
        Cause::Context(word()),
    ]
}

/// What a hostile program and every source can make of an event: each cause, control, outcome and kind of argument,
/// as each source tells it and as it is known.
fn every_kind() -> Vec<Event> {
    let hostile = || Text::new("\u{1b}[2J\n\u{202e}\u{9b}\u{7f}\"\\".as_bytes());
    let word = || "x".to_owned();
    let sources =
        [SourceKind::Notify, SourceKind::Audit, SourceKind::Guard, SourceKind::Trace, SourceKind::Ebpf];
    let values = || {
        vec![
            Shown::Word(word()),
            Shown::String(hostile()),
            Shown::String(Text::beginning("/x")),
            Shown::Address(word()),
            Shown::Pointer(1),
            Shown::Unread(1, word()),
        ]
    };
    let setting = |value: &str| Setting { key: "fs.read", value: value.to_owned(), list: true };
    let remedies =
        [Remedy::Settings(vec![setting("/a"), setting("/\u{202e}'")]), Remedy::Remove, Remedy::None("x")];
    let (mut all, causes) = (Vec::new(), causes());
    let mut add = |number: usize, cause: &Cause, control: Control, source, remedy: &Remedy| {
        let known = number % 3;
        let operation = Operation {
            call: (known != 2).then_some("openat"),
            abi: None,
            number: number.is_multiple_of(2).then_some(257),
            arguments: values().into_iter().map(|value| Argument { name: "path", value }).collect(),
        };
        all.push(Event {
            source,
            time_ms: 1_795_490_243_329,
            process: Process {
                pid: (known == 0).then_some(7),
                thread: [7, 8, 0][known],
                command: as_known(known, hostile()),
            },
            operation,
            control: as_known(known, control),
            cause: as_known(known, cause.clone()),
            line: as_known(known, Line { file: word(), number: Some(3), text: word() }),
            tried: None,
            outcome: if number.is_multiple_of(5) { Outcome::Passed } else { Outcome::Denied },
            errno: as_known(known, 13),
            remedy: as_known(known, remedy.clone()),
        });
    };
    for (number, cause) in causes.iter().cycle().take(causes.len() * 30).enumerate() {
        let of = |n: usize| number / 3 % n;
        add(number, cause, CONTROLS[of(CONTROLS.len())], sources[of(sources.len())], &remedies[of(3)]);
    }
    all
}

fn as_known<T>(how: usize, value: T) -> Known<T> {
    match how {
        0 => Known::Observed(value),
        1 => Known::Predicted(value),
        _ => Known::Unknown("x".to_owned()),
    }
}

/// No event is told in a form that a schema does not have, and nothing in it is raw.
#[test]
fn every_kind_of_event_is_what_the_schemas_say() {
    let (schema, fields): (Value, Value) =
        (serde_json::from_str(OCSF).unwrap(), serde_json::from_str(ECS).unwrap());
    let (mut out, mut ids) = (Vec::new(), std::collections::BTreeSet::new());
    let raw = |c: char| c.is_control() || !(c == ' ' || c.is_ascii_graphic() || c.is_alphanumeric());
    for (number, event) in every_kind().iter().enumerate() {
        let lines =
            [ocsf::line(event, number as u64), ecs::line(event), ringfence::report::event::json_line(event)];
        for line in &lines {
            assert!(!line.trim_end_matches('\n').contains(raw) && line.ends_with('\n'), "{line:?}");
        }
        let [finding, document, own] = lines.map(|line| serde_json::from_str::<Value>(&line).unwrap());
        faults(&schema, &schema, &finding, "", &mut out);
        foreign(&fields, &document, "", &mut out);
        expected(&fields, &document, &mut out);
        assert!(ids.insert(finding["finding_info"]["uid"].to_string()), "{finding}");
        // Nobody is process 0, and no unknown call is the first of the table.
        assert!(own["process"]["pid"] != 0 && own["process"]["thread"] != 0, "{own}");
    }
    let summary =
        Summary { journal: Journal::default(), accounts: Vec::new(), unwritten: 1, blind: Vec::new() };
    faults(&schema, &schema, &serde_json::from_str(&ocsf::end(&summary, 1)).unwrap(), "", &mut out);
    let end = serde_json::from_str(&ecs::end(&summary, 1)).unwrap();
    foreign(&fields, &end, "", &mut out);
    expected(&fields, &end, &mut out);
    assert!(out.is_empty(), "{}", out.join("\n"));
}

/// Each type of an event is one that ECS expects with one of its categories.
fn expected(fields: &Value, document: &Value, out: &mut Vec<String>) {
    let categories = document["event"]["category"].as_array().unwrap();
    for kind in document["event"]["type"].as_array().unwrap() {
        let lists =
            categories.iter().map(|name| &fields["event.category"]["expected"][name.as_str().unwrap()]);
        if !lists.into_iter().any(|list| list.as_array().unwrap().contains(kind)) {
            out.push(format!("{kind} is not expected with {categories:?}"));
        }
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
}
