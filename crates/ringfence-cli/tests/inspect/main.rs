//! `ringfence inspect`: what a contained process has is what its policy asked for, an uncontained one
//! has nothing of it, and what cannot be read is unknown rather than absent.

#[path = "../harness/mod.rs"]
mod harness;

use harness::both;
use harness::ground::{Ground, Who};
use harness::run::{Outcome, Running};

/// The last process of a chain of only children.
fn leaf(pid: u32) -> u32 {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let children = std::fs::read_to_string(path).unwrap_or_default();
    match children.split_whitespace().next().and_then(|child| child.parse().ok()) {
        Some(child) => leaf(child),
        None => pid,
    }
}

/// Waits until a command of this name runs below a process.
#[track_caller]
fn wait_for(running: &Running, name: &str) -> u32 {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let pid = leaf(running.child.id());
        let command = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if command.trim() == name {
            return pid;
        }
        assert!(std::time::Instant::now() < deadline, "{name} does not run: {command}");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

fn inspect(ground: &Ground, words: &[&str]) -> Outcome {
    let words: Vec<&str> = ["inspect"].iter().chain(words).copied().collect();
    ground.command(&ground.binary(), &words).go()
}

/// The text of an entry, or why it is unknown.
#[track_caller]
fn entry<'o>(seen: &'o Outcome, id: &str) -> &'o str {
    let line =
        seen.out.lines().find(|line| line.get(12..).is_some_and(|rest| rest.starts_with(&format!("{id} "))));
    line.unwrap_or_else(|| panic!("no {id}: {seen}"))[12 + id.len()..].trim()
}

both! {
    fn a_contained_process_has_what_its_policy_asked_for(ground: &Ground) {
        let mut running = ground.ringfence("--limits-open-files 99", &["sleep", "60"]).start();
        let pid = wait_for(&running, "sleep").to_string();
        let seen = inspect(ground, &[&pid]);
        seen.passes();
        for namespace in ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"] {
            assert!(entry(&seen, namespace).starts_with("another"), "{namespace}: {seen}");
        }
        assert!(entry(&seen, "time").starts_with("the caller's"), "{seen}");
        assert_eq!(entry(&seen, "no_new_privs"), "yes");
        assert_eq!(entry(&seen, "capabilities effective"), "none");
        assert_eq!(entry(&seen, "mode"), "filter");
        assert_eq!(entry(&seen, "interfaces"), "lo");
        assert_eq!(entry(&seen, "setgroups"), "denied");
        assert!(entry(&seen, "Max open files").starts_with("99 "), "{seen}");
        assert!(entry(&seen, "domain").starts_with("unknown:"), "Landlock is not shown, never absent: {seen}");
        running.child.kill().unwrap();
        running.child.wait().unwrap();
        let json = ground.ringfence("--limits-open-files 99", &["sleep", "60"]).start();
        let pid = wait_for(&json, "sleep").to_string();
        inspect(ground, &[&pid, "--format", "json"]).passes().prints("\"kind\": \"ringfence.inspect\"");
        let mut child = json.child;
        child.kill().unwrap();
        child.wait().unwrap();
    }

    fn an_uncontained_process_has_nothing_of_it(ground: &Ground) {
        let mut running = ground.plain(&["sleep", "60"]).start();
        let pid = wait_for(&running, "sleep").to_string();
        let seen = inspect(ground, &[&pid]);
        for namespace in ["user", "mnt", "pid", "net"] {
            assert!(entry(&seen, namespace).starts_with("the caller's"), "{namespace}: {seen}");
        }
        running.child.kill().unwrap();
        running.child.wait().unwrap();
    }

    fn what_is_no_process_is_an_error(ground: &Ground) {
        for word in ["0", "-1", "x", "99999999", ""] {
            let seen = inspect(ground, &["--", word]);
            seen.exits(2);
            assert!(seen.out.is_empty() && !seen.err.is_empty(), "{seen}");
        }
    }
}

#[test]
fn the_filter_that_is_shown_is_the_policys() {
    let Some(ground) = Ground::new(Who::Root, "inspect::the_filter_that_is_shown_is_the_policys") else {
        return;
    };
    let mut running = ground.ringfence("--syscalls-abis=x86_64", &["sleep", "60"]).start();
    let pid = wait_for(&running, "sleep").to_string();
    let seen = inspect(&ground, &[&pid]);
    if seen.out.contains("content") {
        harness::skip(&ground.test, "needs CAP_SYS_ADMIN, and no seccomp of its own");
    } else {
        assert!(entry(&seen, "through i386").starts_with("0 calls run, 0 under"), "{seen}");
        assert!(!entry(&seen, "through x86_64").starts_with("0 calls"), "{seen}");
        // The same question to the other reader of filters.
        let open =
            ground.command(&ground.binary(), &["syscalls", "eval", &format!("pid:{pid}"), "getpid()"]).go();
        open.passes().prints("ALLOW");
    }
    running.child.kill().unwrap();
    running.child.wait().unwrap();
}

#[test]
fn what_belongs_to_another_user_is_unknown_and_not_absent() {
    let name = "inspect::what_belongs_to_another_user_is_unknown_and_not_absent";
    let Some(root) = Ground::new(Who::Root, name) else { return };
    let Some(user) = Ground::new(Who::User, name) else { return };
    let mut running = root.ringfence("", &["sleep", "60"]).start();
    let pid = wait_for(&running, "sleep").to_string();
    let seen = inspect(&user, &[&pid]);
    assert!(entry(&seen, "all of it").starts_with("unknown:"), "{seen}");
    assert!(entry(&seen, "content").starts_with("unknown:"), "{seen}");
    running.child.kill().unwrap();
    running.child.wait().unwrap();
}
