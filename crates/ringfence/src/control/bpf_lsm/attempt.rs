//! One operation for each holding of the program, where nothing else denies it: on what a peer outside
//! makes for it and removes again. prog_lsm.rst of the kernel's documentation.

use std::path::Path;

use crate::control::trial::{Deed, Ground, Passes, Peer, Place, Trial, Word};

const AT_REMOVEDIR: u64 = 0x200;
const O_RDWR_NOCTTY: u64 = 0o402;
const O_WRONLY_CREAT_EXCL: u64 = 0o301;
const AF_UNIX: u64 = 1;
const AF_INET: u64 = 2;
const STREAM: u64 = 1;
const DATAGRAM: u64 = 2;
const NONBLOCK: u64 = 0o4000;
const READ: u64 = 1;
const READ_EXEC: u64 = 5;
const PRIVATE: u64 = 2;
/// Nothing is there to execute: the last check of execve(2), behind all permissions.
const ENOEXEC: u16 = 8;
/// A queue is full: it was reached.
const EAGAIN: u16 = 11;
/// The device has no such command; it was asked.
const ENOTTY: u16 = 25;
const ENODATA: u16 = 61;
/// The file system has no such attributes; it was asked, behind the hook (`__vfs_setxattr_locked`).
const EOPNOTSUPP: u16 = 95;
const EADDRINUSE: u16 = 98;
const ECONNREFUSED: u16 = 111;

/// An operation that the program is about.
#[derive(Debug, Clone)]
pub struct Use {
    /// Last part of the claim's id.
    pub id: &'static str,
    /// The operation in words.
    pub words: &'static str,
    /// How it is tried.
    pub trial: Trial,
}

fn v(value: u64) -> Word {
    Word::Value(value)
}

impl Ground<'_> {
    fn open(&self, below: &str, flags: u64) -> Deed {
        self.at("openat", below, vec![v(flags), v(0o700)])
    }

    /// `struct sockaddr_un`, and its length.
    fn address(&self) -> [Word; 2] {
        let mut bytes = (AF_UNIX as u16).to_ne_bytes().to_vec();
        bytes.extend(self.bytes("socket"));
        bytes.push(0);
        let len = bytes.len() as u64;
        [Word::Bytes(bytes), v(len)]
    }

    /// The directory with a file of a page, and `more`; removed again.
    fn peer(&self, more: Vec<Deed>) -> Peer {
        let mut deeds = vec![
            self.at("mkdirat", "", vec![v(0o700)]),
            self.open("file", O_WRONLY_CREAT_EXCL),
            Deed::of("ftruncate", vec![Word::Answer(1), v(4096)]),
            // An open program cannot be executed.
            Deed::of("close", vec![Word::Answer(1)]),
        ];
        deeds.extend(more);
        let remove = |below| self.at("unlinkat", below, vec![v(0)]);
        let mut after: Vec<Deed> = ["file", "written", "socket", "device"].map(remove).into();
        after.push(self.at("unlinkat", "", vec![v(AT_REMOVEDIR)]));
        Peer { place: Place::Outside, deeds, after, evidence: None }
    }

    /// As [`Ground::peer`], with a socket of this kind that somebody outside has bound there.
    fn listener(&self, kind: u64) -> Peer {
        let [address, len] = self.address();
        let mut more = vec![
            Deed::of("socket", vec![v(AF_UNIX), v(kind), v(0)]),
            Deed::of("bind", vec![Word::Answer(4), address, len]),
        ];
        if kind == STREAM {
            more.push(Deed::of("listen", vec![Word::Answer(4), v(4)]));
        }
        self.peer(more)
    }
}

/// Every holding about files, devices and Unix sockets, in directories below `root`, which no rule grants.
/// `device`: the caller has `CAP_MKNOD`. Empty where the path is longer than a socket's name may be.
#[must_use]
pub fn files(root: &Path, unique: u32, device: bool) -> Vec<Use> {
    let ground = |number: usize| Ground { root, name: format!(".ringfence-bpf-{unique}-{number}") };
    if ground(99).bytes("socket").len() > 100 {
        return Vec::new();
    }
    let mut all = Vec::new();
    let mut add = |id, words, passes: &[u16], make: &dyn Fn(&Ground<'_>) -> (Vec<Deed>, Peer)| {
        let (deeds, peer) = make(&ground(all.len()));
        let passes = if passes.is_empty() { Passes::Success } else { Passes::SuccessOr(passes.to_vec()) };
        all.push(Use { id, words, trial: Trial::of(deeds).with(peer).passing(passes) });
    };
    sockets(&mut add);
    attributes(&mut add);
    execution(&mut add);
    if device {
        add("ioctl", "ioctl on a device", &[ENOTTY], &|on| {
            // The null device, and a command that it does not have: TCGETS.
            let node = on.at("mknodat", "device", vec![v(0o020_600), v(1 << 8 | 3)]);
            let command = Deed::of("ioctl", vec![Word::Answer(0), v(0x5401), Word::Scratch(512)]);
            (vec![on.open("device", O_RDWR_NOCTTY), command], on.peer(vec![node]))
        });
    }
    all
}

/// Adds one operation: id, words, errnos of what comes behind every check, and how it is made.
type Add<'a> =
    &'a mut dyn FnMut(&'static str, &'static str, &[u16], &dyn Fn(&Ground<'_>) -> (Vec<Deed>, Peer));

fn sockets(add: Add<'_>) {
    let connect = |on: &Ground<'_>, kind| {
        let [address, len] = on.address();
        let socket = Deed::of("socket", vec![v(AF_UNIX), v(kind | NONBLOCK), v(0)]);
        vec![socket, Deed::of("connect", vec![Word::Answer(0), address, len])]
    };
    add("unix/stream", "connect to a Unix socket in the file system", &[EAGAIN], &|on| {
        (connect(on, STREAM), on.listener(STREAM))
    });
    add("unix/datagram", "connect a datagram socket to one in the file system", &[], &|on| {
        (connect(on, DATAGRAM), on.listener(DATAGRAM))
    });
    add("unix/sendto", "send a datagram to a Unix socket in the file system", &[EAGAIN], &|on| {
        let [address, len] = on.address();
        let socket = Deed::of("socket", vec![v(AF_UNIX), v(DATAGRAM | NONBLOCK), v(0)]);
        let byte = Word::Bytes(b"x".to_vec());
        let send = Deed::of("sendto", vec![Word::Answer(0), byte, v(1), v(0), address, len]);
        (vec![socket, send], on.listener(DATAGRAM))
    });
}

fn attributes(add: Add<'_>) {
    let same = v(0o700);
    add("chmod", "chmod of a file that is not writable", &[], &|on| {
        (vec![on.at("fchmodat", "file", vec![same.clone()])], on.peer(Vec::new()))
    });
    add("fchmod", "fchmod of a file that is open for reading", &[], &|on| {
        let change = Deed::of("fchmod", vec![Word::Answer(0), same.clone()]);
        (vec![on.open("file", 0), change], on.peer(Vec::new()))
    });
    add("chown", "chown of a file that is not writable", &[], &|on| {
        let owner = vec![Word::Answer(0), Word::number(-1), v(0)];
        (vec![Deed::of("getuid", Vec::new()), on.at("fchownat", "file", owner)], on.peer(Vec::new()))
    });
    let name = || Word::text(b"user.ringfence");
    add("setxattr", "set an attribute of a file that is not writable", &[EOPNOTSUPP], &|on| {
        let value = Word::Bytes(b"x".to_vec());
        (vec![Deed::of("setxattr", vec![on.path("file"), name(), value, v(1), v(0)])], on.peer(Vec::new()))
    });
    add("removexattr", "remove an attribute of a file that is not writable", &[EOPNOTSUPP, ENODATA], &|on| {
        (vec![Deed::of("removexattr", vec![on.path("file"), name()])], on.peer(Vec::new()))
    });
}

fn execution(add: Add<'_>) {
    add("exec/written", "execute what was written inside", &[ENOEXEC], &|on| {
        let deeds = vec![
            on.open("written", O_WRONLY_CREAT_EXCL),
            Deed::of("close", vec![Word::Answer(0)]),
            Deed::of("execve", vec![on.path("written"), v(0), v(0)]),
        ];
        (deeds, on.peer(Vec::new()))
    });
    add("exec/memory", "execute a file of memfd_create(2)", &[ENOEXEC], &|on| {
        let deeds = vec![
            Deed::of("memfd_create", vec![Word::text(b"ringfence"), v(1)]),
            Deed::of("execveat", vec![Word::Answer(0), Word::text(b""), v(0), v(0), v(0x1000)]),
        ];
        (deeds, on.peer(Vec::new()))
    });
    let map = |protection| {
        let args = vec![v(0), v(4096), v(protection), v(PRIVATE), Word::Answer(0), v(0)];
        Deed::of("mmap", args)
    };
    add("map", "map a file executable", &[], &|on| {
        (vec![on.open("file", 0), map(READ_EXEC)], on.peer(Vec::new()))
    });
    add("map-later", "make a mapping of a file executable", &[], &|on| {
        let later = Deed::of("mprotect", vec![Word::Answer(1), v(4096), v(READ_EXEC)]);
        (vec![on.open("file", 0), map(READ), later], on.peer(Vec::new()))
    });
}

/// What is done to a port of 127.0.0.1 that nobody has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// bind(2).
    Bind,
    /// connect(2).
    Connect,
    /// sendto(2) of one byte; UDP alone.
    Send,
}

/// A port of 127.0.0.1, by TCP or UDP.
#[must_use]
pub fn port(way: Way, stream: bool, port: u16) -> Trial {
    let mut address = (AF_INET as u16).to_ne_bytes().to_vec();
    address.extend(port.to_be_bytes());
    address.extend([127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    let address = Word::Bytes(address);
    let kind = if stream { STREAM } else { DATAGRAM } | NONBLOCK;
    let byte = Word::Bytes(b"x".to_vec());
    let act = match way {
        Way::Bind => Deed::of("bind", vec![Word::Answer(0), address, v(16)]),
        Way::Connect => Deed::of("connect", vec![Word::Answer(0), address, v(16)]),
        Way::Send => Deed::of("sendto", vec![Word::Answer(0), byte, v(1), v(0), address, v(16)]),
    };
    // Nobody listens there, or somebody else has it: behind every check.
    const EINPROGRESS: u16 = 115;
    let passes = Passes::SuccessOr(vec![EADDRINUSE, ECONNREFUSED, EINPROGRESS]);
    Trial::of(vec![Deed::of("socket", vec![v(AF_INET), v(kind), v(0)]), act]).passing(passes)
}
