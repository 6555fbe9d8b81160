//! The guest's init: makes the machine ready, runs the jobs one after the other, says what came of
//! each over the second serial port, and ends the machine. It runs as process 1 of a kernel of the
//! matrix, and refuses to be anything else.
//!
//! Process 1 itself only reaps; a child of it works. So orphans never stay, and waiting for a job
//! never takes another's status.
// Where no port stands yet, the console is all there is.
#![allow(clippy::print_stderr)]

mod machine;
mod work;

use std::process::ExitCode;

use rustix::process::{Pid, WaitOptions};
use rustix::system::{RebootCommand, reboot};

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    if words.next().as_deref() == Some(work::WORD) {
        return work::run();
    }
    if !rustix::process::getpid().is_init() {
        eprintln!("this is the init of the matrix's guests: `cargo xtask matrix` boots them");
        return ExitCode::from(2);
    }
    match machine::make_ready() {
        Ok(()) => attend(),
        Err(error) => work::say_failed(&error),
    }
    rustix::fs::sync();
    let error = reboot(RebootCommand::Restart);
    eprintln!("reboot: {error:?}");
    ExitCode::FAILURE
}

/// Starts the worker and reaps until it has ended.
fn attend() {
    let worker = std::process::Command::new("/proc/self/exe").arg(work::WORD).spawn();
    let worker = match worker {
        Ok(child) => Pid::from_child(&child),
        Err(error) => return work::say_failed(&machine::Failed::new("start the worker", error)),
    };
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, _))) if pid == worker => return,
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return work::say_failed(&machine::Failed::new("wait", error.into())),
        }
    }
}
