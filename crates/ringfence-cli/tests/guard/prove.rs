//! What the verifier finds of the program, and what is predicted of it.

use serde_json::Value;

use crate::field::Field;

/// Every operation that a program alone is to hold; ports where the policy lists others.
const HELD: [&str; 18] = [
    "chmod",
    "chown",
    "exec/memory",
    "exec/written",
    "fchmod",
    "ioctl",
    "map",
    "map-later",
    "removexattr",
    "setxattr",
    "tcp/bind",
    "tcp/connect",
    "udp/bind",
    "udp/connect",
    "udp/sendto",
    "unix/datagram",
    "unix/sendto",
    "unix/stream",
];

/// `verify` of the policy, as its findings about Linux security modules.
fn verify(field: &Field, guarded: bool) -> Vec<Value> {
    let policy = field.policy(guarded, "");
    let words = ["verify", "--policy", &policy, "--depth", "--format", "json"];
    let run = field.ground.command(&field.ground.binary(), &words).go();
    let report: Value = serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {run}"));
    let findings = report["findings"].as_array().unwrap_or_else(|| panic!("{run}")).clone();
    findings.into_iter().filter(|finding| id(finding).starts_with("lsm/bpf/")).collect()
}

fn id(finding: &Value) -> &str {
    finding["id"].as_str().unwrap()
}

#[test]
fn each_holding_is_attempted_with_nothing_else_in_its_way() {
    let Some(field) = Field::new("each_holding_is_attempted_with_nothing_else_in_its_way") else { return };
    let found = verify(&field, true);
    let ids: Vec<_> = found.iter().map(|finding| id(finding).trim_start_matches("lsm/bpf/")).collect();
    assert_eq!(ids, HELD);
    for finding in &found {
        assert_eq!(finding["verdict"], "held", "{finding:#}");
        assert_eq!(finding["controls"], serde_json::json!(["bpf-lsm"]), "{finding:#}");
        assert!(finding["policy"].as_str().unwrap().contains("policy-true.toml:"), "{finding:#}");
    }
    assert!(verify(&field, false).is_empty(), "without a program nothing is claimed of it");
}

#[test]
fn a_way_leads_past_the_program() {
    let Some(field) = Field::new("a_way_leads_past_the_program") else { return };
    let policy = field.policy(true, "connect = [\"udp:1\"]");
    let explain = |operation: &str| {
        let words = ["explain", "--policy", &policy, operation];
        field.ground.command(&field.ground.binary(), &words).go().out
    };
    let (outside, inside) = (field.path("outside/file"), field.path("home/work/file"));
    for (operation, remedy) in [
        (format!("chmod {outside}"), format!("--fs-write={outside}")),
        (format!("exec {inside}"), format!("--fs-exec={inside}")),
        (format!("connect unix:{}", field.path("outside/stream")), "--net-unix=".to_owned()),
        ("connect udp:2".to_owned(), "--net-connect=udp:2".to_owned()),
    ] {
        let text = explain(&operation);
        assert!(text.contains("bpf-lsm") && text.contains(&remedy), "{operation}:\n{text}");
        assert!(text.contains("EACCES"), "{operation}:\n{text}");
    }
    for allowed in [format!("chmod {inside}"), "connect udp:1".to_owned()] {
        let text = explain(&allowed);
        let line = text.lines().find(|line| line.contains("bpf-lsm")).unwrap_or_else(|| panic!("{text}"));
        assert!(!line.contains("EACCES"), "{text}");
    }
}
