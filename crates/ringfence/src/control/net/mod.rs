//! Which network there is: none, an own one with `lo` up, or the host's.
//!
//! The kernel's promise: a new network namespace has no interface but `lo`, which is down, no
//! route, no abstract Unix socket of the host, and port numbers of its own. See
//! network_namespaces(7), netdevice(7).
//!
//! Where it stands: with the other namespaces. What else `[net]` says is held elsewhere: address
//! families and socket types by `control/seccomp`, TCP and UDP ports and pathname Unix sockets by
//! `control/landlock`. A network namespace does not hide pathname Unix sockets: those are files.

pub mod attempt;
mod compile;
mod model;
pub mod observe;

pub use compile::compile;
pub use model::Model;
