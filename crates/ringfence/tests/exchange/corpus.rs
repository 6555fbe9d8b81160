//! Where the corpus of real profiles is.

use std::path::PathBuf;

/// A file or folder of the corpus; `None`, with word of it, where it is not on this machine.
pub(super) fn find(test: &str, name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("RINGFENCE_CORPUS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpus")),
        PathBuf::from,
    );
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    super::skip(test, "needs the corpus beside the repository, or RINGFENCE_CORPUS");
    None
}
