//! The filters of live processes: what was attached is what is read, and what systemd's library
//! loads is what its directives mean here.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use ringfence::exchange::{Imported, Language, Meaning, export, observe};
use ringfence_bpf::filter::Action;
use ringfence_bpf::program::{Insn, Program, code};
use ringfence_bpf::relate::{self, Calls};
use ringfence_bpf::table::{self, Abi};

use super::{import, scratch, skip, space};

/// A process with filters, ended with this value.
struct Attached(Child);

impl Drop for Attached {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts `attach.c`; `None`, with word of it, where this machine cannot.
fn attach(test: &str, kind: &str, arguments: &[String]) -> Option<Attached> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/exchange/attach.c");
    let target = scratch(&format!("attach-{test}"));
    let made = Command::new("cc").args(["-O1", "-o"]).arg(&target).args([source, "-ldl"]).output();
    if !made.is_ok_and(|made| made.status.success()) {
        skip(test, "needs a C compiler");
        return None;
    }
    let mut child = Command::new(&target)
        .arg(kind)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    if line != "ready\n" {
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(77), "attach.c {kind} {arguments:?}");
        skip(test, "needs systemd 252's library");
        return None;
    }
    Some(Attached(child))
}

/// Reads a process's filters; `None`, with word of it, where this user may not.
fn read(test: &str, pid: u32) -> Option<Imported> {
    match observe::live(pid) {
        Ok(imported) => Some(imported),
        Err(error) if error.message.contains("EACCES") => {
            skip(test, "needs CAP_SYS_ADMIN, and no seccomp of its own");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// State and tracer of a process.
fn state(pid: u32) -> Vec<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let wanted = ["State:", "TracerPid:", "SigPnd:", "ShdPnd:"];
    status.lines().filter(|line| wanted.iter().any(|key| line.starts_with(key))).map(str::to_owned).collect()
}

#[test]
fn what_was_attached_is_what_is_read() {
    let allow = Insn::stmt(code::RET, Action::Allow.value());
    let deny = |nr: u32, errno: u16| {
        Program::new(vec![
            Insn::stmt(code::LD_ABS, 0),
            Insn::jump(code::JEQ, nr, 0, 1),
            Insn::stmt(code::RET, Action::Errno(errno).value()),
            allow,
        ])
    };
    let programs = [deny(110, 5), deny(111, 6)];
    let mut files = Vec::new();
    for (at, program) in programs.iter().enumerate() {
        let path = scratch(&format!("live-{at}"));
        std::fs::write(&path, export::bytes(program)).unwrap();
        files.push(path.to_str().unwrap().to_owned());
    }
    let Some(attached) = attach("what_was_attached", "bpf", &files) else { return };
    let pid = attached.0.id();
    std::thread::sleep(std::time::Duration::from_millis(50));
    let before = state(pid);
    let Some(imported) = read("what_was_attached", pid) else { return };
    let stack = &imported.gates[0].stack;
    let read: Vec<&Program> = stack
        .iter()
        .map(|filter| match &filter.meaning {
            Meaning::Program(program) => program,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(read, programs.iter().collect::<Vec<_>>(), "the one attached first first");
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert_eq!(state(pid), before, "left as it was");
}

#[test]
fn a_process_that_is_not_there_or_not_ours_says_so() {
    let mut child = Command::new("true").spawn().unwrap();
    let pid = child.id();
    std::thread::sleep(std::time::Duration::from_millis(200));
    let zombie = observe::live(pid).unwrap_err().to_string();
    assert!(zombie.contains("has ended"), "{zombie}");
    child.wait().unwrap();
    let gone = observe::live(pid).unwrap_err().to_string();
    assert!(gone.contains("no such process"), "{gone}");
    assert!(observe::live(u32::MAX).unwrap_err().to_string().contains("no such process"));
    // A process without filters needs no rights to be read.
    let own = observe::live(std::process::id()).unwrap();
    assert!(own.gates[0].stack.is_empty() || !own.gates[0].stack.is_empty() && own.notes.is_empty());
}

#[test]
fn systemd_directives_mean_what_its_library_loads() {
    let cases = [
        ("MemoryDenyWriteExecute", "MemoryDenyWriteExecute=yes"),
        ("RestrictSUIDSGID", "RestrictSUIDSGID=yes"),
        ("ProtectKernelTunables", "ProtectKernelTunables=yes"),
        ("ProtectKernelLogs", "ProtectKernelLogs=yes"),
        ("ProtectHostname", "ProtectHostname=yes"),
        ("RestrictRealtime", "RestrictRealtime=yes"),
        ("LockPersonality", "LockPersonality=yes"),
        ("RestrictNamespaces", "RestrictNamespaces=yes"),
        ("RestrictNamespacesBut", "RestrictNamespaces=pid uts"),
        ("@clock", "SystemCallErrorNumber=EPERM\nSystemCallFilter=~@clock"),
        ("@module", "ProtectKernelModules=yes"),
        ("@raw-io", "PrivateDevices=yes"),
        ("@reboot", "SystemCallErrorNumber=EPERM\nSystemCallFilter=~@reboot"),
        ("@process", "SystemCallErrorNumber=EPERM\nSystemCallFilter=~@process"),
    ];
    for (what, unit) in cases {
        let Some(attached) = attach("systemd_directives", "systemd", &[what.to_owned()]) else { return };
        let Some(theirs) = read("systemd_directives", attached.0.id()) else { return };
        let ours = import(&format!("[Service]\n{unit}\n"), Language::Systemd).unwrap();
        let mut space = space();
        let ours = ours.gates[0].diagram(&mut space).unwrap();
        let theirs = theirs.gates[0].diagram(&mut space).unwrap();
        for difference in relate::difference(&mut space, theirs, ours).unwrap() {
            let Calls::Known(abi, number) = difference.calls else { panic!("{what}: {difference:?}") };
            // An older libseccomp does not know newer calls, and leaves them out.
            let newest = table::by_name(Abi::X86_64, "set_mempolicy_home_node").unwrap().number;
            assert!(number > newest, "{what}: {} {number}: {difference:?}", abi.name());
        }
    }
}
