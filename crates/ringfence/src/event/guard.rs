//! Records of the BPF LSM programs: what they denied, the policy line that came nearest, and the line
//! that would grant it. `bpf/guard.bpf.c`, `struct denial`.
//!
//! The programs count each denial, so what the ring had no room for is known. The call is named as
//! its manual page is, whichever of its family it was.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::gate::line;
use super::text::Text;
use super::watcher::Source;
use super::{
    Account, Argument, Cause, Control, Event, Known, Line, Operation, Outcome, Process, Remedy, Setting,
    SourceKind, Value,
};
use crate::control::bpf_lsm::{Model, PathRule, Ports};
use crate::ebpf::guard::Ring;
use crate::host::mounts;
use crate::policy::{Origin, Policy};

const EACCES: u16 = 13;
/// `NAMES` and `NAME`.
const NAMES: usize = 16;
const NAME: usize = 48;
const HEAD: usize = 56;
/// `struct denial`.
const RECORD: usize = HEAD + NAMES * NAME;
/// How many are taken before signals and the terminal get their turn.
const AT_ONCE: usize = 4096;
/// How many denied calls may be on their way back.
const MOST_CALLS: usize = 16384;

/// The programs' ring, and what they were told.
#[derive(Debug)]
pub(super) struct Guarded {
    model: Model,
    policy: Policy,
    ring: Option<Ring>,
    view: Option<mounts::View>,
    mounts: Option<Vec<mounts::Mount>>,
    account: Account,
    /// Calls that another source will see fail: how many by thread and number. `None`: there is no other.
    twice: Option<BTreeMap<(u32, u32), u32>>,
}

/// One record, as far as it is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    kind: u32,
    process: u32,
    thread: u32,
    /// The system call, as it was made; `None`: by a thread of the kernel's.
    call: Option<u32>,
    value: u32,
    device: (u32, u32),
    inode: u64,
    command: Vec<u8>,
    /// From the file system's root; cut where it is too deep, or a name too long.
    path: Option<(PathBuf, bool)>,
}

impl Guarded {
    pub(super) fn new(model: Model, policy: Policy) -> Self {
        let covers = "what the BPF LSM programs deny: sockets, ports, attributes, devices, execution";
        let account = Account::new(SourceKind::Guard, covers);
        Self { model, policy, ring: None, view: None, mounts: None, account, twice: None }
    }

    /// Another source sees the same calls fail: it is told which ([`Guarded::told`]).
    pub(super) fn beside_another(&mut self) {
        self.twice = Some(BTreeMap::new());
    }

    /// The ring, before the command exists, and the process whose view paths are of.
    pub(super) fn listen(&mut self, ring: Ring, init: Option<i32>) {
        self.ring = Some(ring);
        self.view = init.and_then(|init| mounts::View::of(init).ok());
    }

    /// Whether the programs denied this call, and so it was told. Each call is asked about once, and
    /// after [`Source::take`]: the programs send before the call fails.
    pub(super) fn told(&mut self, event: &Event) -> bool {
        let denied = event.errno.value() == Some(&EACCES) && event.control.value() != Some(&Control::Seccomp);
        let (true, Some(twice)) = (denied, &mut self.twice) else { return false };
        let Some(number) = event.operation.number else { return false };
        let call = (event.process.thread, number);
        let Some(count) = twice.get_mut(&call) else { return false };
        *count -= 1;
        if *count == 0 {
            twice.remove(&call);
        }
        true
    }

    fn expect(&mut self, record: &Record) {
        let (Some(twice), Some(number)) = (&mut self.twice, record.call) else { return };
        // Those of threads that never came back from their call.
        if twice.len() == MOST_CALLS {
            twice.clear();
        }
        *twice.entry((record.thread, number)).or_default() += 1;
    }

    /// How many there were in all: what was not seen is lost.
    pub(super) fn counted(&mut self, count: u64) {
        self.account.lost = count.saturating_sub(self.account.seen);
    }

    fn event(&mut self, record: &Record) -> Event {
        let seen = record.path.as_ref().map(|(path, cut)| (self.place(record, path), *cut));
        let path = seen.as_ref().and_then(|(path, cut)| path.clone().filter(|_| !cut));
        let denied = Denied::of(record.kind, record.value);
        let known = path.as_deref();
        Event {
            source: SourceKind::Guard,
            time_ms: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64),
            process: Process {
                pid: Some(record.process),
                thread: record.thread,
                command: Known::Observed(Text::new(record.command.clone())),
            },
            operation: Operation {
                call: Some(denied.call),
                abi: None,
                number: record.call,
                arguments: arguments(record, known, &denied),
            },
            control: Known::Observed(Control::BpfLsm),
            cause: Known::Observed(Cause::MissingRight(denied.right.to_owned())),
            line: self.line(known, &denied, record),
            tried: None,
            outcome: Outcome::Denied,
            errno: Known::Observed(EACCES),
            remedy: remedy(known, &denied, record),
        }
    }

    /// Where the view shows a path of a file system: by the mounts of the init.
    fn place(&mut self, record: &Record, path: &Path) -> Option<PathBuf> {
        let view = self.view.as_ref()?;
        let mounts = self.mounts.get_or_insert_with(|| view.mounts().unwrap_or_default());
        let here = mounts.iter().filter(|mount| mount.device == record.device);
        let covering = here.filter_map(|mount| Some((mount, path.strip_prefix(&mount.root).ok()?)));
        let (mount, rest) = covering.max_by_key(|(mount, _)| mount.root.as_os_str().len())?;
        Some(if rest.as_os_str().is_empty() { mount.at.clone() } else { mount.at.join(rest) })
    }

    /// The line that grants something there, but not this; else the one that put the programs there.
    fn line(&self, path: Option<&Path>, denied: &Denied, record: &Record) -> Known<Line> {
        let of = |at: Origin| line(&self.policy, at);
        if let Some((transport, bind)) = denied.port {
            let list = match (transport, bind) {
                (0, false) => &self.model.tcp_connect,
                (0, true) => &self.model.tcp_bind,
                (_, false) => &self.model.udp_connect,
                (_, true) => &self.model.udp_bind,
            };
            let Ports::Only(list) = list else { return Known::Observed(of(self.model.at)) };
            let first = list.first().and_then(|rule| rule.at);
            return Known::Observed(of(first.unwrap_or(self.policy.net.mode.at)));
        }
        let covers = |rule: &&PathRule| path.is_some_and(|path| path.starts_with(&rule.path));
        let nearest = self.model.paths.iter().filter(covers).max_by_key(|rule| rule.path.as_os_str().len());
        match nearest.and_then(|rule| rule.at) {
            Some(at) if record.inode != 0 => Known::Predicted(of(at)),
            _ => Known::Observed(of(self.model.at)),
        }
    }
}

impl Source for Guarded {
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.ring.as_ref().map(Ring::descriptor)
    }

    fn take(&mut self, give: &mut dyn FnMut(Event)) {
        for _ in 0..AT_ONCE {
            let mut record = None;
            let Some(ring) = &mut self.ring else { return };
            if !ring.next(|bytes| record = parse(bytes)) {
                return;
            }
            // One that is not understood stays uncounted, and so is lost.
            if let Some(record) = record {
                self.account.seen += 1;
                self.expect(&record);
                give(self.event(&record));
            }
        }
    }

    fn account(&self) -> Account {
        self.account.clone()
    }
}

/// A kind of denial in words: `enum kind`.
struct Denied {
    call: &'static str,
    right: &'static str,
    key: Option<&'static str>,
    /// Transport, and whether it is bind(2).
    port: Option<(u32, bool)>,
}

impl Denied {
    fn of(kind: u32, value: u32) -> Self {
        let file = |call, right, key| Self { call, right, key: Some(key), port: None };
        let none = |call, right| Self { call, right, key: None, port: None };
        let transport = value >> 16;
        match kind {
            1 => file("execve", "execution", "fs.exec"),
            2 => file("mmap", "executable mappings", "fs.exec"),
            3 => file("chmod", "changes of mode", "fs.write"),
            4 => file("chown", "changes of owner", "fs.write"),
            5 if value == 1 => file("removexattr", "changes of attributes", "fs.write"),
            5 => file("setxattr", "changes of attributes", "fs.write"),
            6 => none("ioctl", "commands to the device"),
            7 if value == 0 => file("file_setattr", "changes of inode flags", "fs.write"),
            7 => file("ioctl", "changes of inode flags", "fs.write"),
            8 => file("connect", "connections to the socket", "net.unix"),
            9 => {
                Self { call: "bind", right: "the port", key: Some("net.bind"), port: Some((transport, true)) }
            }
            10 => Self {
                call: "connect",
                right: "the port",
                key: Some("net.connect"),
                port: Some((transport, false)),
            },
            13 => file("link", "that the file gets the rights of another place", "fs.write"),
            14 => file("rename", "that the file gets the rights of another place", "fs.write"),
            11 => none("io_uring_setup", "rings whose work the kernel does outside of the containment"),
            _ => none("bpf", "eBPF programs"),
        }
    }
}

fn arguments(record: &Record, path: Option<&Path>, denied: &Denied) -> Vec<Argument> {
    let one = |name, value| Argument { name, value };
    let mut arguments = Vec::new();
    if let Some((transport, _)) = denied.port {
        let name = if transport == 0 { "tcp" } else { "udp" };
        arguments.push(one("port", Value::Word(format!("{name}:{}", record.value & 0xffff))));
    } else if let Some(path) = path {
        arguments.push(one("path", Value::String(Text::new(path.as_os_str().as_bytes()))));
    } else if record.inode != 0 {
        let (major, minor) = record.device;
        let mut words = format!("inode {} of {major}:{minor}", record.inode);
        if let Some((path, _)) = &record.path {
            let name = path.file_name().unwrap_or_default().as_bytes();
            words += &format!(", {}", Text::new(name));
        }
        arguments.push(one("file", Value::Word(words)));
    }
    match record.kind {
        3 => arguments.push(one("mode", Value::Word(format!("{:04o}", record.value & 0o7777)))),
        6 | 7 if record.value != 0 => arguments.push(one("cmd", Value::Word(format!("{:#x}", record.value)))),
        _ => {}
    }
    arguments
}

fn remedy(path: Option<&Path>, denied: &Denied, record: &Record) -> Known<Remedy> {
    let setting = |key, value| Known::Predicted(Remedy::Settings(vec![Setting { key, value, list: true }]));
    let Some(key) = denied.key else {
        let why = match record.kind {
            6 => "devices are those of fs.dev",
            11 => "before Linux 5.12 no ring is held by lsm.bpf",
            _ => "no program may change what holds it",
        };
        return Known::Predicted(Remedy::None(why));
    };
    if let Some((transport, _)) = denied.port {
        let name = if transport == 0 { "tcp" } else { "udp" };
        return setting(key, format!("{name}:{}", record.value & 0xffff));
    }
    let named = path
        .and_then(Path::to_str)
        .filter(|text| text.starts_with('/') && !text.contains('$') && !text.contains(char::is_control));
    match named {
        Some(text) => setting(key, text.to_owned()),
        None if record.path.is_none() || record.device.0 == 0 => {
            Known::Unknown("the file has no path that a policy could name".to_owned())
        }
        None => Known::Unknown("a policy cannot name this path".to_owned()),
    }
}

fn parse(bytes: &[u8]) -> Option<Record> {
    let bytes: &[u8; RECORD] = bytes.get(..RECORD)?.try_into().ok()?;
    let word = |at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let device = word(16);
    let inode = u64::from(word(24)) | u64::from(word(28)) << 32;
    let until_nul = |bytes: &[u8]| bytes.split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
    let count = (word(20) as usize).min(NAMES);
    let names: Vec<Vec<u8>> = (0..count)
        .map(|number| until_nul(&bytes[HEAD + number * NAME..HEAD + (number + 1) * NAME]))
        .collect();
    Some(Record {
        kind: word(0),
        process: word(4),
        thread: word(8),
        value: word(12),
        // `MKDEV` of include/linux/kdev_t.h.
        device: (device >> 20, device & 0xf_ffff),
        inode,
        command: until_nul(&bytes[32..48]),
        call: (word(48) != u32::MAX).then(|| word(48)),
        path: path(&names),
    })
}

/// Names from the file up to the root of its file system, whose own name is `/`.
fn path(names: &[Vec<u8>]) -> Option<(PathBuf, bool)> {
    let whole = names.last()? == b"/" && names.iter().all(|name| name.len() < NAME - 1);
    let mut path = PathBuf::from("/");
    path.extend(names.iter().rev().filter(|name| *name != b"/").map(|name| OsStr::from_bytes(name)));
    Some((path, !whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(names: &[&str]) -> Vec<u8> {
        let mut bytes = vec![0; RECORD];
        let words = [3_u32, 7, 8, 0o4755, (8 << 20) | 1, names.len() as u32, 99, 0];
        for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_ne_bytes());
        }
        bytes[32..36].copy_from_slice(b"sh\0x");
        bytes[48..52].copy_from_slice(&90_u32.to_ne_bytes());
        for (number, name) in names.iter().enumerate() {
            bytes[HEAD + number * NAME..][..name.len()].copy_from_slice(name.as_bytes());
        }
        bytes
    }

    #[test]
    fn a_record_is_read() {
        let read = parse(&record(&["file", "home", "/"])).unwrap();
        assert_eq!((read.kind, read.process, read.thread), (3, 7, 8));
        assert_eq!((read.device, read.inode, read.command.as_slice()), ((8, 1), 99, &b"sh"[..]));
        assert_eq!(read.path, Some(("/home/file".into(), false)));
        assert_eq!(read.call, Some(90));
        assert!(parse(&[0; RECORD - 1]).is_none());
    }

    #[test]
    fn a_path_that_is_cut_says_so() {
        let long = "x".repeat(NAME - 1);
        assert!(parse(&record(&[&long, "/"])).unwrap().path.unwrap().1);
        assert!(parse(&record(&["file", "home"])).unwrap().path.unwrap().1);
        assert_eq!(parse(&record(&[])).unwrap().path, None);
    }

    #[test]
    fn a_remedy_names_the_key_that_grants_it() {
        let read = parse(&record(&["file", "/"])).unwrap();
        let says = |kind, value, path: Option<&str>| {
            let read = Record { kind, value, ..read.clone() };
            match remedy(path.map(Path::new), &Denied::of(kind, value), &read) {
                Known::Predicted(Remedy::Settings(settings)) => settings[0].flag(),
                other => format!("{other:?}"),
            }
        };
        assert_eq!(says(3, 0, Some("/etc/x")), "--fs-write=/etc/x");
        assert_eq!(says(1, 0, Some("/tmp/x")), "--fs-exec=/tmp/x");
        assert_eq!(says(8, 0, Some("/run/s")), "--net-unix=/run/s");
        assert_eq!(says(10, 1 << 16 | 53, None), "--net-connect=udp:53");
        assert_eq!(says(9, 80, None), "--net-bind=tcp:80");
        assert!(says(6, 0x5401, Some("/dev/x")).contains("fs.dev"));
        assert!(says(3, 0, Some("/a\nb")).contains("cannot name"));
    }
}
