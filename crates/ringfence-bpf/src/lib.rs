//! The exact theory of seccomp filters.
