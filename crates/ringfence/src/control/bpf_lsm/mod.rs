//! BPF LSM: a program of ringfence's own at the kernel's security hooks, for what no other control
//! holds. `bpf/guard.bpf.c` is the program; Documentation/bpf/prog_lsm.rst.
//!
//! The kernel's promise: a program at a hook (Linux 5.7, `bpf` on the list of LSMs) is asked after the
//! other modules, and can deny what they let pass, whatever the caller's credentials.
//!
//! # What it holds
//!
//! - Unix sockets in the file system: only those that `net.unix` names, and those bound inside
//!   (Landlock: from ABI 9). connect(2) of streams, and every datagram.
//! - Ports of TCP and UDP, where the policy lists them (Landlock: from ABI 4 and 10).
//! - Mode, owner, extended attributes, access control lists and inode flags: only where the policy
//!   lets it write (Landlock: no ABI). Files without a place (pipes, memfd_create(2)) are let alone.
//!   link(2) and rename(2) to where the file would get a right that it has not are denied.
//! - ioctl(2) and io_uring's commands on devices: only on those of `fs.dev`, but for what every file
//!   takes (Landlock: from ABI 5, and not on descriptors from outside; here on those, too).
//! - Execution: execve(2) of a file, a script or its interpreter, and mmap(2) and mprotect(2) with
//!   PROT_EXEC of a file, only below `fs.exec`. So nothing that was written inside is executed, unless
//!   the policy names its place in both lists; and no memfd_create(2) or System V segment ever is.
//!
//! # What it does not hold
//!
//! Reading and writing, which are the view's and Landlock's. Code in memory that is no file's: mmap(2)
//! without a file, or a private page that was written. What an interpreter reads (`sh script`): it is
//! data to the kernel. Sockets and connections that a program was handed; raw sockets, SCTP and DCCP,
//! which are the filter's. Abstract names, which are Landlock's and the network namespace's. Times of
//! files (utimensat(2)). A file that had several names before belongs to the place of the name that is used.
//!
//! # Who is held
//!
//! A task is known by its pid namespace, which no task leaves, so none is tracked; process 1 is
//! ringfence's own init, which alone makes the view and shows the places. A file is known by inode,
//! generation and device of a directory above it, up to 128 levels: deeper is denied. The programs are
//! attached before the child is made and take hold of it before the command exists. Each hook takes 38
//! programs at most (`BPF_MAX_TRAMP_LINKS`), so that many containments at once.

pub mod attempt;
mod compile;
mod model;
#[cfg(test)]
mod tests;

pub use crate::control::port::{PortRule, Ports};
pub use compile::{Guard, Outcome, compile, right};
pub use model::{Model, PathRule};
