//! What is left behind when a launcher ends well, fails, or is killed: nothing. A launcher that is
//! to be killed is this test program again, with a role in its environment.

use std::ffi::CStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

use super::*;
use crate::control::limit::cgroup::{Group, Setting, name};
use crate::host::cgroup::Controller;
use crate::host::{Host, process};
use ringfence_sys::abi::Vector;
use ringfence_sys::signal::Blocked;
use ringfence_sys::spawn::{self, Ended};
use ringfence_sys::step::Step;

/// Names the directory that the role works in.
const ROLE: &str = "RINGFENCE_TEST_LEFTOVER";
const AT: Origin = Origin { source: 0, offset: 1, len: 2 };

/// Long enough for a busy machine with two processors.
const SOON: Duration = Duration::from_secs(20);

/// An empty directory, removed at the end.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("ringfence-leftover-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir(&root).unwrap();
        Self(root)
    }

    fn placeholders(&self) -> Vec<PathBuf> {
        vec![self.0.join("a"), self.0.join("a/b")]
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn make(cgroup: Option<(&Request, Process)>, placeholders: &[PathBuf]) -> Result<Leftovers, Error> {
    Leftovers::make(cgroup, placeholders, false)
}

fn own() -> Process {
    Host::live().process().value
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < SOON, "{what} did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Where this caller may make cgroups of a controller.
fn cgroup_parent(controller: Controller) -> Option<(bool, PathBuf)> {
    let host = Host::live();
    let place = host.cgroup().value.places.get(&controller)?.as_ref().ok()?;
    Some((place.v2, place.parent.clone()))
}

fn pids_request(number: u32) -> Option<Request> {
    let (v2, parent) = cgroup_parent(Controller::Pids)?;
    let setting = Setting { file: "pids.max", value: "7".to_owned(), optional: false, at: AT };
    let path = parent.join(name(own(), number));
    Some(Request { groups: vec![Group { path, v2, settings: vec![setting] }] })
}

/// A launcher to be killed: makes everything, says so, and waits.
#[test]
#[expect(clippy::zombie_processes, reason = "the janitor kills the member when this process is gone")]
fn role() {
    let Some(root) = std::env::var_os(ROLE).map(PathBuf::from) else { return };
    let placeholders = [root.join("a"), root.join("a/b")];
    let request = pids_request(0);
    let made = make(request.as_ref().map(|request| (request, own())), &placeholders).unwrap();
    let group = request.map(|request| request.groups[0].path.clone());
    if let Some(group) = &group {
        let file = if group.join("tasks").exists() { "tasks" } else { "cgroup.procs" };
        let script = format!("echo 0 > {}/{file} && exec sleep 1000", group.display());
        Command::new("sh").args(["-c", &script]).stdout(Stdio::null()).spawn().unwrap();
        until("a member", || {
            fs::read_to_string(group.join("cgroup.procs")).is_ok_and(|text| !text.is_empty())
        });
    }
    println!("\nmade {}", group.unwrap_or_default().display());
    std::io::stdout().flush().unwrap();
    std::thread::sleep(SOON * 10);
    drop(made);
}

/// Starts [`role`] or [`role_of_an_init`], and waits until it has made everything; gives what it said.
fn start_role(tree: &Tree, role: &str) -> (Child, BufReader<ChildStdout>, Option<PathBuf>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("launch::leftover::tests::{role}"), "--nocapture"])
        .env(ROLE, &tree.0)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("made ") {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "the role ended early");
    }
    let group = Some(PathBuf::from(line["made ".len()..].trim())).filter(|path| !path.as_os_str().is_empty());
    (child, lines, group)
}

#[test]
fn nothing_to_make_starts_nothing() {
    let made = make(None, &[]).unwrap();
    assert!(made.janitor.is_none() && made.cgroup().is_none());
    assert_eq!(made.remove(), 0);
}

#[test]
fn placeholders_are_made_and_removed() {
    let tree = Tree::new("made");
    let made = make(None, &tree.placeholders()).unwrap();
    for path in tree.placeholders() {
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, PLACEHOLDER_MODE);
    }
    assert_eq!(made.remove(), 0);
    assert!(!tree.0.join("a").exists());
    drop(make(None, &tree.placeholders()).unwrap());
    assert!(!tree.0.join("a").exists(), "dropping removes too");
}

#[test]
fn what_others_put_there_stays() {
    let tree = Tree::new("others");
    let made = make(None, &tree.placeholders()).unwrap();
    fs::write(tree.0.join("a/b/file"), "").unwrap();
    assert_eq!(made.remove(), 2, "neither could be removed");
    assert!(tree.0.join("a/b/file").exists());
    let found = Tree::new("found");
    fs::create_dir(found.0.join("a")).unwrap();
    let made = make(None, &[found.0.join("a")]).unwrap();
    assert_eq!(made.remove(), 0);
    assert!(found.0.join("a").exists(), "an empty directory of the user's own");
}

#[test]
fn the_last_who_needs_a_placeholder_removes_it() {
    // A child that another test starts holds a copy of the lock until its execve, as if somebody else
    // needed the placeholder: rarely ten times in a row.
    let removed = |_| {
        let tree = Tree::new("shared");
        let first = make(None, &tree.placeholders()).unwrap();
        let second = make(None, &tree.placeholders()).unwrap();
        let start = Instant::now();
        assert_eq!(first.remove(), 0);
        assert!(start.elapsed() < Duration::from_secs(1), "nobody waits for the other");
        assert!(tree.0.join("a/b").exists());
        assert_eq!(second.remove(), 0);
        !tree.0.join("a").exists()
    };
    assert!((0..10).any(removed));
}

/// A launcher that has named its init, to be killed: the init lives on.
#[test]
#[expect(clippy::zombie_processes, reason = "the test outside ends it")]
fn role_of_an_init() {
    let Some(root) = std::env::var_os(ROLE).map(PathBuf::from) else { return };
    let made = make(None, &[root.join("a"), root.join("a/b")]).unwrap();
    let init = Command::new("sleep").arg("20").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let pid = rustix::process::Pid::from_child(&init);
    let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
    made.name_init(pidfd.as_fd()).unwrap();
    drop(pidfd);
    println!("\nmade {}", init.id());
    std::io::stdout().flush().unwrap();
    std::thread::sleep(SOON * 10);
    drop(made);
}

#[test]
fn a_placeholder_stays_while_the_init_of_a_killed_launcher_lives() {
    let tree = Tree::new("init");
    let (mut child, _lines, init) = start_role(&tree, "role_of_an_init");
    let init: i32 = init.unwrap().to_str().unwrap().parse().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    // Its janitor has begun by the end of the first of these; each ends as the last one would.
    for _ in 0..20 {
        let other = make(None, &tree.placeholders()).unwrap();
        std::thread::sleep(Duration::from_millis(5));
        let begun = tree.0.join("a/b").metadata().unwrap().ino();
        assert_eq!(other.remove(), 0);
        assert_eq!(tree.0.join("a/b").metadata().map(|there| there.ino()).ok(), Some(begun));
    }
    let pid = rustix::process::Pid::from_raw(init).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    until("the end of the placeholders", || !tree.0.join("a").exists());
}

#[test]
fn a_failure_on_the_way_leaves_nothing() {
    let tree = Tree::new("failure");
    let error = make(None, &[tree.0.join("a"), tree.0.join("no/b")]).unwrap_err();
    assert!(error.doing.ends_with("no/b"), "{error}");
    assert!(!tree.0.join("a").exists());
    let relative = make(None, &["relative".into()]).unwrap_err();
    assert_eq!(relative.source.kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_janitor_is_out_of_reach_of_the_terminal() {
    let tree = Tree::new("session");
    let made = make(None, &tree.placeholders()).unwrap();
    let pid = made.janitor.as_ref().unwrap().pid();
    let stat = || fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let field =
        |n: usize| stat().rsplit_once(')').unwrap().1.split_whitespace().nth(n - 3).unwrap().to_owned();
    until("a session of its own", || field(6) == pid.to_string());
    assert_eq!(field(5), pid.to_string(), "and a process group");
    until("the socket, and the two placeholders that it holds", || {
        // Not dumpable: only root may look.
        let Ok(fds) = fs::read_dir(format!("/proc/{pid}/fd")) else {
            return !rustix::process::geteuid().is_root();
        };
        let held: Vec<_> = fds.flatten().filter_map(|fd| fs::read_link(fd.path()).ok()).collect();
        let ours = held.iter().filter(|path| path.starts_with(&tree.0)).count();
        (held.len(), ours) == (3, 2)
    });
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:\t")).unwrap();
    // All but SIGKILL (9) and SIGSTOP (19).
    assert_eq!(blocked, "fffffffffffbfeff");
    assert_eq!(made.remove(), 0);
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "it has been waited for");
}

#[test]
fn a_killed_launcher_leaves_nothing() {
    let tree = Tree::new("killed");
    let (mut child, _lines, group) = start_role(&tree, "role");
    assert!(tree.0.join("a/b").exists());
    let members = group.as_ref().map(|group| fs::read_to_string(group.join("cgroup.procs")).unwrap());
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    until("the end of the placeholders", || !tree.0.join("a").exists());
    match (group, members) {
        (Some(group), Some(members)) => {
            until("the end of the cgroup", || !group.exists());
            let pid: u32 = members.trim().parse().unwrap();
            until("the end of its member", || process::start_of(pid).is_none() || is_zombie(pid));
        }
        _ => println!("skipped: no cgroup may be made here"),
    }
}

fn is_zombie(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

#[test]
fn a_janitor_at_work_holds_no_pipe_of_the_callers() {
    let tree = Tree::new("stdio");
    let (mut child, mut lines, _) = start_role(&tree, "role");
    // Held by somebody else, the placeholder keeps the janitor for two seconds.
    let lock = File::open(tree.0.join("a/b")).unwrap();
    flock(&lock, FlockOperation::NonBlockingLockShared).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let start = Instant::now();
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert!(start.elapsed() < Duration::from_millis(1500), "the reader waited for the janitor");
    assert!(tree.0.join("a/b").exists());
    drop(lock);
    until("the end of the placeholders", || !tree.0.join("a").exists());
}

#[test]
fn a_cgroup_bounds_what_enters_it() {
    let Some(request) = pids_request(1) else {
        println!("skipped: no cgroup may be made here");
        return;
    };
    let group = &request.groups[0];
    let made = make(Some((&request, own())), &[]).unwrap();
    assert_eq!(fs::read_to_string(group.path.join("pids.max")).unwrap().trim(), "7");
    assert_eq!(made.cgroup().is_some(), group.v2);
    let file = if group.v2 { "cgroup.procs" } else { "tasks" };
    let script = format!(
        "echo 0 > {}/{file} || exit 9; for n in 1 2 3 4 5 6 7 8 9; do sleep 1 & done; wait",
        group.path.display()
    );
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("fork"), "{output:?}");
    assert_eq!(made.remove(), 0);
    assert!(!group.path.exists());
}

#[test]
fn a_cgroup_of_version_2_is_one_to_clone_into() {
    let host = Host::live();
    let hierarchies = &host.cgroup().value.hierarchies;
    let own_path = hierarchies.iter().find(|hierarchy| hierarchy.v2).and_then(|found| found.own.clone());
    let Some(parent) = own_path.filter(|path| rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok())
    else {
        println!("skipped: no cgroup of version 2 may be made here");
        return;
    };
    let group = Group { path: parent.join(name(own(), 6)), v2: true, settings: Vec::new() };
    let request = Request { groups: vec![group.clone()] };
    let made = make(Some((&request, own())), &[]).unwrap();
    let directory = rustix::fs::fstat(made.cgroup().unwrap()).unwrap();
    assert_eq!(directory.st_ino, fs::metadata(&group.path).unwrap().ino());
    let child = Command::new("sh")
        .args(["-c", &format!("echo 0 > {}/cgroup.procs && exec sleep 100", group.path.display())])
        .spawn();
    let mut child = child.unwrap();
    until("a member", || {
        fs::read_to_string(group.path.join("cgroup.procs")).is_ok_and(|text| !text.is_empty())
    });
    assert_eq!(made.remove(), 0);
    assert_eq!(child.wait().unwrap().signal(), Some(9), "who is left is killed");
    assert!(!group.path.exists());
}

/// clone3(2) puts the child there, and a namespace that it makes begins there.
#[test]
fn a_cloned_child_is_in_the_cgroup_of_version_2_and_its_namespace_begins_there() {
    let host = Host::live();
    let hierarchies = &host.cgroup().value.hierarchies;
    let own_path = hierarchies.iter().find(|found| found.v2).and_then(|found| found.own.clone());
    let may = |path: &PathBuf| rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok();
    let Some(parent) = own_path.filter(may) else {
        println!("skipped: no cgroup of version 2 may be made here");
        return;
    };
    let path = parent.join(name(own(), 7));
    let group = Group { path: path.clone(), v2: true, settings: Vec::new() };
    let made = make(Some((&Request { groups: vec![group] }, own())), &[]).unwrap();
    let run = |script: &CStr, namespaces: u64| {
        let (mut argv, mut envp) = ([std::ptr::null(); 4], [std::ptr::null(); 1]);
        let words = [c"sh", c"-c", script];
        let argv = Vector::fill(&words, &mut argv).unwrap();
        let envp = Vector::fill(&[], &mut envp).unwrap();
        let exec = Step::Exec { path: c"/bin/sh", argv, envp, token: 0 };
        let steps = [Step::DieWithParent, Step::Supervise, Step::ResetSignals, exec];
        let request = spawn::Request { namespaces, cgroup: made.cgroup(), kept: None, leave: false };
        let _blocked = Blocked::all().unwrap();
        spawn::with_child(&steps, &request, |child| child.handle().wait(true)).unwrap().0
    };
    let (user, cgroup) = (0x1000_0000, 0x0200_0000);
    let inside = c"grep -q '^0::.*/ringfence-[^/]*-7$' /proc/self/cgroup";
    assert_eq!(run(inside, user), Some(Ended::Exited(0)));
    assert_eq!(run(c"grep -qx 0::/ /proc/self/cgroup", user | cgroup), Some(Ended::Exited(0)));
    assert_eq!(made.remove(), 0);
    assert!(!path.exists());
}

#[test]
fn a_setting_that_is_refused_is_an_error_with_its_line() {
    let Some(mut request) = pids_request(2) else {
        println!("skipped: no cgroup may be made here");
        return;
    };
    let setting = |file, value: &str, optional| Setting { file, value: value.to_owned(), optional, at: AT };
    request.groups[0].settings = vec![setting("no.such.file", "1", true), setting("pids.max", "x", false)];
    let error = make(Some((&request, own())), &[]).unwrap_err();
    assert_eq!(error.at, Some(AT));
    assert!(error.doing.starts_with("write x to ") && error.doing.ends_with("pids.max"), "{error}");
    assert!(!request.groups[0].path.exists(), "what was made is removed");
    request.groups[0].settings = vec![setting("no.such.file", "1", false)];
    assert!(make(Some((&request, own())), &[]).is_err());
}

#[test]
fn cgroups_of_the_dead_are_swept_and_others_not() {
    let Some(request) = pids_request(3) else {
        println!("skipped: no cgroup may be made here");
        return;
    };
    let parent = request.groups[0].path.parent().unwrap();
    let far = Process { pid: 1 << 22, ..own() };
    let dead = parent.join(name(far, 0));
    let reused = parent.join(name(Process { start: own().start + 1, ..own() }, 0));
    let elsewhere = parent.join(name(Process { pid_namespace: 1, ..far }, 0));
    let alive = parent.join(name(own(), 4));
    let all = [&dead, &reused, &elsewhere, &alive];
    all.iter().for_each(|path| fs::create_dir(path).unwrap());
    fs::create_dir(dead.join("below")).unwrap();
    let made = make(Some((&request, own())), &[]).unwrap();
    let there = all.map(|path| path.exists());
    assert_eq!(made.remove(), 0);
    all.iter().for_each(|path| drop(fs::remove_dir(path)));
    assert_eq!(there, [false, false, true, true]);
}

#[test]
fn cgroups_below_go_too() {
    let Some(request) = pids_request(5) else {
        println!("skipped: no cgroup may be made here");
        return;
    };
    let made = make(Some((&request, own())), &[]).unwrap();
    fs::create_dir_all(request.groups[0].path.join("x/y")).unwrap();
    fs::create_dir(request.groups[0].path.join("z")).unwrap();
    assert_eq!(made.remove(), 0);
    assert!(!request.groups[0].path.exists());
}
