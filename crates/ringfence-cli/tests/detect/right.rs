//! Real programs with one right missing: the events of the call that fails name that right and no other,
//! and with it the program does its work.

use std::fs;

use serde_json::Value;

use crate::harness::both;
use crate::harness::ground::{Ground, Who};

/// A program, and what it is not allowed.
struct Case {
    needs: &'static [&'static str],
    /// What it may do without the right.
    flags: &'static str,
    script: &'static str,
    /// The call that fails for it.
    call: &'static str,
    /// The right, as flags; `$W` is the working directory.
    right: &'static str,
    /// What it prints with the right.
    prints: &'static str,
}

const CASES: [Case; 5] = [
    Case {
        needs: &[],
        flags: "",
        script: "echo words >kept && cat kept",
        call: "openat",
        right: "--fs-write=$W",
        prints: "words\n",
    },
    Case {
        needs: &["python3"],
        flags: "",
        script: "python3 -c 'import socket; print(socket.socket().type)'",
        call: "socket",
        right: "--net-mode=host --net-connect=tcp:*",
        prints: "1\n",
    },
    Case {
        needs: &["git"],
        flags: "",
        script: "git init -q -b main copy && git -C copy branch --show-current",
        call: "mkdir",
        right: "--fs-write=$W",
        prints: "main\n",
    },
    Case {
        needs: &["redis-server", "redis-cli"],
        flags: "--policy builtin:service --net-bind=",
        script: "redis-server --port 7777 --bind 127.0.0.1 --save '' >/dev/null & server=$!
            for n in $(seq 60); do redis-cli -p 7777 ping 2>/dev/null && break; kill -0 $server || break; sleep 0.05; done
            redis-cli -p 7777 shutdown nosave 2>/dev/null; wait",
        call: "bind",
        right: "--net-bind=tcp:7777",
        prints: "PONG\n",
    },
    Case {
        needs: &["nginx", "curl"],
        flags: "--policy builtin:service --net-bind= --net-bind=tcp:8081",
        script: "nginx -e stderr -p $PWD -c nginx.conf & server=$!
            for n in $(seq 60); do curl -sS http://127.0.0.1:8080/page 2>/dev/null && break; kill -0 $server || break; sleep 0.05; done
            kill -QUIT $server; wait $server",
        call: "bind",
        right: "--net-bind=tcp:8080",
        prints: "served\n",
    },
];

const NGINX: &str = "daemon off; USER pid nginx.pid; error_log stderr; events { } http {
    access_log off; client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp;
    scgi_temp_path tmp; server { listen 127.0.0.1:8080; root site; } }";

both! {
    fn a_missing_right_is_named_and_is_enough(ground: &Ground) {
        ground.directory("home/work/site");
        ground.file("home/work/site/page", "served\n");
        let user = if ground.who == Who::Root { "user root;" } else { "" };
        ground.file("home/work/nginx.conf", &NGINX.replace("USER", user));
        let ebpf = ground.who == Who::Root && std::path::Path::new("/sys/kernel/btf/vmlinux").exists();
        let sources = if ebpf { &["--explain=ptrace", "--explain"][..] } else { &["--explain=ptrace"] };
        for case in CASES.iter().filter(|case| ground.has(case.needs)) {
            let right = case.right.replace("$W", ground.work().to_str().unwrap());
            for source in sources {
                let named = named(ground, source, case);
                assert_eq!(named, std::slice::from_ref(&right), "{source} {}", case.script);
            }
            let run = ground.shell(&format!("{} {right}", case.flags), case.script).go();
            assert!(run.out.contains(case.prints), "{run}");
        }
    }
}

/// What the events of the call that fails say would allow it, each once.
fn named(ground: &Ground, source: &str, case: &Case) -> Vec<String> {
    let file = ground.root().join("home/events.json");
    let flags = format!("{} {source} --events {}", case.flags, file.display());
    let run = ground.shell(&flags, case.script).go();
    assert!(!run.out.contains(case.prints), "{run}");
    let text = fs::read_to_string(&file).unwrap();
    let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    // A name that is only looked for is hidden, and no program failed for it.
    let failed = events.filter(|event| {
        event["outcome"] == "denied"
            && event["operation"]["call"] == case.call
            && event["cause"]["value"] != "hidden"
    });
    let mut named: Vec<String> = failed.map(|event| remedy(&event["remedy"])).collect();
    named.sort();
    named.dedup();
    named
}

fn remedy(remedy: &Value) -> String {
    match remedy["value"]["settings"].as_array() {
        Some(settings) => {
            let flags = settings.iter().filter_map(|setting| setting["flag"].as_str());
            flags.map(|flag| flag.replace('\'', "")).collect::<Vec<_>>().join(" ")
        }
        None => remedy.to_string(),
    }
}
