//! What `ringfence-bpf` says of programs, tables and truncation, against the running kernel.
//!
//! Filters are installed on threads that end with the test; nothing else of the process has them.

mod call;
mod decoder;
mod number;
mod truncation;
