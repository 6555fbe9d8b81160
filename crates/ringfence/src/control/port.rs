//! Ports as rooms take them: which of one transport, in one direction, and by which line.

use crate::policy::Origin;

/// Ports of one transport in one direction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Ports {
    /// Every port.
    #[default]
    Every,
    /// These alone; none where the list is empty.
    Only(Vec<PortRule>),
}

/// One port that is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRule {
    /// Host byte order; 0 for bind: one that the kernel picks.
    pub port: u16,
    /// The policy line.
    pub at: Option<Origin>,
}
