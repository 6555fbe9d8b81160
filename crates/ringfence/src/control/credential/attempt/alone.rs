//! Operations that need a capability over the host itself, which only who has it can show to work; and
//! those on what belongs to another user, which a peer outside makes. capabilities(7).

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{Need, file};
use crate::control::trial::{Deed, FREE, Passes, Peer, Place, Reading, Trial, Word};

const AT_FDCWD: i64 = -100;

fn v(value: u64) -> Word {
    Word::Value(value)
}

/// Operations on what the attempting process makes for itself.
#[must_use]
pub fn own() -> Vec<Need> {
    let need = |capability, operation, trial| Need { capability, operation, trial };
    vec![
        need(4, "keep the set-user-ID bit of a file that is changed", set_user_id()),
        need(9, "make a file immutable", immutable()),
        need(19, "trace a process that is not dumpable", undumpable()),
        need(26, "hang a terminal up in a session without one", hang_up()),
        need(29, "write to the audit log", audit_message()),
        need(36, "keep the system awake by an event", wake_up()),
        need(40, "open a file by its mapping", mapped_file()),
    ]
}

/// Operations on what belongs to another user, in a directory that the caller may write. `own`: ids that
/// are not another's.
#[must_use]
pub fn others(directory: &Path, unique: u32, own: &[u32]) -> Vec<Need> {
    // nobody's, or its neighbours': ids that the maps of most containers have.
    let other = (0..=65_534u32).rev().find(|id| !own.contains(id)).map_or(u64::MAX, u64::from);
    let need = |capability, operation, trial| Need { capability, operation, trial };
    let path = |kind: &str| {
        let path = directory.join(format!(".ringfence-attempt-{kind}-{unique}"));
        Word::text(path.as_os_str().as_bytes())
    };
    let (f_setlease, read_lock) = (1024, 0);
    let chmod = Deed::of("fchmodat", vec![Word::number(AT_FDCWD), path("mode"), v(0o600)]);
    let open = Deed::of("openat", vec![Word::number(AT_FDCWD), path("lease"), v(0), v(0)]);
    let lease = Deed::of("fcntl", vec![Word::Answer(0), v(f_setlease), v(read_lock)]);
    let become_other = Deed::of("setresuid", vec![v(other), v(other), v(other)]);
    let process =
        Peer { place: Place::Outside, deeds: vec![become_other], after: Vec::new(), evidence: None };
    let kill = Deed::of("kill", vec![Word::PeerProcess, v(0)]);
    vec![
        need(3, "chmod a file of another user", Trial::of(vec![chmod]).with(file(&path("mode"), other))),
        need(
            28,
            "lease a file of another user",
            Trial::of(vec![open, lease]).with(file(&path("lease"), other)),
        ),
        need(5, "signal a process of another user", Trial::of(vec![kill]).with(process)),
    ]
}

/// Makes a file, gives it to another user, and removes it afterwards.
fn file(path: &Word, other: u64) -> Peer {
    let write_only_creat_excl = 0o301;
    let at = |rest: &[u64]| {
        let mut args = vec![Word::number(AT_FDCWD), path.clone()];
        args.extend(rest.iter().copied().map(v));
        args
    };
    let deeds = vec![
        Deed::of("openat", at(&[write_only_creat_excl, 0o644])),
        Deed::of("fchown", vec![Word::Answer(0), v(other), v(other)]),
        // A file that is open for writing has no lease for reading.
        Deed::of("close", vec![Word::Answer(0)]),
    ];
    Peer { place: Place::Outside, deeds, after: vec![Deed::of("unlinkat", at(&[0]))], evidence: None }
}

/// A file without a name, gone with the process.
fn memory_file() -> Deed {
    Deed::of("memfd_create", vec![Word::text(b"ringfence-attempt"), v(0)])
}

/// Whoever changes its length takes the bit away (`do_truncate`), but for the capability.
fn set_user_id() -> Trial {
    let bit = 0o4000;
    let deeds = vec![
        memory_file(),
        Deed::of("fchmod", vec![Word::Answer(0), v(bit | 0o700)]),
        Deed::of("ftruncate", vec![Word::Answer(0), v(0)]),
        Deed::of("fstat", vec![Word::Answer(0), Word::Scratch(0)]),
    ];
    // `st_mode` in `struct stat` of x86-64.
    Trial::of(deeds).reading(Reading::Bits { at: 24, mask: bit }).passing(Passes::Answer(bit))
}

/// `FS_IOC_SETFLAGS` with `FS_IMMUTABLE_FL`, linux/fs.h.
fn immutable() -> Trial {
    let (set_flags, immutable) = (0x4008_6602, 0x10u64);
    let flags = Word::Bytes(immutable.to_le_bytes().to_vec());
    Trial::of(vec![memory_file(), Deed::of("ioctl", vec![Word::Answer(0), v(set_flags), flags])])
}

/// `PTRACE_SEIZE` of another process of the same containment, ended with the attempting one.
fn undumpable() -> Trial {
    let (set_dumpable, seize) = (4, 0x4206);
    let deeds = vec![Deed::of("prctl", vec![v(set_dumpable), v(0), v(0), v(0), v(0)])];
    let peer = Peer { place: Place::Together, deeds, after: Vec::new(), evidence: None };
    Trial::of(vec![Deed::of("ptrace", vec![v(seize), Word::PeerProcess, v(0), v(0)])]).with(peer)
}

/// vhangup(2) of another process of the same containment, which leads a session that has no terminal:
/// the check comes first, and nothing is hung up then (`ksys_vhangup`). A new child leads no session, so
/// that setsid(2) does not fail, wherever this is tried.
fn hang_up() -> Trial {
    let after = vec![Deed::of("vhangup", Vec::new())];
    let peer = Peer {
        place: Place::Together,
        deeds: vec![Deed::of("setsid", Vec::new())],
        after,
        evidence: Some(0),
    };
    Trial::of(vec![Deed::of("getppid", Vec::new())]).with(peer)
}

/// `AUDIT_USER` without a word in it: EINVAL after the check, or nothing where auditing is off
/// (`audit_receive_msg`). The answer to it has the error at byte 16; that of EPERM and of ECONNREFUSED,
/// but not of EINVAL and 0, is odd.
fn audit_message() -> Trial {
    let (audit_user, request_ack) = (1005, 5);
    Trial::of(file::audit(audit_user, request_ack))
        .reading(Reading::Bits { at: 16, mask: 1 })
        .passing(Passes::Answer(0))
}

/// EPOLLWAKEUP is dropped in silence without the capability, and by kernels that know no sleep
/// (`ep_take_care_of_epollwakeup`): what is left of the events is told by `/proc/self/fdinfo`, with
/// EPOLLERR and EPOLLHUP, which are always there. The event never comes, so that nothing is kept awake.
fn wake_up() -> Trial {
    let (add, wake_up_and_in) = (1, 0x2000_0001u32);
    let mut event = wake_up_and_in.to_le_bytes().to_vec();
    event.extend([0; 8]);
    let path = Word::text(format!("/proc/self/fdinfo/{FREE}").as_bytes());
    let deeds = vec![
        Deed::of("epoll_create1", vec![v(0)]),
        Deed::of("dup2", vec![Word::Answer(0), v(FREE)]),
        Deed::of("eventfd2", vec![v(0), v(0)]),
        Deed::of("epoll_ctl", vec![v(FREE), v(add), Word::Answer(2), Word::Bytes(event)]),
        Deed::of("openat", vec![Word::number(AT_FDCWD), path, v(0), v(0)]),
        Deed::of("read", vec![Word::Answer(4), Word::Scratch(0), v(2048)]),
    ];
    Trial::of(deeds).reading(Reading::Has(b" 20000019 ".to_vec())).passing(Passes::Answer(1))
}

/// A mapped file by `/proc/self/map_files`, whose links only the capability follows
/// (`proc_map_files_get_link`). It is mapped where no program has anything, so that its name is known
/// wherever this is tried.
fn mapped_file() -> Trial {
    let (at, len, read, private_fixed) = (0x2_0000_0000u64, 4096, 1, 0x12);
    let map = vec![v(at), v(len), v(read), v(private_fixed), Word::Answer(0), v(0)];
    let path = Word::text(format!("/proc/self/map_files/{at:x}-{:x}", at + len).as_bytes());
    let open = Deed::of("openat", vec![Word::number(AT_FDCWD), path, v(0), v(0)]);
    Trial::of(vec![memory_file(), Deed::of("mmap", map), open])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_user_is_nobody_of_ours() {
        let text = |own: &[u32]| format!("{:?}", others(Path::new("/tmp"), 1, own));
        assert!(text(&[0]).contains("Value(65534)"));
        let avoiding = text(&[65_534, 65_533]);
        assert!(avoiding.contains("Value(65532)") && !avoiding.contains("65534"));
    }
}
