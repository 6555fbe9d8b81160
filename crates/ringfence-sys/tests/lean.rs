//! A wait that lets go of the program's code: signals are taken as ever, the code comes back when it
//! runs again, and while it waits nearly none of it is in memory.

use std::time::{Duration, Instant};

use ringfence_sys::raw;
use ringfence_sys::signal::Blocked;

const GETTID: u32 = 186;
const TGKILL: u32 = 234;
const SIGUSR1: usize = 10;

fn thread() -> usize {
    // SAFETY: gettid has no arguments.
    unsafe { raw::call(GETTID, [0; 6]) }.unwrap()
}

fn tell(thread: usize) {
    let process = std::process::id() as usize;
    // SAFETY: numbers only; the thread has the signal blocked.
    unsafe { raw::call(TGKILL, [process, thread, SIGUSR1, 0, 0, 0]) }.unwrap();
}

#[test]
fn a_signal_is_taken_and_a_time_ends() {
    let blocked = Blocked::all().unwrap();
    tell(thread());
    assert_eq!(blocked.take_lean(None), Some(SIGUSR1 as i32));
    let begun = Instant::now();
    assert_eq!(blocked.take_lean(Some(20_000_000)), None);
    assert!(begun.elapsed() >= Duration::from_millis(20));
    let waiter = thread();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            tell(waiter);
        });
        assert_eq!(blocked.take_lean(None), Some(SIGUSR1 as i32));
    });
}
