//! The levels of containment that are compared.

use anyhow::{Result, bail};

/// How much is contained; each after `B` has all of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// seccomp and Landlock, applied in place.
    A,
    /// User, mount, pid, ipc and uts namespaces; read-only system; private /tmp, /proc and /dev.
    B,
    /// And an empty network namespace.
    C,
    /// And a seccomp filter of the size of Docker's.
    D,
    /// `ringfence run` as it is without a policy: every control. No floor and no peer does that.
    Default,
}

impl Level {
    /// Those that are measured where nothing else is asked for.
    pub(crate) const MEASURED: [Self; 5] = [Self::A, Self::B, Self::C, Self::D, Self::Default];

    /// A level by its name.
    pub(crate) fn parse(name: &str) -> Result<Self> {
        let Some(level) = Self::MEASURED.into_iter().find(|level| level.name() == name) else {
            bail!("no level `{name}`: a, b, c, d or default")
        };
        Ok(level)
    }

    /// The name in options, files and tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
            Self::C => "c",
            Self::D => "d",
            Self::Default => "default",
        }
    }

    /// What it is, for the table.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::A => "seccomp and Landlock, in place",
            Self::B => "user, mount, pid, ipc, uts namespaces; read-only system; private /tmp, /proc, /dev",
            Self::C => "b and an empty network namespace",
            Self::D => "c and a filter of the size of Docker's",
            Self::Default => "`ringfence run` without a policy: every control, a view of chosen paths",
        }
    }

    /// Whether the level has an own network namespace.
    pub(crate) fn network(self) -> bool {
        matches!(self, Self::C | Self::D)
    }

    /// Whether the level has a filter of Docker's size.
    pub(crate) fn filter(self) -> bool {
        self == Self::D
    }
}
