//! Landlock: file, network and scope rights that a process takes from itself for good.
//!
//! The kernel's promise: what a ruleset *handles* is denied unless a rule grants it, for this
//! process and all that it starts, whatever its credentials. See landlock(7),
//! landlock_create_ruleset(2), landlock_add_rule(2), landlock_restrict_self(2), and
//! `Documentation/userspace-api/landlock.rst`.
//!
//! Where it stands: with the LSMs, after ids, permission bits and capabilities: the first denier
//! masks it. It needs no_new_privs, or `CAP_SYS_ADMIN` in its user namespace.
//!
//! # What it cannot see
//!
//! stat(2), access(2), chdir(2), chmod(2), chown(2), setxattr(2), utime(2), flock(2) and fcntl(2)
//! on a path are not handled by any ABI (linux/landlock.h, "It is currently not possible to
//! restrict"). Descriptors opened before it took hold keep their rights. Pathname Unix sockets are
//! invisible before ABI 9, UDP before ABI 10. The TCP rights see neither MPTCP nor TCP fast open:
//! on Linux 6.18 (ABI 7) both connect to a port whose plain connect(2) is `EACCES`. SCTP and raw
//! sockets are no TCP at all. `control/seccomp` withholds all four. Files on kernel-internal
//! mounts (pipes, sockets, memfd_create(2)) are always allowed.
//!
//! # The cost of an open
//!
//! Each open(2) walks from the file up to `/` until every right that it may need is granted, and
//! `TRUNCATE` is always among them. So a tree without `TRUNCATE` is walked to the root: about
//! 3,000 ns for an open and close against 2,500 (2,000 without Landlock). Granting `TRUNCATE` on
//! a read-only tree would let truncate(2) through, which needs no open descriptor: it is granted
//! with writing only, and [`Model::handle_truncate`] leaves it unhandled where a plan has every
//! other visible file on read-only mounts and values the 500 ns more than the second control.

pub mod attempt;
mod compile;
mod model;
pub mod right;
#[cfg(test)]
mod tests;

pub use crate::control::port::{PortRule, Ports};
pub use compile::compile;
pub use model::{Access, Kind, Model, PathRule, Scope};
pub use right::Right;
