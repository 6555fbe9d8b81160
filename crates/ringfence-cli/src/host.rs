//! `ringfence host`: what this kernel offers, and where that was read.

use std::io::{self, Write as _};

use ringfence::event::{logged, prove};
use ringfence::host::Host;
use ringfence::report;

use crate::check::Format;

/// A branch of the tree is not as it was said to be; nothing could be tried.
const WRONG: u8 = 1;
const UNTRIED: u8 = 3;

/// Prints which denials leave a record here; 0 as [`host`], and where each branch is tried: 1 where one is
/// not as the tree says, 3 where none could be tried.
#[inline(never)]
pub(crate) fn audit(test: bool, format: Format) -> u8 {
    let host = Host::live();
    let proofs = if test { prove::prove(&logged::branches(&host), &host) } else { Vec::new() };
    let text = match format {
        Format::Human => report::logged::human(&host, &proofs),
        Format::Json => report::logged::json(&host, &proofs),
    };
    // A reader that has seen enough is no error.
    let _ = io::stdout().lock().write_all(text.as_bytes());
    match report::logged::agrees(&host, &proofs) {
        _ if !test => 0,
        Some(true) => 0,
        Some(false) => WRONG,
        None => UNTRIED,
    }
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
