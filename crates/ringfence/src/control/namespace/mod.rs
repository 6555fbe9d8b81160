//! The eight namespaces, the id maps of the user namespace, and the host name.
//!
//! The kernel's promise: an object of another namespace has no name here; what has no name cannot
//! be asked for. It does not judge what is done to an object that *is* visible. See namespaces(7),
//! user_namespaces(7), clone(2), unshare(2), newuidmap(1).
//!
//! Where it stands: first after the entry of the gate; all other controls see its names.
//!
//! # Id maps
//!
//! A map of one id is written by the child itself, after `deny` to `/proc/self/setgroups`
//! (required since Linux 3.19 for a group map that is written without `CAP_SETGID` outside). Maps
//! of more ids, and maps that leave setgroups(2) usable, need a writer with `CAP_SETUID` and
//! `CAP_SETGID` in the parent namespace: the launcher, or newuidmap(1) and newgidmap(1) with the
//! ranges of subuid(5) and subgid(5). The child waits for it at [`Step::Sync`].
//!
//! # Time
//!
//! The new time namespace has no offsets: it hides none of the host's time but keeps the program
//! from being tied to a namespace of the host. A child cloned with vfork semantics shares the
//! memory of its maker, and so enters the new time namespace only at execve(2), when it gets a
//! memory of its own; unshare(2) likewise (both seen on Linux 6.18). Older kernels switch in
//! clone3(2) but not in execve(2): there a plan in place would stay in the old namespace, and the
//! promise is missing. The release that brought the switch is taken to be Linux 6.2
//! (`exec_mmap` and `begin_new_exec` of fs/exec.c); no older kernel was tried.
//!
//! [`Step::Sync`]: ringfence_sys::step::Step::Sync

pub mod attempt;
mod compile;
mod map;
mod model;
pub mod observe;
#[cfg(test)]
mod tests;

pub use compile::{Compiled, IdMapByParent, compile};
pub use model::{Extent, IdMap, Identity, Model, Outside};
