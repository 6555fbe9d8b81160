//! Facts of this kernel and this caller, each with where it was read. Read-only.
//!
//! Each fact is read when it is first asked for, so that `run` pays only for what its plan needs.

use std::cell::OnceCell;

/// A value and the place where it was read: a path, or a system call as its man page writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact<T> {
    /// The value.
    pub value: T,
    /// Where it was read.
    pub from: &'static str,
}

/// Facts, read at most once each. [`Host::live`] reads the running kernel; tests set facts with
/// the `with_` functions, and those are never read from the kernel.
#[derive(Debug, Default)]
pub struct Host {
    release: OnceCell<Fact<Release>>,
    landlock: OnceCell<Fact<Landlock>>,
    last_capability: OnceCell<Fact<u32>>,
    caller: OnceCell<Fact<Caller>>,
}

/// `uname -r`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The whole text.
    pub text: String,
    /// 6 of 6.18.
    pub major: u32,
    /// 18 of 6.18.
    pub minor: u32,
}

/// landlock_create_ruleset(2) with `LANDLOCK_CREATE_RULESET_VERSION` and `_ERRATA`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Landlock {
    /// 0: not available.
    pub abi: u32,
    /// Bit n: erratum n+1 is fixed.
    pub errata: u32,
}

/// Who runs ringfence: credentials(7), capabilities(7).
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Caller {
    pub uid: u32,
    pub euid: u32,
    pub gid: u32,
    pub egid: u32,
    pub groups: Vec<u32>,
    pub effective: u64,
    pub permitted: u64,
    pub bounding: u64,
    pub no_new_privs: bool,
}
