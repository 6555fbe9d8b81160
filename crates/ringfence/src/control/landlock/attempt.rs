//! One operation for each right, port and scope of Landlock, where nothing else denies it: on files
//! that a peer outside makes for it and removes again. landlock(7).

use std::path::Path;

use super::Right;
use crate::control::trial::{Deed, Ground, Passes, Peer, Place, Trial, Word};

const AT_FDCWD: i64 = -100;
const AT_REMOVEDIR: u64 = 0x200;
/// include/uapi/linux/fcntl.h, Linux 6.14: every check of execve(2), and no execution.
const AT_EXECVE_CHECK: u64 = 0x10000;
const O_WRONLY: u64 = 1;
const O_CREAT_EXCL: u64 = 0o300;
const O_DIRECTORY: u64 = 0o200_000;

/// An operation that one right is about.
#[derive(Debug, Clone)]
pub struct Use {
    /// `LANDLOCK_ACCESS_FS_*`, in lower case.
    pub right: &'static str,
    /// What brought it.
    pub since: Right,
    /// How it is tried.
    pub trial: Trial,
}

fn v(value: u64) -> Word {
    Word::Value(value)
}

/// A directory with a program, an empty directory, and whatever the trial adds, removed again.
fn peer(on: &Ground<'_>) -> Peer {
    let script = b"#!/bin/true\n".to_vec();
    let len = script.len() as u64;
    let deeds = vec![
        on.at("mkdirat", "", vec![v(0o700)]),
        on.at("mkdirat", "directory", vec![v(0o700)]),
        on.at("openat", "file", vec![v(O_WRONLY | O_CREAT_EXCL), v(0o700)]),
        Deed::of("write", vec![Word::Answer(2), Word::Bytes(script), v(len)]),
        // An open program cannot be executed.
        Deed::of("close", vec![Word::Answer(2)]),
    ];
    let after = vec![
        on.at("unlinkat", "directory/made", vec![v(0)]),
        on.at("unlinkat", "made", vec![v(0)]),
        on.at("unlinkat", "made", vec![v(AT_REMOVEDIR)]),
        on.at("unlinkat", "file", vec![v(0)]),
        on.at("unlinkat", "directory", vec![v(AT_REMOVEDIR)]),
        on.at("unlinkat", "", vec![v(AT_REMOVEDIR)]),
    ];
    Peer { place: Place::Outside, deeds, after, evidence: None }
}

/// Every right of files, each in a directory below `root`, which no rule grants. `device`: also those
/// that need `CAP_MKNOD`.
#[must_use]
pub fn files(root: &Path, unique: u32, device: bool) -> Vec<Use> {
    let ground = |number: usize| Ground { root, name: format!(".ringfence-landlock-{unique}-{number}") };
    let mut all = Vec::new();
    let mut add = |right, since, make: &dyn Fn(&Ground<'_>) -> Deed| {
        let ground = ground(all.len());
        let trial = Trial::of(vec![make(&ground)]).with(peer(&ground));
        all.push(Use { right, since, trial });
    };
    let files = Right::Files;
    add("write_file", files, &|on| on.at("openat", "file", vec![v(O_WRONLY), v(0)]));
    add("read_file", files, &|on| on.at("openat", "file", vec![v(0), v(0)]));
    add("read_dir", files, &|on| on.at("openat", "directory", vec![v(O_DIRECTORY), v(0)]));
    add("remove_dir", files, &|on| on.at("unlinkat", "directory", vec![v(AT_REMOVEDIR)]));
    add("remove_file", files, &|on| on.at("unlinkat", "file", vec![v(0)]));
    // A whiteout is a character device that needs no capability (`vfs_mknod`).
    add("make_char", files, &|on| on.at("mknodat", "made", vec![v(0o020_600), v(0)]));
    add("make_dir", files, &|on| on.at("mkdirat", "made", vec![v(0o700)]));
    // open(2) would need write_file as well.
    add("make_reg", files, &|on| on.at("mknodat", "made", vec![v(0o100_600), v(0)]));
    add("make_sock", files, &|on| on.at("mknodat", "made", vec![v(0o140_600), v(0)]));
    add("make_fifo", files, &|on| on.at("mknodat", "made", vec![v(0o010_600), v(0)]));
    add("make_sym", files, &|on| {
        Deed::of("symlinkat", vec![Word::text(b"file"), Word::number(AT_FDCWD), on.path("made")])
    });
    add("truncate", Right::Truncate, &|on| Deed::of("truncate", vec![on.path("file"), v(0)]));
    add("refer", Right::Refer, &|on| {
        let to = vec![Word::number(AT_FDCWD), on.path("directory/made"), v(0)];
        on.at("linkat", "file", to)
    });
    if device {
        add("make_block", files, &|on| on.at("mknodat", "made", vec![v(0o060_600), v(7 << 8)]));
    }
    all
}

/// A program where the rules let files be read, which execve(2) needs as well.
#[must_use]
pub fn execute(root: &Path, unique: u32) -> Use {
    let on = Ground { root, name: format!(".ringfence-landlock-{unique}-execute") };
    let check = on.at("execveat", "file", vec![v(0), v(0), v(AT_EXECVE_CHECK)]);
    Use { right: "execute", since: Right::Files, trial: Trial::of(vec![check]).with(peer(&on)) }
}

/// A command of a device that the rules let be opened for reading: a node of mem(4)'s null device, which
/// knows no terminal's command (ENOTTY). Needs `CAP_MKNOD`, and a mount without `nodev`.
#[must_use]
pub fn command(root: &Path, unique: u32) -> Use {
    let (null, tcgets, no_terminal) = (0x103, 0x5401, 25);
    let on = Ground { root, name: format!(".ringfence-landlock-{unique}-command") };
    let mut peer = peer(&on);
    peer.deeds.push(on.at("mknodat", "made", vec![v(0o020_600), v(null)]));
    let open = on.at("openat", "made", vec![v(0), v(0)]);
    let command = Deed::of("ioctl", vec![Word::Answer(0), v(tcgets), Word::Scratch(0)]);
    let passes = Passes::SuccessOrAt(1, no_terminal);
    Use {
        right: "ioctl_dev",
        since: Right::IoctlDev,
        trial: Trial::of(vec![open, command]).passing(passes).with(peer),
    }
}

/// connect(2) to the pathname Unix socket of a process outside; `None` where the path is too long for a
/// `struct sockaddr_un`.
#[must_use]
pub fn resolve(root: &Path, unique: u32) -> Option<Use> {
    let (unix, stream) = (1u64, 1);
    let on = Ground { root, name: format!(".ringfence-landlock-{unique}-resolve") };
    let name = on.bytes("made");
    let mut address = (unix as u16).to_le_bytes().to_vec();
    address.extend(&name);
    address.push(0);
    let mut peer = peer(&on);
    let socket = peer.deeds.len() as u8;
    let bind = vec![Word::Answer(socket), Word::Bytes(address.clone()), v(address.len() as u64)];
    peer.deeds.extend([
        Deed::of("socket", vec![v(unix), v(stream), v(0)]),
        Deed::of("bind", bind),
        Deed::of("listen", vec![Word::Answer(socket), v(1)]),
    ]);
    let trial = connected(&address).with(peer);
    (address.len() <= 110).then_some(Use { right: "resolve_unix", since: Right::ResolveUnix, trial })
}

fn connected(address: &[u8]) -> Trial {
    let socket = Deed::of("socket", vec![v(1), v(1), v(0)]);
    let to = vec![Word::Answer(0), Word::Bytes(address.to_vec()), v(address.len() as u64)];
    Trial::of(vec![socket, Deed::of("connect", to)])
}

/// Signal 0 to a process outside.
#[must_use]
pub fn signal(process: u32) -> Trial {
    Trial::of(vec![Deed::of("kill", vec![v(u64::from(process)), v(0)])])
}

/// bind(2) of a TCP or UDP port of 127.0.0.1; one in use is let through by every control.
#[must_use]
pub fn bind(port: u16, stream: bool) -> Trial {
    let (inet, address_in_use) = (2u64, 98);
    let mut address = (inet as u16).to_le_bytes().to_vec();
    address.extend(port.to_be_bytes());
    address.extend([127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    let socket = Deed::of("socket", vec![v(inet), v(if stream { 1 } else { 2 }), v(0)]);
    let bind = Deed::of("bind", vec![Word::Answer(0), Word::Bytes(address), v(16)]);
    Trial::of(vec![socket, bind]).passing(Passes::SuccessOr(vec![address_in_use]))
}
