//! What a system call tries, so that controls can be asked about it: from its registers, and from the
//! names and addresses that they point to. Pure.

use ringfence_bpf::program::SeccompData;
use ringfence_bpf::table::{self, Abi};

use crate::event::call::{MAX_STRING, Memory};
use crate::event::way::Deed;

/// What is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::event) enum Tried {
    /// Something with a path.
    Path(Named),
    /// Something with two.
    Paths(Named, Named),
    /// A connection, a message or a port: the address as the kernel reads it.
    Address { bind: bool, udp: bool, address: Vec<u8> },
    /// A signal to a process, a thread or a group; 0 and below: as kill(2) says.
    Signal(i32),
    /// A capability is needed for it; `true`: in the first user namespace.
    Capability(&'static str, bool),
    /// Something that a limit counts.
    Amount(Amount),
    /// ptrace(2).
    Trace,
    /// Nothing of which any control has a model.
    Other,
}

/// A path and what is done there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::event) struct Named {
    pub(in crate::event) deed: Deed,
    /// `AT_FDCWD` or a descriptor.
    pub(in crate::event) from: i32,
    pub(in crate::event) path: Vec<u8>,
    /// Whether the last part is followed where it is a symbolic link.
    pub(in crate::event) follow: bool,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::event) enum Amount {
    /// Descriptors.
    Files,
    /// Processes and threads.
    Processes,
    /// Addresses and memory.
    Memory,
    /// The size of a file.
    FileSize,
    /// Locked memory.
    Locked,
}

const CWD: i32 = -100;
const NOFOLLOW: u64 = 0x100;
const EMPTY_PATH: u64 = 0x1000;
const O_CREAT: u64 = 0o100;
const O_PATH: u64 = 0o10_000_000;
const O_TMPFILE: u64 = 0o20_200_000;
const O_NOFOLLOW: u64 = 0o400_000;

/// What this call tries, as far as its registers, and names in `memory`, tell.
pub(in crate::event) fn tried(data: &SeccompData, memory: &dyn Memory) -> Tried {
    let Some(call) = Abi::of(data).and_then(|(abi, number)| table::by_number(abi, number)) else {
        return Tried::Other;
    };
    let reader = Reader { args: data.args, memory };
    reader
        .path(call.name)
        .or_else(|| reader.paths(call.name))
        .or_else(|| reader.peer(call.name))
        .or_else(|| privileged(call.name, &data.args))
        .unwrap_or(Tried::Other)
}

struct Reader<'m> {
    args: [u64; 6],
    memory: &'m dyn Memory,
}

impl Reader<'_> {
    fn text(&self, place: usize) -> Option<Vec<u8>> {
        let mut room = [0; MAX_STRING];
        let len = self.memory.read(self.args[place], &mut room).ok()?;
        let end = room[..len].iter().position(|byte| *byte == 0)?;
        Some(room[..end].to_vec())
    }

    /// The path at `place`, from the descriptor before it where `at`.
    fn named(&self, deed: Deed, at: bool, place: usize, follow: bool) -> Option<Named> {
        let from = if at { self.args[place - 1] as i32 } else { CWD };
        Some(Named { deed, from, path: self.text(place)?, follow })
    }

    fn open(&self, at: bool, place: usize, flags: u64) -> Option<Named> {
        let deed = match flags {
            _ if flags & O_PATH != 0 => Deed::Look,
            _ if flags & O_TMPFILE == O_TMPFILE || flags & O_CREAT != 0 => Deed::Create,
            _ if flags & 3 != 0 || flags & 0o1000 != 0 => Deed::Write,
            _ => Deed::Read,
        };
        self.named(deed, at, place, flags & O_NOFOLLOW == 0)
    }

    fn path(&self, call: &str) -> Option<Tried> {
        let flags = |place: usize| self.args[place];
        let plain = |deed, follow| self.named(deed, false, 0, follow);
        let at = |deed, flag_place: usize| {
            let flags = if flag_place == 0 { 0 } else { flags(flag_place) };
            // On a descriptor itself there is no name to look up.
            let named = self.named(deed, true, 1, flags & NOFOLLOW == 0)?;
            (!named.path.is_empty() || flags & EMPTY_PATH == 0).then_some(named)
        };
        let named = match call {
            "open" => self.open(false, 0, flags(1)),
            "creat" => plain(Deed::Create, true),
            "openat" => self.open(true, 1, flags(2)),
            "openat2" => self.open(true, 1, self.how()?),
            "execve" => plain(Deed::Exec, true),
            "execveat" => at(Deed::Exec, 4),
            "unlink" => plain(Deed::Unlink, false),
            "rmdir" => plain(Deed::Rmdir, false),
            "unlinkat" => {
                let deed = if flags(2) & 0x200 == 0 { Deed::Unlink } else { Deed::Rmdir };
                self.named(deed, true, 1, false)
            }
            "mkdir" => plain(Deed::Mkdir, false),
            "mkdirat" => self.named(Deed::Mkdir, true, 1, false),
            "mknod" => plain(if device(flags(1)) { Deed::Device } else { Deed::Mknod }, false),
            "mknodat" => {
                self.named(if device(flags(2)) { Deed::Device } else { Deed::Mknod }, true, 1, false)
            }
            "symlink" => self.named(Deed::Symlink, false, 1, false),
            "symlinkat" => self.named(Deed::Symlink, true, 2, false),
            "chmod" => plain(Deed::Chmod, true),
            "fchmodat" => at(Deed::Chmod, 0),
            "fchmodat2" => at(Deed::Chmod, 3),
            "chown" | "chown32" => plain(Deed::Chown, true),
            "lchown" | "lchown32" => plain(Deed::Chown, false),
            "fchownat" => at(Deed::Chown, 4),
            "utime" | "utimes" => plain(Deed::Times, true),
            "futimesat" => at(Deed::Times, 0),
            "utimensat" | "utimensat_time64" => at(Deed::Times, 3),
            "truncate" | "truncate64" => plain(Deed::Truncate, true),
            "chroot" => plain(Deed::Chroot, true),
            "chdir" => plain(Deed::Chdir, true),
            "access" => plain(asked(flags(1)), true),
            "faccessat" => at(asked(flags(2)), 0),
            "faccessat2" => at(asked(flags(2)), 3),
            "stat" | "stat64" | "statfs" | "statfs64" | "getxattr" | "listxattr" => plain(Deed::Look, true),
            "lstat" | "lstat64" | "readlink" | "lgetxattr" | "llistxattr" => plain(Deed::Look, false),
            "newfstatat" | "fstatat64" => at(Deed::Look, 3),
            "statx" => at(Deed::Look, 2),
            "readlinkat" => self.named(Deed::Look, true, 1, false),
            "inotify_add_watch" => self.named(Deed::Read, false, 1, true),
            "setxattr" | "removexattr" => plain(Deed::Attribute, true),
            "lsetxattr" | "lremovexattr" => plain(Deed::Attribute, false),
            _ => None,
        };
        named.map(Tried::Path)
    }

    /// The flags of `struct open_how`.
    fn how(&self) -> Option<u64> {
        let mut word = [0; 8];
        (self.memory.read(self.args[2], &mut word).ok()? == 8).then(|| u64::from_le_bytes(word))
    }

    fn paths(&self, call: &str) -> Option<Tried> {
        let two = |deed: (Deed, Deed), at, places: (usize, usize)| {
            let old = self.named(deed.0, at, places.0, false)?;
            Some(Tried::Paths(old, self.named(deed.1, at, places.1, false)?))
        };
        match call {
            "rename" => two((Deed::Rename, Deed::Link), false, (0, 1)),
            "renameat" | "renameat2" => two((Deed::Rename, Deed::Link), true, (1, 3)),
            "link" => two((Deed::Look, Deed::Link), false, (0, 1)),
            "linkat" => two((Deed::Look, Deed::Link), true, (1, 3)),
            _ => None,
        }
    }

    fn peer(&self, call: &str) -> Option<Tried> {
        let address = |place: usize, bind| {
            let mut room = [0; 128];
            let len = (self.args[place + 1] as usize).min(room.len());
            let len = self.memory.read(self.args[place], &mut room[..len]).ok()?;
            // What is sent by an address of its own has no connection.
            let udp = place == 4;
            Some(Tried::Address { bind, udp, address: room[..len].to_vec() })
        };
        match call {
            "connect" => address(1, false),
            "bind" => address(1, true),
            "sendto" if self.args[4] != 0 => address(4, false),
            "kill" | "tkill" | "pidfd_open" | "rt_sigqueueinfo" => Some(Tried::Signal(self.args[0] as i32)),
            "tgkill" | "rt_tgsigqueueinfo" => Some(Tried::Signal(self.args[1] as i32)),
            "ptrace" if self.args[0] == 0 => Some(Tried::Trace),
            _ => None,
        }
    }
}

/// A device node rather than a fifo, a socket or a file.
fn device(mode: u64) -> bool {
    matches!(mode & 0o170_000, 0o020_000 | 0o060_000)
}

/// access(2) asks as if it were done.
fn asked(mode: u64) -> Deed {
    match mode {
        _ if mode & 2 != 0 => Deed::Write,
        _ if mode & 1 != 0 => Deed::Exec,
        _ if mode & 4 != 0 => Deed::Read,
        _ => Deed::Look,
    }
}

/// Calls that need a capability (capabilities(7)), or that a limit counts.
fn privileged(call: &str, args: &[u64; 6]) -> Option<Tried> {
    const RAW: u64 = 3;
    const NEW: u64 = 0x7e02_0080;
    const USER: u64 = 0x1000_0000;
    let own = |name| Some(Tried::Capability(name, false));
    let first = |name| Some(Tried::Capability(name, true));
    match call {
        "mount" | "umount2" | "pivot_root" | "move_mount" | "open_tree" | "fsopen" | "fsmount" | "fspick"
        | "mount_setattr" | "setns" | "sethostname" | "setdomainname" => own("CAP_SYS_ADMIN"),
        "unshare" | "clone" if args[0] & NEW & !USER != 0 => own("CAP_SYS_ADMIN"),
        "setuid" | "setreuid" | "setresuid" | "setfsuid" | "setuid32" | "setresuid32" => own("CAP_SETUID"),
        "setgid" | "setregid" | "setresgid" | "setfsgid" | "setgroups" | "setgid32" | "setresgid32"
        | "setgroups32" => own("CAP_SETGID"),
        "setpriority" | "nice" | "sched_setscheduler" | "sched_setattr" | "sched_setparam" | "ioprio_set"
        | "migrate_pages" | "move_pages" => first("CAP_SYS_NICE"),
        "settimeofday" | "clock_settime" | "adjtimex" | "clock_adjtime" | "stime" => first("CAP_SYS_TIME"),
        "iopl" | "ioperm" => first("CAP_SYS_RAWIO"),
        "init_module" | "finit_module" | "delete_module" => first("CAP_SYS_MODULE"),
        "swapon" | "swapoff" | "quotactl" | "bpf" => first("CAP_SYS_ADMIN"),
        "acct" => first("CAP_SYS_PACCT"),
        "reboot" | "kexec_load" | "kexec_file_load" => own("CAP_SYS_BOOT"),
        "syslog" => first("CAP_SYSLOG"),
        "vhangup" => first("CAP_SYS_TTY_CONFIG"),
        "setrlimit" | "prlimit64" => first("CAP_SYS_RESOURCE"),
        "open_by_handle_at" => first("CAP_DAC_READ_SEARCH"),
        "perf_event_open" => first("CAP_PERFMON"),
        "process_vm_readv" | "process_vm_writev" | "kcmp" | "pidfd_getfd" => own("CAP_SYS_PTRACE"),
        "socket" if args[1] & 0xf == RAW || args[0] == 17 => own("CAP_NET_RAW"),
        "setsockopt" => own("CAP_NET_ADMIN"),
        "mlock" | "mlockall" | "mlock2" => Some(Tried::Amount(Amount::Locked)),
        "fork" | "vfork" | "clone" | "clone3" => Some(Tried::Amount(Amount::Processes)),
        "dup" | "dup2" | "dup3" | "pipe" | "pipe2" | "socket" | "socketpair" | "accept" | "accept4"
        | "epoll_create" | "epoll_create1" | "eventfd" | "eventfd2" | "timerfd_create" | "signalfd4"
        | "memfd_create" | "inotify_init1" | "fcntl" => Some(Tried::Amount(Amount::Files)),
        "brk" | "mmap" | "mmap2" | "mremap" | "mprotect" => Some(Tried::Amount(Amount::Memory)),
        "write" | "pwrite64" | "writev" | "pwritev" | "ftruncate" | "ftruncate64" | "fallocate"
        | "copy_file_range" | "sendfile" => Some(Tried::Amount(Amount::FileSize)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct At(u64, &'static [u8]);

    impl Memory for At {
        fn read(&self, address: u64, room: &mut [u8]) -> Result<usize, String> {
            let rest = address.checked_sub(self.0).and_then(|from| self.1.get(from as usize..));
            let rest = rest.ok_or("EFAULT")?;
            let len = rest.len().min(room.len());
            room[..len].copy_from_slice(&rest[..len]);
            Ok(len)
        }
    }

    fn of(call: &str, args: &[u64], memory: &'static [u8]) -> Tried {
        let nr = table::call(call).unwrap().number(Abi::X86_64).unwrap();
        let mut data = SeccompData { nr, arch: Abi::X86_64.audit_arch(), ..SeccompData::default() };
        data.args[..args.len()].copy_from_slice(args);
        tried(&data, &At(0x100, memory))
    }

    fn deed(tried: Tried) -> Option<Deed> {
        match tried {
            Tried::Path(named) | Tried::Paths(named, _) => Some(named.deed),
            _ => None,
        }
    }

    #[test]
    fn what_is_done_to_a_path_is_told_apart() {
        let cwd = CWD as i64 as u64;
        let path = b"/x\0";
        let cases: [(&str, &[u64], Deed); 9] = [
            ("openat", &[cwd, 0x100, 0], Deed::Read),
            ("openat", &[cwd, 0x100, 1], Deed::Write),
            ("openat", &[cwd, 0x100, 0o101], Deed::Create),
            ("openat", &[cwd, 0x100, O_PATH], Deed::Look),
            ("unlinkat", &[cwd, 0x100, 0x200], Deed::Rmdir),
            ("access", &[0x100, 2], Deed::Write),
            ("mknodat", &[cwd, 0x100, 0o010_644], Deed::Mknod),
            ("rename", &[0x100, 0x100], Deed::Rename),
            ("symlink", &[0, 0x100], Deed::Symlink),
        ];
        for (call, args, expected) in cases {
            assert_eq!(deed(of(call, args, path)), Some(expected), "{call} {args:x?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_guessed() {
        assert_eq!(of("openat", &[0, 0x9000, 0], b"/x\0"), Tried::Other);
        assert_eq!(of("open", &[0x100, 0], b"no end"), Tried::Other);
        assert_eq!(of("newfstatat", &[5, 0x100, 0, EMPTY_PATH], b"\0"), Tried::Other);
        assert_eq!(deed(of("mknod", &[0x100, 0o020_644], b"/d\0")), Some(Deed::Device));
        assert_eq!(of("getpid", &[], b""), Tried::Other);
    }
}
