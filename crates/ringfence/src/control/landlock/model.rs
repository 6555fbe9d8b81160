//! Which files, ports and other processes a policy lets the program reach.

use std::collections::BTreeSet;
use std::path::PathBuf;

use ringfence_sys::step::Slot;

use super::right::Right;
use crate::control::port::Ports;
use crate::policy::Origin;

/// The intent, as `plan` fills it from `[fs]`, `[net]`, `[lsm]` and `[audit]`. `lsm.landlock =
/// "off"` makes no model at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// The least ABI that the policy asks for; 1 where it only says `require`.
    pub least_abi: u32,
    /// Where `lsm.landlock` was written.
    pub at: Option<Origin>,
    /// What may be done where, by paths as the program will see them. Several rules for one path
    /// add up.
    pub paths: Vec<PathRule>,
    /// Whether `LANDLOCK_ACCESS_FS_TRUNCATE` is handled; see the room's head for what `false` buys.
    pub handle_truncate: bool,
    /// Where TCP sockets may connect(2) to.
    pub tcp_connect: Ports,
    /// What TCP sockets may bind(2).
    pub tcp_bind: Ports,
    /// Where UDP sockets may connect(2) and send(2) to.
    pub udp_connect: Ports,
    /// What UDP sockets may bind(2).
    pub udp_bind: Ports,
    /// What stays within the containment.
    pub scopes: BTreeSet<Scope>,
    /// Whether pathname Unix sockets of others are reached only where [`Access::unix`] is granted.
    pub restrict_unix: bool,
    /// Where the first path of `net.unix` was written.
    pub unix_at: Option<Origin>,
    /// Denials are to be logged (`audit.events` is not `none`).
    pub log: bool,
    /// Somebody reads audit's records of the denials, and auditing is on: the domain is to be known to them
    /// from the beginning.
    pub recorded: bool,
    /// Rights that this plan relies on because no other control of it holds the intent: each that
    /// the kernel's ABI lacks becomes a missing promise. Rights that are not in here are used
    /// where the kernel has them, and nothing is said where it has not.
    pub needed: BTreeSet<Right>,
    /// Whether landlock_restrict_self(2) will be permitted: no_new_privs, or `CAP_SYS_ADMIN` kept.
    pub permitted: bool,
    /// Where the ruleset's descriptor goes.
    pub slot: Slot,
}

/// What may be done at and below one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathRule {
    /// Absolute, without symbolic links, as the program will see it.
    pub path: PathBuf,
    /// What is there.
    pub kind: Kind,
    /// What may be done.
    pub access: Access,
    /// The policy line.
    pub at: Option<Origin>,
}

/// Whether a path is a directory: other rights make sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory and all below it.
    Directory,
    /// Anything else.
    File,
}

/// What may be done, as intents; they add up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Access {
    /// Read files, list directories.
    pub read: bool,
    /// List directories.
    pub list: bool,
    /// Execute files.
    pub exec: bool,
    /// Write, truncate, create, remove, rename and link (device nodes are never created).
    pub write: bool,
    /// Read and write devices, with their ioctl(2) commands.
    pub device: bool,
    /// Connect to pathname Unix sockets.
    pub unix: bool,
}

impl Access {
    /// `fs.read`, `/proc`.
    pub const READ: Self =
        Self { read: true, list: true, exec: false, write: false, device: false, unix: false };
    /// The root of a view of the plan's own making: the names that the plan put there.
    pub const LIST: Self = Self { read: false, ..Self::READ };
    /// `fs.exec`: implies reading.
    pub const EXEC: Self = Self { exec: true, ..Self::READ };
    /// `fs.write`: reading and writing, not executing.
    pub const WRITE: Self = Self { write: true, ..Self::READ };
    /// `fs.tmp`, `/dev/shm`: as writing.
    pub const TMP: Self = Self::WRITE;
    /// A node of `/dev`, or `/dev/pts`.
    pub const DEVICE: Self = Self { device: true, ..Self::READ };
    /// `net.unix`.
    pub const UNIX: Self = Self { unix: true, read: false, list: false, ..Self::READ };
}

/// What stays within the containment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// No connection to an abstract Unix socket of a process outside.
    AbstractUnixSocket,
    /// No signal to a process outside.
    Signal,
}
