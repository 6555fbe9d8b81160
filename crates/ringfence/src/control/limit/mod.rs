//! Resource limits: rlimits, cgroups and wall time.
//!
//! The kernel's promise: not more than so much. rlimits bound one process (and are inherited);
//! cgroups bound all processes of a group together. Neither says what may be done with what is
//! within the bound. See getrlimit(2), cgroups(7), Documentation/admin-guide/cgroup-v2.rst.
//!
//! Where it stands: asked where the resource is taken, after all other controls.
//!
//! # Joining a cgroup
//!
//! Version 2: clone3(2) with `CLONE_INTO_CGROUP`. Version 1 has no such thing, and moving a process
//! from outside waits for an RCU grace period (5 to 11 ms). So the child moves itself, by writing
//! `0` to `tasks`, for which the kernel takes no global lock (kernel/cgroup/cgroup.c,
//! `cgroup_procs_write_start`; about 0.1 ms).
//!
//! # Core dumps
//!
//! `limits.core` is RLIMIT_CORE. Where core_pattern is a pipe, the kernel starts the handler as
//! root, outside of every containment, whatever the limit, except for the value 1, which is
//! therefore what a limit of 0 becomes. A program that lowers its own limit from 1 to 0 reaches the
//! handler again.

pub mod cgroup;
mod compile;
mod model;
pub mod observe;

pub use compile::{Outcome, compile};
pub use model::Model;
