//! `ringfence inspect`: the controls that a live process really has.

use std::io::{self, Write as _};

use ringfence::host::Host;
use ringfence::{inspect, report};

use crate::check::Format;

/// No such process.
const BAD: i32 = 2;

/// Prints what is known of it; 0, because a part that cannot be read is told as such, or 2.
#[cold]
#[inline(never)]
pub(crate) fn inspect(word: &str, format: Format) -> i32 {
    let wrong = |why: &str, help: &str| {
        let _ = writeln!(io::stderr().lock(), "ringfence: error: {why}\n  help: {help}");
        BAD
    };
    let Some(pid) = word.parse::<u32>().ok().filter(|pid| *pid > 0) else {
        return wrong(
            &format!("`{}` is no process id", word.escape_debug()),
            "write a number: ps(1) lists them",
        );
    };
    match inspect::read(pid, &Host::live()) {
        Ok(process) => {
            let entries = inspect::entries(&process);
            let text = match format {
                Format::Human => report::inspect::human(&entries),
                Format::Json => report::inspect::json(&entries),
            };
            // A reader that has seen enough is no error.
            let _ = io::stdout().lock().write_all(text.as_bytes());
            0
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            wrong(&format!("there is no process {pid}"), "ps(1) lists them, as this pid namespace names them")
        }
        Err(error) => wrong(&format!("process {pid}: {error}"), "it may have ended meanwhile"),
    }
}
