//! The mutants: every step dropped, every namespace shared, every denied call allowed, every ABI
//! opened, every capability kept, and every list widened.

use ringfence::control::mount::attempt;
use ringfence::policy::{Flag, Origin, Policy};
use ringfence::verify::Claim;
use ringfence_bpf::filter::FilterSpec;
use ringfence_bpf::table::{self, Abi};

use super::ground::Ground;

/// One weakness.
pub(super) struct Mutant {
    pub(super) name: String,
    pub(super) change: Change,
    /// Prefixes of the claims that are to catch it; empty: any but those of the gate.
    pub(super) caught_by: Vec<String>,
    /// The policy line that asked for what is missing.
    pub(super) at: Option<Origin>,
    /// Why it is no weakness that an attempt inside could see.
    pub(super) equal: Option<&'static str>,
    /// What it is about.
    pub(super) path: Option<String>,
}

/// A step of the plan, in words.
pub(super) struct Dropped {
    pub(super) kind: &'static str,
    pub(super) words: String,
    pub(super) at: Option<Origin>,
    /// The path that it is about in the end, in the view.
    pub(super) path: Option<String>,
    /// `LANDLOCK_ACCESS_FS_*`.
    pub(super) access: u64,
    /// A cover of a file of proc(5), which is not the host's in any case.
    pub(super) cover: bool,
}

/// The claims that are to notice the absence of a step.
fn expected(dropped: &Dropped) -> Vec<String> {
    let kind = dropped.kind;
    let of = |list: &[&str]| list.iter().map(|&prefix| prefix.to_owned()).collect::<Vec<_>>();
    if kind.starts_with("seccomp") {
        return of(&["gate/x86_64/syscall/"]);
    }
    if kind.starts_with("landlock_add_rule") {
        return of(&["file/allow/", "network/", "expect/allow", "lsm/"]);
    }
    if kind.starts_with("landlock") {
        return of(&["lsm/", "expect/", "network/"]);
    }
    if kind.starts_with("prlimit") || kind.starts_with("setrlimit") {
        return of(&["limit/"]);
    }
    if kind.contains("PDEATHSIG") || kind.contains("DUMPABLE") || kind.starts_with("clone3") {
        return of(&["namespace/"]);
    }
    if ["setsid", "rt_sigprocmask", "chdir", "sync", "umask"].iter().any(|call| kind.starts_with(call)) {
        return of(&["namespace/", "exec/"]);
    }
    if kind.starts_with("close_range") {
        return of(&["exec/", "namespace/descriptor"]);
    }
    if ["prctl", "capset", "setgroups", "setres"].iter().any(|call| kind.starts_with(call)) {
        return of(&["credential/", "exec/", "expect/"]);
    }
    if dropped.path.is_some() || kind.contains("mount") || kind.starts_with("fs") || kind.contains("pivot") {
        return of(&["file/", "expect/", "channel/file", "channel/fifo"]);
    }
    Vec::new()
}

// linux/landlock.h
const EXECUTE: u64 = 1;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
/// Writing, and all that changes a directory.
const WRITES: u64 = WRITE_FILE | 0x1ff0 | 1 << 14;
/// Each but REFER, which Landlock denies also where it does not handle it, and READ_DIR: the root is listed.
const RIGHTS: [(&str, u64); 14] = [
    ("execute", EXECUTE),
    ("write_file", WRITE_FILE),
    ("read_file", READ_FILE),
    ("remove_dir", 1 << 4),
    ("remove_file", 1 << 5),
    ("make_char", 1 << 6),
    ("make_dir", 1 << 7),
    ("make_reg", 1 << 8),
    ("make_sock", 1 << 9),
    ("make_fifo", 1 << 10),
    ("make_block", 1 << 11),
    ("make_sym", 1 << 12),
    ("truncate", 1 << 14),
    ("ioctl_dev", 1 << 15),
];
/// Of those what a rule about a file may have: writing and truncating.
const WRITES_FILE: u64 = WRITE_FILE | 1 << 14;

/// Why nothing changes without a step, or nothing that can be seen from inside.
fn equivalent(dropped: &Dropped, steps: &[Dropped]) -> Option<&'static str> {
    let kind = dropped.kind;
    if kind.starts_with("landlock_add_rule")
        && let Some(path) = &dropped.path
    {
        let above = steps.iter().any(|other| {
            other.kind == kind
                && other.access & dropped.access == dropped.access
                && other.path.as_ref().is_some_and(|above| {
                    above != path
                        && path.strip_prefix(above.as_str()).is_some_and(|rest| rest.starts_with('/'))
                })
        });
        if above {
            return Some("the rule of a directory above grants the same");
        }
        // Directories of the view may be listed by the rule about its root.
        let only_reads = dropped.access & !(EXECUTE | READ_FILE | READ_DIR) == 0;
        let here = std::path::Path::new(path);
        let none = attempt::file_in(here, 0o444, &|_| false).is_none() && attempt::executable(here).is_none();
        return (only_reads && here.is_dir() && none)
            .then_some("it is about files, and nobody finds one there");
    }
    match kind {
        "mount_setattr" if dropped.cover => Some("a cover of a file of proc is no file of the host"),
        "mount_setattr" if dropped.words.contains("private") => {
            Some("the kernel makes mounts of another user namespace slaves, mount_namespaces(7)")
        }
        "close" => Some("what a step opened is closed with all other descriptors"),
        "sync" => Some("waits for the launcher; tests/hold/end.rs"),
        kind if kind.contains("PDEATHSIG") => Some("seen when the launcher dies; tests/hold/end.rs"),
        _ => None,
    }
}

/// What is weakened.
pub(super) enum Change {
    /// More flags for the policy that is compiled.
    Flags(Vec<Flag>),
    /// The plan without this step.
    DropStep(usize),
    /// This rule of Landlock with these rights as well, `LANDLOCK_ACCESS_FS_*`.
    Widen(usize, u64),
    /// No rule of Landlock about this right, and the right not handled, `LANDLOCK_ACCESS_FS_*`.
    Unhandle(u64),
    /// The plan without this `CLONE_NEW*`.
    DropNamespace(u64),
    /// A descriptor stays open.
    LeakDescriptor,
}

impl Mutant {
    /// Whether a claim names the path that a step is about; of no step, or one about no path, every
    /// claim does.
    pub(super) fn names(&self, claim: &Claim) -> bool {
        match (&self.change, &self.path) {
            (Change::DropStep(_) | Change::Widen(..), Some(path)) if path.len() > 1 => {
                claim.id.contains(path.as_str())
            }
            _ => true,
        }
    }

    /// Whether a claim may catch it.
    pub(super) fn concerns(&self, claim: &Claim) -> bool {
        if self.caught_by.is_empty() {
            let same = self.at.is_none_or(|at| claim.at == Some(at));
            return !claim.id.starts_with("gate/") && (same || claim.id.starts_with("expect/"));
        }
        self.caught_by.iter().any(|prefix| claim.id.starts_with(prefix.as_str()))
    }
}

/// Every mutant of a policy whose plan has these steps.
pub(super) fn all(policy: &Policy, steps: &[Dropped], ground: &Ground) -> Vec<Mutant> {
    let mut all = Vec::new();
    for (number, dropped) in steps.iter().enumerate() {
        let name = format!("drop step {number}: {}", dropped.words);
        let (change, caught_by) = (Change::DropStep(number), expected(dropped));
        all.push(Mutant {
            name,
            change,
            caught_by,
            at: dropped.at,
            equal: equivalent(dropped, steps),
            path: dropped.path.clone(),
        });
    }
    all.extend(steps.iter().enumerate().filter_map(widened));
    all.extend(RIGHTS.iter().map(|&(name, bit)| Mutant {
        name: format!("let Landlock not handle {name}"),
        change: Change::Unhandle(bit),
        caught_by: vec![format!("lsm/landlock/fs/{name}")],
        at: None,
        equal: None,
        path: None,
    }));
    namespaces(&mut all);
    calls(policy, &mut all);
    lists(ground, &mut all);
    for number in 0..=40u8 {
        let name = ringfence::policy::model::Capability(number).name();
        let caught = vec![format!("credential/permitted/{name}")];
        all.push(flags(&format!("keep {name}"), &[("--process-capabilities", name)], caught));
    }
    all.push(Mutant {
        name: "leak a descriptor".into(),
        change: Change::LeakDescriptor,
        caught_by: vec!["namespace/descriptor".into()],
        at: None,
        equal: None,
        path: None,
    });
    all
}

/// A rule of Landlock that lets write what may be read; the mount view holds it still.
fn widened((number, step): (usize, &Dropped)) -> Option<Mutant> {
    let path = step.path.as_deref().filter(|path| path.len() > 1 && std::path::Path::new(path).exists())?;
    if !step.kind.starts_with("landlock_add_rule") || step.access & WRITE_FILE != 0 {
        return None;
    }
    // What a mount inside has its own, or another mount holds.
    if path.starts_with("/proc") || path.starts_with("/dev") {
        return None;
    }
    let rights = if std::path::Path::new(path).is_dir() { WRITES } else { WRITES_FILE };
    Some(Mutant {
        name: format!("let Landlock write {path}"),
        change: Change::Widen(number, rights),
        caught_by: vec!["file/deny/".into()],
        at: step.at,
        equal: None,
        path: Some(path.to_owned()),
    })
}

/// include/uapi/linux/sched.h.
fn namespaces(all: &mut Vec<Mutant>) {
    for (name, flag) in [
        ("user", 0x1000_0000),
        ("mnt", 0x0002_0000),
        ("pid", 0x2000_0000),
        ("net", 0x4000_0000),
        ("ipc", 0x0800_0000),
        ("uts", 0x0400_0000),
        ("cgroup", 0x0200_0000),
    ] {
        all.push(Mutant {
            name: format!("share the {name} namespace"),
            change: Change::DropNamespace(flag),
            caught_by: vec![format!("namespace/own/{name}")],
            at: None,
            equal: None,
            path: None,
        });
    }
}

/// Every call that the policy does not allow, allowed; the ABIs opened; the answers changed.
fn calls(policy: &Policy, all: &mut Vec<Mutant>) {
    let spec = FilterSpec {
        abis: policy.syscalls.abis.iter().map(|abi| abi.value).collect(),
        deny: policy.syscalls.deny.iter().map(|rule| rule.value.clone()).collect(),
        allow: policy.syscalls.allow.iter().map(|rule| rule.value.clone()).collect(),
        on_deny: policy.syscalls.on_deny.value,
        unknown: policy.syscalls.unknown.value,
        bad_abi: policy.syscalls.unknown.value,
    };
    let named = |name: &str| {
        spec.allow.iter().chain(&spec.deny).any(|rule| rule.target.calls().any(|c| c.name() == name))
    };
    for prototype in table::prototypes(Abi::X86_64) {
        // Never through by any rule: setns stays denied for nested user namespaces; the kernel
        // passes two by every filter.
        if named(prototype.name) || ["setns", "uprobe", "uretprobe"].contains(&prototype.name) {
            continue;
        }
        let caught = vec![format!("gate/x86_64/syscall/{}", prototype.name)];
        all.push(flags(
            &format!("allow {}", prototype.name),
            &[("--syscalls-allow", prototype.name)],
            caught,
        ));
    }
    for abi in ["i386", "x32"] {
        let caught = vec![format!("gate/{abi}/")];
        all.push(flags(
            &format!("open {abi}"),
            &[("--syscalls-abis", "x86_64"), ("--syscalls-abis", abi)],
            caught,
        ));
    }
    for (key, value) in [("--syscalls-on-deny", "ENOSYS"), ("--syscalls-unknown", "EPERM")] {
        all.push(flags(&format!("{key}={value}"), &[(key, value)], vec!["gate/x86_64/".into()]));
    }
    let off = ("--syscalls-mode", "off");
    all.push(flags("no filter", &[off], vec!["gate/x86_64/".into(), "expect/".into()]));
    for (name, rule) in [
        ("personality of every kind", "personality"),
        ("clone with every flag", "clone"),
        ("clone into a net namespace", "clone(flags: & CLONE_NEWNET == CLONE_NEWNET)"),
    ] {
        let caught = vec!["gate/x86_64/syscall/".into(), "network/family".into()];
        all.push(flags(name, &[("--syscalls-allow", rule)], caught));
    }
}

/// Every list of the other sections, widened.
fn lists(ground: &Ground, all: &mut Vec<Mutant>) {
    let file = |name: &str| vec![format!("file/deny/{name}")];
    let mut widen =
        |name: &str, list: &[(&str, &str)], caught: Vec<String>| all.push(flags(name, list, caught));
    let (readable, hidden, writable) = (ground.at("readable"), ground.at("hidden"), ground.at("writable"));
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned();
    widen("write what may be read", &[("--fs-write", &readable)], file(&format!("write{readable}")));
    widen("execute what may be read", &[("--fs-exec", &readable)], file(&format!("exec{readable}")));
    widen("execute what may be written", &[("--fs-exec", &writable)], file(""));
    widen("read what is hidden", &[("--fs-read", &hidden)], vec!["expect/deny/read".into()]);
    widen("read the whole of /etc", &[("--fs-read", "/etc")], file("read/etc/shadow"));
    widen("write /usr", &[("--fs-write", "/usr")], file("write/usr"));
    for sensitive in ["/root", "/home", "/var/log", "/boot", "/srv", "/etc/ssl/private"] {
        if std::path::Path::new(sensitive).exists() {
            widen(
                &format!("read {sensitive}"),
                &[("--fs-read", sensitive)],
                file(&format!("read{sensitive}")),
            );
        }
    }
    widen("no fs.deny", &[("--fs-deny", "")], file(&format!("read{writable}/denied")));
    let absent = vec!["expect/deny/write".into(), format!("file/deny/create{writable}/absent")];
    widen("no fs.deny of what is absent", &[("--fs-deny", "")], absent);
    widen("share the host's /tmp", &[("--fs-tmp", ""), ("--fs-write", "/tmp")], file("host/tmp"));
    widen("do not mask /proc", &[("--fs-proc", "own")], file(""));
    widen("share the host's network", &[("--net-mode", "host")], vec!["namespace/own/net".into()]);
    widen("raise the core limit", &[("--limits-core", "1M")], vec!["limit/core".into()]);
    widen(
        "raise the limit of open files",
        &[("--limits-open-files", "600")],
        vec!["limit/open_files".into()],
    );
    widen("raise the limit of file sizes", &[("--limits-file-size", "2M")], vec!["limit/file_size".into()]);
    widen(
        "let privileges grow",
        &[("--process-no-new-privs", "false")],
        vec!["credential/new-privileges".into()],
    );
    widen(
        "let privileges grow, with CAP_SYS_ADMIN in place of no_new_privs",
        &[("--process-no-new-privs", "false"), ("--process-capabilities", "CAP_SYS_ADMIN")],
        vec!["credential/new-privileges".into()],
    );
    widen("give the host's name", &[("--namespaces-hostname", &host)], vec!["namespace/hostname".into()]);
}

fn flags(name: &str, list: &[(&str, &str)], caught_by: Vec<String>) -> Mutant {
    let flags = list.iter().map(|(name, value)| Flag { name: (*name).into(), value: (*value).into() });
    Mutant {
        name: name.to_owned(),
        change: Change::Flags(flags.collect()),
        caught_by,
        at: None,
        equal: None,
        path: None,
    }
}
