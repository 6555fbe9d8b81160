//! Children made from steps, on the running kernel. Each needs a user namespace and nothing else.

use std::ffi::{CStr, c_char};
use std::time::{Duration, Instant};

use ringfence_sys::Errno;
use ringfence_sys::abi::{MountAttr, SockFilter, Vector};
use ringfence_sys::signal::Blocked;
use ringfence_sys::spawn::{Child, Ended, Report, Request, with_child};
use ringfence_sys::step::{Dir, Slot, Step};

const USER: u64 = 0x1000_0000;
const MNT: u64 = 0x0002_0000;
const PID: u64 = 0x2000_0000;

fn shell<R>(script: &CStr, before: &[Step<'_>], flags: u64, attend: impl FnOnce(&mut Child<'_>) -> R) -> R {
    let words = [c"sh", c"-c", script];
    let variables = [c"PATH=/usr/bin:/bin"];
    let mut argv: [*const c_char; 4] = [std::ptr::null(); 4];
    let mut envp: [*const c_char; 2] = [std::ptr::null(); 2];
    let argv = Vector::fill(&words, &mut argv).unwrap();
    let envp = Vector::fill(&variables, &mut envp).unwrap();
    let uid_map = format!("0 {} 1", rustix::process::geteuid().as_raw());
    let gid_map = format!("0 {} 1", rustix::process::getegid().as_raw());
    let mut steps = vec![Step::DieWithParent];
    if flags & USER != 0 {
        steps.push(Step::WriteFile { path: c"/proc/self/setgroups", data: b"deny" });
        steps.push(Step::WriteFile { path: c"/proc/self/uid_map", data: uid_map.as_bytes() });
        steps.push(Step::WriteFile { path: c"/proc/self/gid_map", data: gid_map.as_bytes() });
    }
    steps.extend_from_slice(before);
    steps.extend([Step::Supervise, Step::Setsid, Step::ResetSignals]);
    steps.push(Step::Exec { path: c"/bin/sh", argv, envp, token: 0 });
    let _blocked = Blocked::all().unwrap();
    with_child(&steps, &Request { namespaces: flags, cgroup: None, kept: None, leave: false }, attend)
        .unwrap()
        .0
}

fn end(child: &mut Child<'_>) -> Option<Ended> {
    child.handle().wait(true)
}

#[test]
fn the_command_has_an_init_and_its_status_is_the_childs() {
    assert_eq!(shell(c"exit $$", &[], USER | PID, end), Some(Ended::Exited(2)));
    assert_eq!(shell(c"kill -SEGV $$", &[], USER | PID, end), Some(Ended::Exited(128 + 11)));
    assert_eq!(shell(c"exit 7", &[], 0, end), Some(Ended::Exited(7)));
}

#[test]
fn orphans_are_reaped_and_end_with_the_command() {
    let started = Instant::now();
    let script = c"(sleep 0.01 & sleep 1000 &) ; sleep 0.1; exit 3";
    assert_eq!(shell(script, &[], USER | PID, end), Some(Ended::Exited(3)));
    assert!(started.elapsed() < Duration::from_secs(100));
}

#[test]
fn signals_reach_the_command() {
    let ready = std::env::temp_dir().join(format!("ringfence-ready-{}", std::process::id()));
    let script = format!("trap 'exit 9' TERM; : >{}; while :; do sleep 0.01; done", ready.display());
    let script = std::ffi::CString::new(script).unwrap();
    let ended = shell(&script, &[], USER | PID, |child| {
        while !ready.exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::fs::remove_file(&ready).unwrap();
        child.handle().signal(15);
        child.handle().wait(true)
    });
    assert_eq!(ended, Some(Ended::Exited(9)));
}

#[test]
fn a_failing_step_is_named_with_its_errno() {
    let missing = Step::Chdir(c"/this/does/not/exist");
    let report = shell(c"true", &[Step::Setsid, missing], USER | PID, |child| {
        child.handle().wait(true);
        child.report(false)
    });
    let Some(Report::Failed { step, errno }) = report else { panic!("{report:?}") };
    assert_eq!((step, errno), (5, Errno::NOENT));
}

#[test]
fn a_step_of_the_command_that_fails_is_named_too() {
    let mut steps = vec![Step::Supervise];
    steps.push(Step::Chdir(c"/this/does/not/exist"));
    let _blocked = Blocked::all().unwrap();
    let report = with_child(
        &steps,
        &Request { namespaces: USER | PID, cgroup: None, kept: None, leave: false },
        |child| {
            assert_eq!(child.handle().wait(true), Some(Ended::Exited(125)));
            child.report(false)
        },
    );
    let Ok((Some(Report::Failed { step, .. }), None)) = report else { panic!("{report:?}") };
    assert_eq!(step, 1);
}

#[test]
fn a_new_root_holds_only_what_was_put_there() {
    if !ringfence_sys::probe::mount_setattr() {
        println!(
            "skipped: spawn::a_new_root_holds_only_what_was_put_there: needs mount_setattr(2), Linux 5.12"
        );
        return;
    }
    let private = MountAttr { propagation: 1 << 18, ..MountAttr::default() };
    let read_only = MountAttr { set: 1, ..MountAttr::default() };
    let (usr, root) = (Slot(1), Slot(0));
    let mut steps = vec![
        Step::CloneTree { path: c"/usr", slot: usr },
        Step::MountSetattr { dir: Dir::Slot(usr), path: c"", recursive: true, attr: read_only },
        Step::MountSetattr { dir: Dir::Cwd, path: c"/", recursive: true, attr: private },
        Step::NewFilesystem { fstype: c"tmpfs", options: &[(c"mode", c"0755")], attr: 0, slot: root },
        Step::MoveMount { tree: root, dir: Dir::Cwd, path: c"/", close: false },
        Step::Mkdir { dir: Dir::Slot(root), path: c"usr", mode: 0o755 },
        Step::MoveMount { tree: usr, dir: Dir::Slot(root), path: c"usr", close: true },
    ];
    for (name, target) in [(c"bin", c"usr/bin"), (c"lib", c"usr/lib"), (c"lib64", c"usr/lib64")] {
        steps.push(Step::Symlink { target, dir: Dir::Slot(root), path: name });
    }
    steps.push(Step::PivotRoot { root });
    let script = c"set -- /*; test \"$*\" = '/bin /lib /lib64 /usr' && ! touch /usr/x 2>/dev/null && test ! -e /etc && cd / && cd .. && test -d usr";
    assert_eq!(shell(script, &steps, USER | MNT | PID, end), Some(Ended::Exited(0)));
}

#[test]
fn a_link_on_the_way_is_refused() {
    let link = std::env::temp_dir().join(format!("ringfence-link-{}", std::process::id()));
    std::os::unix::fs::symlink("/usr", &link).unwrap();
    let path = std::ffi::CString::new(link.join("bin").into_os_string().into_encoded_bytes()).unwrap();
    let step = [Step::CloneTree { path: &path, slot: Slot(0) }];
    let report = shell(c"true", &step, USER | MNT | PID, |child| {
        child.handle().wait(true);
        child.report(false)
    });
    std::fs::remove_file(&link).unwrap();
    let Some(Report::Failed { step, errno }) = report else { panic!("{report:?}") };
    assert_eq!((step, errno), (4, Errno::LOOP));
}

#[test]
fn a_started_child_is_handed_over_and_killed_when_dropped() {
    let words = [c"sleep", c"1000"];
    let variables: [&CStr; 0] = [];
    let (mut argv, mut envp) = ([std::ptr::null(); 3], [std::ptr::null(); 1]);
    let argv = Vector::fill(&words, &mut argv).unwrap();
    let envp = Vector::fill(&variables, &mut envp).unwrap();
    let exec = Step::Exec { path: c"/bin/sleep", argv, envp, token: 0 };
    let steps = [Step::DieWithParent, Step::Supervise, Step::Setsid, Step::ResetSignals, exec];
    let _blocked = Blocked::all().unwrap();
    let (started, running) = with_child(
        &steps,
        &Request { namespaces: USER | PID, cgroup: None, kept: None, leave: false },
        |child| {
            let wait = Instant::now();
            while !child.started().unwrap() && wait.elapsed() < Duration::from_secs(100) {
                std::thread::sleep(Duration::from_millis(1));
            }
            child.started().unwrap()
        },
    )
    .unwrap();
    assert!(started);
    let mut running = running.unwrap();
    let pid = running.handle().pid();
    assert_eq!(running.handle().wait(false), None);
    drop(running);
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
}

/// As strict mode would: of both calls that end a process, exit(2) alone is allowed.
#[test]
fn a_command_that_cannot_start_ends_by_the_exit_that_its_filter_allows() {
    let insn = |code, jt, jf, k| SockFilter { code, jt, jf, k };
    // BPF_LD|BPF_W|BPF_ABS of the number; BPF_JMP|BPF_JEQ|BPF_K with exit; BPF_RET|BPF_K.
    let program =
        [insn(0x20, 0, 0, 0), insn(0x15, 0, 1, 60), insn(6, 0, 0, 0x7fff_0000), insn(6, 0, 0, 0x5_0001)];
    let filter = Step::SeccompFilter { flags: 0, program: &program };
    let missing = Step::Chdir(c"/this/does/not/exist");
    let steps = [Step::Supervise, Step::NoNewPrivs, filter, missing];
    let _blocked = Blocked::all().unwrap();
    let (ended, _) = with_child(
        &steps,
        &Request { namespaces: USER | PID, cgroup: None, kept: None, leave: false },
        |child| {
            let start = Instant::now();
            let mut ended = None;
            while ended.is_none() && start.elapsed() < Duration::from_secs(20) {
                ended = child.handle().wait(false);
            }
            ended
        },
    )
    .unwrap();
    assert_eq!(ended, Some(Ended::Exited(125)));
}
