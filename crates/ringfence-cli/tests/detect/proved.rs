//! `host audit --test` against the kernel, and programs with one right missing: the event names that right.

use std::fs;

use serde_json::Value;

use crate::harness::both;
use crate::harness::ground::Who;

both! {
    fn every_branch_of_the_audit_tree_is_as_it_is_said_to_be(ground: &Ground) {
        let run = ground.command(&ground.binary(), &["host", "audit", "--test", "--format", "json"]).go();
        let said: Value = serde_json::from_str(&run.out).unwrap();
        let branches = said["branches"].as_array().unwrap();
        assert_eq!(branches.len(), 21, "{run}");
        if ground.who == Who::User {
            run.exits(3);
            assert!(run.out.contains("CAP_AUDIT_READ"), "{run}");
            return;
        }
        let tried = branches.iter().filter(|branch| branch["tried"]["recorded"].is_boolean()).count();
        let first = branches.iter().all(|branch| branch["tried"]["agrees"] != false);
        if run.out.contains("first pid namespace") {
            run.exits(3);
            return;
        }
        assert!(first && tried >= 14, "{run}");
        run.passes();
    }

    fn the_operations_of_every_builtin_are_explained(ground: &Ground) {
        let operations = [
            "open /etc/shadow for reading", "socket(AF_INET, SOCK_STREAM)", "ptrace(PTRACE_TRACEME)",
            "capability CAP_NET_RAW", "connect tcp:443",
        ];
        for policy in ["compute", "offline", "build", "service", "container"] {
            for operation in operations {
                let words = ["explain", "--format", "json", &format!("builtin:{policy}"), operation];
                let run = ground.command(&ground.binary(), &words).go();
                let said: Value = serde_json::from_str(&run.passes().out).unwrap();
                let ways = said["ways"].as_array().unwrap();
                let controls = ways.iter().all(|way| !way["controls"].as_array().unwrap().is_empty());
                assert!(!ways.is_empty() && controls, "{policy} {operation}: {run}");
            }
        }
    }

    fn programs_with_one_right_missing_name_that_right(ground: &Ground) {
        if !ground.has(&["python3", "git", "redis-server", "nginx"]) {
            return;
        }
        let work = ground.work().display().to_string();
        let file = ground.root().join("home/events.json");
        // Without capabilities, root cannot become somebody else.
        let user = if ground.who == Who::Root { "user root;" } else { "" };
        ground.file("home/work/nginx.conf", &format!(
            "{user} daemon off; master_process off; pid {work}/nginx.pid; error_log stderr; events {{}} \
             http {{ access_log off; client_body_temp_path {work}/b; proxy_temp_path {work}/p; fastcgi_temp_path {work}/f; \
             uwsgi_temp_path {work}/u; scgi_temp_path {work}/s; server {{ listen 127.0.0.1:8089; }} }}"
        ));
        ground.file("home/work/script.sh", "set -e\ncat /etc/hostname >/dev/null\necho x >out\n");
        // Flags, the program, and the event: control, cause, a part of the remedy.
        let writes = format!("fs.write = [\"{work}\"]");
        let cases: [(&str, &[&str], &str, &str, &str); 6] = [
            ("", &["sh", "script.sh"], "mount", "read-only", &writes),
            ("", &["python3", "-c", "open('out', 'w')"], "mount", "read-only", &writes),
            ("", &["python3", "-c", "import socket; socket.socket()"], "seccomp", "network", "net.connect = [\"tcp:*\"]"),
            ("", &["git", "init", "-q", "."], "mount", "read-only", &writes),
            ("--policy builtin:service --net-bind= --net-bind=tcp:1",
                &["redis-server", "--port", "7389", "--save", "", "--bind", "127.0.0.1"],
                "landlock", "missing-right", "net.bind = [\"tcp:7389\"]"),
            ("--policy builtin:service --net-bind= --net-bind=tcp:1", &["nginx", "-p", ".", "-c", "nginx.conf"],
                "landlock", "missing-right", "net.bind = [\"tcp:8089\"]"),
        ];
        let mut wrong = Vec::new();
        for (flags, command, control, cause, remedy) in cases {
            let flags = format!("{flags} --limits-wall=20s --explain=ptrace --events {}", file.display());
            let run = ground.ringfence(&flags, command).go();
            let text = fs::read_to_string(&file).unwrap();
            let events: Vec<Value> = text
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok())
                .filter(|event: &Value| event["kind"] == "ringfence.event" && event["cause"]["value"] != "hidden")
                .collect();
            let named = |event: &&Value| {
                event["control"]["value"] == control
                    && event["cause"]["value"] == cause
                    && event["remedy"].to_string().replace("\\\"", "\"").contains(remedy)
            };
            // The last one is what it failed for; a name that is only looked for is not.
            if run.status == 0 || events.last().as_ref().filter(|event| named(event)).is_none() {
                wrong.push(format!("{command:?}: no {control} {cause} {remedy}: {run}"));
            }
        }
        assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
    }
}
