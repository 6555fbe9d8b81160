//! A Landlock record as an event: the right that was missing, the policy line that came nearest,
//! and the line that would grant it. Pure.

use std::os::unix::ffi::OsStrExt as _;

use super::assemble::{operation, process};
use crate::control::landlock::{Model, PathRule};
use crate::event::errno::{EACCES, EPERM};
use crate::event::gate::line;
use crate::event::record::{Access, Object, Peer, Syscall};
use crate::event::text::Text;
use crate::event::{
    Argument, Cause, Control, Event, Known, Line, Operation, Outcome, Remedy, Setting, SourceKind, Value,
};
use crate::policy::Policy;

/// What the ruleset was compiled from.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The rules.
    pub model: Model,
    /// Where they were written.
    pub policy: Policy,
}

/// One denial.
pub(super) fn event(time_ms: u64, access: &Access, call: Option<&Syscall>, rules: Option<&Rules>) -> Event {
    let mut operation = match call {
        Some(call) => operation(call.arch, call.number),
        None => Operation { call: None, abi: None, number: None, arguments: Vec::new() },
    };
    operation.arguments = arguments(access);
    let errno = call.and_then(|call| call.exit).and_then(|exit| u16::try_from(exit.checked_neg()?).ok());
    let (pid, command) = call.map_or((0, None), |call| (call.pid, call.command.clone()));
    let mut process = process(pid, command);
    if call.is_none() {
        process.pid = None;
    }
    Event {
        source: SourceKind::Audit,
        time_ms,
        process,
        operation,
        control: Known::Observed(Control::Landlock),
        cause: Known::Observed(Cause::MissingRight(access.blockers.join(","))),
        line: nearest(access, rules),
        tried: None,
        outcome: Outcome::Denied,
        errno: errno.map_or(
            Known::Predicted(if of_files_or_ports(access) { EACCES } else { EPERM }),
            Known::Observed,
        ),
        remedy: remedy(access),
    }
}

fn of_files_or_ports(access: &Access) -> bool {
    access.blockers.iter().any(|right| right.starts_with("fs.") || right.starts_with("net."))
}

fn arguments(access: &Access) -> Vec<Argument> {
    let one = |name, value| vec![Argument { name, value }];
    match &access.object {
        Object::File { path: Some(path), .. } => one(where_it_is(access), Value::String(path.clone())),
        Object::File { path: None, device, inode } => {
            let device = device.as_ref().map_or_else(|| "an unknown device".to_owned(), ToString::to_string);
            let inode = inode.map_or_else(|| "?".to_owned(), |inode| inode.to_string());
            one("file", Value::Word(format!("inode {inode} of {device}")))
        }
        Object::Peer(peer) => one("peer", Value::Address(peer_words(peer))),
        Object::Process { pid, command } => {
            let name = command.as_ref().map_or_else(String::new, |name| format!(" {name}"));
            one("process", Value::Word(format!("{pid}{name}")))
        }
        Object::Unnamed => Vec::new(),
    }
}

/// What is created or removed is named by its directory alone.
fn where_it_is(access: &Access) -> &'static str {
    let in_directory = |right: &String| right.starts_with("fs.make_") || right.starts_with("fs.remove_");
    if access.blockers.iter().any(in_directory) { "directory" } else { "path" }
}

fn peer_words(peer: &Peer) -> String {
    let address = peer.destination.as_ref().or(peer.source.as_ref());
    let port = peer.destination_port.or(peer.source_port);
    match (address, port) {
        (Some(address), Some(port)) if address.contains(':') => format!("[{address}]:{port}"),
        (Some(address), Some(port)) => format!("{address}:{port}"),
        (Some(address), None) => address.clone(),
        (None, Some(port)) => format!("port {port}"),
        (None, None) => "?".to_owned(),
    }
}

/// The line that grants something there, but not this right. Landlock denies what no line grants,
/// so there may be none.
fn nearest(access: &Access, rules: Option<&Rules>) -> Known<Line> {
    let (Object::File { path: Some(path), .. }, Some(rules)) = (&access.object, rules) else {
        return Known::Unknown("it is denied because no line grants it".to_owned());
    };
    let path = std::path::Path::new(std::ffi::OsStr::from_bytes(path.bytes()));
    let covers = |rule: &&PathRule| path.starts_with(&rule.path) && rule.at.is_some();
    let rule = rules.model.paths.iter().filter(covers).max_by_key(|rule| rule.path.as_os_str().len());
    match rule.and_then(|rule| rule.at) {
        Some(at) => Known::Predicted(line(&rules.policy, at)),
        None => Known::Unknown("it is denied because no line names it or a directory above it".to_owned()),
    }
}

/// What a policy says to grant the rights.
fn remedy(access: &Access) -> Known<Remedy> {
    let mut settings: Vec<Setting> = Vec::new();
    for right in &access.blockers {
        match setting(right, &access.object) {
            Ok(setting) if settings.contains(&setting) => {}
            Ok(setting) => settings.push(setting),
            Err(known) => return known,
        }
    }
    // Writing implies reading.
    if settings.iter().any(|setting| setting.key == "fs.write") {
        settings.retain(|setting| setting.key != "fs.read");
    }
    Known::Predicted(Remedy::Settings(settings))
}

fn setting(right: &str, object: &Object) -> Result<Setting, Known<Remedy>> {
    let none = |why| Err(Known::Predicted(Remedy::None(why)));
    let list = |key, value: String| Ok(Setting { key, value, list: true });
    match (right, object) {
        (_, Object::File { path: Some(path), .. }) if right.starts_with("fs.") => {
            let Some(path) = as_setting(path) else {
                return Err(Known::Unknown("a policy cannot name this path".to_owned()));
            };
            match right {
                "fs.read_file" | "fs.read_dir" => list("fs.read", path),
                "fs.execute" => list("fs.exec", path),
                "fs.resolve_unix" => list("net.unix", path),
                "fs.make_char" | "fs.make_block" => none("no policy lets a program make device nodes"),
                "fs.ioctl_dev" => none("devices are those of fs.dev"),
                "fs.change_topology" => {
                    none("where Landlock holds files, no program mounts or unmounts anything")
                }
                "fs.write_file" | "fs.truncate" | "fs.refer" | "fs.remove_dir" | "fs.remove_file"
                | "fs.make_dir" | "fs.make_reg" | "fs.make_sock" | "fs.make_fifo" | "fs.make_sym" => {
                    list("fs.write", path)
                }
                _ => Err(Known::Unknown(format!("nothing is known of the right {right} here"))),
            }
        }
        ("net.connect_tcp", Object::Peer(Peer { destination_port: Some(port), .. })) => {
            list("net.connect", format!("tcp:{port}"))
        }
        ("net.bind_tcp", Object::Peer(Peer { source_port: Some(port), .. })) => {
            list("net.bind", format!("tcp:{port}"))
        }
        ("scope.signal", _) => none("no signal reaches a process outside"),
        ("scope.abstract_unix_socket", _) => none("no abstract socket outside can be connected to"),
        ("ptrace", _) => none("no process outside can be traced"),
        _ => Err(Known::Unknown(format!("nothing is known of the right {right} here"))),
    }
}

/// A path as a policy takes it: UTF-8, absolute, and without what would mean something else.
pub(super) fn as_setting(path: &Text) -> Option<String> {
    let text = std::str::from_utf8(path.bytes()).ok()?;
    let plain = text.starts_with('/') && !text.contains('$') && !text.contains(char::is_control);
    (plain && !path.is_cut()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(blockers: &str, path: &[u8]) -> Access {
        let blockers = blockers.split(',').map(str::to_owned).collect();
        let object = Object::File { path: Some(Text::new(path)), device: None, inode: None };
        Access { domain: 1, blockers, object }
    }

    fn flags(access: &Access) -> String {
        match remedy(access) {
            Known::Predicted(Remedy::Settings(settings)) => {
                settings.iter().map(Setting::flag).collect::<Vec<_>>().join(" ")
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn each_right_has_the_key_that_grants_it() {
        assert_eq!(flags(&file("fs.read_file", b"/etc/shadow")), "--fs-read=/etc/shadow");
        assert_eq!(flags(&file("fs.read_file,fs.write_file,fs.truncate", b"/a")), "--fs-write=/a");
        assert_eq!(flags(&file("fs.execute", b"/opt/x")), "--fs-exec=/opt/x");
        assert_eq!(flags(&file("fs.make_reg", b"/a b")), "--fs-write='/a b'");
        let peer = Peer { destination_port: Some(443), ..Peer::default() };
        let access =
            Access { domain: 1, blockers: vec!["net.connect_tcp".into()], object: Object::Peer(peer) };
        assert_eq!(flags(&access), "--net-connect=tcp:443");
    }

    #[test]
    fn nothing_is_promised_for_names_that_a_policy_cannot_say() {
        for path in [&b"/\xff"[..], b"/a\nb", b"/$HOME", b"relative"] {
            assert!(
                matches!(remedy(&file("fs.read_file", path)), Known::Unknown(_)),
                "{}",
                path.escape_ascii()
            );
        }
        assert!(matches!(remedy(&file("fs.new_right", b"/a")), Known::Unknown(_)));
        assert!(matches!(remedy(&file("fs.make_char", b"/a")), Known::Predicted(Remedy::None(_))));
    }
}
