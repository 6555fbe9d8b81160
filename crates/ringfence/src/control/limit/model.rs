//! Which limits a policy wants.

use crate::policy::Policy;
use crate::policy::model::{Limits, Namespace};

/// `[limits]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// As written.
    pub limits: Limits,
    /// Whether the program gets a user namespace of its own, where no capability raises limits.
    pub user_namespace: bool,
}

impl Model {
    /// The part of a policy that this room compiles.
    #[must_use]
    pub fn of(policy: &Policy) -> Self {
        let user_namespace = policy.namespaces.unshare.contains(&Namespace::User);
        Self { limits: policy.limits.clone(), user_namespace }
    }
}
