//! Each denial is told with the policy line behind it, and all of them are counted.

use crate::field::{EACCES, Field};

/// What `--explain` says of one attempt that is denied.
fn told(field: &Field, net: &str, words: &[&str]) -> String {
    let policy = field.policy(true, net);
    let attack = field.attack.to_str().unwrap();
    let run =
        field.ground.ringfence(&format!("--policy {policy} --explain"), &[&[attack], words].concat()).go();
    run.exits(EACCES);
    assert!(run.err.contains("bpf-lsm: complete"), "{run}");
    // Whoever else sees the call fail leaves it to the program, which knows why.
    assert!(run.err.starts_with("ringfence: 1 denial\n"), "{run}");
    run.tells();
    run.err
}

#[track_caller]
fn says(text: &str, what: &[&str]) {
    for part in what {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}

#[test]
fn denials_name_their_line() {
    let Some(field) = Field::new("denials_name_their_line") else { return };
    let file = field.path("outside/file");
    let text = told(&field, "", &["chmod", &file]);
    says(&text, &["denied by bpf-lsm", &format!("path: \"{file}\""), "mode: 0644"]);
    says(&text, &["policy-true.toml:", &format!("--fs-write={file}")]);
    let socket = field.path("outside/stream");
    says(&told(&field, "", &["stream", &socket]), &["denied by bpf-lsm", &format!("--net-unix={socket}")]);
    let (udp, _) = field.ports();
    let text = told(&field, "connect = [\"udp:1\"]", &["udp_send", &udp.to_string()]);
    says(&text, &["denied by bpf-lsm", &format!("port: udp:{udp}"), "udp:1"]);
    says(&text, &[&format!("--net-connect=udp:{udp}")]);
    let text = told(&field, "", &["exec", &field.path("outside/program")]);
    says(&text, &["execve(path: ", &format!("--fs-exec={}", field.path("outside/program"))]);
    says(&told(&field, "", &["ioctl", "/dev/ptmx"]), &["ioctl(path: \"/dev/ptmx\"", "0x80045430", "fs.dev"]);
    says(&told(&field, "", &["map_memory"]), &["mmap(", "bpf = \"require\""]);
}

#[test]
fn the_plan_shows_it() {
    let Some(field) = Field::new("the_plan_shows_it") else { return };
    let policy = field.policy(true, "");
    let shown =
        field.ground.command(&field.ground.binary(), &["check", "--policy", &policy, "--", "true"]).go();
    shown.passes().prints("lsm.bpf").prints("fstatfs").prints("a BPF LSM program: given");
}

#[test]
fn it_needs_a_pid_namespace() {
    let Some(field) = Field::new("it_needs_a_pid_namespace") else { return };
    let policy = field.policy(true, "");
    let flags = format!("--policy {policy} --namespaces-unshare uts");
    field.ground.ringfence(&flags, &["true"]).go().exits(125).complains("pid namespace");
}

/// Beside every other control, and with views of their own: nothing that a policy allows is lost.
#[test]
fn every_builtin_runs_with_it() {
    let Some(field) = Field::new("every_builtin_runs_with_it") else { return };
    let degrade = crate::field::WITHOUT_LANDLOCK.map(|name| format!(" --degrade-allow {name}")).concat();
    let runs = |builtin: &str, script: &str| {
        let flags = format!("--policy builtin:{builtin} --lsm-bpf require{degrade}");
        let checked = field
            .ground
            .command(&field.ground.binary(), &["check", "--policy", &format!("builtin:{builtin}")]);
        let old = checked.go().err.contains("own view of the file system");
        if old {
            crate::harness::skip(&field.ground.test, "needs Linux 5.12 for a view");
        } else {
            field.ground.shell(&flags, script).go().passes();
        }
    };
    for builtin in ["compute", "offline", "service", "container"] {
        runs(builtin, "true | cat");
    }
    runs("build", "echo text >made && mkdir d && mv made d/ && chmod 600 d/made && : >/dev/null && rm -r d");
}
