//! Results for people and for programs. What is printed here is decided elsewhere.

pub mod baseline;
pub mod event;
mod fingerprint;
pub mod gate;
pub mod host;
pub mod logged;
pub mod plan;
pub mod surface;
pub mod verify;
pub mod way;
