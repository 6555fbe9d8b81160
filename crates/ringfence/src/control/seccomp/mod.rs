//! seccomp: which system calls, through which ABI and with which register arguments.
//!
//! The kernel's promise: a filter is run at the entry of every system call, before anything else
//! of the call, and cannot be removed; of several filters the strictest answer wins. It sees the
//! ABI, the number and six registers, never what a pointer points to. See seccomp(2),
//! `Documentation/userspace-api/seccomp_filter.rst`.
//!
//! Where it stands: first of all controls on the way through the gate, and the last to be applied,
//! since it would deny what the others need. It needs no_new_privs, or `CAP_SYS_ADMIN` in the user
//! namespace of the process.
//!
//! # What other intents add
//!
//! | intent | rule | answer |
//! |---|---|---|
//! | [`Families`] | socket(2) of another family; socketcall(2) of i386; io_uring_setup(2) | `EAFNOSUPPORT`; `ENOSYS`; `ENOSYS` |
//! | TCP ports by Landlock | streams other than TCP (MPTCP, SCTP, SMC): Landlock's TCP rights do not see them | `EPROTONOSUPPORT` |
//! | TCP ports by Landlock | `MSG_FASTOPEN`: connects without connect(2), which Landlock guards | `EOPNOTSUPP` |
//! | no Unix sockets | socketpair(2) of datagrams: such a socket still sends to any address | `EACCES` |
//! | terminal shared | ioctl(2) `TIOCSTI`, `TIOCLINUX` | `EPERM` |
//! | no nested user namespace | `CLONE_NEWUSER` in clone(2), unshare(2); setns(2); clone3(2), whose flags are behind a pointer | `EPERM`; `ENOSYS` for clone3 |
//!
//! # Events
//!
//! Where denials are to be seen ([`Model::notify`]), the filter answers `SECCOMP_RET_USER_NOTIF`
//! where it would answer an errno, and the launcher gives that errno. What the program sees stays
//! the same, but for two things: it cannot set a filter with a listener of its own (`EBUSY`), and a
//! signal can interrupt a call before the launcher takes it up (`EINTR`, or the call starts anew). If
//! the launcher dies the kernel answers `ENOSYS`: never less than a denial. Calls that kill or trap are
//! not among them.
//!
//! # Strict mode
//!
//! The kernel's own strict mode (`SECCOMP_SET_MODE_STRICT`) kills at execve(2), so no launcher can
//! give it to a program that it starts. `mode = "strict"` therefore compiles to a *filter* with
//! exactly strict mode's calls: read(2), write(2), _exit(2) (not exit_group(2)) and the return from
//! a signal handler. Anything else kills the process, by SIGSYS instead of strict mode's SIGKILL.
//! A program must be made for it: a libc's start-up code is killed at its first call, as it would
//! be under strict mode.
//!
//! # The launch's own calls
//!
//! The filter stands before the program is started. Where it does not allow execve(2), the launch
//! is recognised by a random number in the fourth argument register, which execve(2) does not
//! read and the kernel clears on the way: see [`token`](self) in `launch.rs` of this room.

pub mod attempt;
mod compile;
mod intent;
pub mod judge;
mod launch;
mod model;
pub mod observe;
mod proof;
#[cfg(test)]
mod tests;

pub use compile::{Reason, Specified, compile, specify};
pub use model::{Families, Model, Sockets};
pub use proof::{Proof, prove};
