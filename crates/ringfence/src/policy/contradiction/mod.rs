//! Intents that no host could hold together. What depends on the host is for the plan to refuse.
//!
//! One file a family, each with its tests. First, `aside` lets the higher layer win where that is
//! what layers are for; what is left is an error.

mod aside;
mod namespace;
mod network;
mod path;
mod syscall;

use super::diagnostic::Diagnostic;
use super::model::Policy;

/// Settles what layers settle, and adds every contradiction left to `wrong`.
pub(super) fn check(policy: &mut Policy, wrong: &mut Vec<Diagnostic>) {
    aside::settle(policy);
    namespace::check(policy, wrong);
    network::check(policy, wrong);
    path::check(policy, wrong);
    syscall::check(policy, wrong);
}

fn contradiction(message: impl Into<String>) -> Diagnostic {
    Diagnostic::new("contradiction", message)
}
