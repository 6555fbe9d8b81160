//! Channels that are objects with a name or a number: files, fifos, System V and POSIX objects, keys.

use super::{Border, Channel, Names, channel, n, v};
use crate::control::trial::{Deed, Passes, Word};
use crate::policy::model::Namespace;

const IPC: Border = Border::Own(Namespace::Ipc);
const AT_FDCWD: i64 = -100;
const O_CREAT_EXCL: u64 = 0o300;
const O_RDWR: u64 = 2;
const O_WRONLY: u64 = 1;
const O_NONBLOCK: u64 = 0o4000;
const IPC_CREAT: u64 = 0o1000;
const IPC_NOWAIT: u64 = 0o4000;
const OWN: u64 = 0o600;

pub(super) fn all(names: &mut dyn FnMut() -> Names, directories: Vec<&'static str>) -> Vec<Channel> {
    let mut all = vec![shared_memory(), semaphore(), message(), queue(&names()), key(&names())];
    for directory in directories {
        let (file, fifo) =
            if directory == "/tmp" { ("file-tmp", "fifo-tmp") } else { ("file-shm", "fifo-shm") };
        all.push(written(file, directory, &names()));
        all.push(piped(fifo, directory, &names()));
    }
    all
}

fn of(name: &str, args: Vec<Word>) -> Deed {
    Deed::of(name, args)
}

fn byte() -> Word {
    Word::Bytes(b"x".to_vec())
}

fn path(directory: &str, names: &Names) -> Word {
    Word::text(format!("{directory}/.{}", names.unique).as_bytes())
}

/// Removed at once: the segment stays as long as the peer has it, shmctl(2).
fn shared_memory() -> Channel {
    let (private, ipc_rmid) = (0, 0);
    Channel {
        peer: vec![
            of("shmget", vec![v(private), v(4096), v(IPC_CREAT | OWN)]),
            of("shmat", vec![Word::Answer(0), v(0), v(0)]),
            of("shmctl", vec![Word::Answer(0), v(ipc_rmid), v(0)]),
        ],
        deeds: vec![of("shmat", vec![Word::Peer(0), v(0), v(0)])],
        ..channel("sysv-shm", "share System V memory with", "shmop(2)", IPC)
    }
}

fn semaphore() -> Channel {
    let (private, ipc_rmid, getval) = (0, 0, 12);
    // `struct sembuf`: the first one, plus 1.
    let plus_one = Word::Bytes(vec![0, 0, 1, 0, 0, 0]);
    Channel {
        peer: vec![of("semget", vec![v(private), v(1), v(IPC_CREAT | OWN)])],
        deeds: vec![of("semop", vec![Word::Peer(0), plus_one, v(1)])],
        after: vec![
            of("semctl", vec![Word::Answer(0), v(0), v(getval), v(0)]),
            of("semctl", vec![Word::Answer(0), v(0), v(ipc_rmid), v(0)]),
        ],
        seen: Some(Passes::Answer(1)),
        ..channel("sysv-sem", "change a System V semaphore of", "semop(2)", IPC)
    }
}

fn message() -> Channel {
    let (private, ipc_rmid) = (0, 0);
    Channel {
        peer: vec![of("msgget", vec![v(private), v(IPC_CREAT | OWN)])],
        deeds: vec![of("msgsnd", vec![Word::Peer(0), Word::Words(vec![v(1), v(0x41)]), v(8), v(IPC_NOWAIT)])],
        after: vec![
            of("msgrcv", vec![Word::Answer(0), Word::Scratch(512), v(8), v(0), v(IPC_NOWAIT)]),
            of("msgctl", vec![Word::Answer(0), v(ipc_rmid), v(0)]),
        ],
        seen: Some(Passes::Answer(8)),
        ..channel("sysv-msg", "send a System V message to", "msgop(2)", IPC)
    }
}

fn queue(names: &Names) -> Channel {
    let name = || Word::text(names.unique.as_bytes());
    let one_of_eight_bytes = Word::Words([0, 1, 8, 0, 0, 0, 0, 0].map(v).to_vec());
    let flags = O_RDWR | O_CREAT_EXCL | O_NONBLOCK;
    Channel {
        peer: vec![of("mq_open", vec![name(), v(flags), v(OWN), one_of_eight_bytes])],
        deeds: vec![
            of("mq_open", vec![name(), v(O_WRONLY | O_NONBLOCK), v(0), v(0)]),
            of("mq_timedsend", vec![Word::Answer(0), byte(), v(1), v(0), v(0)]),
        ],
        after: vec![
            of("mq_timedreceive", vec![Word::Answer(0), Word::Scratch(512), v(8), v(0), v(0)]),
            of("mq_unlink", vec![name()]),
        ],
        seen: Some(Passes::Answer(1)),
        ..channel("posix-queue", "send a POSIX message to", "mq_overview(7)", IPC)
    }
}

/// A key in the peer's process keyring, which goes with the process; everybody may see it.
fn key(names: &Names) -> Channel {
    let (process_keyring, setperm, describe, all_see) = (-2, 5, 6, 0x3f3f_3f3f);
    let (kind, name) = (Word::text(b"user"), Word::text(names.unique.as_bytes()));
    Channel {
        peer: vec![
            of("add_key", vec![kind, name, byte(), v(1), n(process_keyring)]),
            of("keyctl", vec![v(setperm), Word::Answer(0), v(all_see)]),
        ],
        deeds: vec![of("keyctl", vec![v(describe), Word::Peer(0), Word::Scratch(512), v(128)])],
        ..channel("keyring", "see a key of", "keyrings(7)", Border::Filter)
    }
}

/// The peer sees how long the file has become.
fn written(name: &'static str, directory: &'static str, names: &Names) -> Channel {
    let seek_end = 2;
    let create = vec![n(AT_FDCWD), path(directory, names), v(O_RDWR | O_CREAT_EXCL), v(OWN)];
    Channel {
        peer: vec![of("openat", create)],
        deeds: vec![
            of("openat", vec![n(AT_FDCWD), path(directory, names), v(O_WRONLY), v(0)]),
            of("write", vec![Word::Answer(0), byte(), v(1)]),
        ],
        after: vec![
            of("lseek", vec![Word::Answer(0), v(0), v(seek_end)]),
            of("unlinkat", vec![n(AT_FDCWD), path(directory, names), v(0)]),
        ],
        seen: Some(Passes::Answer(1)),
        ..channel(name, "write a file of", "shm_overview(7)", Border::Private(directory))
    }
}

fn piped(name: &'static str, directory: &'static str, names: &Names) -> Channel {
    let fifo = 0o010_000;
    let open =
        |flags: u64| of("openat", vec![n(AT_FDCWD), path(directory, names), v(flags | O_NONBLOCK), v(0)]);
    Channel {
        peer: vec![
            of("mknodat", vec![n(AT_FDCWD), path(directory, names), v(fifo | OWN), v(0)]),
            open(O_RDWR),
        ],
        deeds: vec![open(O_WRONLY), of("write", vec![Word::Answer(0), byte(), v(1)])],
        after: vec![
            of("read", vec![Word::Answer(1), Word::Scratch(512), v(8)]),
            of("unlinkat", vec![n(AT_FDCWD), path(directory, names), v(0)]),
        ],
        seen: Some(Passes::Answer(1)),
        ..channel(name, "write a fifo of", "fifo(7)", Border::Private(directory))
    }
}
