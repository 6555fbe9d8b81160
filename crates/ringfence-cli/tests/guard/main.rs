//! A BPF LSM program of ringfence's own, on kernels where nothing else holds what it holds: each denial
//! is paired with the same operation without it. `cargo xtask matrix --lsm lockdown,yama,bpf -- test -p
//! ringfence-cli --test guard` runs these on every kernel.

#[path = "../harness/mod.rs"]
mod harness;

mod end;
mod field;
mod hold;
mod prove;
mod tell;
