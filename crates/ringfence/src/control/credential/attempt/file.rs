//! Operations on files and other objects of the attempting process' own, each of which needs a
//! capability: in a private directory, and removed at once. capabilities(7), acl(5).

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::Need;
use crate::control::trial::{Deed, Passes, Reading, Trial, Word};

const AT_FDCWD: i64 = -100;
const O_RDWR: u64 = 2;
const O_CREAT_EXCL: u64 = 0o300;
const ESTALE: u16 = 116;

fn v(value: u64) -> Word {
    Word::Value(value)
}

/// Two ids, so that one of them is not the attempting process' own, whoever that is: to change to both
/// needs the capability.
const OTHERS: [u64; 2] = [65_534, 65_533];

/// Operations that need a capability, on a new file in `directory`.
#[must_use]
pub fn needs(directory: &Path, unique: u32) -> Vec<Need> {
    let mut number = 0;
    let mut file = |mode: u64, then: Vec<fn(Word) -> Deed>| {
        number += 1;
        let path = directory.join(format!(".ringfence-attempt-need-{unique}-{number}"));
        let path = Word::text(path.as_os_str().as_bytes());
        let create = vec![Word::number(AT_FDCWD), path.clone(), v(O_RDWR | O_CREAT_EXCL), v(mode)];
        let mut deeds = vec![Deed::of("openat", create)];
        deeds.extend(then.iter().map(|deed| deed(path.clone())));
        let undo = Deed::of("unlinkat", vec![Word::number(AT_FDCWD), path, v(0)]);
        Trial::of(deeds).then(Some(undo))
    };
    let open: fn(Word) -> Deed = |path| Deed::of("openat", vec![Word::number(AT_FDCWD), path, v(O_RDWR)]);
    let one: fn(Word) -> Deed = |_| chown(OTHERS[0]);
    let other: fn(Word) -> Deed = |_| chown(OTHERS[1]);
    let list: fn(Word) -> Deed = |path| acl(path);
    let privileged: fn(Word) -> Deed = |path| capability(path);
    let need = |capability, operation, trial| Need { capability, operation, trial };
    vec![
        need(0, "chown of an own file to another user", file(0o600, vec![one, other])),
        need(1, "open of an own file without permission bits", file(0, vec![open])),
        need(1, "open of an own file that an ACL denies", file(0o600, vec![list, open])),
        need(31, "set file capabilities", file(0o600, vec![privileged])),
        need(27, "make the device node of memory", device(directory, unique)),
    ]
}

/// The group stays.
fn chown(user: u64) -> Deed {
    Deed::of("fchown", vec![Word::Answer(0), v(user), Word::number(-1)])
}

/// setxattr(2) of an ACL that gives its owner nothing and everybody else everything: version 2,
/// `ACL_USER_OBJ`, `ACL_GROUP_OBJ`, `ACL_MASK`, `ACL_OTHER`, without ids.
fn acl(path: Word) -> Deed {
    let mut bytes = 2u32.to_le_bytes().to_vec();
    for (tag, permission) in [(0x01u16, 0u16), (0x04, 7), (0x10, 7), (0x20, 7)] {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(permission.to_le_bytes());
        bytes.extend(u32::MAX.to_le_bytes());
    }
    let len = bytes.len() as u64;
    let name = Word::text(b"system.posix_acl_access");
    Deed::of("setxattr", vec![path, name, Word::Bytes(bytes), v(len), v(0)])
}

/// `struct vfs_cap_data` of version 2 with nothing in it.
fn capability(path: Word) -> Deed {
    let mut bytes = 0x0200_0000u32.to_le_bytes().to_vec();
    bytes.extend([0; 16]);
    Deed::of("setxattr", vec![path, Word::text(b"security.capability"), Word::Bytes(bytes), v(20), v(0)])
}

/// A node of mem(4)'s null device: nothing that one could not open anyway.
fn device(directory: &Path, unique: u32) -> Trial {
    let path = directory.join(format!(".ringfence-attempt-node-{unique}"));
    let path = || Word::text(path.as_os_str().as_bytes());
    let make = Deed::of("mknodat", vec![Word::number(AT_FDCWD), path(), v(0o020_600), v(0x103)]);
    Trial::of(vec![make]).then(Some(Deed::of("unlinkat", vec![Word::number(AT_FDCWD), path(), v(0)])))
}

/// The same without files.
#[must_use]
pub fn others() -> Vec<Need> {
    let need = |capability, operation, trial| Need { capability, operation, trial };
    // Not the effective one, with which the capability would go.
    let ids = vec![v(OTHERS[0]), Word::number(-1), v(OTHERS[1])];
    // FILEID_INO32_GEN of an inode that does not exist: its check comes last.
    let handle = Word::Bytes([8u32, 1, u32::MAX, u32::MAX].map(u32::to_le_bytes).concat());
    let root = Deed::of("openat", vec![Word::number(AT_FDCWD), Word::text(b"/"), v(0)]);
    let by_handle = Deed::of("open_by_handle_at", vec![Word::Answer(0), handle, v(0)]);
    // The same number twice would be no rise: first down, then up again.
    let descriptors =
        |most: u64| Deed::of("prlimit64", vec![v(0), v(7), Word::Words(vec![v(most), v(most)]), v(0)]);
    let no_locks = Deed::of("prlimit64", vec![v(0), v(8), Word::Words(vec![v(0), v(0)]), v(0)]);
    let lock = Deed::of("mlock", vec![Word::Scratch(0), v(4096)]);
    vec![
        need(7, "setresuid to another user", Trial::of(vec![Deed::of("setresuid", ids)])),
        need(
            8,
            "drop a capability of the bounding set",
            Trial::of(vec![Deed::of("prctl", vec![v(24), v(40), v(0), v(0), v(0)])]),
        ),
        need(
            2,
            "open_by_handle_at of a handle that is stale",
            Trial::of(vec![root, by_handle]).passing(Passes::SuccessOr(vec![ESTALE])),
        ),
        need(24, "raise an own hard limit", Trial::of(vec![descriptors(64), descriptors(65)])),
        need(14, "lock memory beyond the limit", Trial::of(vec![no_locks, lock])),
        need(15, "attach System V memory without permission bits", memory()),
        need(30, "ask the audit facility for its state", audit_state()),
        need(37, "join the audit log's multicast group", audit_log()),
        need(38, "count events of a whole processor", events()),
        need(39, "make a bpf map", map()),
    ]
}

fn memory() -> Trial {
    let (ipc_creat, ipc_rmid) = (0o1000, 0);
    let get = Deed::of("shmget", vec![v(0), v(4096), v(ipc_creat)]);
    let attach = Deed::of("shmat", vec![Word::Answer(0), v(0), v(0)]);
    let remove = Deed::of("shmctl", vec![Word::Answer(0), v(ipc_rmid), v(0)]);
    Trial::of(vec![get, attach]).then(Some(remove))
}

/// `AUDIT_GET`: the answer has its type where it is not an error, netlink(7).
fn audit_state() -> Trial {
    let (audit_get, request) = (1000, 1);
    let kind = Reading::Bits { at: 4, mask: 0xffff };
    Trial::of(audit(audit_get, request)).reading(kind).passing(Passes::Answer(u64::from(audit_get)))
}

/// A message to the audit facility without a word in it, and its answer. A thread of the kernel answers
/// (`audit_send_reply`): that is waited for.
pub(super) fn audit(kind: u16, flags: u16) -> Vec<Deed> {
    let mut message = 16u32.to_le_bytes().to_vec();
    message.extend(kind.to_le_bytes());
    message.extend(flags.to_le_bytes());
    message.extend([0; 8]);
    let receive = vec![Word::Answer(0), Word::Scratch(0), v(256), v(0), v(0), v(0)];
    vec![
        Deed::of("socket", vec![v(16), v(3), v(9)]),
        Deed::of("sendto", vec![Word::Answer(0), Word::Bytes(message), v(16), v(0), v(0), v(0)]),
        Deed::of("recvfrom", receive),
    ]
}

fn audit_log() -> Trial {
    let mut address = 16u16.to_le_bytes().to_vec();
    address.extend([0; 6]);
    address.extend(1u32.to_le_bytes());
    let socket = Deed::of("socket", vec![v(16), v(3), v(9)]);
    Trial::of(vec![socket, Deed::of("bind", vec![Word::Answer(0), Word::Bytes(address), v(12)])])
}

/// `PERF_COUNT_SW_CPU_CLOCK` of processor 0, disabled.
fn events() -> Trial {
    let mut attr = vec![0u8; 64];
    attr[0] = 1;
    attr[4] = 64;
    attr[40] = 1;
    let args = vec![Word::Bytes(attr), Word::number(-1), v(0), Word::number(-1), v(0)];
    Trial::of(vec![Deed::of("perf_event_open", args)])
}

/// `BPF_MAP_TYPE_LRU_HASH` of one entry, gone with the process.
fn map() -> Trial {
    let mut attr = [9u32, 4, 4, 1].map(u32::to_le_bytes).concat();
    attr.extend([0; 56]);
    Trial::of(vec![Deed::of("bpf", vec![v(0), Word::Bytes(attr), v(72)])])
}

/// A capability regained in a user namespace of one's own: `sethostname` in an own uts namespace there.
#[must_use]
pub fn nested() -> Trial {
    let (new_user, new_uts) = (0x1000_0000, 0x0400_0000);
    let unshare = Deed::of("unshare", vec![v(new_user | new_uts)]);
    Trial::of(vec![unshare, Deed::of("sethostname", vec![Word::Bytes(b"x".to_vec()), v(1)])])
}
