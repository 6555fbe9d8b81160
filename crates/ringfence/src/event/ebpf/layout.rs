//! What `bpf/denial.bpf.c` sends and is set to: the same layouts, as bytes. Pure.

use std::fmt::Debug;

use ringfence_bpf::program::SeccompData;
use ringfence_bpf::table::Abi;

use crate::event::call::Memory;

/// The most that is kept of a string.
pub(super) const TEXT: usize = 512;
/// `struct call` before its text.
pub(super) const HEAD: usize = 280;
/// Supplementary groups that are kept.
const GROUPS: usize = 16;
/// Numbers of one ABI in the table of calls.
pub(super) const NUMBERS: u32 = 1024;

const ENTERED: u32 = 1;
const FIRST_READ: u32 = 2;
const SECOND_READ: u32 = 4;
const PEER_READ: u32 = 8;
const FIRST_PLACED: u32 = 16;
const SECOND_PLACED: u32 = 32;
const ROOTED: u32 = 64;

/// How a failed call was counted: an index into the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Refused: EACCES, EPERM, EROFS and their like.
    Refused = 0,
    /// Not found.
    Absent = 1,
    /// No room, no way: limits and networks.
    Short = 2,
    /// By seccomp.
    Gate = 3,
}

/// Who was seen to refuse, `enum denier` of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Denier {
    /// Permission bits or an ACL: the end of `generic_permission`.
    Bits,
    /// A mount that is read-only.
    Mount,
    /// A hook of Landlock.
    Landlock,
    /// A security module, and it is not Landlock's own hook.
    Module,
}

impl Denier {
    fn of(word: u32) -> Option<Self> {
        match word {
            1 => Some(Self::Bits),
            2 => Some(Self::Mount),
            4 => Some(Self::Landlock),
            8 => Some(Self::Module),
            _ => None,
        }
    }
}

/// Which count is where in the map of counts.
pub(super) mod count {
    pub(crate) const SENT: u32 = 0;
    pub(crate) const DROPPED: u32 = 4;
    pub(crate) const UNKEPT: u32 = 8;
    pub(crate) const GATE: u32 = 9;
    pub(crate) const STOPS: u32 = 10;
    pub(crate) const URING: u32 = 11;
    pub(crate) const ENDLESS: u32 = 12;
}

/// `struct settings`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Settings {
    pub(super) launcher: u32,
    pub(super) init: u32,
    pub(super) gate: bool,
    pub(super) most: u32,
    pub(super) follow: bool,
}

impl Settings {
    pub(super) fn words(self) -> [u32; 8] {
        [0, self.launcher, self.init, self.gate.into(), self.most, 0, 0, self.follow.into()]
    }
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Its number, arguments and ABI, as the filter saw them.
    pub data: SeccompData,
    /// Its thread and process, in the first pid namespace.
    pub thread: u32,
    /// See `thread`.
    pub process: u32,
    /// `comm` of the thread.
    pub command: Vec<u8>,
    /// What it failed with.
    pub errno: u16,
    /// Whether it came past seccomp.
    pub entered: bool,
    /// Capabilities that were asked for meanwhile and were not there, a bit each.
    pub capabilities: u64,
    /// Those of them that only count in the first user namespace.
    pub outermost: u64,
    /// Whose function of the kernel was seen to end with a refusal, the last one of the call.
    pub denier: Option<Denier>,
    /// The error that it gave.
    pub denied: u16,
    /// What the arguments pointed to.
    pub kept: Kept,
    /// Where its first and its second name are looked up from: a path from the root of its mount
    /// namespace. `None`: the name is absolute, or that was not seen.
    pub directories: [Option<Vec<u8>>; 2],
    /// Who made it.
    pub by: By,
}

/// Who made a call: credentials(7), by the numbers of the first user namespace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct By {
    /// `fsuid`.
    pub user: u32,
    /// `fsgid`.
    pub group: u32,
    /// Supplementary groups; `None`: more than are kept.
    pub groups: Option<Vec<u32>>,
    /// Effective capabilities.
    pub effective: u64,
    /// Number of the user namespace.
    pub users: u32,
    /// Number of the mount namespace.
    pub view: u32,
    /// Whether its root is that of its mount namespace.
    pub rooted: bool,
    /// Soft limits: file size, processes, files, locked memory, addresses.
    pub limits: [u64; 5],
}

/// Memory of the caller as it was when the call was made, as far as it was kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    pieces: Vec<(u64, Vec<u8>)>,
}

impl Memory for Kept {
    fn read(&self, address: u64, room: &mut [u8]) -> Result<usize, String> {
        let piece = self.pieces.iter().find(|(at, _)| *at == address);
        let (_, bytes) = piece.ok_or_else(|| "it was not kept when the call was made".to_owned())?;
        let len = bytes.len().min(room.len());
        room[..len].copy_from_slice(&bytes[..len]);
        Ok(len)
    }
}

/// Which arguments of a call point to what, `calls` of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Shape {
    /// Strings, by the argument's place from 1; 0: none.
    pub(super) first: u32,
    pub(super) second: u32,
    /// Whether the argument before a string is the directory that it is looked up from.
    pub(super) first_at: bool,
    pub(super) second_at: bool,
    /// Bytes with their length in the next argument.
    pub(super) peer: u32,
    /// Kinds of call.
    pub(super) kinds: u32,
}

impl Shape {
    pub(super) fn word(self) -> u32 {
        let at = u32::from(self.first_at) << 9 | u32::from(self.second_at) << 10;
        self.first | self.second << 3 | self.peer << 6 | at | self.kinds << 16
    }

    fn of(word: u32) -> Self {
        Self {
            first: word & 7,
            second: word >> 3 & 7,
            first_at: word >> 9 & 1 == 1,
            second_at: word >> 10 & 1 == 1,
            peer: word >> 6 & 7,
            kinds: word >> 16,
        }
    }
}

/// A call from what the program sent; `None` for what it cannot have sent.
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<Failed> {
    let word = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
    let long = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(u64::from_ne_bytes);
    let mut args = [0; 6];
    for (n, arg) in args.iter_mut().enumerate() {
        *arg = long(8 + 8 * n)?;
    }
    let abi = *[Abi::X86_64, Abi::I386, Abi::X32].get(word(84)? as usize)?;
    let errno =
        |at: usize| word(at).map(u32::cast_signed).and_then(|errno| u16::try_from(errno.unsigned_abs()).ok());
    let flags = word(92)?;
    let command = bytes.get(112..128)?;
    let end = command.iter().position(|byte| *byte == 0).unwrap_or(command.len());
    let shape = Shape::of(word(132)?);
    let lengths = [word(104)?, word(108)?].map(|len| (len as usize).min(TEXT));
    let text = bytes.get(HEAD..)?;
    let mut pieces = Vec::new();
    let mut keep = |read: u32, place: u32, from: usize, len: usize| {
        let at = (place as usize).checked_sub(1).and_then(|place| args.get(place).copied());
        let piece = text.get(from..from + len);
        if let (true, Some(at), Some(piece)) = (flags & read != 0, at, piece) {
            pieces.push((at, piece.to_vec()));
        }
    };
    keep(FIRST_READ, shape.first, 0, lengths[0]);
    keep(SECOND_READ, shape.second, TEXT, lengths[1]);
    keep(PEER_READ, shape.peer, TEXT, lengths[1]);
    Some(Failed {
        data: SeccompData { nr: word(80)?, arch: abi.audit_arch(), instruction_pointer: 0, args },
        thread: word(72)?,
        process: word(76)?,
        command: command[..end].to_vec(),
        errno: errno(88)?,
        entered: flags & ENTERED != 0,
        capabilities: long(56)?,
        outermost: long(64)?,
        denier: Denier::of(word(96)?),
        denied: errno(100)?,
        directories: directories(flags, lengths, [word(136)?, word(140)?], text),
        by: by(bytes, flags & ROOTED != 0)?,
        kept: Kept { pieces },
    })
}

/// The names of each directory lie behind the text, the innermost first.
fn directories(flags: u32, lengths: [usize; 2], sizes: [u32; 2], text: &[u8]) -> [Option<Vec<u8>>; 2] {
    let mut at = match flags {
        _ if flags & (SECOND_READ | PEER_READ) != 0 => TEXT + lengths[1],
        _ if flags & FIRST_READ != 0 => lengths[0],
        _ => 0,
    };
    let mut directory = |placed: u32, size: u32| {
        let names = text.get(at..at.checked_add(size as usize)?).filter(|_| flags & placed != 0)?;
        at += names.len();
        let names = match names {
            [] => return Some(b"/".to_vec()),
            [names @ .., 0] => names,
            _ => return None,
        };
        let mut path = Vec::with_capacity(names.len() + 1);
        for name in names.split(|byte| *byte == 0).rev() {
            path.push(b'/');
            path.extend(name);
        }
        Some(path)
    };
    [directory(FIRST_PLACED, sizes[0]), directory(SECOND_PLACED, sizes[1])]
}

fn by(bytes: &[u8], rooted: bool) -> Option<By> {
    let word = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
    let long = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(u64::from_ne_bytes);
    let count = word(168)? as usize;
    let groups = (0..count.min(GROUPS)).map(|n| word(172 + 4 * n)).collect::<Option<Vec<u32>>>()?;
    let mut limits = [0; 5];
    for (n, limit) in limits.iter_mut().enumerate() {
        *limit = long(240 + 8 * n)?;
    }
    Some(By {
        effective: long(144)?,
        user: word(152)?,
        group: word(156)?,
        users: word(160)?,
        view: word(164)?,
        groups: (count <= GROUPS).then_some(groups),
        rooted,
        limits,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(flags: u32, text: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; HEAD];
        bytes[8..16].copy_from_slice(&0x1000_u64.to_ne_bytes());
        bytes[16..24].copy_from_slice(&0x2000_u64.to_ne_bytes());
        bytes[80..84].copy_from_slice(&82_u32.to_ne_bytes());
        bytes[88..92].copy_from_slice(&13_u32.to_ne_bytes());
        bytes[92..96].copy_from_slice(&flags.to_ne_bytes());
        bytes[104..108].copy_from_slice(&3_u32.to_ne_bytes());
        bytes[108..112].copy_from_slice(&4_u32.to_ne_bytes());
        bytes[112..117].copy_from_slice(b"mv\x1b\0x");
        let shape = Shape { first: 1, second: 2, ..Shape::default() };
        bytes[132..136].copy_from_slice(&shape.word().to_ne_bytes());
        bytes.extend(text);
        bytes
    }

    fn read(kept: &Kept, at: u64) -> Option<Vec<u8>> {
        let mut room = [0; 4096];
        kept.read(at, &mut room).ok().map(|len| room[..len].to_vec())
    }

    #[test]
    fn both_strings_are_kept_where_they_were() {
        let mut text = vec![0; TEXT + 4];
        text[..3].copy_from_slice(b"/a\0");
        text[TEXT..].copy_from_slice(b"/bc\0");
        let failed = parse(&record(ENTERED | FIRST_READ | SECOND_READ, &text)).unwrap();
        assert!(failed.entered);
        assert_eq!((failed.errno, failed.data.nr, &failed.command[..]), (13, 82, &b"mv\x1b"[..]));
        assert_eq!(read(&failed.kept, 0x1000).as_deref(), Some(&b"/a\0"[..]));
        assert_eq!(read(&failed.kept, 0x2000).as_deref(), Some(&b"/bc\0"[..]));
        assert_eq!(read(&failed.kept, 0x3000), None);
    }

    #[test]
    fn what_was_not_read_is_not_made_up() {
        let failed = parse(&record(ENTERED, &[0; TEXT + 4])).unwrap();
        assert_eq!(read(&failed.kept, 0x1000), None);
        let failed = parse(&record(ENTERED | SECOND_READ, b"/a\0")).unwrap();
        assert_eq!(read(&failed.kept, 0x2000), None);
    }

    #[test]
    fn directories_lie_behind_the_text_from_the_innermost_on() {
        let mut text = b"mv\0here\0home\0up\0".to_vec();
        let mut bytes = record(ENTERED | FIRST_READ | FIRST_PLACED | SECOND_PLACED, &text);
        bytes[136..140].copy_from_slice(&10_u32.to_ne_bytes());
        bytes[140..144].copy_from_slice(&3_u32.to_ne_bytes());
        let failed = parse(&bytes).unwrap();
        assert_eq!(failed.directories, [Some(b"/home/here".to_vec()), Some(b"/up".to_vec())]);
        bytes[140..144].copy_from_slice(&0_u32.to_ne_bytes());
        assert_eq!(parse(&bytes).unwrap().directories[1].as_deref(), Some(&b"/"[..]));
        bytes[140..144].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert_eq!(parse(&bytes).unwrap().directories[1], None);
        // A name without its end is none.
        text.truncate(text.len() - 6);
        let mut bytes = record(ENTERED | FIRST_READ | FIRST_PLACED, &text);
        bytes[136..140].copy_from_slice(&7_u32.to_ne_bytes());
        assert_eq!(parse(&bytes).unwrap().directories, [None, None]);
    }

    #[test]
    fn more_groups_than_are_kept_are_not_known() {
        let mut bytes = record(ENTERED, b"");
        bytes[168..172].copy_from_slice(&1_u32.to_ne_bytes());
        bytes[172..176].copy_from_slice(&7_u32.to_ne_bytes());
        assert_eq!(parse(&bytes).unwrap().by.groups, Some(vec![7]));
        bytes[168..172].copy_from_slice(&17_u32.to_ne_bytes());
        assert_eq!(parse(&bytes).unwrap().by.groups, None);
    }

    #[test]
    fn what_is_cut_off_or_impossible_is_nothing() {
        let whole = record(ENTERED, b"");
        for end in 0..whole.len() {
            assert_eq!(parse(&whole[..end]), None, "{end}");
        }
        let mut wrong = whole.clone();
        wrong[84] = 3;
        assert_eq!(parse(&wrong), None);
        let mut wrong = whole;
        wrong[88..92].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert_eq!(parse(&wrong).unwrap().errno, 1);
    }
}
