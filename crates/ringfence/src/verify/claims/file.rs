//! Files: every entry of `[fs]`, what no entry names, and the ways around.

use std::path::{Path, PathBuf};

use ringfence_bpf::table::Abi;

use super::{Claim, PROTECTION, against_outside, as_plain_user, host, way, written};
use crate::control::mount::attempt::{self, Target};
use crate::control::trial::Trial;
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

/// A listed path, resolved, with what the policy gives there.
pub(super) struct Place {
    pub(super) path: PathBuf,
    at: Origin,
    list: &'static str,
    /// The symbolic link that led there.
    link: Option<PathBuf>,
}

pub(super) struct Places {
    all: Vec<Place>,
    deny: Vec<Place>,
    pub(super) tmp: Vec<Place>,
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
            way::denied(&place.path, Some(place.at), "fs.deny names it", &places, &mut all);
        }
    }
    let hidden = subject.policy.namespaces.unshare_at;
    for path in SENSITIVE.map(Path::new) {
        if attempt::target(path) != Target::Absent && !places.reaches(path) {
            way::denied(path, Some(hidden), "no entry of [fs] names it", &places, &mut all);
        }
    }
    host::claims(subject, &places, &mut all);
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
        let claim = file(Intent::Allow, word, Path::new(path), "newfstatat", against_outside(trial));
        claim.at(fs.dev.at).because("every program needs it")
    };
    let names = ["/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/ptmx", "/dev/tty", "/dev/pts/ptmx"];
    let there = names.iter().filter_map(|path| Some((path, attempt::exists(Path::new(path))?)));
    let mut all: Vec<Claim> = there.map(|(path, trial)| claim("find", path, trial)).collect();
    all.extend(attempt::sticky(Path::new("/dev/shm")).map(|trial| claim("share", "/dev/shm", trial)));
    all.extend(attempt::device(Path::new("/dev/tty"), 5, 0).map(|trial| claim("device", "/dev/tty", trial)));
    let root = Path::new("/");
    if let Some(trial) = attempt::read(Abi::X86_64, root, Target::Directory) {
        let claim = file(Intent::Allow, "read", root, "openat", as_plain_user(trial.anywhere()));
        all.push(claim.at(subject.policy.namespaces.unshare_at).because("every program needs it"));
    }
    if let Some(trial) = attempt::write(Abi::X86_64, root, Target::Directory) {
        // Whatever is there: no entry gives it, be it the host's or the view's own.
        let test = against_outside(trial.anywhere());
        let claim = file(Intent::Deny, "write", root, "x86_64 by syscall", test);
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
    pub(super) fn reaches(&self, path: &Path) -> bool {
        let near = |place: &Place| path.starts_with(&place.path) || place.path.starts_with(path);
        self.all.iter().any(near) || self.tmp.iter().any(near)
    }

    pub(super) fn gives(&self, list: &str, path: &Path) -> bool {
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
        && let Some(file) = attempt::file_in(path, 0o444, &others)
    {
        let target = attempt::target(&file);
        claim(Intent::Allow, "read", &file, attempt::read(Abi::X86_64, &file, target), reason.clone());
    }
    if list == "write" {
        claim(Intent::Allow, "write", path, attempt::write(Abi::X86_64, path, target), reason.clone());
        if target == Target::Directory {
            for (word, trial) in written::uses(path) {
                claim(Intent::Allow, word, path, trial, reason.clone());
            }
        }
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
    let mut deny = |word: &str, on: &Path, trial| claim(Intent::Deny, word, on, trial, reason.clone());
    deny("write", path, attempt::write(Abi::X86_64, path, target));
    deny("unlink", path, attempt::unlink(path, target));
    deny("rename", path, attempt::rename(path));
    if target == Target::Directory {
        deny("create", path, attempt::create_in(Abi::X86_64, path, Target::File { mode: 0, size: 0 }));
    }
    // A file that its owner may write, so that nothing else denies it; else any.
    let file = |bits| (target == Target::Directory).then(|| attempt::file_in(path, bits, &others)).flatten();
    for file in program.into_iter().chain(file(0o600).or_else(|| file(0o400))) {
        for (word, trial) in written::changes(&file) {
            deny(word, &file, trial);
        }
    }
}

/// A private place can be written, and is not the host's.
fn private(place: &Place, all: &mut Vec<Claim>) {
    let path = &place.path;
    let reason = "fs.tmp makes it private";
    if let Some(trial) = attempt::create_in(Abi::X86_64, path, Target::Directory) {
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

pub(super) fn file(intent: Intent, word: &str, path: &Path, route: &str, test: Test) -> Claim {
    let kind = if intent == Intent::Allow { "allow" } else { "deny" };
    let way =
        if route.starts_with("x86_64") || route == "openat" { String::new() } else { format!("?{route}") };
    let id = format!("{kind}/{word}{}{way}", path.display());
    let claim = Claim::new(Part::File, intent, id, format!("{word} {}", path.display()), test);
    claim.route(route).see(if intent == Intent::Allow { &[] } else { &["path_resolution(7)", PROTECTION] })
}
