//! Each holding, by every way that a program has.

use std::os::unix::fs::PermissionsExt as _;

use crate::field::{EACCES, Field};

const NO_PORTS: &str = "";

#[test]
fn sockets_that_no_line_names_are_out_of_reach() {
    let Some(field) = Field::new("sockets_that_no_line_names_are_out_of_reach") else { return };
    let (stream, datagram) = (field.path("outside/stream"), field.path("outside/datagram"));
    let mut attempts = vec![vec!["stream", &stream]];
    attempts.extend(["datagram", "send_to", "send_message"].map(|word| vec![word, &datagram]));
    field.holds_all(NO_PORTS, &attempts);
    for place in ["deep", "nested"] {
        field.holds(NO_PORTS, &[place, "stream", &stream]);
    }
    let named = [field.path("named/stream"), field.path("named/datagram")];
    let own = [field.path("home/work/own-stream"), field.path("home/work/deep/own-datagram")];
    let attempts = [
        vec!["stream", &named[0]],
        vec!["send_to", &named[1]],
        vec!["own_stream", &own[0]],
        vec!["own_datagram", &own[1]],
        vec!["pair"],
    ];
    field.allows_all(NO_PORTS, &attempts);
}

/// Where a ring's work may be done by the kernel's own threads, before Linux 5.12, there is no ring.
#[test]
fn workers_of_io_uring_are_held() {
    let Some(field) = Field::new("workers_of_io_uring_are_held") else { return };
    field.outside(&["ring_stream", &field.path("named/stream")]).go().exits(0);
    field.holds(NO_PORTS, &["ring_stream", &field.path("outside/stream")]);
    let (udp, _) = field.ports();
    field.holds("connect = [\"udp:1\"]", &["udp_ring", &udp.to_string()]);
}

#[test]
fn ports_are_those_that_are_listed() {
    let Some(field) = Field::new("ports_are_those_that_are_listed") else { return };
    let (udp, tcp) = field.ports();
    let (udp, tcp) = (udp.to_string(), tcp.to_string());
    let others = "connect = [\"udp:1\", \"tcp:1\"]\nbind = [\"udp:2\", \"tcp:2\"]";
    let mut attempts: Vec<Vec<&str>> =
        ["udp_connect", "udp_send", "udp_many", "udp_nameless"].map(|word| vec![word, &udp]).to_vec();
    attempts.extend([vec!["udp_lite", &udp], vec!["udp_mapped", &udp], vec!["tcp_fast", &tcp]]);
    attempts.extend([vec!["tcp_connect", &tcp], vec!["udp_bind", "45454"], vec!["tcp_bind", "45454"]]);
    field.holds_all(others, &attempts);
    let same = format!("connect = [\"udp:{udp}\", \"tcp:{tcp}\"]\nbind = [\"udp:45454\", \"tcp:45454\"]");
    attempts.push(vec!["udp_bind", "0"]);
    field.allows_all(&same, &attempts);
    let every = "connect = [\"udp:*\", \"tcp:*\"]\nbind = [\"udp:*\", \"tcp:*\"]";
    field.allows_all(every, &attempts);
}

#[test]
fn attributes_change_where_the_policy_writes() {
    let Some(field) = Field::new("attributes_change_where_the_policy_writes") else { return };
    let (outside, inside) = (field.path("outside/file"), field.path("home/work/file"));
    let link = field.path("home/work/link");
    std::os::unix::fs::symlink(&outside, &link).unwrap();
    let words = ["chmod", "fchmod", "chown", "fchown", "lchown", "setxattr", "fsetxattr", "acl"];
    let mut attempts: Vec<Vec<&str>> = words.map(|word| vec![word, &outside]).to_vec();
    // Of Linux 6.6 and 6.13; and a name inside of a file outside.
    attempts.extend(["fchmodat2", "setxattrat", "removexattr"].map(|word| vec![word, &outside]));
    attempts.push(vec!["chmod", &link]);
    field.holds_all(NO_PORTS, &attempts);
    field.holds(NO_PORTS, &["deep", "chmod", &outside]);
    field.holds(NO_PORTS, &["nested", "chown", &outside]);
    field.allows_all(NO_PORTS, &words.map(|word| vec![word, &inside]));
}

/// A file has the rights of the name that is used: it must not get another one, nor be seen by a mount.
#[test]
fn another_name_gives_no_other_rights() {
    let Some(field) = Field::new("another_name_gives_no_other_rights") else { return };
    let (outside, inside) = (field.path("outside/file"), field.path("home/work/file"));
    let [one, two, three] = ["one", "two", "three"].map(|name| field.path(&format!("home/work/{name}")));
    let attempts = [
        vec!["chmod_shown", &outside],
        vec!["chown_empty", &outside],
        vec!["file_setattr", &outside],
        vec!["link_chmod", &outside, &one],
        vec!["link_shown", &outside, &two],
        vec!["rename_chmod", &outside, &three],
        vec!["exchange_chmod", &outside, &inside],
        vec!["mount_chmod", &outside, &inside],
    ];
    field.holds_all(NO_PORTS, &attempts);
    let deep = field.path("home/work/deep/name");
    field.allows_all(NO_PORTS, &[vec!["link_chmod", &inside, &deep], vec!["rename_chmod", &inside, &two]]);
    // A descriptor that it was handed.
    let run = |guarded| {
        let file = std::fs::File::open(&outside).unwrap();
        let mut command = field.inside(guarded, NO_PORTS, &["fchmod_given"]).into_command();
        command.stdin(file).status().unwrap().code()
    };
    assert_eq!((run(false), run(true)), (Some(0), Some(EACCES)));
}

#[test]
fn devices_take_no_commands() {
    let Some(field) = Field::new("devices_take_no_commands") else { return };
    field.holds_all(NO_PORTS, &[vec!["ioctl", "/dev/ptmx"]]);
    field.allows_all(NO_PORTS, &[vec!["close_on_exec", "/dev/ptmx"]]);
    // Where the 32-bit entry does not exist, both end in SIGSEGV.
    let entry = field.outside(&["ioctl_32", "/dev/ptmx"]).go().status;
    if entry == 0 {
        field.holds(NO_PORTS, &["ioctl_32", "/dev/ptmx"]);
    }
}

#[test]
fn what_is_written_is_never_executed() {
    let Some(field) = Field::new("what_is_written_is_never_executed") else { return };
    let path = |name: &str| field.path(name);
    let (written, script, file) =
        (path("home/work/written"), path("home/work/script"), path("home/work/file"));
    let (program, link, deep) = (path("outside/program"), path("home/work/link"), path("home/work/deep"));
    let attempts = [
        vec!["exec_written", &written],
        vec!["exec_script", &script],
        vec!["exec", &program],
        vec!["exec_at", &program],
        vec!["exec_memory"],
        vec!["map", &file],
        vec!["map_later", &file],
        vec!["map_memory"],
        vec!["map_segment"],
        vec!["exec_shown", &program],
        vec!["exec_link", &program, &link],
        vec!["exec_mounted", &deep],
        vec!["map_implied", &file],
        vec!["map_shared", &file],
    ];
    field.holds_all(NO_PORTS, &attempts);
    field.allows_all(NO_PORTS, &[vec!["map_nothing"]]);
    // The loader of programs maps what it is given.
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
    let pause = [field.attack.to_str().unwrap(), "pause"];
    let running = field.ground.ringfence(&format!("--policy {policy}"), &pause).start();
    crate::field::wait("the command runs", || field.runs());
    assert!(!crate::field::programs().is_empty());
    let (udp, _) = field.ports();
    let (stream, file, udp) = (field.path("outside/stream"), field.path("outside/file"), udp.to_string());
    for words in [
        vec!["stream", &stream],
        vec!["udp_send", &udp],
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

/// What calls cost a process that no program holds, by how many containments have programs. Figures of
/// an emulated processor: their ratios say something, their amounts nothing. Run it by its name.
#[test]
#[ignore = "it measures, and asserts nothing of the figures"]
fn what_others_pay() {
    let Some(field) = Field::new("what_others_pay") else { return };
    let policy = field.policy(true, NO_PORTS);
    let attack = field.attack.to_str().unwrap();
    let file = field.path("outside/file");
    let measure = || {
        let run = field.outside(&["cost", &file]).go();
        run.passes().out.trim().to_owned()
    };
    println!("containments: getppid, fchmod, mmap and munmap of a file, a datagram there and back (ns)");
    println!("0: {}", measure());
    let mut running = Vec::new();
    for (number, shown) in (1..=8).map(|number| (number, matches!(number, 1 | 2 | 4 | 8))) {
        let command = [attack, "pause"];
        running.push(field.ground.ringfence(&format!("--policy {policy}"), &command).start());
        crate::field::wait("it runs", || field.running() >= number);
        if shown {
            println!("{number}: {}", measure());
        }
    }
    running.into_iter().for_each(crate::end::end);
}
