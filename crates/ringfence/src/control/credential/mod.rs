//! User and group ids, capabilities, securebits, no_new_privs, umask: who the program is.
//!
//! The kernel's promise: a permission check compares the credentials of the subject with the
//! owner and mode of the object, and a capability in the effective set bypasses it. See
//! credentials(7), capabilities(7), prctl(2), setresuid(2), setgroups(2), user_namespaces(7).
//!
//! Where it stands: after namespaces (they decide which ids exist), before the LSMs.
//!
//! # The five sets
//!
//! | set | how it is reduced |
//! |---|---|
//! | effective, permitted, inheritable | one capset(2) |
//! | ambient | the same capset(2): the kernel keeps ambient within permitted and inheritable |
//! | bounding | 41 prctl(2) `PR_CAPBSET_DROP`, where it has an effect or where it is asked for |
//!
//! The bounding set limits what execve(2) may *add* to the permitted set: from file capabilities,
//! or from user id 0 without `SECBIT_NOROOT`. Under no_new_privs, execve(2) adds nothing
//! (`cap_bprm_creds_from_file` intersects the new permitted set with the old one), and
//! no_new_privs cannot be taken back. So with no_new_privs the bounding set has no effect, and the
//! 41 calls (22 µs to 32 µs measured on Linux 6.18, against 4 µs for `PR_SET_SECUREBITS` and
//! capset(2) together) buy nothing: they are left out unless [`Bounding::Drop`] asks for a clean
//! `CapBnd` line in `/proc/PID/status`. Without no_new_privs they are always made.
//!
//! No set of the five, the bounding set included, survives into a *nested* user namespace:
//! `create_user_ns` gives its first process every capability and a full bounding set there, and
//! the default securebits. What holds there is seccomp (`control/seccomp` denies nested user
//! namespaces) and the kernel's rule that such capabilities reach only objects of that namespace.
//!
//! # Securebits
//!
//! Without capabilities to keep, `SECBIT_NOROOT`, `SECBIT_NO_SETUID_FIXUP`,
//! `SECBIT_NO_CAP_AMBIENT_RAISE` are set and locked, and `SECBIT_KEEP_CAPS` is locked off. With
//! capabilities to keep only `SECBIT_NOROOT` is: a server that keeps `CAP_SETUID` and changes to
//! another user must lose its capabilities then, as capabilities(7) says, and
//! `SECBIT_NO_SETUID_FIXUP` would let it keep them. What is kept travels over execve(2) in the
//! ambient set, for every user id.

pub mod attempt;
mod compile;
mod model;
pub mod observe;
#[cfg(test)]
mod tests;

pub use compile::compile;
pub use model::{Bounding, Model};
