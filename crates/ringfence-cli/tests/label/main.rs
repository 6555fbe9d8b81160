//! AppArmor profiles: named ones and generated ones, on a kernel that has AppArmor active. Each
//! denial is paired with the same operation where the profile is not, so that the profile, and
//! nothing else, is what denies. `cargo xtask matrix` runs these on every kernel.

#[path = "../harness/mod.rs"]
mod harness;

mod apparmor;
mod events;
mod export;
mod selinux;
mod stack;
mod tomoyo;
