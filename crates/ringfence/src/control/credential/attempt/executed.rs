//! What is asked by a program after execve(2), which gives and takes privileges: capabilities(7),
//! prctl(2), execve(2).

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ringfence_sys::attempt::SCRATCH_OFFSET;

use crate::control::trial::{Deed, Passes, Reading, Trial, Word};

/// A set that capget(2) tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Set {
    /// What counts.
    Effective,
    /// What may be made effective.
    Permitted,
    /// What a program with file capabilities may get.
    Inheritable,
}

impl Set {
    /// All three, with their words.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::Effective, "effective"), (Self::Permitted, "permitted"), (Self::Inheritable, "inheritable")];

    /// Where it is in `struct __user_cap_data_struct`.
    const fn offset(self) -> usize {
        match self {
            Self::Effective => 0,
            Self::Permitted => 4,
            Self::Inheritable => 8,
        }
    }
}

/// The header of capset(2) and capget(2) for the caller itself: `_LINUX_CAPABILITY_VERSION_3`.
fn header() -> Word {
    Word::Bytes([0x2008_0522u32, 0].map(u32::to_le_bytes).concat())
}

/// Whether any of these capabilities is in a set.
#[must_use]
pub fn any_of(set: Set, mask: u64) -> Trial {
    let (low, high) = (mask & u64::from(u32::MAX), mask >> 32);
    let capget = Deed::of("capget", vec![header(), Word::Scratch(0)]);
    let bits = Reading::Any(vec![(set.offset(), low), (set.offset() + 12, high)]);
    Trial::of(vec![capget]).reading(bits).passing(Passes::Answer(1)).executed()
}

/// Makes a capability inheritable, beside all that is there, for whoever has these.
#[must_use]
pub fn inherit(permitted: u64, capability: u8) -> Vec<Deed> {
    let inheritable = 1u64 << capability;
    let half = |set: u64, number: usize| ((set >> (32 * number)) as u32).to_le_bytes();
    let halves =
        |number| [half(permitted, number), half(permitted, number), half(inheritable, number)].concat();
    vec![Deed::of("capset", vec![header(), Word::Bytes([halves(0), halves(1)].concat())])]
}

/// The same, and ambient.
#[must_use]
pub fn make_ambient(permitted: u64, capability: u8) -> Vec<Deed> {
    let (pr_cap_ambient, raise) = (47, 2);
    let mut deeds = inherit(permitted, capability);
    let words = [pr_cap_ambient, raise, u64::from(capability), 0, 0].map(Word::Value);
    deeds.push(Deed::of("prctl", words.to_vec()));
    deeds
}

/// Whether a capability is ambient: `PR_CAP_AMBIENT_IS_SET` answers 1.
#[must_use]
pub fn ambient(capability: u8) -> Trial {
    let words = [47, 1, u64::from(capability), 0, 0].map(Word::Value);
    Trial::of(vec![Deed::of("prctl", words.to_vec())]).passing(Passes::Answer(1)).executed()
}

/// A descriptor that was opened before, and does not close at execve(2), is there.
#[must_use]
pub fn leaked_descriptor() -> Trial {
    let f_getfd = 1;
    let kept = Deed::of("fcntl", vec![Word::Before(0), Word::Value(f_getfd)]);
    Trial::of(vec![kept]).prepared(vec![open_root()]).executed()
}

/// The same by its entry in proc(5): reached by its directory.
#[must_use]
pub fn leaked_directory() -> Trial {
    let o_directory = 0o200_000;
    let etc = vec![Word::Before(0), Word::text(b"etc"), Word::Value(o_directory), Word::Value(0)];
    Trial::of(vec![Deed::of("openat", etc)]).prepared(vec![open_root()]).executed()
}

fn open_root() -> Deed {
    let o_directory = 0o200_000;
    Deed::of("openat", vec![Word::number(-100), Word::text(b"/"), Word::Value(o_directory), Word::Value(0)])
}

/// Whether a set-user-ID program runs with another id: execve(2) tells it so (`AT_SECURE`, getauxval(3)),
/// and the dynamic linker then does not heed `LD_SHOW_AUXV`, ld.so(8), by which it says that it is 0.
#[must_use]
pub fn gains_by(program: &Path) -> Trial {
    let standard_output = 1;
    let before = vec![
        Deed::of("dup2", vec![Word::Page, Word::Value(standard_output)]),
        Deed::of("lseek", vec![Word::Page, Word::Value(SCRATCH_OFFSET), Word::Value(0)]),
    ];
    let path = || Word::text(program.as_os_str().as_bytes());
    let argv = Word::Words(vec![path(), Word::text(b"--help"), Word::Value(0)]);
    let envp = Word::Words(vec![Word::text(b"LD_SHOW_AUXV=1"), Word::Value(0)]);
    let execve = Deed::of("execve", vec![path(), argv, envp]);
    let plain = Reading::Without(b"AT_SECURE:            0\n".to_vec());
    Trial::of(vec![execve]).prepared(before).reading(plain).passing(Passes::Answer(1))
}

/// Whether the label of the process begins with these bytes.
#[must_use]
pub fn labelled(file: &str, label: &[u8]) -> Trial {
    let most = 256;
    let open = Deed::of("openat", vec![Word::number(-100), Word::text(file.as_bytes()), Word::Value(0)]);
    let read = Deed::of("read", vec![Word::Answer(0), Word::Scratch(0), Word::Value(most)]);
    let same = Reading::Same(label.to_vec());
    Trial::of(vec![open, read]).reading(same).passing(Passes::Answer(1)).executed()
}
