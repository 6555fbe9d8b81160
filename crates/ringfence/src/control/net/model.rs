//! Which network a policy wants.

use crate::policy::Origin;
use crate::policy::model::NetMode;

/// The intent, as `plan` fills it from `net.mode` and `namespaces.unshare`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// `net.mode`.
    pub mode: NetMode,
    /// Where it was written.
    pub mode_at: Option<Origin>,
    /// Whether `namespaces.unshare` has `net`.
    pub own_namespace: bool,
    /// Whether the seccomp filter restricts address families (`seccomp::Model::families` is
    /// `Some`, in filter or strict mode): then `none` holds without a namespace.
    pub families_filtered: bool,
}
