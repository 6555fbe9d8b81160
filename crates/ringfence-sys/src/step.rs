//! The closed list of things that a child may do between `clone3` and `execve`.
//!
//! A containment is a program of these steps. They only borrow: everything they point to was
//! resolved, allocated and compiled before the child existed.

use core::ffi::CStr;

use crate::abi;

/// A numbered place for a descriptor that one step opens and a later one uses.
///
/// The interpreter has [`Slot::COUNT`] of them; all are close-on-exec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u8);

impl Slot {
    /// How many there are.
    pub const COUNT: usize = 250;
}

/// Where a path of a step starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dir {
    /// The path is absolute, or relative to the working directory (`AT_FDCWD`).
    Cwd,
    /// Relative to a descriptor in a slot; an empty path is the descriptor itself.
    Slot(Slot),
}

/// One thing that a child does. The names are those of the calls that are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step<'a> {
    // --- the process, and its maker ---
    /// prctl(2) `PR_SET_PDEATHSIG` with `SIGKILL`; fails with `ESRCH` where the maker is gone already.
    DieWithParent,
    /// prctl(2) `PR_SET_DUMPABLE`: `false` keeps every process of other user namespaces off by ptrace(2).
    Dumpable(bool),
    /// Tells the launcher that its part (id maps by the parent) is due, and waits for its word.
    Sync,
    /// Tells the launcher that the command exists, and waits for its word: whoever attends to the
    /// command knows it, or traces it, before it has done anything of its own.
    Attended,
    /// Clones the command with vfork semantics; steps after it run in the command, and the
    /// process itself becomes the init of its pid namespace: it reaps, and forwards signals.
    Supervise,
    /// setsid(2).
    Setsid,
    /// ioctl(2) `TIOCSCTTY` on a descriptor number.
    ControllingTerminal {
        /// The descriptor.
        fd: i32,
    },
    /// Opens a new terminal pair from `ptmx`, sends the master to the launcher (`SCM_RIGHTS`), and
    /// puts the slave on the descriptors of the mask (bit n: descriptor n).
    OpenTerminal {
        /// Path of the multiplexer, as seen by the child.
        ptmx: &'a CStr,
        /// Bits 0, 1 and 2: which of the standard descriptors become the slave.
        fds: u8,
    },
    /// Signal state as a fresh program expects it: nothing blocked, SIGPIPE at its default.
    ResetSignals,
    /// umask(2).
    Umask(u32),
    /// prlimit64(2) on the process itself.
    Rlimit {
        /// `RLIMIT_*`.
        resource: u32,
        /// Soft limit.
        soft: u64,
        /// Hard limit.
        hard: u64,
    },
    /// open(2), write(2) of all bytes in one call, close(2).
    WriteFile {
        /// The file.
        path: &'a CStr,
        /// Its new content.
        data: &'a [u8],
    },
    /// dup3(2) without close-on-exec, or clearing close-on-exec where both are the same.
    Dup {
        /// The present number.
        from: i32,
        /// The number that the program sees.
        to: i32,
    },
    /// close_range(2) of `first..=last`; `CLOSE_RANGE_CLOEXEC` where `on_exec`.
    CloseRange {
        /// First descriptor.
        first: u32,
        /// Last descriptor.
        last: u32,
        /// Close at execve rather than now.
        on_exec: bool,
    },

    // --- namespaces ---
    /// unshare(2): for plans that are applied in place.
    Unshare(u64),
    /// sethostname(2).
    Hostname(&'a [u8]),
    /// Brings `lo` up in the present network namespace (ioctl `SIOCSIFFLAGS`).
    LoopbackUp,

    // --- the view of the file system ---
    /// mount_setattr(2).
    MountSetattr {
        /// Start.
        dir: Dir,
        /// Path.
        path: &'a CStr,
        /// Also every mount below.
        recursive: bool,
        /// Attributes.
        attr: abi::MountAttr,
    },
    /// openat2(2) without following any symbolic link (`O_PATH`), then open_tree(2) with
    /// `OPEN_TREE_CLONE`, recursively: a detached copy of what is there.
    CloneTree {
        /// Absolute path without symbolic links.
        path: &'a CStr,
        /// Where the descriptor goes.
        slot: Slot,
    },
    /// move_mount(2) of a detached tree.
    MoveMount {
        /// The tree; its descriptor is closed afterwards where `close`.
        tree: Slot,
        /// Start of the target.
        dir: Dir,
        /// The target.
        path: &'a CStr,
        /// Whether the descriptor is closed.
        close: bool,
    },
    /// fsopen(2), fsconfig(2), fsmount(2): a detached new file system.
    NewFilesystem {
        /// `tmpfs`, `devpts`, `proc`, `mqueue`.
        fstype: &'a CStr,
        /// Key and value pairs.
        options: &'a [(&'a CStr, &'a CStr)],
        /// `MOUNT_ATTR_*`.
        attr: u64,
        /// Where the descriptor of the mount goes.
        slot: Slot,
    },
    /// mount(2) of a new file system on an existing directory, in one call.
    Mount {
        /// `tmpfs`, `devpts`, `proc`.
        fstype: &'a CStr,
        /// The target.
        target: &'a CStr,
        /// `MS_*`.
        flags: u64,
        /// Options, comma separated.
        data: &'a CStr,
    },
    /// mkdirat(2); an existing directory is fine.
    Mkdir {
        /// Start.
        dir: Dir,
        /// Path.
        path: &'a CStr,
        /// Permission bits.
        mode: u32,
    },
    /// mknodat(2) of an empty regular file, as a place to mount on; an existing one is fine.
    Mkfile {
        /// Start.
        dir: Dir,
        /// Path.
        path: &'a CStr,
        /// Permission bits.
        mode: u32,
    },
    /// symlinkat(2).
    Symlink {
        /// What it says.
        target: &'a CStr,
        /// Start.
        dir: Dir,
        /// Path.
        path: &'a CStr,
    },
    /// fchmodat(2).
    Chmod {
        /// Start.
        dir: Dir,
        /// Path.
        path: &'a CStr,
        /// Permission bits.
        mode: u32,
    },
    /// pivot_root(2) onto the mount in a slot, and detaching the old root (`MNT_DETACH`).
    PivotRoot {
        /// The attached mount that becomes `/`.
        root: Slot,
    },
    /// chdir(2).
    Chdir(&'a CStr),
    /// close(2) of a slot.
    Close(Slot),

    // --- credentials ---
    /// setgroups(2).
    Setgroups(&'a [u32]),
    /// setresgid(2), all three.
    Setgid(u32),
    /// setresuid(2), all three.
    Setuid(u32),
    /// prctl(2) `PR_SET_SECUREBITS`.
    Securebits(u32),
    /// prctl(2) `PR_CAPBSET_DROP` for every capability up to `last` that is not in `keep`.
    DropBounding {
        /// Bit n: capability n stays.
        keep: u64,
        /// The kernel's last capability.
        last: u32,
    },
    /// capset(2).
    Capset {
        /// Effective set.
        effective: u64,
        /// Permitted set.
        permitted: u64,
        /// Inheritable set.
        inheritable: u64,
    },
    /// prctl(2) `PR_CAP_AMBIENT`: cleared, then raised for each capability of the set.
    Ambient(u64),
    /// prctl(2) `PR_SET_NO_NEW_PRIVS`.
    NoNewPrivs,

    // --- LSM ---
    /// landlock_create_ruleset(2).
    LandlockCreate {
        /// Handled rights.
        attr: abi::LandlockRuleset,
        /// How much of `attr` this kernel knows.
        size: usize,
        /// Where the descriptor goes.
        slot: Slot,
    },
    /// openat2(2) with `O_PATH` and no symbolic links, then landlock_add_rule(2).
    LandlockPath {
        /// The ruleset.
        ruleset: Slot,
        /// Absolute path as the child sees it.
        path: &'a CStr,
        /// `LANDLOCK_ACCESS_FS_*`; on a file, rights of directories must be absent already.
        access: u64,
    },
    /// landlock_add_rule(2) of a TCP port.
    LandlockPort {
        /// The ruleset.
        ruleset: Slot,
        /// Host byte order.
        port: u64,
        /// `LANDLOCK_ACCESS_NET_*`.
        access: u64,
    },
    /// landlock_restrict_self(2).
    LandlockRestrict {
        /// The ruleset.
        ruleset: Slot,
        /// `LANDLOCK_RESTRICT_SELF_*`.
        flags: u32,
    },
    /// A mount(2) that Landlock denies whatever the rules are, and that would be `EINVAL` without it: audit
    /// records a domain at its first denial, so that the domain is known before the command runs.
    LandlockRecorded,

    /// openat2(2) with `O_PATH` and no symbolic links, then fstatfs(2), by which an eBPF program of the
    /// launcher's is shown the place: it knows by the order which one it is.
    ShowPlace {
        /// Absolute path as the child sees it.
        path: &'a CStr,
    },
    /// openat(2) with `O_PATH`: a directory that later steps start from, even where the view has
    /// no name for it any more.
    OpenDirectory {
        /// Absolute path.
        path: &'a CStr,
        /// Where the descriptor goes.
        slot: Slot,
    },
    /// Writes the label of the next execve(2) to a file of proc(5), by the thread that will call it,
    /// and closes the directory.
    ExecLabel {
        /// `/proc`.
        proc: Slot,
        /// The file below it.
        file: &'a CStr,
        /// What the LSM reads: a context, or `exec NAME`.
        text: &'a [u8],
    },

    /// keyctl(2) `KEYCTL_JOIN_SESSION_KEYRING` without a name: a new, empty session keyring, with the
    /// label that was set for keys.
    JoinSessionKeyring,

    // --- seccomp ---
    /// seccomp(2) `SECCOMP_SET_MODE_FILTER`.
    SeccompFilter {
        /// `SECCOMP_FILTER_FLAG_*`.
        flags: u64,
        /// The program.
        program: &'a [abi::SockFilter],
    },

    /// seccomp(2) `SECCOMP_SET_MODE_FILTER` with `SECCOMP_FILTER_FLAG_NEW_LISTENER`; the listener
    /// goes to the launcher (`SCM_RIGHTS`), which answers what the program does not decide.
    SeccompListen {
        /// `SECCOMP_FILTER_FLAG_*`, without the one for the listener.
        flags: u64,
        /// The program; it must let the sendmsg(2) with the token pass.
        program: &'a [abi::SockFilter],
        /// Goes into the fourth argument register of the sendmsg(2), which does not read it.
        token: u64,
    },

    // --- the end ---
    /// execve(2).
    Exec {
        /// The program.
        path: &'a CStr,
        /// Null-terminated vector, made beforehand.
        argv: abi::Vector<'a>,
        /// Null-terminated vector, made beforehand.
        envp: abi::Vector<'a>,
        /// Goes into the fourth argument register, which execve(2) does not read: a filter that
        /// lets only the launcher's own execve pass knows it by this word.
        token: u64,
    },
}

impl Step<'_> {
    /// The name in plans and errors: the system call as its man page writes it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Step::DieWithParent => "prctl(PR_SET_PDEATHSIG)",
            Step::Dumpable(_) => "prctl(PR_SET_DUMPABLE)",
            Step::Sync | Step::Attended => "sync",
            Step::Supervise => "clone3",
            Step::Setsid => "setsid",
            Step::ControllingTerminal { .. } => "ioctl(TIOCSCTTY)",
            Step::OpenTerminal { .. } => "ioctl(TIOCGPTPEER)",
            Step::ResetSignals => "rt_sigprocmask",
            Step::Umask(_) => "umask",
            Step::Rlimit { .. } => "prlimit64",
            Step::WriteFile { .. } => "write",
            Step::Dup { .. } => "dup3",
            Step::CloseRange { .. } => "close_range",
            Step::Unshare(_) => "unshare",
            Step::Hostname(_) => "sethostname",
            Step::LoopbackUp => "ioctl(SIOCSIFFLAGS)",
            Step::MountSetattr { .. } => "mount_setattr",
            Step::CloneTree { .. } => "open_tree",
            Step::MoveMount { .. } => "move_mount",
            Step::NewFilesystem { .. } => "fsmount",
            Step::Mount { .. } => "mount",
            Step::Mkdir { .. } => "mkdirat",
            Step::Mkfile { .. } => "mknodat",
            Step::Symlink { .. } => "symlinkat",
            Step::Chmod { .. } => "fchmodat",
            Step::PivotRoot { .. } => "pivot_root",
            Step::Chdir(_) => "chdir",
            Step::Close(_) => "close",
            Step::Setgroups(_) => "setgroups",
            Step::Setgid(_) => "setresgid",
            Step::Setuid(_) => "setresuid",
            Step::Securebits(_) => "prctl(PR_SET_SECUREBITS)",
            Step::DropBounding { .. } => "prctl(PR_CAPBSET_DROP)",
            Step::Capset { .. } => "capset",
            Step::Ambient(_) => "prctl(PR_CAP_AMBIENT)",
            Step::NoNewPrivs => "prctl(PR_SET_NO_NEW_PRIVS)",
            Step::LandlockCreate { .. } => "landlock_create_ruleset",
            Step::LandlockPath { .. } => "landlock_add_rule",
            Step::ShowPlace { .. } => "fstatfs",
            Step::LandlockPort { .. } => "landlock_add_rule",
            Step::LandlockRestrict { .. } => "landlock_restrict_self",
            Step::LandlockRecorded => "mount",
            Step::OpenDirectory { .. } => "openat",
            Step::ExecLabel { .. } => "write",
            Step::JoinSessionKeyring => "keyctl(JOIN_SESSION_KEYRING)",
            Step::SeccompFilter { .. } => "seccomp(SET_MODE_FILTER)",
            Step::SeccompListen { .. } => "seccomp(NEW_LISTENER)",
            Step::Exec { .. } => "execve",
        }
    }
}
