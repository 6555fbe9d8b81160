//! Which arguments are shown by the names of their values, and which names those are. The values
//! come from the tables of `ringfence_bpf`.

use ringfence_bpf::table;

/// How an argument is shown.
#[derive(Debug, Clone, Copy)]
enum Names {
    /// One of these, else a number.
    One(&'static [&'static str]),
    /// Any of these bits; what is left over as a hexadecimal number.
    Bits(&'static [&'static str]),
    /// A socket's type: one name, and flags.
    SocketType,
    /// open(2): an access mode, and flags.
    Open,
}

const DOMAINS: Names = Names::One(&[
    "AF_UNSPEC",
    "AF_UNIX",
    "AF_INET",
    "AF_INET6",
    "AF_NETLINK",
    "AF_PACKET",
    "AF_ALG",
    "AF_VSOCK",
    "AF_BLUETOOTH",
    "AF_CAN",
    "AF_KEY",
    "AF_TIPC",
    "AF_RDS",
    "AF_XDP",
    "AF_X25",
    "AF_AX25",
    "AF_IPX",
    "AF_APPLETALK",
    "AF_PPPOX",
    "AF_SMC",
    "AF_QIPCRTR",
    "AF_NFC",
    "AF_LLC",
    "AF_KCM",
    "AF_PHONET",
]);
const NEW: Names = Names::Bits(&[
    "CLONE_NEWUSER",
    "CLONE_NEWNS",
    "CLONE_NEWPID",
    "CLONE_NEWNET",
    "CLONE_NEWIPC",
    "CLONE_NEWUTS",
    "CLONE_NEWCGROUP",
    "CLONE_NEWTIME",
    "CLONE_FILES",
    "CLONE_FS",
    "CLONE_SYSVSEM",
]);
const CLONE: Names = Names::Bits(&[
    "CLONE_VM",
    "CLONE_FS",
    "CLONE_FILES",
    "CLONE_SIGHAND",
    "CLONE_PIDFD",
    "CLONE_PTRACE",
    "CLONE_VFORK",
    "CLONE_PARENT",
    "CLONE_THREAD",
    "CLONE_NEWNS",
    "CLONE_SYSVSEM",
    "CLONE_SETTLS",
    "CLONE_PARENT_SETTID",
    "CLONE_CHILD_CLEARTID",
    "CLONE_UNTRACED",
    "CLONE_CHILD_SETTID",
    "CLONE_NEWCGROUP",
    "CLONE_NEWUTS",
    "CLONE_NEWIPC",
    "CLONE_NEWUSER",
    "CLONE_NEWPID",
    "CLONE_NEWNET",
    "CLONE_IO",
]);
const PROTECTION: Names = Names::Bits(&["PROT_READ", "PROT_WRITE", "PROT_EXEC"]);
const MESSAGE: Names = Names::Bits(&[
    "MSG_OOB",
    "MSG_PEEK",
    "MSG_DONTROUTE",
    "MSG_DONTWAIT",
    "MSG_EOR",
    "MSG_NOSIGNAL",
    "MSG_MORE",
    "MSG_FASTOPEN",
]);
const FLAGS: Names = Names::Bits(&[
    "O_CREAT",
    "O_EXCL",
    "O_NOCTTY",
    "O_TRUNC",
    "O_APPEND",
    "O_NONBLOCK",
    "O_DSYNC",
    "O_DIRECT",
    "O_LARGEFILE",
    "O_DIRECTORY",
    "O_NOFOLLOW",
    "O_NOATIME",
    "O_CLOEXEC",
    "O_PATH",
]);
const SOCKETS: Names = Names::One(&[
    "SOCK_STREAM",
    "SOCK_DGRAM",
    "SOCK_RAW",
    "SOCK_RDM",
    "SOCK_SEQPACKET",
    "SOCK_DCCP",
    "SOCK_PACKET",
]);
const SOCKET_FLAGS: Names = Names::Bits(&["SOCK_NONBLOCK", "SOCK_CLOEXEC"]);

/// Calls, the kernel's name of an argument, and the names of its values.
const TABLE: &[(&[&str], &str, Names)] = &[
    (&["socket", "socketpair"], "family", DOMAINS),
    (&["socket", "socketpair"], "type", Names::SocketType),
    (&["open", "openat"], "flags", Names::Open),
    (&["clone"], "clone_flags", CLONE),
    (&["unshare"], "unshare_flags", NEW),
    (&["setns"], "flags", NEW),
    (&["mmap", "mprotect", "pkey_mprotect"], "prot", PROTECTION),
    (
        &["mmap"],
        "flags",
        Names::Bits(&[
            "MAP_SHARED",
            "MAP_PRIVATE",
            "MAP_FIXED",
            "MAP_ANONYMOUS",
            "MAP_NORESERVE",
            "MAP_STACK",
        ]),
    ),
    (&["sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg"], "flags", MESSAGE),
    (
        &["ptrace"],
        "request",
        Names::One(&[
            "PTRACE_TRACEME",
            "PTRACE_PEEKTEXT",
            "PTRACE_PEEKDATA",
            "PTRACE_POKETEXT",
            "PTRACE_POKEDATA",
            "PTRACE_CONT",
            "PTRACE_KILL",
            "PTRACE_SINGLESTEP",
            "PTRACE_ATTACH",
            "PTRACE_DETACH",
            "PTRACE_SYSCALL",
            "PTRACE_SEIZE",
        ]),
    ),
    (
        &["keyctl"],
        "option",
        Names::One(&[
            "KEYCTL_GET_KEYRING_ID",
            "KEYCTL_JOIN_SESSION_KEYRING",
            "KEYCTL_UPDATE",
            "KEYCTL_REVOKE",
            "KEYCTL_CHOWN",
            "KEYCTL_SETPERM",
            "KEYCTL_DESCRIBE",
            "KEYCTL_CLEAR",
            "KEYCTL_LINK",
            "KEYCTL_UNLINK",
            "KEYCTL_SEARCH",
            "KEYCTL_READ",
        ]),
    ),
    (
        &["bpf"],
        "cmd",
        Names::One(&[
            "BPF_MAP_CREATE",
            "BPF_MAP_LOOKUP_ELEM",
            "BPF_MAP_UPDATE_ELEM",
            "BPF_MAP_DELETE_ELEM",
            "BPF_MAP_GET_NEXT_KEY",
            "BPF_PROG_LOAD",
            "BPF_OBJ_PIN",
            "BPF_OBJ_GET",
        ]),
    ),
    (
        &["ioctl"],
        "cmd",
        Names::One(&["TIOCSTI", "TIOCLINUX", "TIOCSCTTY", "TIOCGWINSZ", "TCGETS", "FIONREAD"]),
    ),
    (
        &["prctl"],
        "option",
        Names::One(&[
            "PR_SET_PDEATHSIG",
            "PR_GET_DUMPABLE",
            "PR_SET_DUMPABLE",
            "PR_SET_KEEPCAPS",
            "PR_SET_NAME",
            "PR_GET_NAME",
            "PR_SET_SECCOMP",
            "PR_CAPBSET_READ",
            "PR_CAPBSET_DROP",
            "PR_SET_SECUREBITS",
            "PR_SET_MM",
            "PR_SET_CHILD_SUBREAPER",
            "PR_SET_NO_NEW_PRIVS",
            "PR_CAP_AMBIENT",
            "PR_SET_SPECULATION_CTRL",
            "PR_SCHED_CORE",
            "PR_SET_VMA",
        ]),
    ),
    (
        &["mount"],
        "flags",
        Names::Bits(&[
            "MS_RDONLY",
            "MS_NOSUID",
            "MS_NODEV",
            "MS_NOEXEC",
            "MS_REMOUNT",
            "MS_BIND",
            "MS_MOVE",
            "MS_REC",
            "MS_PRIVATE",
            "MS_SLAVE",
            "MS_SHARED",
        ]),
    ),
    (
        &["setrlimit", "getrlimit", "prlimit64"],
        "resource",
        Names::One(&[
            "RLIMIT_CPU",
            "RLIMIT_FSIZE",
            "RLIMIT_DATA",
            "RLIMIT_STACK",
            "RLIMIT_CORE",
            "RLIMIT_NPROC",
            "RLIMIT_NOFILE",
            "RLIMIT_MEMLOCK",
            "RLIMIT_AS",
            "RLIMIT_NICE",
            "RLIMIT_RTPRIO",
        ]),
    ),
];

/// A value by its names; `None` where the argument has none.
pub(super) fn show(call: &str, argument: &str, value: u64) -> Option<String> {
    let row = TABLE.iter().find(|(calls, name, _)| *name == argument && calls.contains(&call))?;
    match row.2 {
        Names::One(_) => one(row.2, value).map(str::to_owned),
        Names::Bits(_) => Some(bits(row.2, value)),
        Names::SocketType => Some(with_flags(one(SOCKETS, value & 0xf)?, SOCKET_FLAGS, value & !0xf)),
        Names::Open => {
            let mode = ["O_RDONLY", "O_WRONLY", "O_RDWR", "3"][(value & 3) as usize];
            Some(with_flags(mode, FLAGS, value & !3))
        }
    }
}

fn with_flags(first: &str, flags: Names, rest: u64) -> String {
    if rest == 0 { first.to_owned() } else { format!("{first}|{}", bits(flags, rest)) }
}

fn one(names: Names, value: u64) -> Option<&'static str> {
    let (Names::One(names) | Names::Bits(names)) = names else { return None };
    names.iter().find(|name| constant(name) == Some(value)).copied()
}

fn bits(names: Names, value: u64) -> String {
    let Names::Bits(names) = names else { return value.to_string() };
    let (mut rest, mut shown) = (value, Vec::new());
    for name in names {
        // Names of several bits come before the bits that they share.
        let Some(bit) = constant(name).filter(|bit| *bit != 0 && rest & bit == *bit) else { continue };
        shown.push((*name).to_owned());
        rest &= !bit;
    }
    if rest != 0 || shown.is_empty() {
        shown.push(if rest < 10 { rest.to_string() } else { format!("{rest:#x}") });
    }
    shown.join("|")
}

fn constant(name: &str) -> Option<u64> {
    table::constant(name).and_then(|value| u64::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_bpf::table::Abi;

    #[test]
    fn every_name_has_a_value_and_every_row_an_argument() {
        for (calls, argument, names) in TABLE {
            for call in *calls {
                let args = table::by_name(Abi::X86_64, call).expect(call).args;
                assert!(args.iter().any(|arg| arg.name == *argument), "{call} has no {argument}");
            }
            let (Names::One(names) | Names::Bits(names)) = names else { continue };
            for name in *names {
                assert!(constant(name).is_some(), "{name}");
            }
        }
        for names in [FLAGS, SOCKETS, SOCKET_FLAGS] {
            let (Names::One(names) | Names::Bits(names)) = names else { continue };
            assert!(names.iter().all(|name| constant(name).is_some()), "{names:?}");
        }
    }

    #[test]
    fn no_two_names_of_a_list_have_the_same_value() {
        for (_, argument, names) in TABLE {
            let Names::One(names) = names else { continue };
            let values: std::collections::BTreeSet<_> = names.iter().map(|name| constant(name)).collect();
            assert_eq!(values.len(), names.len(), "{argument}");
        }
    }

    #[test]
    fn values_are_shown_by_name() {
        assert_eq!(show("socket", "family", 2).as_deref(), Some("AF_INET"));
        assert_eq!(show("socket", "type", 1 | 0o2000000).as_deref(), Some("SOCK_STREAM|SOCK_CLOEXEC"));
        assert_eq!(show("openat", "flags", 0o2000000).as_deref(), Some("O_RDONLY|O_CLOEXEC"));
        assert_eq!(show("openat", "flags", 0o101).as_deref(), Some("O_WRONLY|O_CREAT"));
        assert_eq!(show("unshare", "unshare_flags", 0x1000_0000).as_deref(), Some("CLONE_NEWUSER"));
        assert_eq!(show("clone", "clone_flags", 17).as_deref(), Some("0x11"));
        assert_eq!(show("mmap", "prot", 0).as_deref(), Some("0"));
        assert_eq!(show("socket", "family", 4000), None);
        assert_eq!(show("read", "fd", 1), None);
    }
}
