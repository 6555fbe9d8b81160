//! Which failed calls are of interest, and which of their arguments are names: the tables that the
//! loader gives to the program. Pure.

use ringfence_bpf::table::{self, Abi, Prototype};

use super::layout::{Class, NUMBERS, Shape};
use crate::event::call;

/// Kinds of call; an error is of interest of some kinds, or of all.
mod kind {
    pub(super) const EVERY: u32 = 1;
    pub(super) const NAMES: u32 = 2;
    pub(super) const FORKS: u32 = 4;
    pub(super) const MEMORY: u32 = 8;
    pub(super) const WRITES: u32 = 16;
    pub(super) const SOCKETS: u32 = 32;
    pub(super) const SIGNALS: u32 = 64;
    pub(super) const MOVES: u32 = 128;
    /// Its result is no errno: `RETURNS_ANYTHING` of the program.
    pub(super) const ANYTHING: u32 = 0x8000;
}

/// The word of each number of each ABI, by the place that the program looks at.
pub(super) fn calls() -> Vec<u32> {
    let mut words = vec![0; Abi::ALL.len() * NUMBERS as usize];
    for (n, abi) in [Abi::X86_64, Abi::I386, Abi::X32].into_iter().enumerate() {
        for number in 0..NUMBERS {
            if let Some(prototype) = table::by_number(abi, number) {
                words[n * NUMBERS as usize + number as usize] = shape(prototype).word();
            }
        }
    }
    words
}

fn shape(prototype: &Prototype) -> Shape {
    let mut strings = call::names(prototype);
    let mut string = || match strings.next() {
        Some(place) => (place as u32 + 1, call::from_directory(prototype, place)),
        None => (0, false),
    };
    let ((first, first_at), (second, second_at)) = (string(), string());
    let peer = call::sized(prototype).map_or(0, |place| place as u32 + 1);
    let mut kinds = kind::EVERY;
    if first != 0 {
        kinds |= kind::NAMES;
    }
    kinds |= match prototype.name {
        "fork" | "vfork" | "clone" | "clone3" | "execve" | "execveat" | "setuid" | "setreuid"
        | "setresuid" => kind::FORKS,
        "mmap" | "mmap2" | "mremap" | "mlock" | "mlock2" | "mlockall" | "brk" | "mprotect" => kind::MEMORY,
        "write" | "writev" | "pwrite64" | "pwritev" | "pwritev2" | "ftruncate" | "ftruncate64"
        | "fallocate" | "copy_file_range" | "sendfile" | "sendfile64" | "truncate" | "truncate64" => {
            kind::WRITES
        }
        // The path of a socket is a name.
        "connect" | "bind" | "sendto" => kind::SOCKETS | kind::NAMES,
        "sendmsg" | "sendmmsg" => kind::SOCKETS,
        "kill" | "tkill" | "tgkill" | "pidfd_open" | "rt_sigqueueinfo" | "rt_tgsigqueueinfo" | "ptrace"
        | "process_vm_readv" | "process_vm_writev" => kind::SIGNALS,
        "rename" | "renameat" | "renameat2" | "link" | "linkat" | "unlink" | "unlinkat" | "rmdir" => {
            kind::MOVES
        }
        // rt_sigreturn gives back whatever the interrupted code had there.
        "rt_sigreturn" | "sigreturn" => kind::ANYTHING,
        _ => 0,
    };
    // Two names leave no room for an address.
    let peer = if second == 0 { peer } else { 0 };
    Shape { first, first_at, second, second_at, peer, kinds }
}

/// Each errno that may be a denial, with the program's word for it.
pub(super) fn errors() -> impl Iterator<Item = (u32, u32)> {
    const ERRORS: [(&str, u32, Class); 17] = [
        ("EPERM", kind::EVERY, Class::Refused),
        ("EACCES", kind::EVERY, Class::Refused),
        ("EROFS", kind::EVERY, Class::Refused),
        ("EXDEV", kind::MOVES, Class::Refused),
        ("EBUSY", kind::MOVES, Class::Refused),
        ("ENOENT", kind::NAMES, Class::Absent),
        ("ENOTDIR", kind::NAMES, Class::Absent),
        ("ESRCH", kind::SIGNALS, Class::Absent),
        ("EAGAIN", kind::FORKS, Class::Short),
        ("ENOMEM", kind::MEMORY | kind::FORKS, Class::Short),
        ("EMFILE", kind::EVERY, Class::Short),
        ("EFBIG", kind::WRITES, Class::Short),
        ("ENOSPC", kind::WRITES | kind::NAMES, Class::Short),
        ("ENETUNREACH", kind::SOCKETS, Class::Short),
        ("EHOSTUNREACH", kind::SOCKETS, Class::Short),
        ("EADDRNOTAVAIL", kind::SOCKETS, Class::Short),
        ("ENETDOWN", kind::SOCKETS, Class::Short),
    ];
    ERRORS.into_iter().filter_map(|(name, of, class)| {
        let number = u32::from(table::errno(name)?);
        // Not by EVERY, which each call has: only calls of the kinds that are named.
        Some((number, of | (class as u32) << 16))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(name: &str) -> u32 {
        let number = table::call(name).unwrap().number(Abi::X86_64).unwrap();
        calls()[number as usize]
    }

    #[test]
    fn names_and_addresses_are_where_the_prototypes_say() {
        assert_eq!(word("openat") & 0x7ff, 2 | 0x200);
        assert_eq!(word("open") & 0x7ff, 1);
        assert_eq!(word("symlinkat") & 0x7ff, 1 | 3 << 3 | 0x400);
        assert_eq!(word("linkat") & 0x7ff, 2 | 4 << 3 | 0x600);
        assert_eq!(word("rename") & 0x1ff, 1 | 2 << 3);
        assert_eq!(word("connect") & 0x1ff, 2 << 6);
        assert_eq!(word("openat2") & 0x1ff, 2 | 3 << 6);
        assert_eq!(word("write") & 0x1ff, 0);
        assert_eq!(word("execve") & 0x1ff, 1);
    }

    #[test]
    fn every_errno_has_a_number_that_the_program_can_look_up() {
        let errors: Vec<_> = errors().collect();
        assert_eq!(errors.len(), 17);
        assert!(errors.iter().all(|(number, word)| *number < 256 && *word & 0xffff != 0));
    }
}
