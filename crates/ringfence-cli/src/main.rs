//! The `ringfence` command: one file a command, and the arguments.
#![forbid(unsafe_code)]

mod args;
mod check;
mod host;
mod run;
mod verify;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use args::Invocation;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    match args::parse(&args) {
        Invocation::Run(job) => status(run::run(&job)),
        Invocation::Check(job, format) => status(check::check(&job, format)),
        Invocation::Verify(job, wishes, format) => status(verify::verify(&job, &wishes, format)),
        Invocation::Host(format) => host::host(format).into(),
        Invocation::Show(text) => {
            // A reader that has seen enough is no error.
            let _ = io::stdout().lock().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Invocation::Usage(text, status) => {
            let _ = io::stderr().lock().write_all(text.as_bytes());
            status.into()
        }
    }
}

/// An exit status has eight bits, exit(3).
fn status(status: i32) -> ExitCode {
    ExitCode::from(status as u8)
}
