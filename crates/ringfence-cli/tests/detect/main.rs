//! What `run` tells of denials: each with the control, the policy line and the errno that it really
//! had, and with a remedy that works when it is tried; and never a word that could harm a terminal.

#[path = "../harness/mod.rs"]
mod harness;

mod attribution;
mod bad;
mod corpus;
mod daemon;
mod followed;
mod format;
mod kernel;
mod landlock;
mod lossless;
mod predicted;
mod proved;
mod right;
mod told;
