//! `run` as it is called every day: flags with values, then a command. Building clap's table of
//! flags costs some 80 µs in a fresh process; this costs a few.

use std::ffi::{OsStr, OsString};

use ringfence::policy::{Flag, key};

use crate::events::Wanted;
use crate::run::Job;

/// The job; `None` for whatever is not plainly right, which [`super::full`] then reads or explains.
pub(super) fn run(args: &[OsString]) -> Option<Job> {
    let mut job =
        Job { policies: Vec::new(), flags: Vec::new(), command: Vec::new(), events: Wanted::default() };
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if arg == "--" {
            job.command = rest.cloned().collect();
            break;
        }
        if !arg.as_encoded_bytes().starts_with(b"-") {
            job.command.push(arg.clone());
            job.command.extend(rest.cloned());
            break;
        }
        let (name, value) = match arg.to_str()?.split_once('=') {
            Some((name, value)) => (name, value),
            None => (arg.to_str()?, rest.next().map(OsString::as_os_str).and_then(OsStr::to_str)?),
        };
        if value.starts_with("--") {
            return None;
        }
        match name {
            "--policy" => job.policies.push(value.to_owned()),
            _ if key::by_flag(name).is_some() => {
                job.flags.push(Flag { name: name.to_owned(), value: value.to_owned() });
            }
            _ => return None,
        }
    }
    (!job.command.is_empty()).then_some(job)
}
