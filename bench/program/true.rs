//! `true(1)`: the cheapest program that there is. What every launcher of the benchmark runs.
#![no_std]
#![no_main]
#![allow(dead_code)]

#[path = "gate.rs"]
mod gate;

#[unsafe(no_mangle)]
extern "C" fn main(_stack: *const usize) -> ! {
    gate::exit(0)
}
