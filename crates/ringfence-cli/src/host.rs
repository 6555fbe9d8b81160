//! `ringfence host`: what this kernel offers, and where that was read.

use std::io::{self, Write as _};

use crate::check::Format;

/// Prints the facts; 0 always, because a fact that cannot be read is a fact too.
pub(crate) fn host(_format: Format) -> u8 {
    let _ = io::stderr().lock().write_all(b"ringfence: error: `host` cannot print yet\n");
    3
}
