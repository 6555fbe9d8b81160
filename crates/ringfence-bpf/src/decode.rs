//! The kernel's acceptance rules.
