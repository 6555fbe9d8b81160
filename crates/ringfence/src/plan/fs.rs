//! `[fs]` and `net.unix` become the mount room's model and Landlock's path rules.

use std::path::{Path, PathBuf};

use crate::control::tree::lies_in;
use crate::control::{landlock, mount};
use crate::host::Host;
use crate::host::path::{Absent, Resolved, Resolver};
use crate::policy::model::{DevView, Fs, Namespace, PathSpec, ProcView};
use crate::policy::{At, Origin, Policy};

use super::Refused;

/// Entries of proc(5) that concern the whole host; `masked` covers those that exist.
const MASKED: [&str; 18] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kallsyms",
    "/proc/kcore",
    "/proc/keys",
    "/proc/key-users",
    "/proc/kmsg",
    "/proc/kpagecgroup",
    "/proc/kpagecount",
    "/proc/kpageflags",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/slabinfo",
    "/proc/sysrq-trigger",
    "/proc/timer_list",
    "/proc/vmallocinfo",
];

/// What `[fs]` comes to on this host.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// For the mount room; `None` without a mount namespace.
    pub(super) view: Option<mount::Model>,
    /// For Landlock.
    pub(super) rules: Vec<landlock::PathRule>,
    /// Directories that the launcher makes for denied paths that do not exist.
    pub(super) placeholders: Vec<PathBuf>,
}

/// Resolves every path once.
pub(super) fn files(
    policy: &Policy,
    host: &Host,
    resolver: &mut Resolver<'_>,
    refused: &mut Vec<Refused>,
) -> Files {
    let fs = &policy.fs;
    let own_mounts = policy.namespaces.unshare.contains(&Namespace::Mnt);
    let mut files = Files::default();
    let mut view = mount::Model {
        nosuid: policy.process.no_new_privs.value,
        proc_at: Some(fs.proc.at),
        dev_at: Some(fs.dev.at),
        ..mount::Model::default()
    };
    places(policy, resolver, refused, &mut view, &mut files.rules);
    for spec in &fs.tmp {
        if let Some(found) = tmp_path(resolver, spec, refused) {
            let exec = listed(&fs.exec, &found, resolver);
            files.rules.push(rule(&found, landlock::Kind::Directory, tmp_access(exec), spec.at));
            view.tmp.push(mount::Tmp { path: found, exec, at: Some(spec.at) });
        }
    }
    denied(fs, own_mounts, resolver, refused, &mut view, &mut files);
    if own_mounts {
        special(fs, host, resolver, &mut view, &mut files.rules);
        files.rules.extend(root_listing(&view, &files.rules));
        files.view = Some(view);
    }
    files
}

/// Why this host cannot make a view: its mounts get their attributes before anything sees them.
pub(super) fn without_view(policy: &Policy, host: &Host) -> Option<Refused> {
    let fact = host.mount_setattr();
    let release = &host.release().value.text;
    (!fact.value).then(|| Refused {
        message: format!(
            "this host cannot give an own view of the file system: {} is not there. It is of Linux 5.12, and this is \
             {release}; a filter around ringfence may hide it, as that of another containment does",
            fact.from
        ),
        help: "use a newer kernel, start outside of what filters it, or leave \"mnt\" out of `namespaces.unshare` \
               and let Landlock or AppArmor hold files"
            .into(),
        at: Some(policy.namespaces.unshare_at),
    })
}

fn places(
    policy: &Policy,
    resolver: &mut Resolver<'_>,
    refused: &mut Vec<Refused>,
    view: &mut mount::Model,
    rules: &mut Vec<landlock::PathRule>,
) {
    let access = |exec, write| mount::Access { exec, write };
    let lists = [
        (&policy.fs.read, access(false, false), landlock::Access::READ),
        (&policy.fs.exec, access(true, false), landlock::Access::EXEC),
        (&policy.fs.write, access(false, true), landlock::Access::WRITE),
        (&policy.net.unix, access(false, false), landlock::Access::UNIX),
    ];
    for (list, access, right) in lists {
        for spec in list {
            if is_tmp(&policy.fs.tmp, &spec.value) {
                continue;
            }
            let Some(found) = resolve(resolver, spec, refused) else { continue };
            let (kind, rule_kind) = kinds(&found);
            rules.push(rule(&found.real, rule_kind, right, spec.at));
            let links = found
                .links
                .iter()
                .map(|link| mount::Link { at: link.at.clone(), target: link.target.clone() })
                .collect();
            view.places.push(mount::Place { path: found.real, kind, access, links, at: Some(spec.at) });
        }
    }
}

/// `exec = ["/tmp"]` beside `tmp = ["/tmp"]` means the private one.
fn is_tmp(tmp: &[At<PathSpec>], spec: &PathSpec) -> bool {
    tmp.iter().any(|t| t.value.text.trim_end_matches('/') == spec.text.trim_end_matches('/'))
}

fn listed(exec: &[At<PathSpec>], path: &Path, resolver: &mut Resolver<'_>) -> bool {
    exec.iter().any(|spec| {
        resolver.resolve(spec, None, Absent::Refused).ok().flatten().is_some_and(|found| found.real == path)
    })
}

fn tmp_access(exec: bool) -> landlock::Access {
    landlock::Access { exec, ..landlock::Access::TMP }
}

fn tmp_path(resolver: &mut Resolver<'_>, spec: &At<PathSpec>, refused: &mut Vec<Refused>) -> Option<PathBuf> {
    let found = resolve(resolver, spec, refused)?;
    if found.is_dir() {
        return Some(found.real);
    }
    refused.push(Refused {
        message: format!("`{}` is not a directory, so it cannot be private", spec.value.text),
        help: "name a directory in `fs.tmp`".into(),
        at: Some(spec.at),
    });
    None
}

fn denied(
    fs: &Fs,
    own_mounts: bool,
    resolver: &mut Resolver<'_>,
    refused: &mut Vec<Refused>,
    view: &mut mount::Model,
    files: &mut Files,
) {
    for spec in &fs.deny {
        let found = match resolver.resolve(spec, None, Absent::Kept) {
            Ok(Some(found)) => found,
            Ok(None) => continue,
            Err(refusal) => {
                refused.push(refusal.into());
                continue;
            }
        };
        if let Some(link) = writable_link(&found, view) {
            refused.push(Refused {
                message: format!(
                    "`{}` is denied, but `{}` is a symbolic link in a place that may be written: the program could put \
                     something else there",
                    spec.value.text,
                    link.display()
                ),
                help: "deny what it leads to, or replace the link, or write less".into(),
                at: Some(spec.at),
            });
            continue;
        }
        if !view.places.iter().any(|place| lies_in(&found.real, &place.path)) {
            continue;
        }
        if !own_mounts {
            refused.push(Refused {
                message: format!(
                    "`{}` lies inside an allowed path, and Landlock cannot subtract",
                    spec.value.text
                ),
                help: "add \"mnt\" and \"user\" to `namespaces.unshare`, or allow only what surrounds it"
                    .into(),
                at: Some(spec.at),
            });
            continue;
        }
        for part in &found.placeholders {
            if !files.placeholders.contains(part) {
                files.placeholders.push(part.clone());
            }
        }
        let kind = if found.exists() { kinds(&found).0 } else { mount::Kind::Directory };
        view.deny.push(mount::Deny { path: found.real, kind, at: Some(spec.at) });
    }
    // What is denied as a whole needs nothing to be made in it.
    files.placeholders.retain(|part| !mount::is_below_a_deny(part, &view.deny));
}

/// A link on the way to a denied path that the program could remove: nothing can be mounted on it.
fn writable_link<'f>(found: &'f Resolved, view: &mount::Model) -> Option<&'f Path> {
    let writable =
        |path: &Path| view.places.iter().any(|place| place.access.write && lies_in(path, &place.path));
    found.links.iter().map(|link| link.at.as_path()).find(|at| writable(at))
}

/// `ls /` in a view of its own: Landlock's rights hold for all that lies below, so listing the root
/// means listing every directory of the view. All of them can be listed anyway, but for those of
/// `net.unix`: where there is one, the root stays closed. The rule is on the view's own root: a
/// descriptor of a directory outside gains nothing from it.
fn root_listing(view: &mount::Model, rules: &[landlock::PathRule]) -> Option<landlock::PathRule> {
    let root = Path::new("/");
    let readable = |path: &Path| rules.iter().any(|rule| rule.access.read && lies_in(path, &rule.path));
    let mut places = view.places.iter().filter(|place| place.kind == mount::Kind::Directory);
    let listed = places.all(|place| place.path != root && readable(&place.path));
    let (kind, access) = (landlock::Kind::Directory, landlock::Access::LIST);
    listed.then(|| landlock::PathRule { path: root.to_owned(), kind, access, at: None })
}

/// `/proc` and `/dev`.
fn special(
    fs: &Fs,
    host: &Host,
    resolver: &mut Resolver<'_>,
    view: &mut mount::Model,
    rules: &mut Vec<landlock::PathRule>,
) {
    let directory = landlock::Kind::Directory;
    view.proc = match fs.proc.value {
        ProcView::Own => mount::Proc::Own { masks: Vec::new() },
        ProcView::Masked => mount::Proc::Own { masks: existing_masks(resolver) },
        ProcView::None => mount::Proc::Absent,
    };
    if fs.proc.value != ProcView::None {
        rules.push(rule(Path::new("/proc"), directory, landlock::Access::READ, fs.proc.at));
    }
    view.dev = match fs.dev.value {
        DevView::Minimal => {
            let release = &host.release().value;
            mount::Dev::Minimal { random_is_urandom: (release.major, release.minor) >= (5, 18) }
        }
        DevView::None => mount::Dev::Absent,
    };
    if fs.dev.value == DevView::Minimal {
        rules.push(rule(Path::new("/dev"), directory, landlock::Access::DEVICE, fs.dev.at));
        rules.push(rule(Path::new("/dev/shm"), directory, landlock::Access::TMP, fs.dev.at));
    }
}

fn existing_masks(resolver: &mut Resolver<'_>) -> Vec<mount::Mask> {
    let mask = |path: &&str| {
        let found = resolver.locate(Path::new(path)).ok().filter(Resolved::exists)?;
        Some(mount::Mask { path: path.into(), kind: kinds(&found).0 })
    };
    MASKED.iter().filter_map(mask).collect()
}

fn resolve(resolver: &mut Resolver<'_>, spec: &At<PathSpec>, refused: &mut Vec<Refused>) -> Option<Resolved> {
    resolver.resolve(spec, None, Absent::Refused).unwrap_or_else(|refusal| {
        refused.push(refusal.into());
        None
    })
}

fn kinds(found: &Resolved) -> (mount::Kind, landlock::Kind) {
    if found.is_dir() {
        (mount::Kind::Directory, landlock::Kind::Directory)
    } else {
        (mount::Kind::File, landlock::Kind::File)
    }
}

fn rule(path: &Path, kind: landlock::Kind, access: landlock::Access, at: Origin) -> landlock::PathRule {
    landlock::PathRule { path: path.to_owned(), kind, access, at: Some(at) }
}
