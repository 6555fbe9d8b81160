//! Which profile and which context a policy wants.

use crate::policy::{At, Policy, model::Label};

/// `lsm.apparmor` and `lsm.selinux`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// apparmor(7).
    pub apparmor: At<Label>,
    /// selinux(8).
    pub selinux: At<Label>,
}

impl Model {
    /// The part of a policy that this room compiles.
    #[must_use]
    pub fn of(policy: &Policy) -> Self {
        Self { apparmor: policy.lsm.apparmor.clone(), selinux: policy.lsm.selinux.clone() }
    }
}
