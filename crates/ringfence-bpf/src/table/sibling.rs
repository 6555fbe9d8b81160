//! Calls that do what other calls do, and arguments that no filter sees.
//!
//! Sources: the man pages of each pair, `net/socket.c` (`socketcall`), `ipc/syscall.c` (`ipc`),
//! `include/uapi/linux/io_uring.h`, Linux 7.3.

use super::{Abi, CallId};

/// Another way to do everything that a call does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route {
    /// Another call.
    Call(CallId),
    /// One function of an i386 call whose first argument chooses between several.
    Multiplexed {
        /// socketcall(2) or ipc(2).
        call: CallId,
        /// The value of its first argument, on the low 16 bits.
        function: u32,
    },
    /// An operation of io_uring, in memory where no filter sees it.
    Uring {
        /// The name, `IORING_OP_…`.
        name: &'static str,
        /// Its number.
        opcode: u8,
    },
}

/// What hides behind a pointer argument and decides what a call does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hidden {
    /// The call.
    pub call: &'static str,
    /// The place of the pointer among its arguments.
    pub argument: u8,
    /// What is behind it.
    pub what: &'static str,
}

/// Each call with the calls that can do all that it can, as far as what it does is a matter of
/// containment. `socketcall:N`, `ipc:N` and `uring:NAME` are functions of these calls.
const SIBLINGS: &[(&str, &str)] = &[
    // Files by path
    ("creat", "open openat openat2 uring:OPENAT uring:OPENAT2"),
    ("open", "openat openat2 uring:OPENAT uring:OPENAT2"),
    ("openat", "openat2 uring:OPENAT uring:OPENAT2"),
    ("openat2", "uring:OPENAT2"),
    ("mkdir", "mkdirat uring:MKDIRAT"),
    ("mkdirat", "uring:MKDIRAT"),
    ("mknod", "mknodat"),
    ("rmdir", "unlinkat uring:UNLINKAT"),
    ("unlink", "unlinkat uring:UNLINKAT"),
    ("unlinkat", "uring:UNLINKAT"),
    ("rename", "renameat renameat2 uring:RENAMEAT"),
    ("renameat", "renameat2 uring:RENAMEAT"),
    ("renameat2", "uring:RENAMEAT"),
    ("link", "linkat uring:LINKAT"),
    ("linkat", "uring:LINKAT"),
    ("symlink", "symlinkat uring:SYMLINKAT"),
    ("symlinkat", "uring:SYMLINKAT"),
    ("readlink", "readlinkat"),
    ("access", "faccessat faccessat2"),
    ("faccessat", "faccessat2"),
    ("chmod", "fchmodat fchmodat2"),
    ("fchmodat", "fchmodat2"),
    ("fchmod", "fchmodat2"),
    ("chown", "fchownat chown32"),
    ("lchown", "fchownat lchown32"),
    ("fchown", "fchownat fchown32"),
    ("chown32", "fchownat"),
    ("lchown32", "fchownat"),
    ("fchown32", "fchownat"),
    ("stat", "stat64 newfstatat fstatat64 statx uring:STATX"),
    ("lstat", "lstat64 newfstatat fstatat64 statx uring:STATX"),
    ("fstat", "fstat64 newfstatat fstatat64 statx uring:STATX"),
    ("stat64", "fstatat64 statx uring:STATX"),
    ("lstat64", "fstatat64 statx uring:STATX"),
    ("fstat64", "fstatat64 statx uring:STATX"),
    ("newfstatat", "statx uring:STATX"),
    ("fstatat64", "statx uring:STATX"),
    ("statx", "uring:STATX"),
    ("statfs", "statfs64"),
    ("fstatfs", "fstatfs64"),
    ("getdents", "getdents64"),
    ("truncate", "truncate64"),
    ("ftruncate", "ftruncate64 uring:FTRUNCATE"),
    ("ftruncate64", "ftruncate uring:FTRUNCATE"),
    ("fallocate", "uring:FALLOCATE"),
    ("getxattr", "getxattrat uring:GETXATTR"),
    ("lgetxattr", "getxattrat"),
    ("fgetxattr", "getxattrat uring:FGETXATTR"),
    ("listxattr", "listxattrat"),
    ("llistxattr", "listxattrat"),
    ("flistxattr", "listxattrat"),
    ("setxattr", "setxattrat uring:SETXATTR"),
    ("lsetxattr", "setxattrat"),
    ("fsetxattr", "setxattrat uring:FSETXATTR"),
    ("removexattr", "removexattrat"),
    ("lremovexattr", "removexattrat"),
    ("fremovexattr", "removexattrat"),
    ("utime", "utimensat utimensat_time64 utimes futimesat"),
    ("utimes", "utimensat utimensat_time64 futimesat"),
    ("futimesat", "utimensat utimensat_time64"),
    ("utimensat", "utimensat_time64"),
    ("utimensat_time64", "utimensat"),
    ("inotify_init", "inotify_init1"),
    // Programs and processes
    ("execve", "execveat"),
    ("fork", "clone clone3 vfork"),
    ("vfork", "clone clone3 fork"),
    ("clone", "clone3"),
    ("kill", "pidfd_send_signal rt_sigqueueinfo"),
    ("tkill", "tgkill rt_tgsigqueueinfo pidfd_send_signal"),
    ("tgkill", "tkill rt_tgsigqueueinfo pidfd_send_signal"),
    ("rt_sigqueueinfo", "pidfd_send_signal"),
    ("process_vm_readv", "ptrace"),
    ("process_vm_writev", "ptrace"),
    ("waitpid", "wait4 waitid uring:WAITID"),
    ("wait4", "waitid uring:WAITID"),
    ("waitid", "uring:WAITID"),
    // Namespaces and mounts
    ("unshare", "clone clone3"),
    ("mount", "move_mount mount_setattr fsconfig"),
    ("umount", "umount2"),
    ("open_tree", "open_tree_attr"),
    ("open_tree_attr", "mount_setattr"),
    ("mount_setattr", "open_tree_attr"),
    ("quotactl", "quotactl_fd"),
    ("init_module", "finit_module"),
    ("finit_module", "init_module"),
    ("kexec_load", "kexec_file_load"),
    ("kexec_file_load", "kexec_load"),
    // Credentials
    ("setuid", "setreuid setresuid setuid32"),
    ("setreuid", "setresuid setreuid32"),
    ("setresuid", "setresuid32"),
    ("setuid32", "setreuid32 setresuid32"),
    ("setreuid32", "setresuid32"),
    ("setgid", "setregid setresgid setgid32"),
    ("setregid", "setresgid setregid32"),
    ("setresgid", "setresgid32"),
    ("setgid32", "setregid32 setresgid32"),
    ("setregid32", "setresgid32"),
    ("setgroups", "setgroups32"),
    ("setfsuid", "setfsuid32"),
    ("setfsgid", "setfsgid32"),
    ("setrlimit", "prlimit64"),
    ("sched_setscheduler", "sched_setattr"),
    ("sched_setparam", "sched_setattr"),
    ("setpriority", "sched_setattr"),
    // Memory and descriptors
    ("mmap", "mmap2"),
    ("mmap2", "mmap"),
    ("mprotect", "pkey_mprotect"),
    ("madvise", "process_madvise uring:MADVISE"),
    ("mlock", "mlock2"),
    ("fcntl", "fcntl64"),
    ("fcntl64", "fcntl"),
    ("dup", "dup2 dup3 fcntl fcntl64"),
    ("close", "close_range uring:CLOSE"),
    ("pipe", "pipe2 uring:PIPE"),
    ("pipe2", "uring:PIPE"),
    ("eventfd", "eventfd2"),
    ("signalfd", "signalfd4"),
    // Reading and writing
    ("read", "readv preadv2 uring:READ uring:READV uring:READ_FIXED uring:READV_FIXED uring:READ_MULTISHOT"),
    ("readv", "preadv2 uring:READV uring:READV_FIXED"),
    ("pread64", "preadv preadv2 uring:READ uring:READ_FIXED"),
    ("preadv", "preadv2 uring:READV uring:READV_FIXED"),
    ("preadv2", "uring:READV uring:READV_FIXED"),
    ("write", "writev pwritev2 uring:WRITE uring:WRITEV uring:WRITE_FIXED uring:WRITEV_FIXED"),
    ("writev", "pwritev2 uring:WRITEV uring:WRITEV_FIXED"),
    ("pwrite64", "pwritev pwritev2 uring:WRITE uring:WRITE_FIXED"),
    ("pwritev", "pwritev2 uring:WRITEV uring:WRITEV_FIXED"),
    ("pwritev2", "uring:WRITEV uring:WRITEV_FIXED"),
    ("sendfile", "sendfile64 splice uring:SPLICE"),
    ("sendfile64", "sendfile splice uring:SPLICE"),
    ("splice", "uring:SPLICE"),
    ("tee", "uring:TEE"),
    ("fsync", "uring:FSYNC"),
    ("fdatasync", "fsync uring:FSYNC"),
    ("sync_file_range", "uring:SYNC_FILE_RANGE"),
    ("fadvise64", "fadvise64_64 uring:FADVISE"),
    ("fadvise64_64", "fadvise64 uring:FADVISE"),
    // Waiting
    ("select", "pselect6 pselect6_time64"),
    ("_newselect", "pselect6 pselect6_time64"),
    ("pselect6", "pselect6_time64"),
    ("pselect6_time64", "pselect6"),
    ("poll", "ppoll ppoll_time64 uring:POLL_ADD"),
    ("ppoll", "ppoll_time64 uring:POLL_ADD"),
    ("ppoll_time64", "ppoll uring:POLL_ADD"),
    ("epoll_create", "epoll_create1"),
    ("epoll_ctl", "uring:EPOLL_CTL"),
    ("epoll_wait", "epoll_pwait epoll_pwait2 uring:EPOLL_WAIT"),
    ("epoll_pwait", "epoll_pwait2"),
    ("io_pgetevents", "io_pgetevents_time64"),
    ("io_pgetevents_time64", "io_pgetevents"),
    ("nanosleep", "clock_nanosleep clock_nanosleep_time64 uring:TIMEOUT"),
    ("clock_nanosleep", "clock_nanosleep_time64 uring:TIMEOUT"),
    ("clock_nanosleep_time64", "clock_nanosleep uring:TIMEOUT"),
    ("rt_sigtimedwait", "rt_sigtimedwait_time64"),
    ("rt_sigtimedwait_time64", "rt_sigtimedwait"),
    ("futex", "futex_time64 futex_wait futex_wake uring:FUTEX_WAIT uring:FUTEX_WAKE"),
    ("futex_time64", "futex futex_wait futex_wake uring:FUTEX_WAIT uring:FUTEX_WAKE"),
    ("futex_wait", "uring:FUTEX_WAIT"),
    ("futex_wake", "uring:FUTEX_WAKE"),
    ("futex_waitv", "uring:FUTEX_WAITV"),
    // Sockets
    ("socket", "socketcall:1 uring:SOCKET"),
    ("bind", "socketcall:2 uring:BIND"),
    ("connect", "socketcall:3 uring:CONNECT"),
    ("listen", "socketcall:4 uring:LISTEN"),
    ("accept", "accept4 uring:ACCEPT"),
    ("accept4", "socketcall:18 uring:ACCEPT"),
    ("socketpair", "socketcall:8"),
    (
        "sendto",
        "sendmsg sendmmsg socketcall:11 socketcall:16 uring:SEND uring:SEND_ZC uring:SENDMSG uring:SENDMSG_ZC",
    ),
    ("sendmsg", "sendmmsg socketcall:16 uring:SENDMSG uring:SENDMSG_ZC"),
    ("sendmmsg", "sendmsg socketcall:20 uring:SENDMSG uring:SENDMSG_ZC"),
    ("recvfrom", "recvmsg recvmmsg socketcall:12 socketcall:17 uring:RECV uring:RECV_ZC uring:RECVMSG"),
    ("recvmsg", "recvmmsg recvmmsg_time64 socketcall:17 uring:RECVMSG"),
    ("recvmmsg", "recvmsg recvmmsg_time64 socketcall:19 uring:RECVMSG"),
    ("recvmmsg_time64", "recvmsg recvmmsg socketcall:17 uring:RECVMSG"),
    ("shutdown", "socketcall:13 uring:SHUTDOWN"),
    ("setsockopt", "socketcall:14 uring:URING_CMD"),
    ("getsockopt", "socketcall:15"),
    ("getsockname", "socketcall:6"),
    ("getpeername", "socketcall:7"),
    // System V IPC
    ("semget", "ipc:2"),
    ("semctl", "ipc:3"),
    ("semop", "semtimedop"),
    ("msgsnd", "ipc:11"),
    ("msgrcv", "ipc:12"),
    ("msgget", "ipc:13"),
    ("msgctl", "ipc:14"),
    ("shmat", "ipc:21"),
    ("shmdt", "ipc:22"),
    ("shmget", "ipc:23"),
    ("shmctl", "ipc:24"),
    // Times: the twins that 2038 needs
    ("time", "gettimeofday clock_gettime clock_gettime64"),
    ("gettimeofday", "clock_gettime clock_gettime64"),
    ("clock_gettime", "clock_gettime64"),
    ("clock_gettime64", "clock_gettime"),
    ("clock_getres", "clock_getres_time64"),
    ("clock_getres_time64", "clock_getres"),
    ("stime", "settimeofday clock_settime clock_settime64"),
    ("settimeofday", "clock_settime clock_settime64"),
    ("clock_settime", "clock_settime64"),
    ("clock_settime64", "clock_settime"),
    ("adjtimex", "clock_adjtime clock_adjtime64"),
    ("clock_adjtime", "clock_adjtime64 adjtimex"),
    ("clock_adjtime64", "clock_adjtime adjtimex"),
    ("timer_gettime", "timer_gettime64"),
    ("timer_gettime64", "timer_gettime"),
    ("timer_settime", "timer_settime64"),
    ("timer_settime64", "timer_settime"),
    ("timerfd_gettime", "timerfd_gettime64"),
    ("timerfd_gettime64", "timerfd_gettime"),
    ("timerfd_settime", "timerfd_settime64"),
    ("timerfd_settime64", "timerfd_settime"),
    ("sched_rr_get_interval", "sched_rr_get_interval_time64"),
    ("sched_rr_get_interval_time64", "sched_rr_get_interval"),
    ("mq_timedsend", "mq_timedsend_time64"),
    ("mq_timedsend_time64", "mq_timedsend"),
    ("mq_timedreceive", "mq_timedreceive_time64"),
    ("mq_timedreceive_time64", "mq_timedreceive"),
    ("semtimedop_time64", "ipc:4"),
];

const HIDDEN: &[Hidden] = &[
    Hidden { call: "bpf", argument: 1, what: "the program, map or link" },
    Hidden { call: "clone3", argument: 0, what: "flags, among them CLONE_NEWUSER" },
    Hidden { call: "connect", argument: 1, what: "the address" },
    Hidden { call: "bind", argument: 1, what: "the address" },
    Hidden { call: "execve", argument: 0, what: "the program" },
    Hidden { call: "file_setattr", argument: 2, what: "the file's flags" },
    Hidden { call: "futex_waitv", argument: 0, what: "the futexes" },
    Hidden { call: "io_uring_setup", argument: 1, what: "flags; operations are in shared memory" },
    Hidden { call: "mount_setattr", argument: 3, what: "the attributes" },
    Hidden { call: "openat2", argument: 2, what: "flags, mode and resolve" },
    Hidden { call: "perf_event_open", argument: 0, what: "the event" },
    Hidden { call: "sched_setattr", argument: 1, what: "policy and flags" },
    Hidden { call: "sendmsg", argument: 1, what: "address and control messages" },
    Hidden { call: "socketcall", argument: 1, what: "all arguments of the socket call" },
];

/// Every other way to do all that a call does; those of other ABIs than the call's are left out
/// where `abi` does not have them.
pub fn routes(call: CallId, abi: Abi) -> impl Iterator<Item = Route> {
    let found = SIBLINGS.iter().find(|(name, _)| *name == call.name()).map_or("", |(_, routes)| routes);
    found.split_whitespace().filter_map(move |text| parse(text, abi))
}

/// Every call that has siblings, in an order that does not change.
pub fn with_siblings() -> impl Iterator<Item = CallId> {
    SIBLINGS.iter().filter_map(|(name, _)| super::call(name))
}

/// What decides what a call does and is behind a pointer; by call.
pub fn hidden(call: CallId) -> Option<&'static Hidden> {
    HIDDEN.iter().find(|hidden| hidden.call == call.name())
}

fn parse(text: &str, abi: Abi) -> Option<Route> {
    let (name, part) = text.split_once(':').unwrap_or((text, ""));
    if name == "uring" {
        let name = format!("IORING_OP_{part}");
        let constant = super::constants().iter().find(|constant| constant.name == name)?;
        return Some(Route::Uring { name: constant.name, opcode: constant.value as u8 });
    }
    let call = super::call(name)?;
    call.number(abi)?;
    match part {
        "" => Some(Route::Call(call)),
        _ => Some(Route::Multiplexed { call, function: part.parse().ok()? }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;

    #[test]
    fn every_name_exists() {
        for (name, routes) in SIBLINGS {
            let call = table::call(name).unwrap_or_else(|| panic!("no call {name}"));
            for text in routes.split_whitespace() {
                assert_ne!(text, *name, "no call is its own sibling");
                let known =
                    Abi::ALL.into_iter().any(|abi| call.number(abi).is_some() && parse(text, abi).is_some());
                assert!(known, "{name}: {text} is no route on any ABI that has {name}");
            }
        }
        assert_eq!(with_siblings().count(), SIBLINGS.len());
        for hidden in HIDDEN {
            let abi = if hidden.call == "socketcall" { Abi::I386 } else { Abi::X86_64 };
            let args = table::by_name(abi, hidden.call).unwrap().args;
            assert!(args[usize::from(hidden.argument)].pointer, "{}", hidden.call);
        }
    }

    /// Operations of io_uring that stand for no call: about the ring itself, or, as the commands of
    /// drivers, about what each driver makes of them.
    const ALONE: [&str; 13] = [
        "ASYNC_CANCEL",
        "FILES_UPDATE",
        "FIXED_FD_INSTALL",
        "LAST",
        "LINK_TIMEOUT",
        "MSG_RING",
        "NOP",
        "NOP128",
        "POLL_REMOVE",
        "PROVIDE_BUFFERS",
        "REMOVE_BUFFERS",
        "TIMEOUT_REMOVE",
        "URING_CMD128",
    ];

    /// A new operation of the ring is the sibling of a call, or is said to be none.
    #[test]
    fn every_operation_of_io_uring_is_placed() {
        let routes: Vec<&str> = SIBLINGS.iter().flat_map(|(_, routes)| routes.split_whitespace()).collect();
        let operations = table::constants().iter().filter_map(|one| one.name.strip_prefix("IORING_OP_"));
        let mut seen = 0;
        for name in operations {
            let sibling = routes.contains(&format!("uring:{name}").as_str());
            assert!(sibling != ALONE.contains(&name), "IORING_OP_{name}");
            seen += 1;
        }
        assert!(seen > 60);
    }

    /// The twins of 64-bit time each name the other.
    #[test]
    fn twins_of_time_are_siblings() {
        let routes = |name: &str| {
            let found = SIBLINGS.iter().find(|(call, _)| *call == name);
            found.map_or(Vec::new(), |(_, routes)| routes.split_whitespace().collect())
        };
        let mut twins = 0;
        for prototype in table::prototypes(Abi::I386) {
            let name = prototype.name;
            let old = name.strip_suffix("_time64").or_else(|| name.strip_suffix("64"));
            let timed = name.contains("time") || name.ends_with("_time64");
            let Some(old) = old.filter(|old| timed && table::by_name(Abi::I386, old).is_some()) else {
                continue;
            };
            assert!(routes(old).contains(&name), "{old} has the twin {name}");
            assert!(routes(name).contains(&old), "{name} has the twin {old}");
            twins += 1;
        }
        assert!(twins >= 18, "{twins}");
    }

    /// The numbers of socketcall(2) are constants of the table as well.
    #[test]
    fn functions_of_socketcall() {
        for (name, routes) in SIBLINGS {
            for text in routes.split_whitespace().filter_map(|text| text.strip_prefix("socketcall:")) {
                let constant = table::constants()
                    .iter()
                    .filter(|constant| constant.name.starts_with("SYS_"))
                    .find(|constant| constant.value == text.parse::<i64>().unwrap())
                    .unwrap();
                let function = constant.name.strip_prefix("SYS_").unwrap().to_lowercase();
                let all: Vec<&str> = routes.split_whitespace().chain([*name]).collect();
                assert!(all.contains(&function.as_str()), "{name}: socketcall:{text} is {function}");
            }
        }
    }
}
