//! The `ringfence` command: one file a command, and the arguments.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), no_main)]

mod args;
mod check;
mod events;
mod explain;
mod gate;
mod host;
mod inspect;
mod lines;
mod run;
mod suggest;
mod surface;
mod verify;
mod watch;

use std::ffi::{CStr, OsStr, OsString};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;

use args::Invocation;
use ringfence::launch::foreign;
use ringfence_sys::entry::Arguments;
use ringfence_sys::heap::Heap;

#[cfg(not(test))]
ringfence_sys::main!(main);

/// A launcher lives for a millisecond; its memory must cost it nothing.
#[global_allocator]
static HEAP: Heap = Heap::new();

/// The exit status.
#[cfg_attr(test, allow(dead_code))]
fn main(arguments: Arguments) -> i32 {
    let word = |word: &CStr| OsStr::from_bytes(word.to_bytes()).to_owned();
    let args: Vec<OsString> = arguments.clone().skip(1).map(word).collect();
    if arguments.elevated() {
        // A policy says what its writer likes: with another user's rights, it would be an order.
        return run::bad(
            "error: the set-user-id or set-group-id bit is set, or the file has capabilities, and ringfence does not \
             lend rights to its callers\n  help: take them away: chmod ug-s, setcap -r; an ordinary user needs none of them",
            run::FAILED,
        );
    }
    if let Some(status) = hidden(&args) {
        return status;
    }
    // All but a launch is `#[cold]`, and not inlined: a launch has neither its code nor its stack to touch.
    let status = match args::parse(&args) {
        // Writes nothing that would have to be flushed.
        Invocation::Run(job) => return run::run(&job, &arguments.environment()),
        Invocation::Check(job, format) => check::check(&job, format),
        Invocation::Verify(job, wishes) => verify::verify(&job, &wishes),
        Invocation::Explain(job, text, format) => explain::explain(&job, &text, format),
        Invocation::Host(format) => host::host(format).into(),
        Invocation::HostAudit(test, format) => host::audit(test, format).into(),
        Invocation::Inspect(pid, format) => inspect::inspect(&pid, format),
        Invocation::Watch(wishes, format) => watch::watch(&wishes, format),
        Invocation::Surface(job) => surface::run(&job),
        Invocation::Gate(job) => gate::run(&job),
        Invocation::Show(text) => {
            // A reader that has seen enough is no error.
            let _ = io::stdout().lock().write_all(text.as_bytes());
            0
        }
        Invocation::Usage(text, status) => {
            let _ = io::stderr().lock().write_all(text.as_bytes());
            status.into()
        }
    };
    let _ = io::stdout().lock().flush();
    status
}

/// What `verify --via` starts itself with.
fn hidden(args: &[OsString]) -> Option<i32> {
    let (first, rest) = args.split_first()?;
    (first == foreign::PROBE || first == foreign::KEEP).then(|| foreign(first, rest))
}

#[cold]
#[inline(never)]
fn foreign(first: &OsStr, rest: &[OsString]) -> i32 {
    if first == foreign::PROBE {
        let words: Vec<String> = rest.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        return foreign::probe(&words);
    }
    foreign::keep(rest)
}
