//! Real programs, each under the narrowest built-in policy that fits, as root and as an ordinary
//! user; and each again with one needed right taken away, which fails there and not elsewhere.

#[path = "../harness/mod.rs"]
mod harness;

mod build;
mod container;
mod git;
mod interpret;
mod serve;
mod shell;
mod store;
