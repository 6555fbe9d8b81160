//! What a policy wants the program to be: ids, groups, capabilities.

use crate::policy::Origin;

/// The intent, as `plan` fills it from `[process]`; ids are numbers as seen *inside*.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    /// The user id to change to; `None`: the one that the process has there already (`keep`, and
    /// `root-in-namespace` where the id map alone makes it 0).
    pub uid: Option<u32>,
    /// The group id to change to; `None`: as `uid`.
    pub gid: Option<u32>,
    /// Where `process.user` was written.
    pub user_at: Option<Origin>,
    /// Supplementary groups, by number; `None`: those that the caller has.
    pub groups: Option<Vec<u32>>,
    /// Where `process.groups` was written.
    pub groups_at: Option<Origin>,
    /// Whether a new user namespace was made: the process has every capability in it.
    pub user_namespace: bool,
    /// Whether setgroups(2) may be called where the process is: `setgroups` of what
    /// `namespace::compile` returns; without a user namespace, `true` (the capability decides).
    pub setgroups: bool,
    /// Capabilities that stay in all five sets: bit n is capability n.
    pub keep: u64,
    /// Where `process.capabilities` was written.
    pub keep_at: Option<Origin>,
    /// What becomes of the bounding set where it has no effect.
    pub bounding: Bounding,
    /// no_new_privs, prctl(2).
    pub no_new_privs: bool,
    /// Where `process.no_new_privs` was written.
    pub no_new_privs_at: Option<Origin>,
    /// Permission bits cleared on creation; `None`: the caller's.
    pub umask: Option<u32>,
    /// Where `process.umask` was written.
    pub umask_at: Option<Origin>,
}

/// What becomes of the bounding set where no_new_privs leaves it without effect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Bounding {
    /// It stays as it is; the promise says why that changes nothing.
    #[default]
    WithoutEffect,
    /// It is reduced all the same, for those who look at `CapBnd`; 22 µs to 32 µs.
    Drop,
}
