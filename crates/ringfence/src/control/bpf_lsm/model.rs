//! Which files, devices, sockets and ports a policy leaves to the program.

use std::path::PathBuf;

use crate::control::port::Ports;
use crate::policy::Origin;

/// The intent, as `plan` fills it. `lsm.bpf = "off"` makes no model at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Where `lsm.bpf` was written.
    pub at: Origin,
    /// What may be done where, by paths as the program will see them. Several rules for one path add
    /// up, and what lies below a path has its rights. A mount point is a path of its own: rights do
    /// not pass to what is mounted below.
    pub paths: Vec<PathRule>,
    /// Where TCP sockets may connect(2) to.
    pub tcp_connect: Ports,
    /// What TCP sockets may bind(2).
    pub tcp_bind: Ports,
    /// Where UDP sockets may connect(2) and send(2) to.
    pub udp_connect: Ports,
    /// What UDP sockets may bind(2).
    pub udp_bind: Ports,
    /// Whether there is a pid namespace: it is what the program knows its tasks by.
    pub own_pids: bool,
    /// The capability of those kept that would let a program trace the init; without a user namespace.
    pub traces_init: Option<Origin>,
}

/// What may be done at and below one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathRule {
    /// Absolute, without symbolic links.
    pub path: PathBuf,
    /// Execute, and map executable.
    pub exec: bool,
    /// Change modes, owners and attributes.
    pub write: bool,
    /// ioctl(2) on devices.
    pub device: bool,
    /// Connect to Unix sockets.
    pub unix: bool,
    /// The policy line.
    pub at: Option<Origin>,
}
