//! The view of the file system: which names exist, and whether they can be written or executed.
//!
//! What the kernel promises, mount_namespaces(7): a mount namespace sees its own list of mounts,
//! and mounts copied into a less privileged namespace can neither be taken apart nor lose
//! `MOUNT_ATTR_RDONLY`, `NOSUID`, `NODEV` or `NOEXEC`. It stands before credentials and LSMs: what
//! has no name cannot be asked for. It is blind to what is done to a visible object, and it does
//! not stop connect(2) on a pathname socket, however read-only its mount.
//!
//! Two ways to the same view: *in place*, where `/` itself is among the readable places: its
//! mounts become read-only at once and the exceptions are laid on top; and *by pivot_root(2)*,
//! where names must vanish: a fresh tmpfs holds only what the policy lists.
//!
//! A denied path is covered by a mount, and every directory between it and the place that makes
//! it reachable is pinned by a mount onto itself, because a directory with a covered entry in it
//! could otherwise be renamed and its name made anew.

pub mod attempt;
mod compile;
mod cover;
mod dev;
mod model;
pub mod observe;
mod place;

pub use compile::compile;
pub use dev::mounted as mounted_on_dev;
pub use model::{Access, Deny, Dev, Kind, Link, Mask, Model, Place, Proc, Tmp, is_below_a_deny};
