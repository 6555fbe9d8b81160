//! Landlock alone: each right, port and scope, with every other control left out that would deny the
//! operation before. Labels are claimed where execve attaches them.

use core::net::IpAddr;
use std::path::{Path, PathBuf};

use super::{Claim, PROTECTION, Scene, Test};
use crate::control::landlock::{Kind, Model, PathRule, Ports, Right, Scope, attempt};
use crate::control::trial::Trial;
use crate::control::{Control, net};
use crate::host::path::{Absent, Resolver};
use crate::policy::At;
use crate::policy::model::PathSpec;
use crate::verify::{Intent, Part, Reference, Subject};

/// CAP_MKNOD of linux/capability.h.
const CAP_MKNOD: u64 = 27;

/// Directories in which the caller may make files for a while, and that policies rarely give.
const ROOMS: [&str; 4] = ["/var/tmp", "/srv", "/var/lib", "/mnt"];

pub(super) fn claims(subject: &Subject<'_>, scene: &Scene) -> Vec<Claim> {
    let Some(model) = &subject.plan.landlock else { return Vec::new() };
    let mut all = Vec::new();
    let mut add = |id: String, operation: String, route: &str, trial: Trial| {
        let test = Test::Trial {
            trial: trial.into(),
            without: vec![
                Control::Mount,
                Control::Namespace,
                Control::Net,
                Control::Seccomp,
                Control::Credential,
                Control::BpfLsm,
                Control::Limit,
            ],
            controls: vec![Reference::Outside],
        };
        let claim = Claim::new(Part::Lsm, Intent::Deny, format!("landlock/{id}"), operation, test);
        all.push(
            claim
                .route(route)
                .at(model.at.unwrap_or(subject.policy.lsm.landlock.at))
                .because("lsm.landlock holds what no rule grants, whatever the other controls do")
                .see(&["landlock(7)", PROTECTION]),
        );
    };
    for (each, directory) in files(subject, scene, model) {
        let operation = format!("{} below {}", each.right, directory.display());
        add(format!("fs/{}", each.right), operation, "Landlock alone", each.trial);
    }
    for (id, right, ports, trial) in network(scene, model) {
        if has(scene, right) && ports {
            add(format!("net/{id}"), id.replace('_', " of "), "Landlock alone, 127.0.0.1", trial);
        }
    }
    if has(scene, Right::ScopeSignal) && model.scopes.contains(&Scope::Signal) {
        let trial = attempt::signal(scene.process);
        add("scope/signal".into(), "signal host".into(), "Landlock alone", trial);
    }
    if has(scene, Right::ScopeAbstractUnixSocket)
        && model.scopes.contains(&Scope::AbstractUnixSocket)
        && let Some(name) = &scene.abstract_name
        && let Some(trial) = net::attempt::connect_unix(format!("\0{name}").as_bytes())
    {
        add(
            "scope/abstract_unix_socket".into(),
            "connect to an abstract Unix socket".into(),
            "Landlock alone",
            trial,
        );
    }
    all
}

/// Whether this kernel's Landlock knows a right.
fn has(scene: &Scene, right: Right) -> bool {
    scene.landlock >= right.since().0
}

/// Each right of files where no rule grants any.
fn files(subject: &Subject<'_>, scene: &Scene, model: &Model) -> Vec<(attempt::Use, PathBuf)> {
    let mut all = elsewhere(subject, scene, model);
    let near = |path: &Path| {
        let near = |rule: &PathRule| {
            path.starts_with(&rule.path) && (rule.access.write || rule.access.read || rule.access.exec)
        };
        model.paths.iter().any(near)
    };
    if let Some(room) = room(subject, &near) {
        let device = scene.permitted >> CAP_MKNOD & 1 == 1;
        let uses = attempt::files(&room, scene.process, device).into_iter();
        // Directories of the view may be listed by a rule about its root.
        let listed = model.paths.iter().any(|rule| rule.access.list && room.starts_with(&rule.path));
        let kept = |right: &str| match right {
            "truncate" => model.handle_truncate,
            "read_dir" => !listed,
            _ => true,
        };
        let tried = uses.filter(|each| has(scene, each.since) && kept(each.right));
        all.extend(tried.map(|each| (each, room.clone())));
    }
    all
}

/// What is tried where another right must be granted, or is handled only where the policy says so.
fn elsewhere(subject: &Subject<'_>, scene: &Scene, model: &Model) -> Vec<(attempt::Use, PathBuf)> {
    let mut all = Vec::new();
    let granted = |path: &Path, of: fn(&PathRule) -> bool| {
        model.paths.iter().any(|rule| of(rule) && path.starts_with(&rule.path))
    };
    // Where files are read, and where the caller can make one: where the program may write itself, before
    // where it may only read.
    let read = |not: fn(&PathRule) -> bool, also: fn(&Path) -> bool| {
        let fits = |rule: &&PathRule| {
            let path = &rule.path;
            rule.kind == Kind::Directory
                && rule.access.read
                && !granted(path, not)
                && crate::control::mount::attempt::may_change(path)
                && also(path)
        };
        model.paths.iter().filter(fits).max_by_key(|rule| rule.access.write)
    };
    if has(scene, Right::Files) {
        let rule = read(|rule| rule.access.exec, |_| true);
        all.extend(rule.map(|rule| (attempt::execute(&rule.path, scene.process), rule.path.clone())));
    }
    // Devices have their commands where the policy gives devices.
    if has(scene, Right::IoctlDev) && scene.permitted >> CAP_MKNOD & 1 == 1 {
        let rule = read(|rule| rule.access.device, crate::control::mount::attempt::has_devices);
        all.extend(rule.map(|rule| (attempt::command(&rule.path, scene.process), rule.path.clone())));
    }
    let connects = |path: &Path| granted(path, |rule| rule.access.unix);
    if has(scene, Right::ResolveUnix)
        && model.restrict_unix
        && let Some(room) = room(subject, &connects)
    {
        all.extend(attempt::resolve(&room, scene.process).map(|each| (each, room)));
    }
    all
}

/// Each port right with whether the model keeps the port that is tried from being used.
fn network(scene: &Scene, model: &Model) -> Vec<(&'static str, Right, bool, Trial)> {
    /// Nobody's, by iana.org.
    const UNUSED: u16 = 4;
    let closed = |ports: &Ports, port: u16| match ports {
        Ports::Every => false,
        Ports::Only(list) => list.iter().all(|rule| rule.port != port),
    };
    // A port above those that need a capability.
    let high = 61_000 + UNUSED;
    let mut all = vec![
        ("bind_tcp", Right::BindTcp, closed(&model.tcp_bind, high), attempt::bind(high, true)),
        ("bind_udp", Right::BindUdp, closed(&model.udp_bind, high), attempt::bind(high, false)),
    ];
    if let Some(port) = scene.port {
        let connect = |stream| net::attempt::connect(IpAddr::from([127, 0, 0, 1]), port, stream);
        let tcp = ("connect_tcp", Right::ConnectTcp, closed(&model.tcp_connect, port));
        let udp = ("connect_udp", Right::ConnectUdp, closed(&model.udp_connect, port));
        all.extend(connect(true).map(|trial| (tcp.0, tcp.1, tcp.2, trial)));
        all.extend(connect(false).map(|trial| (udp.0, udp.1, udp.2, trial)));
    }
    all
}

/// A directory that no rule is about, and in which the caller may make something.
pub(super) fn room(subject: &Subject<'_>, granted: &dyn Fn(&Path) -> bool) -> Option<PathBuf> {
    let home = At::new(PathSpec { text: "~".into(), optional: true }, subject.policy.lsm.landlock.at);
    let mut resolver = Resolver::new(subject.surroundings);
    let home = resolver.resolve(&home, None, Absent::Kept).ok().flatten().map(|found| found.real);
    let rooms = ROOMS.iter().map(PathBuf::from).chain(home);
    rooms.into_iter().find(|path| !granted(path) && crate::control::mount::attempt::may_change(path))
}
