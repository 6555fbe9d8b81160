//! pause(2) for ever: what supervisors wait for while `cargo xtask bench memory` weighs them.
#![no_std]
#![no_main]
#![allow(dead_code)]

#[path = "gate.rs"]
mod gate;

#[unsafe(no_mangle)]
extern "C" fn main(_stack: *const usize) -> ! {
    loop {
        gate::call(34, [0; 6]);
    }
}
