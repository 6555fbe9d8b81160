//! What steps borrow is kept in one arena, made before the child exists.

use std::ffi::CStr;

use bumpalo::Bump;

use super::Refusal;

/// A copy of `bytes` with its terminating NUL.
///
/// # Errors
/// Bytes with a NUL inside.
pub fn cstr<'a>(arena: &'a Bump, bytes: &[u8]) -> Result<&'a CStr, Refusal> {
    let copy = arena.alloc_slice_fill_with(bytes.len() + 1, |i| bytes.get(i).copied().unwrap_or(0));
    CStr::from_bytes_with_nul(copy).map_err(|_| Refusal {
        message: format!("`{}` has a NUL byte in it", String::from_utf8_lossy(bytes)),
        help: "no path, argument or variable can hold one".into(),
        at: None,
    })
}
