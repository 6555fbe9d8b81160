//! What is done to files that may be written, and to those that may not: each by the calls that
//! change a file or its name.

use std::path::Path;

use crate::control::mount::attempt;
use crate::control::trial::Trial;

/// Changes of an existing file, each one that changes nothing where it is let through.
pub(super) fn changes(file: &Path) -> Vec<(&'static str, Option<Trial>)> {
    use ringfence_bpf::table::Abi;
    let target = attempt::target(file);
    let mut all = vec![
        ("write", attempt::write(Abi::X86_64, file, target)),
        ("chmod", attempt::chmod(file, target)),
        ("exchange", attempt::exchange(file)),
        ("rename", attempt::rename(file)),
        ("unlink", attempt::unlink(file, target)),
        ("write-by-descriptor", attempt::write_by_path_descriptor(file)),
    ];
    // A file of sysfs(5) has no second name, and no length that could stay as it is.
    if !file.starts_with("/sys") {
        all.push(("link", attempt::link(file)));
        all.push(("truncate", attempt::truncate(file, target)));
    }
    all
}

/// What may be done in a directory that may be written, each to a file of the attempt's own.
pub(super) fn uses(directory: &Path) -> Vec<(&'static str, Option<Trial>)> {
    let own = attempt::own_file;
    vec![
        ("create", own(directory, "create", None)),
        ("rename", own(directory, "rename", Some("renameat2"))),
        ("link", own(directory, "link", Some("linkat"))),
        ("truncate", own(directory, "truncate", Some("truncate"))),
        ("chmod", own(directory, "chmod", Some("fchmodat"))),
        ("unlink", own(directory, "unlink", Some("unlinkat"))),
    ]
}
