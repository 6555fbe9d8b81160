//! AppArmor and SELinux: mandatory access control by profiles and contexts.
//!
//! The kernel's promise: a hook before each operation on an object asks every active LSM in the
//! order of the kernel's list, and any of them can deny. Blind to what has no hook. Landlock has a
//! room of its own. See apparmor(7), apparmor.d(5), selinux(8), Documentation/admin-guide/LSM.
//!
//! Where it stands: after discretionary access control and capabilities.
//!
//! The command takes its label at execve(2), which fails where the kernel does not give it: under
//! AppArmor where the profile is gone, under SELinux where the policy does not allow the transition
//! (with no_new_privs: `process2 { nnp_transition }`, on a nosuid mount: `nosuid_transition`).
//! Labels of LSMs that the policy does not name are inherited, never removed.

mod cil;
mod compile;
mod model;
pub mod observe;
mod profile;

pub use cil::text as cil_text;
pub use compile::{Outcome, Profile, compile};
pub use model::{Gate, Intent, Model, PathRule, Sockets};
pub use profile::{Words, file as profile_file, text as profile_text};
