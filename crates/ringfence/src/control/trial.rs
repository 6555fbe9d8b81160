//! What a verifier tries, as rooms write it down and a launcher carries it out, and what came of
//! it. Owned twins of `ringfence_sys::attempt`, without addresses.

use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;

use ringfence_bpf::table::{self, Abi};
use ringfence_sys::Errno;
pub use ringfence_sys::attempt::{Entry, Instruction, Probe, Signal};

const AT_FDCWD: i64 = -100;

/// One argument register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// This value.
    Value(u64),
    /// The address of these bytes.
    Bytes(Vec<u8>),
    /// The address of these bytes, with two letters of the attempt's own, the same for its peer, from this
    /// one on: so that attempts at one time, and what a former one left, do not meet.
    Fresh(Vec<u8>, u16),
    /// The answer of an earlier deed.
    Answer(u8),
    /// The address of this byte of the scratch area.
    Scratch(u16),
    /// The address of these words, a structure; none of them [`Word::Words`] or [`Word::Answer`].
    Words(Vec<Word>),
    /// The answer of a deed that was done outside.
    Before(u8),
    /// The answer of a deed of the peer.
    Peer(u8),
    /// The peer's process id, as whoever uses it sees it.
    PeerProcess,
    /// The 32-bit number at this byte of the scratch area when the call is made. Not after execve(2).
    Loaded(u16),
    /// The number of the descriptor whose file has the scratch area from
    /// [`ringfence_sys::attempt::SCRATCH_OFFSET`] on.
    Page,
}

/// One thing that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// A system call.
    Call {
        /// The way through the gate.
        entry: Entry,
        /// The number, with bit 30 for x32.
        number: u32,
        /// The registers; the rest is 0.
        args: Vec<Word>,
        /// It may return twice, as fork(2) does.
        splits: bool,
    },
    /// The deed before once more, at most this often, until it fails.
    Again(u32),
    /// fork(2): the first process ends, the second goes on. Only in a program.
    Leave,
    /// A privileged instruction.
    Instruction(Instruction),
}

/// Another process, with which a trial is about a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Where it is.
    pub place: Place,
    /// What it does at first; it waits then.
    pub deeds: Vec<Deed>,
    /// What it does when the trial's own deeds are done. Their answers are numbered on.
    pub after: Vec<Deed>,
    /// Which of those afterwards shows that the trial's deeds, all of which succeeded, reached it.
    pub evidence: Option<usize>,
}

/// Where a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// On the host.
    Outside,
    /// In another containment of the same policy.
    Apart,
    /// In the same containment.
    Together,
}

/// What is read from the scratch area, as the answer of the deciding deed where that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// These bits of the word at this byte.
    Bits {
        /// Offset in bytes.
        at: usize,
        /// Of a little-endian word; the highest bit is no part of it.
        mask: u64,
    },
    /// 1 where any of these bits is set, by byte and mask, else 0.
    Any(Vec<(usize, u64)>),
    /// 1 where these bytes are at its beginning, else 0.
    Same(Vec<u8>),
    /// 1 where these bytes are anywhere in it, else 0.
    Has(Vec<u8>),
    /// The last deed is an execve(2) of a program that prints there. 0 where these bytes are among
    /// what it printed, 1 where something else is; nothing is known where there is nothing.
    Without(Vec<u8>),
}

/// Deeds in a containment of their own. All but the last prepare; the last one decides, unless an
/// earlier one fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// In order.
    pub deeds: Vec<Deed>,
    /// What shows that the operation was let through.
    pub passes: Passes,
    /// Done after the deciding one, whatever came of it: stat(2) into the scratch area, which tells
    /// what was reached, and tidying up.
    pub after: Vec<Deed>,
    /// Which numbers tell one object from another.
    pub identity: Identity,
    /// Done outside, before the containment is made. Where one fails there is no attempt.
    pub before: Vec<Deed>,
    /// The deeds are done by a program after execve(2).
    pub executed: bool,
    /// What decides in place of the answer.
    pub reading: Option<Reading>,
    /// Another process.
    pub peer: Option<Peer>,
    /// Device and inode of what is meant, as the caller sees it: it exists, whoever may open it.
    pub known: Option<(u64, u64)>,
    /// About an amount: what else says that the machine has no more is the limit's own answer here.
    pub limited: bool,
}

/// Which numbers tell one object from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Device and inode.
    Object,
    /// The inode alone: each instance of procfs has a device of its own, and the same inodes for
    /// what is not about a process (`fs/proc/generic.c`).
    Inode,
}

/// Which outcomes mean that every check was passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passes {
    /// The deciding deed succeeds.
    Success,
    /// It succeeds, or fails with one of these: the last check, which the attempt is made to fail.
    SuccessOr(Vec<u16>),
    /// It succeeds, or this deed, and none before it, fails with this errno: one that earlier deeds may
    /// have from a denial.
    SuccessOrAt(usize, u16),
    /// It succeeds with this answer.
    Answer(u64),
    /// It raises no signal.
    NoSignal,
    /// It is not refused: success, or any error but EPERM, EACCES, ENOSYS and those of families and
    /// protocols that do not exist. For calls whose arguments are made to fail later.
    NotRefused,
}

/// What came of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The answer of the deed that decided, and its place: the first that failed, or the last.
    Answered {
        /// Which deed.
        deed: usize,
        /// `-4095..0` is a negative errno.
        answer: i64,
        /// Device and inode of what was reached, where a deed afterwards asked.
        object: Option<(u64, u64)>,
    },
    /// A signal came during this deed.
    Signalled {
        /// Which deed.
        deed: usize,
        /// The signal.
        signal: Signal,
    },
    /// The process was killed, or ended by itself, during this deed.
    Ended {
        /// Which deed.
        deed: usize,
        /// An exit status, or 128 and a signal's number.
        status: i32,
    },
    /// It took longer than the limit.
    Late {
        /// Which deed.
        deed: usize,
    },
    /// There was no attempt: the containment or its surroundings failed.
    Unmade(String),
}

impl Trial {
    /// One call of an ABI by name, through its first entry; `None` where the ABI has no such call.
    #[must_use]
    pub fn call(abi: Abi, name: &str, args: Vec<Word>) -> Option<Self> {
        Some(Self::of(vec![Deed::call(abi, name, args)?]))
    }

    /// These deeds, which pass with success.
    #[must_use]
    pub const fn of(deeds: Vec<Deed>) -> Self {
        Self {
            deeds,
            passes: Passes::Success,
            after: Vec::new(),
            identity: Identity::Object,
            before: Vec::new(),
            executed: false,
            reading: None,
            peer: None,
            known: None,
            limited: false,
        }
    }

    /// With these deeds outside, beforehand.
    #[must_use]
    pub fn prepared(self, before: Vec<Deed>) -> Self {
        Self { before, ..self }
    }

    /// Done by a program after execve(2).
    #[must_use]
    pub fn executed(self) -> Self {
        Self { executed: true, ..self }
    }

    /// Decided by what was read.
    #[must_use]
    pub fn reading(self, reading: Reading) -> Self {
        Self { reading: Some(reading), ..self }
    }

    /// About an object that the caller sees.
    #[must_use]
    pub fn about(self, known: Option<(u64, u64)>) -> Self {
        Self { known, ..self }
    }

    /// About an amount.
    #[must_use]
    pub fn limited(self) -> Self {
        Self { limited: true, ..self }
    }

    /// With another process.
    #[must_use]
    pub fn with(self, peer: Peer) -> Self {
        Self { peer: Some(peer), ..self }
    }

    /// With one more deed afterwards.
    #[must_use]
    pub fn then(mut self, after: Option<Deed>) -> Self {
        self.after.extend(after);
        self
    }

    /// Told apart by these numbers.
    #[must_use]
    pub fn by(self, identity: Identity) -> Self {
        Self { identity, ..self }
    }

    /// Whatever object is reached.
    #[must_use]
    pub fn anywhere(mut self) -> Self {
        self.after.retain(|deed| !deed.writes_scratch());
        self
    }

    /// With other signs of being let through.
    #[must_use]
    pub fn passing(self, passes: Passes) -> Self {
        Self { passes, ..self }
    }
}

impl Deed {
    fn writes_scratch(&self) -> bool {
        matches!(self, Self::Call { args, .. } if args.contains(&Word::Scratch(0)))
    }

    /// A call of x86_64 by name; the name is one of its table.
    #[must_use]
    pub fn of(name: &str, args: Vec<Word>) -> Self {
        let number = table::by_name(Abi::X86_64, name).map_or(u32::MAX >> 2, |prototype| prototype.number);
        let splits = matches!(name, "fork" | "vfork" | "clone" | "clone3");
        Self::Call { entry: Entry::Syscall, number, args, splits }
    }

    /// A call of an ABI by name, through its first entry.
    #[must_use]
    pub fn call(abi: Abi, name: &str, args: Vec<Word>) -> Option<Self> {
        let number = table::by_name(abi, name)?.number | abi.bit();
        let splits = matches!(name, "fork" | "vfork" | "clone" | "clone3");
        Some(Self::Call { entry: entry(abi), number, args, splits })
    }
}

/// The entry that every processor has for an ABI.
#[must_use]
pub const fn entry(abi: Abi) -> Entry {
    match abi {
        Abi::X86_64 | Abi::X32 => Entry::Syscall,
        Abi::I386 => Entry::Int80,
    }
}

impl Word {
    /// A path or another string, with its final null byte.
    #[must_use]
    pub fn text(bytes: &[u8]) -> Self {
        let mut bytes = bytes.to_vec();
        bytes.push(0);
        Self::Bytes(bytes)
    }

    /// A number, negative ones in two's complement.
    #[must_use]
    pub const fn number(value: i64) -> Self {
        Self::Value(value as u64)
    }
}

/// The number of a descriptor that nothing in a containment has: a trial that puts one there knows its name.
pub(super) const FREE: u64 = 60;

/// EPERM, EACCES, ENOSYS, EPROTONOSUPPORT, ESOCKTNOSUPPORT, EOPNOTSUPP, EAFNOSUPPORT.
const REFUSALS: [u16; 7] = [1, 13, 38, 93, 94, 95, 97];

impl Passes {
    /// Whether an outcome shows that the operation was let through.
    #[must_use]
    pub fn has(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Answered { deed, answer, .. } => match self {
                Self::Success => errno(*answer).is_none(),
                Self::SuccessOr(errnos) => errno(*answer).is_none_or(|errno| errnos.contains(&errno.0)),
                Self::SuccessOrAt(at, errno_at) => {
                    errno(*answer).is_none_or(|errno| deed == at && errno.0 == *errno_at)
                }
                Self::Answer(wanted) => *answer as u64 == *wanted,
                Self::NoSignal => true,
                Self::NotRefused => errno(*answer).is_none_or(|errno| !REFUSALS.contains(&errno.0)),
            },
            _ => false,
        }
    }
}

/// The error in a raw answer.
#[must_use]
pub const fn errno(answer: i64) -> Option<Errno> {
    if answer < 0 && answer > -4096 { Some(Errno(-answer as u16)) } else { None }
}

/// The name of an errno, or its number.
#[must_use]
pub fn errno_name(errno: u16) -> String {
    let named = table::errnos().iter().find(|known| known.value == i64::from(errno));
    named.map_or_else(|| format!("errno {errno}"), |known| known.name.to_owned())
}

/// A directory of a trial's own, in which files are made for it and removed again.
#[derive(Debug)]
pub(super) struct Ground<'g> {
    pub(super) root: &'g Path,
    pub(super) name: String,
}

impl Ground<'_> {
    /// The directory, or what is below it.
    pub(super) fn bytes(&self, below: &str) -> Vec<u8> {
        let mut path = self.root.join(&self.name);
        if !below.is_empty() {
            path.push(below);
        }
        path.into_os_string().into_vec()
    }

    /// The same as an argument.
    pub(super) fn path(&self, below: &str) -> Word {
        Word::text(&self.bytes(below))
    }

    /// A call that takes a directory's descriptor and a path, and the arguments after those.
    pub(super) fn at(&self, call: &str, below: &str, rest: Vec<Word>) -> Deed {
        let mut args = vec![Word::number(AT_FDCWD), self.path(below)];
        args.extend(rest);
        Deed::of(call, args)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errno_of_an_earlier_deed_lets_nothing_through() {
        let answered = |deed, answer| Outcome::Answered { deed, answer, object: None };
        let passes = Passes::SuccessOrAt(1, 13);
        assert!(passes.has(&answered(1, 0)) && passes.has(&answered(1, -13)));
        assert!(!passes.has(&answered(0, -13)) && !passes.has(&answered(1, -1)));
    }
}
