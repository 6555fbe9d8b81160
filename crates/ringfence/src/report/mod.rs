//! Results for people and for programs. What is printed here is decided elsewhere.

pub mod baseline;
mod document;
pub mod ecs;
pub mod event;
mod fingerprint;
pub mod gate;
pub mod host;
pub mod inspect;
pub mod logged;
pub mod ocsf;
pub mod plan;
pub mod surface;
pub mod verify;
pub mod watch;
pub mod way;
