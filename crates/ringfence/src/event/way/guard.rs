//! What the BPF LSM programs say, by the model that they were told. Modules are asked in the order of the
//! host's list, on which `bpf` is usually the last.

use std::path::Path;

use super::{Answer, Deed, Model, Stop};
use crate::control::bpf_lsm::{PathRule, Ports};
use crate::event::errno::EACCES;
use crate::event::{Cause, Control, Known, Remedy, Setting};
use crate::policy::model::Transport;

/// A deed with a path; `None` where no program is asked about it.
pub(super) fn file(model: &Model, deed: Deed, path: &Path) -> Option<Stop> {
    let (right, key, grants): (_, _, fn(&PathRule) -> bool) = match deed {
        Deed::Exec => ("execution", "fs.exec", |rule| rule.exec),
        Deed::Chmod => ("changes of mode", "fs.write", |rule| rule.write),
        Deed::Chown => ("changes of owner", "fs.write", |rule| rule.write),
        Deed::Attribute => ("changes of attributes", "fs.write", |rule| rule.write),
        _ => return None,
    };
    place(model, path, (right, key), grants)
}

/// Whether the program is asked before the file's own permission bits (fs/open.c: `chmod_common`,
/// `chown_common`).
pub(super) fn comes_before_bits(deed: Deed) -> bool {
    matches!(deed, Deed::Chmod | Deed::Chown)
}

/// A Unix socket that somebody else has bound.
pub(super) fn unix(model: &Model, path: &Path) -> Option<Stop> {
    place(model, path, ("connections to the socket", "net.unix"), |rule| rule.unix)
}

/// A port.
pub(super) fn port(model: &Model, bind: bool, transport: Transport, port: u16) -> Option<Stop> {
    let guard = model.guard.as_ref()?;
    let (list, key) = match (transport, bind) {
        (Transport::Tcp, false) => (&guard.tcp_connect, "net.connect"),
        (Transport::Tcp, true) => (&guard.tcp_bind, "net.bind"),
        (Transport::Udp, false) => (&guard.udp_connect, "net.connect"),
        (Transport::Udp, true) => (&guard.udp_bind, "net.bind"),
    };
    let mut stop = Stop::new(Control::BpfLsm, Answer::Allows, format!("{transport} port {port}"));
    let Ports::Only(list) = list else { return Some(stop) };
    match list.iter().find(|rule| rule.port == port) {
        Some(rule) => stop.line = model.line(rule.at),
        None => deny(model, &mut stop, "the port", key, Some(format!("{transport}:{port}"))),
    }
    Some(stop)
}

fn place(
    model: &Model,
    path: &Path,
    (right, key): (&str, &'static str),
    grants: fn(&PathRule) -> bool,
) -> Option<Stop> {
    let guard = model.guard.as_ref()?;
    let mut stop = Stop::new(Control::BpfLsm, Answer::Allows, format!("{right} at {}", path.display()));
    match guard.paths.iter().find(|rule| grants(rule) && path.starts_with(&rule.path)) {
        Some(rule) => stop.line = model.line(rule.at),
        None => deny(model, &mut stop, right, key, path.to_str().map(str::to_owned)),
    }
    Some(stop)
}

fn deny(model: &Model, stop: &mut Stop, right: &str, key: &'static str, value: Option<String>) {
    stop.answer = Answer::Denies(EACCES);
    stop.cause = Some(Cause::MissingRight(right.to_owned()));
    stop.line = model.line(model.guard.as_ref().map(|guard| guard.at));
    stop.remedy = Some(match value {
        Some(value) => Known::Predicted(Remedy::Settings(vec![Setting { key, value, list: true }])),
        None => Known::Unknown("a policy cannot name this path".to_owned()),
    });
}
