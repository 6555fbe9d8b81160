//! Argument names that people know beside those of the kernel and of the man pages.

/// Call, other name, and the kernel's name. The man pages' own names are in the table.
const ALIASES: [(&str, &str, &str); 17] = [
    ("arch_prctl", "code", "option"),
    ("clone", "flags", "clone_flags"),
    ("clone", "stack", "newsp"),
    ("ioctl", "op", "cmd"),
    ("ioctl", "request", "cmd"),
    ("keyctl", "cmd", "option"),
    ("keyctl", "operation", "option"),
    ("mmap", "length", "len"),
    ("mmap", "offset", "off"),
    ("personality", "persona", "personality"),
    ("prctl", "op", "option"),
    ("ptrace", "op", "request"),
    ("seccomp", "operation", "op"),
    ("fcntl", "op", "cmd"),
    ("kill", "signal", "sig"),
    ("socket", "domain", "family"),
    ("socketpair", "domain", "family"),
];

/// The kernel's name of an argument, where this is another of its names.
pub(super) fn kernel_name(call: &str, name: &str) -> Option<&'static str> {
    let alias = ALIASES.iter().find(|(at, other, _)| *at == call && *other == name);
    alias.map(|(_, _, kernel)| *kernel)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{self, Abi};

    #[test]
    fn every_alias_names_an_argument() {
        for (call, other, kernel) in ALIASES {
            let args = table::by_name(Abi::X86_64, call).unwrap().args;
            assert!(args.iter().any(|arg| arg.name == kernel), "{call} has no {kernel}");
            assert!(args.iter().all(|arg| arg.name != other), "{call} already has {other}");
        }
    }
}
