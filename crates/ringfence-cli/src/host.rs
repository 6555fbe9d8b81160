//! `ringfence host`: what this kernel offers, and where that was read.

use std::io::{self, Write as _};

use ringfence::host::Host;
use ringfence::report;

use crate::check::Format;

/// Prints which denials leave a record here; 0 always, as [`host`].
#[inline(never)]
pub(crate) fn audit(format: Format) -> u8 {
    let host = Host::live();
    let text = match format {
        Format::Human => report::logged::human(&host),
        Format::Json => report::logged::json(&host),
    };
    // A reader that has seen enough is no error.
    let _ = io::stdout().lock().write_all(text.as_bytes());
    0
}

/// Prints the facts; 0 always, because a fact that cannot be read is a fact too.
#[inline(never)]
pub(crate) fn host(format: Format) -> u8 {
    let host = Host::live();
    let text = match format {
        Format::Human => report::host::human(&host),
        Format::Json => report::host::json(&host),
    };
    // A reader that has seen enough is no error.
    let _ = io::stdout().lock().write_all(text.as_bytes());
    0
}
