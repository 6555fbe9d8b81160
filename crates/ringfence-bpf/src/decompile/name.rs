//! Names of constants where an argument's values have any.

use crate::table::{self, Argument, CallId, Constant};

/// Calls, an argument by its name in the kernel, and how the names of its values start.
const PREFIXES: [(&str, &str, &str); 24] = [
    ("arch_prctl", "option", "ARCH_"),
    ("clone", "clone_flags", "CLONE_"),
    ("fcntl", "cmd", "F_"),
    ("fcntl64", "cmd", "F_"),
    ("futex", "op", "FUTEX_"),
    ("ioctl", "cmd", "TIOC"),
    ("ioctl", "cmd", "TC"),
    ("ioctl", "cmd", "FIO"),
    ("ioctl", "cmd", "SIOC"),
    ("ioctl", "cmd", "FS_IOC"),
    ("keyctl", "option", "KEYCTL_"),
    ("madvise", "behavior", "MADV_"),
    ("mmap", "prot", "PROT_"),
    ("mprotect", "prot", "PROT_"),
    ("personality", "personality", "PER_"),
    ("prctl", "option", "PR_"),
    ("ptrace", "request", "PTRACE_"),
    ("seccomp", "op", "SECCOMP_SET_"),
    ("setsockopt", "level", "SOL_"),
    ("socket", "family", "AF_"),
    ("socket", "type", "SOCK_"),
    ("socketpair", "family", "AF_"),
    ("socketpair", "type", "SOCK_"),
    ("unshare", "unshare_flags", "CLONE_"),
];

/// Second names of a value that has a better known one.
const SECOND: [&str; 3] = ["AF_FILE", "AF_LOCAL", "AF_ROUTE"];

/// A value: its name where it has one, small numbers in decimal.
pub(super) fn of(call: CallId, argument: &Argument, value: u64) -> String {
    let found = constants(call, argument).find(|constant| constant.value == value as i64 && value != 0);
    match found {
        Some(constant) => constant.name.to_owned(),
        None if value < 4096 => value.to_string(),
        None => format!("{value:#x}"),
    }
}

/// A mask: the name where a single constant is all of it.
pub(super) fn bits(call: CallId, argument: &Argument, mask: u64) -> String {
    match constants(call, argument).find(|constant| constant.value == mask as i64 && mask.count_ones() == 1) {
        Some(constant) => constant.name.to_owned(),
        None => format!("{mask:#x}"),
    }
}

/// Of several prefixes, the earlier one's first.
fn constants(call: CallId, argument: &Argument) -> impl Iterator<Item = &'static Constant> {
    let prefixes = PREFIXES
        .iter()
        .filter(move |(name, place, _)| *name == call.name() && *place == argument.name)
        .map(|(.., prefix)| prefix);
    let all =
        prefixes.flat_map(|prefix| table::constants().iter().filter(|other| other.name.starts_with(*prefix)));
    all.filter(|constant| !SECOND.contains(&constant.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Abi;

    #[test]
    fn every_prefix_is_one_of_an_argument() {
        for (call, argument, prefix) in PREFIXES {
            let call = table::call(call).unwrap();
            let mut prototypes = Abi::ALL.into_iter().filter_map(|abi| call.prototype(abi));
            assert!(prototypes.any(|p| p.args.iter().any(|arg| arg.name == argument)), "{call:?} {argument}");
            assert!(table::constants().iter().any(|constant| constant.name.starts_with(prefix)), "{prefix}");
        }
    }
}
