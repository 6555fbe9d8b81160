//! Raw calls and the interpreter of steps.
#![no_std]
