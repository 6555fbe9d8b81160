//! AppArmor and SELinux: mandatory access control by the host's own policy.
//!
//! The kernel's promise: a hook before each operation on an object asks every active LSM in the
//! order of the kernel's list, and any of them can deny. Blind to what has no hook. Landlock has a
//! room of its own. See apparmor(7), selinux(8), Documentation/admin-guide/LSM.
//!
//! Where it stands: after discretionary access control and capabilities.
//!
//! Confining by a profile or a context is a later issue. Until then a key that asks for more than
//! `inherit` is a promise that is not kept, and so an error, never silence.

mod compile;
mod model;

pub use compile::compile;
pub use model::Model;
