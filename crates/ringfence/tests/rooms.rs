//! What the rooms compile, run by the interpreter on the running kernel, and tried from inside.
//!
//! Each attempt is this test binary again, started by the steps under test: it runs the test
//! `attempt`, which does the operation that `ATTEMPT` names and exits with its errno, or 0. What
//! the host lacks is skipped by name.

#![allow(clippy::print_stderr)] // a skip is said on stderr

use std::collections::BTreeSet;
use std::ffi::{CStr, CString, c_char};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bumpalo::Bump;
use ringfence::control::landlock::{Access, Kind, PathRule, PortRule, Ports, Right, Scope};
use ringfence::control::seccomp::{Families, Sockets};
use ringfence::control::{Compiled, Planned, credential, landlock, namespace, seccomp};
use ringfence::host::Host;
use ringfence::policy::model::{At, Namespace, Origin, SyscallMode};
use ringfence_bpf::filter::{AbiSet, Action};
use ringfence_bpf::rule;
use ringfence_bpf::table::Abi;
use ringfence_sys::abi::Vector;
use ringfence_sys::signal::Blocked;
use ringfence_sys::spawn::{Ended, Request, with_child};
use ringfence_sys::step::{Slot, Step};
use rustix::fs::{Mode, OFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto};

const EPERM: i32 = 1;
const EACCES: i32 = 13;
const EPROTONOSUPPORT: i32 = 93;
const EAFNOSUPPORT: i32 = 97;
const ECONNREFUSED: i32 = 111;
const SIGSYS: i32 = 31;
const TOKEN: u64 = 0x5eed_5eed_0bad_cafe;

/// Runs a program behind compiled steps, in the order of their stages.
fn run(program: &Path, parts: &[Compiled<'_>], flags: u64, operation: &str) -> Ended {
    let mut planned: Vec<&Planned<'_>> = parts.iter().flat_map(|part| &part.steps).collect();
    planned.sort_by_key(|planned| planned.stage);
    let path = CString::new(program.as_os_str().as_bytes()).unwrap();
    let variable = CString::new(format!("ATTEMPT={operation}")).unwrap();
    let words: [&CStr; 4] = [&path, c"attempt", c"--exact", c"--nocapture"];
    let variables: [&CStr; 1] = [&variable];
    let mut argv: [*const c_char; 5] = [std::ptr::null(); 5];
    let mut envp: [*const c_char; 2] = [std::ptr::null(); 2];
    let argv = Vector::fill(&words, &mut argv).unwrap();
    let envp = Vector::fill(&variables, &mut envp).unwrap();
    let null = std::fs::File::options().write(true).open("/dev/null").unwrap();
    let quiet = Step::Dup { from: null.as_raw_fd(), to: 1 };
    let mut steps = vec![Step::DieWithParent, Step::ResetSignals, quiet];
    steps.extend(planned.iter().map(|planned| planned.step));
    steps.push(Step::Exec { path: &path, argv, envp, token: TOKEN });
    let _blocked = Blocked::all().unwrap();
    with_child(&steps, &Request { namespaces: flags, cgroup: None, kept: None, leave: false }, |child| {
        let report = child.report(true);
        assert!(report.is_none(), "a step failed: {report:?} of {steps:?}");
        child.handle().wait(true).unwrap()
    })
    .unwrap()
    .0
}

/// Tries an operation behind compiled steps: its errno, or 0.
fn attempt_in(parts: &[Compiled<'_>], flags: u64, operation: &str) -> i32 {
    match run(&own(), parts, flags, operation) {
        Ended::Exited(status) => status,
        Ended::Signaled(signal) => panic!("{operation} ended by signal {signal}"),
    }
}

fn own() -> PathBuf {
    std::env::current_exe().unwrap().canonicalize().unwrap()
}

fn errno<T>(result: rustix::io::Result<T>) -> i32 {
    result.map_or_else(rustix::io::Errno::raw_os_error, |_| 0)
}

fn io_errno<T>(result: std::io::Result<T>) -> i32 {
    result.map_or_else(|error| error.raw_os_error().unwrap_or(250), |_| 0)
}

/// Not a test of its own: what runs inside.
#[test]
fn attempt() {
    let Ok(operation) = std::env::var("ATTEMPT") else { return };
    std::process::exit(perform(&operation));
}

fn perform(operation: &str) -> i32 {
    let words: Vec<&str> = operation.split(' ').collect();
    let number = |at: usize| words[at].parse::<i32>().unwrap();
    match words[0] {
        "nothing" => 0,
        "read" => io_errno(std::fs::read(words[1])),
        "list" => io_errno(std::fs::read_dir(words[1]).map(Iterator::count)),
        "write" => io_errno(std::fs::write(words[1], "x")),
        "truncate" => errno(open_truncating(words[1])),
        "rename" => io_errno(std::fs::rename(words[1], words[2])),
        "signal" => {
            let parent = rustix::process::getppid().unwrap();
            errno(rustix::process::test_kill_process(parent))
        }
        "connect" => io_errno(std::net::TcpStream::connect(("127.0.0.1", words[1].parse::<u16>().unwrap()))),
        "socket" => {
            let (family, kind) =
                (AddressFamily::from_raw(number(1) as u16), SocketType::from_raw(number(2) as u32));
            let protocol = (words[3] == "mptcp").then_some(ipproto::MPTCP);
            errno(rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC, protocol))
        }
        "exec" => io_errno(std::process::Command::new("/bin/true").status()),
        "who" => who(words[1]),
        unknown => panic!("no operation {unknown}"),
    }
}

fn open_truncating(path: &str) -> rustix::io::Result<()> {
    // Opened for reading, so that writing is not what is denied.
    rustix::fs::open(path, OFlags::RDONLY | OFlags::TRUNC, Mode::empty()).map(drop)
}

/// Compares the own credentials with those that are expected: 0 where they are the same.
fn who(expected: &str) -> i32 {
    let seen = credential::observe::read(std::process::id()).unwrap();
    let line = format!(
        "{},{},{:x},{:x},{:x},{:x},{}",
        seen.uid[0],
        seen.gid[0],
        seen.permitted,
        seen.effective,
        seen.inheritable,
        seen.ambient,
        seen.no_new_privs
    );
    if line == expected {
        return 0;
    }
    eprintln!("seen {line}, expected {expected}");
    249
}

fn here<T>(value: T) -> At<T> {
    At { value, at: Origin { source: 0, offset: 0, len: 0 } }
}

fn no_new_privs() -> credential::Model {
    credential::Model { no_new_privs: true, setgroups: true, ..credential::Model::default() }
}

fn user_namespace(identity: namespace::Identity) -> namespace::Model {
    namespace::Model {
        unshare: BTreeSet::from([Namespace::User]),
        unshare_at: None,
        in_place: false,
        enters_cgroup: false,
        hostname: None,
        hostname_at: None,
        identity,
        user_at: None,
        groups: None,
        id_map: namespace::IdMap::Single,
        id_map_at: None,
    }
}

fn root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn root_in_a_user_namespace_has_no_capability_after_execve() {
    let (arena, host) = (Bump::new(), Host::live());
    let spaces = namespace::compile(&user_namespace(namespace::Identity::Root), &host, &arena).unwrap();
    let model = credential::Model { user_namespace: true, setgroups: false, ..no_new_privs() };
    let who = credential::compile(&model, &host, &arena).unwrap();
    assert_eq!(attempt_in(&[spaces.room, who], spaces.flags, "who 0,0,0,0,0,0,true"), 0);
}

#[test]
fn what_is_kept_is_there_after_execve_and_nothing_else() {
    let (arena, host) = (Bump::new(), Host::live());
    let spaces = namespace::compile(&user_namespace(namespace::Identity::Root), &host, &arena).unwrap();
    let model = credential::Model { user_namespace: true, setgroups: false, keep: 1 << 10, ..no_new_privs() };
    let who = credential::compile(&model, &host, &arena).unwrap();
    assert_eq!(attempt_in(&[spaces.room, who], spaces.flags, "who 0,0,400,400,400,400,true"), 0);
}

#[test]
fn root_becomes_another_user_and_keeps_what_it_may() {
    if !root() {
        return eprintln!("skipped: needs root");
    }
    let (arena, host) = (Bump::new(), Host::live());
    let model =
        credential::Model { uid: Some(65534), gid: Some(65533), groups: Some(vec![]), ..no_new_privs() };
    let who = credential::compile(&model, &host, &arena).unwrap();
    assert_eq!(attempt_in(&[who], 0, "who 65534,65533,0,0,0,0,true"), 0);
    let without = credential::Model { no_new_privs: false, keep: 1 << 10, ..model };
    let who = credential::compile(&without, &host, &arena).unwrap();
    assert_eq!(attempt_in(&[who], 0, "who 65534,65533,400,400,400,400,false"), 0);
}

/// A folder of its own for one test, removed afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ringfence-rooms-{name}-{}", std::process::id()));
        std::fs::create_dir_all(path.join("read")).unwrap();
        std::fs::create_dir_all(path.join("write/a")).unwrap();
        std::fs::create_dir_all(path.join("write/b")).unwrap();
        std::fs::write(path.join("read/file"), "content").unwrap();
        std::fs::write(path.join("write/a/file"), "content").unwrap();
        Self(path.canonicalize().unwrap())
    }

    fn at(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn landlocked(folder: &Folder) -> landlock::Model {
    let rule = |path: PathBuf, kind, access| PathRule { path, kind, access, at: None };
    landlock::Model {
        least_abi: 1,
        at: None,
        paths: vec![
            rule(own(), Kind::File, Access::EXEC),
            rule("/proc".into(), Kind::Directory, Access::READ),
            rule("/dev/null".into(), Kind::File, Access::DEVICE),
            rule(folder.0.join("read"), Kind::Directory, Access::READ),
            rule(folder.0.join("write"), Kind::Directory, Access::WRITE),
        ],
        handle_truncate: true,
        tcp_connect: Ports::Only(vec![PortRule { port: 1, at: None }]),
        tcp_bind: Ports::Only(vec![]),
        udp_connect: Ports::Only(vec![]),
        udp_bind: Ports::Only(vec![]),
        scopes: BTreeSet::from([Scope::Signal, Scope::AbstractUnixSocket]),
        restrict_unix: true,
        unix_at: None,
        log: true,
        recorded: false,
        needed: BTreeSet::new(),
        permitted: true,
        slot: Slot(0),
    }
}

#[test]
fn landlock_denies_what_no_rule_grants() {
    let (arena, host) = (Bump::new(), Host::live());
    let abi = host.landlock().value.abi;
    if abi == 0 {
        return eprintln!("skipped: needs Landlock");
    }
    let folder = Folder::new("landlock");
    let compile = || {
        let who = credential::compile(&no_new_privs(), &host, &arena).unwrap();
        [who, landlock::compile(&landlocked(&folder), &host, &arena).unwrap()]
    };
    let attempt = |operation: String| attempt_in(&compile(), 0, &operation);
    assert_eq!(attempt(format!("read {}", folder.at("read/file"))), 0);
    assert_eq!(attempt(format!("list {}", folder.at("read"))), 0);
    assert_eq!(attempt("read /etc/passwd".into()), EACCES);
    assert_eq!(attempt("list /".into()), EACCES);
    assert_eq!(attempt(format!("write {}", folder.at("read/file"))), EACCES);
    assert_eq!(attempt(format!("write {}", folder.at("write/new"))), 0);
    assert_eq!(attempt("write /dev/null".into()), 0);
    if abi >= Right::Truncate.since().0 {
        assert_eq!(attempt(format!("truncate {}", folder.at("read/file"))), EACCES);
    }
    if abi >= Right::Refer.since().0 {
        let (from, to) = (folder.at("write/a/file"), folder.at("write/b/file"));
        assert_eq!(attempt(format!("rename {from} {to}")), 0);
    }
    if abi >= Right::ConnectTcp.since().0 {
        assert_eq!(attempt("connect 2".into()), EACCES);
        assert_eq!(attempt("connect 1".into()), ECONNREFUSED);
    }
    if abi >= Right::ScopeSignal.since().0 {
        assert_eq!(attempt("signal".into()), EPERM);
    }
}

fn filter() -> seccomp::Model {
    let allow = ["@system-service", "@network-io", "@io-event"];
    seccomp::Model {
        mode: SyscallMode::Filter,
        mode_at: None,
        abis: AbiSet::NONE.with(Abi::X86_64),
        allow: allow.iter().map(|text| here(rule::parse(text).unwrap())).collect(),
        deny: vec![],
        on_deny: Action::Errno(1),
        unknown: Action::Errno(38),
        bad_abi: Action::Errno(38),
        families: Some(Families {
            stream: Sockets::Ports,
            datagram: Sockets::None,
            unix: false,
            netlink_route: false,
            at: None,
        }),
        terminal: true,
        nested_user_namespaces: false,
        io_uring_at: None,
        log: true,
        notify: false,
        spec_allow: false,
        permitted: true,
        token: Some(TOKEN),
    }
}

fn filtered(model: &seccomp::Model, operation: &str) -> i32 {
    let (arena, host) = (Bump::new(), Host::live());
    let who = credential::compile(&no_new_privs(), &host, &arena).unwrap();
    let filter = seccomp::compile(model, &host, &arena).unwrap();
    attempt_in(&[who, filter], 0, operation)
}

#[test]
fn the_filter_answers_as_the_model_says() {
    let filtered = |operation| filtered(&filter(), operation);
    assert_eq!(filtered("socket 2 1 default"), 0);
    assert_eq!(filtered("socket 10 1 default"), 0);
    assert_eq!(filtered("socket 2 1 mptcp"), EPROTONOSUPPORT);
    assert_eq!(filtered("socket 2 2 default"), EACCES);
    assert_eq!(filtered("socket 1 1 default"), EAFNOSUPPORT);
    assert_eq!(filtered("socket 17 3 default"), EAFNOSUPPORT);
    assert_eq!(filtered("exec"), 0);
}

#[test]
fn the_launch_passes_a_filter_without_execve_and_the_program_does_not() {
    let deny = ["execve", "execveat"].map(|text| here(rule::parse(text).unwrap()));
    let model = seccomp::Model { deny: deny.to_vec(), ..filter() };
    assert_eq!(filtered(&model, "nothing"), 0);
    assert_eq!(filtered(&model, "exec"), EPERM);
}

/// A static program without a libc: these instructions at the entry of an ELF file.
fn program(folder: &Folder, name: &str, code: &[u8]) -> PathBuf {
    const BASE: u64 = 0x40_0000;
    const HEADERS: u64 = 64 + 56;
    let mut elf = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let size = HEADERS + code.len() as u64;
    let half = |elf: &mut Vec<u8>, value: u16| elf.extend(value.to_le_bytes());
    let word = |elf: &mut Vec<u8>, value: u32| elf.extend(value.to_le_bytes());
    let long = |elf: &mut Vec<u8>, value: u64| elf.extend(value.to_le_bytes());
    half(&mut elf, 2); // ET_EXEC
    half(&mut elf, 62); // EM_X86_64
    word(&mut elf, 1);
    [BASE + HEADERS, 64, 0].iter().for_each(|value| long(&mut elf, *value));
    word(&mut elf, 0);
    [64, 56, 1, 0, 0, 0].iter().for_each(|value| half(&mut elf, *value));
    word(&mut elf, 1); // PT_LOAD
    word(&mut elf, 5); // readable, executable
    [0, BASE, BASE, size, size, 0x1000].iter().for_each(|value| long(&mut elf, *value));
    elf.extend(code);
    let path = folder.0.join(name);
    std::fs::write(&path, elf).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn strict_mode_runs_a_program_made_for_it_and_kills_any_other() {
    const EXIT_42: &[u8] = &[0xbf, 42, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05];
    // getpid(2), then _exit(2).
    const GETPID: &[u8] = &[0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xbf, 42, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05];
    let (arena, host, folder) = (Bump::new(), Host::live(), Folder::new("strict"));
    let model = seccomp::Model { mode: SyscallMode::Strict, log: false, ..filter() };
    let compile = || {
        let who = credential::compile(&no_new_privs(), &host, &arena).unwrap();
        [who, seccomp::compile(&model, &host, &arena).unwrap()]
    };
    let run = |path: &Path| run(path, &compile(), 0, "nothing");
    assert_eq!(run(&program(&folder, "exit", EXIT_42)), Ended::Exited(42));
    assert_eq!(run(&program(&folder, "getpid", GETPID)), Ended::Signaled(SIGSYS));
    assert_eq!(run(&own()), Ended::Signaled(SIGSYS));
}
