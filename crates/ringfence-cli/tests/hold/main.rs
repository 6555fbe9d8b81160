//! What a hostile program tries, as root and as an ordinary user, must fail, and must be able to
//! succeed outside: each attempt is first made without ringfence. attack.c lists the attempts.

#[path = "../harness/mod.rs"]
mod harness;

mod attempt;
mod deny;
mod end;
mod file;
mod gate;
mod network;
mod privilege;
mod process;
mod terminal;
