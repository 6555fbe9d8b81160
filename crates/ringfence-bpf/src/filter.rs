//! What a filter is meant to do: actions, and a specification of rules.
//!
//! Source: seccomp(2), `include/uapi/linux/seccomp.h`.

use crate::rule::Rule;
use crate::table::{self, Abi};

/// What the kernel does with a call, and the 16 data bits where the action has any.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Action {
    /// End the whole process, as if by SIGSYS.
    KillProcess,
    /// End the calling thread.
    KillThread,
    /// Send SIGSYS, with these bits in `si_errno`.
    Trap(u16),
    /// Do not run the call; answer this errno.
    Errno(u16),
    /// Ask the supervisor that holds the listener.
    UserNotif,
    /// Ask the tracer, passing these bits.
    Trace(u16),
    /// Run the call, and log it.
    Log,
    /// Run the call.
    Allow,
}

/// A set of entry ABIs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct AbiSet(u8);

/// The meaning of a filter.
///
/// For a call through an allowed ABI, the first of these that applies decides:
/// 1. the first matching rule of `deny`: its own action, or `on_deny`;
/// 2. any matching rule of `allow`: [`Action::Allow`];
/// 3. the number is in the table of that ABI: `on_deny`;
/// 4. otherwise `unknown` (newer than the table, or a hole in it).
///
/// Through any other ABI, and under any other `AUDIT_ARCH_*`: `bad_abi`. Under
/// `AUDIT_ARCH_X86_64`, the numbers `0x4000_0000..=0x7fff_ffff` are x32. The negative ones, -1
/// included (which a tracer writes to skip a call), are no call of x32 either: they count as
/// x86_64 numbers that are unknown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FilterSpec {
    /// The ABIs that may be used at all.
    pub abis: AbiSet,
    /// Rules that deny, first match first.
    pub deny: Vec<Rule>,
    /// Rules that allow; their `action` must be `None`.
    pub allow: Vec<Rule>,
    /// For what no rule allows, and for deny rules without an action of their own.
    pub on_deny: Action,
    /// For numbers that the table does not have.
    pub unknown: Action,
    /// For every ABI outside `abis`.
    pub bad_abi: Action,
}

impl Action {
    /// The names of the actions that deny, apart from errno names.
    pub const NAMES: [&str; 7] = ["kill", "kill-process", "kill-thread", "trap", "log", "trace", "notify"];

    /// The action of a name as policies write it: one of [`Self::NAMES`], `allow`, or an errno
    /// name.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "kill" | "kill-process" => Self::KillProcess,
            "kill-thread" => Self::KillThread,
            "trap" => Self::Trap(0),
            "log" => Self::Log,
            "trace" => Self::Trace(0),
            "notify" => Self::UserNotif,
            "allow" => Self::Allow,
            _ => Self::Errno(table::errno(name)?),
        })
    }

    /// The word that a program returns for it (`SECCOMP_RET_*` with data).
    pub const fn value(self) -> u32 {
        match self {
            Self::KillProcess => 0x8000_0000,
            Self::KillThread => 0,
            Self::Trap(data) => 0x0003_0000 | data as u32,
            Self::Errno(errno) => 0x0005_0000 | errno as u32,
            Self::UserNotif => 0x7fc0_0000,
            Self::Trace(data) => 0x7ff0_0000 | data as u32,
            Self::Log => 0x7ffc_0000,
            Self::Allow => 0x7fff_0000,
        }
    }

    /// What the kernel does with a returned word. An action that it does not know kills the
    /// process (`__seccomp_filter`, `default:`); data that an action does not use is dropped.
    pub const fn from_value(value: u32) -> Self {
        let data = value as u16;
        match value & 0xffff_0000 {
            0 => Self::KillThread,
            0x0003_0000 => Self::Trap(data),
            0x0005_0000 => Self::Errno(data),
            0x7fc0_0000 => Self::UserNotif,
            0x7ff0_0000 => Self::Trace(data),
            0x7ffc_0000 => Self::Log,
            0x7fff_0000 => Self::Allow,
            _ => Self::KillProcess,
        }
    }
}

impl AbiSet {
    /// No ABI.
    pub const NONE: Self = Self(0);
    /// x86_64 alone.
    pub const X86_64: Self = Self(1);
    /// All three.
    pub const ALL: Self = Self(7);

    /// This set and one more.
    #[must_use]
    pub const fn with(self, abi: Abi) -> Self {
        Self(self.0 | 1 << abi as u8)
    }

    /// Whether an ABI is in the set.
    pub const fn contains(self, abi: Abi) -> bool {
        self.0 & (1 << abi as u8) != 0
    }

    /// The members, in the order of [`Abi::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Abi> {
        Abi::ALL.into_iter().filter(move |abi| self.contains(*abi))
    }
}

impl FromIterator<Abi> for AbiSet {
    fn from_iter<T: IntoIterator<Item = Abi>>(abis: T) -> Self {
        abis.into_iter().fold(Self::NONE, Self::with)
    }
}
