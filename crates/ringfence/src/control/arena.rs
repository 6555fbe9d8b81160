//! What steps borrow is kept in one arena, made before the child exists.

use std::ffi::CStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bumpalo::Bump;

use super::Refusal;
use crate::policy::Origin;

/// The longest path that a call takes, with its null byte: `PATH_MAX` of linux/limits.h.
pub const PATH_MAX: usize = 4096;

/// A copy of `bytes` with its terminating null byte.
///
/// # Errors
/// A null byte inside: the kernel would read another, shorter string.
pub fn cstr<'a>(arena: &'a Bump, bytes: &[u8]) -> Result<&'a CStr, Refusal> {
    let copy = arena.alloc_slice_fill_copy(bytes.len() + 1, 0u8);
    copy[..bytes.len()].copy_from_slice(bytes);
    CStr::from_bytes_with_nul(copy).map_err(|_| Refusal {
        message: format!("`{}` has a null byte in it", String::from_utf8_lossy(bytes).escape_debug()),
        help: "no path, argument or variable can hold one".into(),
        at: None,
    })
}

/// A path as the kernel reads it.
///
/// # Errors
/// A null byte inside, or `PATH_MAX` bytes and more (path_resolution(7)).
pub fn path<'a>(arena: &'a Bump, path: &Path, at: Option<Origin>) -> Result<&'a CStr, Refusal> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.len() >= PATH_MAX {
        return Err(Refusal {
            message: format!("a path has {} bytes; the kernel takes {} at most", bytes.len(), PATH_MAX - 1),
            help: "name a shorter path, or a directory above it".into(),
            at,
        });
    }
    cstr(arena, bytes).map_err(|refusal| Refusal { at, ..refusal })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_end_with_one_null_byte() {
        let arena = Bump::new();
        assert_eq!(cstr(&arena, b"/etc").unwrap(), c"/etc");
        assert_eq!(cstr(&arena, b"").unwrap(), c"");
    }

    #[test]
    fn a_null_byte_inside_is_refused() {
        let arena = Bump::new();
        let refusal = cstr(&arena, b"/etc\0/shadow").unwrap_err();
        assert!(refusal.message.contains("null byte"), "{refusal}");
    }

    #[test]
    fn a_path_longer_than_the_kernel_takes_is_refused() {
        let arena = Bump::new();
        let longest = format!("/{}", "a".repeat(PATH_MAX - 2));
        assert_eq!(path(&arena, Path::new(&longest), None).unwrap().to_bytes().len(), PATH_MAX - 1);
        assert!(path(&arena, Path::new(&format!("{longest}b")), None).is_err());
    }
}
