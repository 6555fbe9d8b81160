//! Files: every entry of `[fs]`, what no entry names, and the ways around.

use std::path::{Path, PathBuf};

use ringfence_bpf::table::Abi;

use super::{Claim, ESCAPE, PROTECTION, against_outside, as_plain_user};
use crate::control::mount::attempt::{self, Target};
use crate::control::trial::{Identity, Trial};
use crate::host::path::{Absent, Resolver};
use crate::policy::model::{DevView, Namespace, PathSpec, ProcView};
use crate::policy::{At, Origin};
use crate::verify::{Intent, Part, Subject, Test};

/// What is worth most on a usual host, and no built-in policy lists.
const SENSITIVE: [&str; 16] = [
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/sudoers",
    "/etc/ssh",
    "/etc/ssl/private",
    "/etc/crontab",
    "/etc/machine-id",
    "/root",
    "/boot",
    "/home",
    "/srv",
    "/mnt",
    "/media",
    "/run",
    "/var/log",
    "/var/lib",
];

/// Entries of proc(5) and sys(5) that act on or tell of the whole host; opened for writing where
/// writing is what harms.
const HOST_FILES: [(&str, bool, &str); 35] = [
    ("/proc/interrupts", false, "interrupts of the host"),
    ("/proc/key-users", false, "keyrings of the host"),
    ("/proc/kmsg", false, "messages of the kernel"),
    ("/proc/kcore", false, "the kernel's memory"),
    ("/proc/kallsyms", false, "the kernel's addresses"),
    ("/proc/keys", false, "keyrings of the host"),
    ("/proc/timer_list", false, "timers of the host"),
    ("/proc/vmallocinfo", false, "the kernel's addresses"),
    ("/proc/sysrq-trigger", true, "reboots, kills and dumps"),
    ("/proc/sys/kernel/core_pattern", true, "a program run by the kernel as root"),
    ("/proc/sys/kernel/modprobe", true, "a program run by the kernel as root"),
    ("/proc/sys/vm/overcommit_memory", true, "memory of the whole host"),
    ("/proc/sys/fs/binfmt_misc/register", true, "interpreters of the whole host"),
    ("/sys/kernel/uevent_helper", true, "a program run by the kernel as root"),
    ("/sys/kernel/debug", false, "everything"),
    ("/sys/fs/cgroup/release_agent", true, "CVE-2022-0492"),
    ("/proc/sys/kernel/sysrq", true, "which keys reboot, kill and dump"),
    ("/proc/sys/kernel/hotplug", true, "a program run by the kernel as root"),
    ("/proc/sys/kernel/usermodehelper/bset", true, "what the kernel's helpers may do"),
    ("/proc/sys/kernel/unprivileged_bpf_disabled", true, "who may load programs into the kernel"),
    ("/proc/sys/kernel/panic", true, "reboots"),
    ("/proc/sys/fs/suid_dumpable", true, "memory of privileged programs"),
    ("/proc/sched_debug", false, "processes of the host"),
    ("/proc/kpagecount", false, "physical memory"),
    ("/proc/kpageflags", false, "physical memory"),
    ("/proc/slabinfo", false, "objects of the kernel"),
    ("/proc/mtrr", true, "how the processor caches memory"),
    ("/proc/acpi", false, "devices of the host"),
    ("/sys/firmware", false, "variables of the firmware"),
    ("/sys/kernel/security", false, "policies of the LSMs"),
    ("/sys/kernel/tracing", false, "what every program does"),
    ("/sys/fs/bpf", false, "programs in the kernel"),
    ("/dev/kmsg", false, "messages of the kernel"),
    ("/dev/port", false, "ports of devices"),
    ("/dev/mem", false, "physical memory"),
];

/// A listed path, resolved, with what the policy gives there.
struct Place {
    path: PathBuf,
    at: Origin,
    list: &'static str,
    /// The symbolic link that led there.
    link: Option<PathBuf>,
}

struct Places {
    all: Vec<Place>,
    deny: Vec<Place>,
    tmp: Vec<Place>,
    /// Places are mounts: `noexec` holds there.
    own_mounts: bool,
}

pub(super) fn claims(subject: &Subject<'_>) -> Vec<Claim> {
    let places = Places::of(subject);
    let mut all = Vec::new();
    for place in &places.all {
        listed(place, &places, &mut all);
    }
    for place in &places.tmp {
        private(place, &mut all);
    }
    for place in &places.deny {
        if places.all.iter().any(|allowed| place.path.starts_with(&allowed.path)) {
            denied(&place.path, Some(place.at), "fs.deny names it", &places, &mut all);
        }
    }
    let hidden = subject.policy.namespaces.unshare_at;
    for path in SENSITIVE.map(Path::new) {
        if attempt::target(path) != Target::Absent && !places.reaches(path) {
            denied(path, Some(hidden), "no entry of [fs] names it", &places, &mut all);
        }
    }
    host_files(subject, &places, &mut all);
    all.extend(essentials(subject));
    all
}

/// Nodes of the host that the view has, memory devices of mem(4) and null(4).
const DEVICES: [&str; 4] = ["null", "zero", "full", "urandom"];

/// What every program needs of `/dev` and `/proc`.
fn essentials(subject: &Subject<'_>) -> Vec<Claim> {
    let fs = &subject.policy.fs;
    let (mut list, own_mounts) = (Vec::new(), subject.policy.namespaces.unshare.contains(&Namespace::Mnt));
    if own_mounts && fs.dev.value == DevView::Minimal {
        for name in ["null", "zero", "full", "random", "urandom", "fd", "shm"] {
            list.push(("read", format!("/dev/{name}"), fs.dev.at));
        }
        for name in ["null", "zero", "shm"] {
            list.push(("write", format!("/dev/{name}"), fs.dev.at));
        }
    }
    if own_mounts && fs.proc.value != ProcView::None {
        for name in ["self/status", "meminfo", "cpuinfo"] {
            list.push(("read", format!("/proc/{name}"), fs.proc.at));
        }
    }
    let mut all = names(subject, own_mounts);
    let claim = |(word, path, at): (&str, String, Origin)| {
        let path = PathBuf::from(path);
        let target = if path.is_dir() { Target::Directory } else { attempt::target(&path) };
        let trial = if word == "read" {
            attempt::read(Abi::X86_64, &path, target)?
        } else {
            attempt::write(Abi::X86_64, &path, target)?
        };
        // A node is the host's own; the rest is made for the view.
        let node = DEVICES.iter().any(|name| path.ends_with(name));
        let trial = if node { trial } else { trial.anywhere() };
        let claim = file(Intent::Allow, word, &path, "openat", as_plain_user(trial));
        Some(claim.at(at).because("every program needs it"))
    };
    all.extend(list.into_iter().filter_map(claim));
    all
}

/// What only has to be there, and how.
fn names(subject: &Subject<'_>, own_mounts: bool) -> Vec<Claim> {
    let fs = &subject.policy.fs;
    let minimal = own_mounts && fs.dev.value == DevView::Minimal;
    if !minimal {
        return Vec::new();
    }
    let claim = |word: &str, path: &str, trial: Trial| {
        let test = Test::Trial { trial: trial.into(), without: Vec::new(), controls: Vec::new() };
        let claim = file(Intent::Allow, word, Path::new(path), "newfstatat", test);
        claim.at(fs.dev.at).because("every program needs it")
    };
    let names = ["/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/ptmx", "/dev/tty", "/dev/pts/ptmx"];
    let there = names.iter().filter_map(|path| Some((path, attempt::exists(Path::new(path))?)));
    let mut all: Vec<Claim> = there.map(|(path, trial)| claim("find", path, trial)).collect();
    all.extend(attempt::sticky(Path::new("/dev/shm")).map(|trial| claim("share", "/dev/shm", trial)));
    let root = Path::new("/");
    if let Some(trial) = attempt::write(Abi::X86_64, root, Target::Directory) {
        let claim = file(Intent::Deny, "write", root, "x86_64 by syscall", against_outside(trial));
        all.push(claim.at(subject.policy.namespaces.unshare_at).because("no entry of [fs] names it"));
    }
    all
}

impl Places {
    fn of(subject: &Subject<'_>) -> Self {
        let fs = &subject.policy.fs;
        let mut resolver = Resolver::new(subject.surroundings);
        let mut resolve = |list: &[At<PathSpec>], name: &'static str| -> Vec<Place> {
            let found = list.iter().filter_map(|spec| {
                let found = resolver.resolve(spec, None, Absent::Kept).ok().flatten()?;
                let link = found.links.first().map(|link| link.at.clone());
                Some(Place { path: found.real, at: spec.at, list: name, link })
            });
            found.collect()
        };
        let (deny, tmp) = (resolve(&fs.deny, "deny"), resolve(&fs.tmp, "tmp"));
        let mut all = resolve(&fs.read, "read");
        all.extend(resolve(&fs.exec, "exec"));
        all.extend(resolve(&fs.write, "write"));
        all.retain(|place| attempt::target(&place.path) != Target::Absent);
        all.retain(|place| !tmp.iter().any(|tmp| place.path.starts_with(&tmp.path)));
        let own_mounts = subject.policy.namespaces.unshare.contains(&Namespace::Mnt);
        Self { all, deny, tmp, own_mounts }
    }

    /// Whether an entry gives something at, above or below a path.
    fn reaches(&self, path: &Path) -> bool {
        let near = |place: &Place| path.starts_with(&place.path) || place.path.starts_with(path);
        self.all.iter().any(near) || self.tmp.iter().any(near)
    }

    fn gives(&self, list: &str, path: &Path) -> bool {
        self.all.iter().any(|place| place.list == list && path.starts_with(&place.path))
    }

    fn denies(&self, path: &Path) -> bool {
        self.deny.iter().any(|place| path.starts_with(&place.path))
    }

    /// Whether a listed place lies below, which may be written there.
    fn holds_writable(&self, path: &Path) -> bool {
        let inside = |place: &Place| place.path.starts_with(path);
        self.all.iter().any(|place| place.list == "write" && inside(place)) || self.tmp.iter().any(inside)
    }
}

/// What a listed path gives, and what it does not.
fn listed(place: &Place, places: &Places, all: &mut Vec<Claim>) {
    let (path, at) = (&place.path, place.at);
    if places.denies(path) {
        return;
    }
    let target = attempt::target(path);
    let list = place.list;
    let mut claim = |intent, word: &str, on: &Path, trial: Option<Trial>, reason: String| {
        let Some(trial) = trial else { return };
        let test = if intent == Intent::Allow { as_plain_user(trial) } else { against_outside(trial) };
        all.push(file(intent, word, on, "x86_64 by syscall", test).at(at).because(reason));
    };
    let reason = format!("fs.{list} names it");
    claim(Intent::Allow, "read", path, attempt::read(Abi::X86_64, path, target), reason.clone());
    if let Some(link) = &place.link {
        let through = attempt::read(Abi::X86_64, link, target);
        claim(Intent::Allow, "read", link, through, format!("fs.{list} names it, through a link"));
    }
    // Listing a directory and reading what is in it are different rights.
    let others = |inner: &Path| {
        places.denies(inner)
            || places.all.iter().any(|other| other.path != *path && inner.starts_with(&other.path))
    };
    if target == Target::Directory
        && let Some(file) = attempt::file_in(path, &others)
    {
        let target = attempt::target(&file);
        claim(Intent::Allow, "read", &file, attempt::read(Abi::X86_64, &file, target), reason.clone());
    }
    if list == "write" {
        claim(Intent::Allow, "write", path, attempt::write(Abi::X86_64, path, target), reason.clone());
    }
    let program = attempt::executable(path).filter(|program| !places.denies(program));
    if let Some(program) = &program {
        let (intent, reason) = if places.gives("exec", program) {
            (Intent::Allow, "fs.exec has it".to_owned())
        } else {
            (Intent::Deny, format!("fs.{list} names it, and fs.exec does not"))
        };
        claim(intent, "exec", program, attempt::exec(program), reason.clone());
        if intent == Intent::Deny && places.own_mounts {
            claim(intent, "map-executable", program, attempt::map_exec(program), reason);
        }
    }
    if places.gives("write", path) || places.holds_writable(path) {
        return;
    }
    let reason = format!("fs.{list} names it, and fs.write does not");
    claim(Intent::Deny, "write", path, attempt::write(Abi::X86_64, path, target), reason.clone());
    claim(Intent::Deny, "unlink", path, attempt::unlink(path, target), reason.clone());
    claim(Intent::Deny, "rename", path, attempt::rename(path), reason.clone());
    if let Some(program) = program {
        let target = attempt::target(&program);
        claim(Intent::Deny, "write", &program, attempt::write(Abi::X86_64, &program, target), reason.clone());
        claim(Intent::Deny, "chmod", &program, attempt::chmod(&program, target), reason.clone());
        claim(Intent::Deny, "exchange", &program, attempt::exchange(&program), reason.clone());
        claim(Intent::Deny, "link", &program, attempt::link(&program), reason.clone());
        claim(Intent::Deny, "truncate", &program, attempt::truncate(&program, target), reason.clone());
        claim(Intent::Deny, "unlink", &program, attempt::unlink(&program, target), reason);
    }
}

/// A private place can be written, and is not the host's.
fn private(place: &Place, all: &mut Vec<Claim>) {
    let path = &place.path;
    let reason = "fs.tmp makes it private";
    if let Some(trial) = attempt::create(Abi::X86_64, &path.join(".ringfence-attempt"), Target::Directory) {
        // That it is another directory than the host's is the next claim.
        let test = against_outside(trial.anywhere());
        all.push(file(Intent::Allow, "write", path, "x86_64 by syscall", test).at(place.at).because(reason));
    }
    if let Some(trial) = attempt::read(Abi::X86_64, path, Target::Directory) {
        let operation = format!("reach the host's {}", path.display());
        let test = against_outside(trial);
        let id = format!("deny/host{}", path.display());
        all.push(
            Claim::new(Part::File, Intent::Deny, id, operation, test)
                .route("device and inode of the directory")
                .at(place.at)
                .because(reason)
                .see(&["mount_namespaces(7)", PROTECTION]),
        );
    }
}

/// A path that must not be reached, by every way there is.
fn denied(path: &Path, at: Option<Origin>, reason: &str, places: &Places, all: &mut Vec<Claim>) {
    let target = attempt::target(path);
    let mut claim = |word: &str, route: &str, test: Test| {
        let claim = file(Intent::Deny, word, path, route, test).because(reason).see(&[ESCAPE]);
        all.push(at.map_or(claim.clone(), |at| claim.at(at)));
    };
    if target == Target::Absent {
        if let Some(trial) = attempt::write(Abi::X86_64, path, target) {
            claim("create", "openat", against_outside(trial));
        }
        return;
    }
    for (route, trial) in ways(path, target, places) {
        claim("read", &route, against_outside(trial));
    }
    if let Some(trial) = attempt::write(Abi::X86_64, path, target) {
        claim("write", "openat", against_outside(trial));
    }
    if target == Target::Directory
        && let Some(trial) = attempt::unlink(path, target)
    {
        claim("unlink", "unlinkat", against_outside(trial));
    }
}

/// Ways to read a path: calls, ABIs, and names that lead to it.
fn ways(path: &Path, target: Target, places: &Places) -> Vec<(String, Trial)> {
    let below = |start: &str| PathBuf::from(format!("{start}{}", path.display()));
    let mut ways = vec![
        ("openat".to_owned(), attempt::read(Abi::X86_64, path, target)),
        ("open".to_owned(), attempt::read_by_open(Abi::X86_64, path)),
        ("openat2".to_owned(), attempt::read_by_openat2(path)),
        ("openat of i386".to_owned(), attempt::read(Abi::I386, path, target)),
        ("open of i386".to_owned(), attempt::read_by_open(Abi::I386, path)),
    ];
    for start in
        ["/proc/self/root", "/proc/thread-self/root", "/usr/..", "/proc/self/cwd/../../../../../../../.."]
    {
        ways.push((format!("{start}/…"), attempt::read(Abi::X86_64, &below(start), target)));
    }
    if let Some(tmp) = places.tmp.first() {
        ways.push(("symbolic link".to_owned(), attempt::read_by_link(path, &tmp.path)));
    }
    ways.into_iter().filter_map(|(route, trial)| Some((route, trial?))).collect()
}

/// Files of the whole host.
fn host_files(subject: &Subject<'_>, places: &Places, all: &mut Vec<Claim>) {
    let at = subject.policy.fs.proc.at;
    for (path, writes, what) in HOST_FILES {
        let path = Path::new(path);
        let target = attempt::target(path);
        if target == Target::Absent || places.gives(if writes { "write" } else { "read" }, path) {
            continue;
        }
        let (word, trial) = if writes {
            ("write", attempt::write(Abi::X86_64, path, target))
        } else {
            ("read", attempt::read(Abi::X86_64, path, target))
        };
        let Some(trial) = trial else { continue };
        let trial = if path.starts_with("/proc") { trial.by(Identity::Inode) } else { trial };
        all.push(
            file(Intent::Deny, word, path, "openat", against_outside(trial))
                .at(at)
                .because(format!("of the whole host: {what}"))
                .see(&["proc(5)", ESCAPE]),
        );
    }
}

fn file(intent: Intent, word: &str, path: &Path, route: &str, test: Test) -> Claim {
    let kind = if intent == Intent::Allow { "allow" } else { "deny" };
    let way =
        if route.starts_with("x86_64") || route == "openat" { String::new() } else { format!("?{route}") };
    let id = format!("{kind}/{word}{}{way}", path.display());
    let claim = Claim::new(Part::File, intent, id, format!("{word} {}", path.display()), test);
    claim.route(route).see(if intent == Intent::Allow { &[] } else { &["path_resolution(7)", PROTECTION] })
}
