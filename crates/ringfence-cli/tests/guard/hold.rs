//! Each holding, by every way that a program has.

use std::os::unix::fs::PermissionsExt as _;

use crate::field::{EACCES, Field};

const NO_PORTS: &str = "";

#[test]
fn sockets_that_no_line_names_are_out_of_reach() {
    let Some(field) = Field::new("sockets_that_no_line_names_are_out_of_reach") else { return };
    let (stream, datagram) = (field.path("outside/stream"), field.path("outside/datagram"));
    field.holds(NO_PORTS, &["stream", &stream]);
    for word in ["datagram", "send_to", "send_message"] {
        field.holds(NO_PORTS, &[word, &datagram]);
    }
    for place in [vec!["deep"], vec!["nested"]] {
        field.holds(NO_PORTS, &[&place[..], &["stream", &stream]].concat());
    }
    field.allows(NO_PORTS, &["stream", &field.path("named/stream")]);
    field.allows(NO_PORTS, &["send_to", &field.path("named/datagram")]);
    field.allows(NO_PORTS, &["own_stream", &field.path("home/work/own-stream")]);
    field.allows(NO_PORTS, &["own_datagram", &field.path("home/work/deep/own-datagram")]);
    field.allows(NO_PORTS, &["pair"]);
}

#[test]
fn workers_of_io_uring_are_held() {
    let Some(field) = Field::new("workers_of_io_uring_are_held") else { return };
    // Where the kernel has no io_uring, there is nothing to hold.
    let named = field.path("named/stream");
    field.outside(&["ring_stream", &named]).go().exits(0);
    field.holds(NO_PORTS, &["ring_stream", &field.path("outside/stream")]);
    let (udp, _) = field.ports();
    field.holds("connect = [\"udp:1\"]", &["udp_ring", &udp.to_string()]);
}

#[test]
fn ports_are_those_that_are_listed() {
    let Some(field) = Field::new("ports_are_those_that_are_listed") else { return };
    let (udp, tcp) = field.ports();
    let (udp, tcp) = (udp.to_string(), tcp.to_string());
    let other = "connect = [\"udp:1\", \"tcp:1\"]\nbind = [\"udp:2\", \"tcp:2\"]";
    for word in ["udp_connect", "udp_send", "udp_many", "udp_nameless"] {
        field.holds(other, &[word, &udp]);
    }
    field.inside(true, other, &["udp_other", &udp]).go().exits(EACCES);
    field.holds(other, &["tcp_connect", &tcp]);
    field.holds(other, &["udp_bind", "45454"]);
    field.holds(other, &["tcp_bind", "45454"]);
    let same = format!("connect = [\"udp:{udp}\", \"tcp:{tcp}\"]\nbind = [\"udp:45454\", \"tcp:45454\"]");
    for word in ["udp_connect", "udp_send", "udp_many"] {
        field.allows(&same, &[word, &udp]);
    }
    field.allows(&same, &["tcp_connect", &tcp]);
    field.allows(&same, &["udp_bind", "45454"]);
    field.allows(&same, &["tcp_bind", "45454"]);
    field.allows(&same, &["udp_bind", "0"]);
    let every = "connect = [\"udp:*\", \"tcp:*\"]\nbind = [\"udp:*\", \"tcp:*\"]";
    field.allows(every, &["udp_send", &udp]);
    field.allows(every, &["tcp_bind", "45455"]);
}

#[test]
fn attributes_change_where_the_policy_writes() {
    let Some(field) = Field::new("attributes_change_where_the_policy_writes") else { return };
    let (outside, inside) = (field.path("outside/file"), field.path("home/work/file"));
    for word in ["chmod", "fchmod", "chown", "fchown", "lchown", "setxattr", "fsetxattr", "acl"] {
        field.holds(NO_PORTS, &[word, &outside]);
        field.allows(NO_PORTS, &[word, &inside]);
    }
    field.holds(NO_PORTS, &["removexattr", &outside]);
    field.holds(NO_PORTS, &["deep", "chmod", &outside]);
    field.holds(NO_PORTS, &["nested", "chown", &outside]);
    // Of Linux 6.6 and 6.13.
    for word in ["fchmodat2", "setxattrat"] {
        let before = field.inside(false, NO_PORTS, &[word, &outside]).go().status;
        let after = field.inside(true, NO_PORTS, &[word, &outside]).go().status;
        assert!(matches!((before, after), (0, EACCES) | (38, 38)), "{word}: {before}, then {after}");
    }
    // A name outside of a file inside does not help, nor does one inside of a file outside.
    let link = field.path("home/work/link");
    std::os::unix::fs::symlink(&outside, &link).unwrap();
    field.holds(NO_PORTS, &["chmod", &link]);
}

#[test]
fn devices_take_no_commands() {
    let Some(field) = Field::new("devices_take_no_commands") else { return };
    field.holds(NO_PORTS, &["ioctl", "/dev/ptmx"]);
    field.allows(NO_PORTS, &["close_on_exec", "/dev/ptmx"]);
    let without = field.inside(false, NO_PORTS, &["ioctl_32", "/dev/ptmx"]).go().status;
    let with = field.inside(true, NO_PORTS, &["ioctl_32", "/dev/ptmx"]).go().status;
    // A processor or kernel without the 32-bit entry: SIGSEGV.
    assert!(matches!((without, with), (0, EACCES) | (139, 139)), "{without}, then {with}");
}

#[test]
fn what_is_written_is_never_executed() {
    let Some(field) = Field::new("what_is_written_is_never_executed") else { return };
    for (word, name) in [("exec_written", "written"), ("exec_script", "script")] {
        field.holds(NO_PORTS, &[word, &field.path(&format!("home/work/{name}"))]);
    }
    field.holds(NO_PORTS, &["exec", &field.path("outside/program")]);
    field.holds(NO_PORTS, &["exec_at", &field.path("outside/program")]);
    field.holds(NO_PORTS, &["exec_memory"]);
    field.holds(NO_PORTS, &["map", &field.path("home/work/file")]);
    field.holds(NO_PORTS, &["map_later", &field.path("home/work/file")]);
    field.holds(NO_PORTS, &["map_memory"]);
    field.holds(NO_PORTS, &["map_segment"]);
    field.allows(NO_PORTS, &["map_nothing"]);
    // The loader of programs maps what it is given.
    let program = field.path("outside/program");
    let loader = ["/lib64/ld-linux-x86-64.so.2", &program, "nothing"];
    let run = |guarded| {
        let policy = field.policy(guarded, NO_PORTS);
        field.ground.ringfence(&format!("--policy {policy}"), &loader).go().status
    };
    assert_eq!(run(false), 0);
    assert_ne!(run(true), 0);
}

#[test]
fn nobody_inside_touches_what_holds_him() {
    let Some(field) = Field::new("nobody_inside_touches_what_holds_him") else { return };
    assert_ne!(field.inside(false, NO_PORTS, &["bpf"]).go().status, EACCES);
    field.inside(true, NO_PORTS, &["bpf"]).go().exits(EACCES);
}

#[test]
fn a_file_deeper_than_the_walk_is_denied() {
    let Some(field) = Field::new("a_file_deeper_than_the_walk_is_denied") else { return };
    let deep = |levels: usize| {
        let mut path = field.ground.work().join("levels");
        path.extend(std::iter::repeat_n("d", levels));
        std::fs::create_dir_all(&path).unwrap();
        let file = path.join("file");
        std::fs::write(&file, "text\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        file.to_str().unwrap().to_owned()
    };
    field.allows(NO_PORTS, &["chmod", &deep(100)]);
    field.inside(true, NO_PORTS, &["chmod", &deep(130)]).go().exits(EACCES);
}

#[test]
fn others_are_let_alone() {
    let Some(field) = Field::new("others_are_let_alone") else { return };
    let policy = field.policy(true, NO_PORTS);
    let running = field
        .ground
        .ringfence(&format!("--policy {policy}"), &[field.attack.to_str().unwrap(), "pause"])
        .start();
    crate::field::wait("the command runs", || field.runs());
    assert!(!crate::field::programs().is_empty());
    let (udp, _) = field.ports();
    let (stream, file) = (field.path("outside/stream"), field.path("outside/file"));
    for words in [
        vec!["stream", &stream],
        vec!["udp_send", &udp.to_string()],
        vec!["chmod", &file],
        vec!["setxattr", &file],
        vec!["ioctl", "/dev/ptmx"],
        vec!["exec_memory"],
        vec!["map_memory"],
    ] {
        field.outside(&words).go().exits(0);
    }
    // Another containment, which has no program, and a pid namespace of its own.
    field.inside(false, NO_PORTS, &["chmod", &file]).go().exits(0);
    field.inside(false, NO_PORTS, &["exec_memory"]).go().exits(0);
    crate::end::end(running);
}
