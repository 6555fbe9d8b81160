//! The policy as validated intent: every value knows the line that asked for it.

use std::collections::{BTreeMap, BTreeSet};

use ringfence_bpf::rule::Rule;

pub use super::source::{At, Origin, Place, Source};

/// A whole policy: all layers merged, every value validated, nothing resolved against this host.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// The texts that took part, in the order of layering: first the defaults, then the bases, last
    /// the command line.
    pub sources: Vec<Source>,
    /// `[process]`.
    pub process: Process,
    /// `[fs]`.
    pub fs: Fs,
    /// `[net]`.
    pub net: Net,
    /// `[syscalls]`.
    pub syscalls: Syscalls,
    /// `[namespaces]`.
    pub namespaces: Namespaces,
    /// `[lsm]`.
    pub lsm: Lsm,
    /// `[limits]`.
    pub limits: Limits,
    /// `[audit]`.
    pub audit: Audit,
    /// `[degrade]`: the names that may be missing, as `room.what`.
    pub degrade: Vec<At<String>>,
    /// `[[expect]]`.
    pub expect: Vec<Expect>,
    /// What lower layers said and higher ones made void.
    pub aside: Vec<Aside>,
}

/// Something that a higher layer set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aside {
    /// What was set aside.
    pub at: Origin,
    /// What set it aside.
    pub by: Origin,
}

/// `[process]`: credentials, environment and descriptors.
#[derive(Debug, Clone, PartialEq)]
pub struct Process {
    /// Whom the program runs as.
    pub user: At<User>,
    /// Supplementary groups kept; `None`: all that the caller has, as far as the id map names them.
    pub groups: Option<Vec<At<String>>>,
    /// Capability numbers (capabilities(7)) that stay in all five sets.
    pub capabilities: Vec<At<Capability>>,
    /// no_new_privs, prctl(2).
    pub no_new_privs: At<bool>,
    /// Permission bits cleared on creation; `None`: the caller's.
    pub umask: Option<At<u32>>,
    /// The directory to start in; `None`: the caller's where it is visible inside, else `/`.
    pub cwd: Option<At<PathSpec>>,
    /// Names of environment variables that pass; a trailing `*` is a prefix.
    pub env_pass: Vec<At<String>>,
    /// Environment variables that are set.
    pub env_set: BTreeMap<String, At<String>>,
    /// Descriptors that stay open; every other one is closed.
    pub fds: BTreeSet<u32>,
    /// Where `fds` was written.
    pub fds_at: Origin,
}

/// One capability of capabilities(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capability(pub u8);

/// `process.user`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum User {
    /// The caller's own ids, also as seen inside.
    Keep,
    /// The caller appears as 0:0 inside a user namespace.
    RootInNamespace,
    /// A name of passwd(5), with its groups.
    Name(String),
    /// Numbers.
    Ids {
        /// User id.
        uid: u32,
        /// Group id.
        gid: u32,
    },
}

/// A path as written: `~`, `$VAR` and relative parts still in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathSpec {
    /// The text without the optional mark.
    pub text: String,
    /// Written with a leading `-`: left out where it does not exist (as in systemd.exec(5)).
    pub optional: bool,
}

/// `[fs]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Fs {
    /// Readable.
    pub read: Vec<At<PathSpec>>,
    /// Executable and readable.
    pub exec: Vec<At<PathSpec>>,
    /// Readable and writable.
    pub write: Vec<At<PathSpec>>,
    /// Not reachable at all, now and when it comes to exist.
    pub deny: Vec<At<PathSpec>>,
    /// Private, empty, gone afterwards.
    pub tmp: Vec<At<PathSpec>>,
    /// What `/proc` is.
    pub proc: At<ProcView>,
    /// What `/dev` is.
    pub dev: At<DevView>,
}

/// `fs.proc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcView {
    /// The processes of the own pid namespace.
    Own,
    /// `Own`, with the entries that concern the whole host hidden or read-only.
    Masked,
    /// No `/proc`.
    None,
}

/// `fs.dev`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DevView {
    /// null, zero, full, random, urandom, tty, own pts and shm.
    Minimal,
    /// No `/dev`.
    None,
}

/// `[net]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Net {
    /// Which network there is.
    pub mode: At<NetMode>,
    /// Where `connect` may go.
    pub connect: Vec<At<Port>>,
    /// What `bind` may take.
    pub bind: Vec<At<Port>>,
    /// Pathname Unix sockets that may be reached.
    pub unix: Vec<At<PathSpec>>,
}

/// `net.mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetMode {
    /// An own, empty network.
    None,
    /// An own network with `lo` up.
    Loopback,
    /// The host's network.
    Host,
}

/// A transport and its port: `tcp:443`, `tcp:*`, `udp:*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    /// The transport.
    pub transport: Transport,
    /// `None`: every port.
    pub port: Option<u16>,
}

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// tcp(7).
    Tcp,
    /// udp(7).
    Udp,
}

/// `[syscalls]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Syscalls {
    /// Which seccomp mode.
    pub mode: At<SyscallMode>,
    /// The ways through the gate that are open.
    pub abis: Vec<At<ringfence_bpf::table::Abi>>,
    /// What is allowed.
    pub allow: Vec<At<Rule>>,
    /// What is denied even where it is allowed.
    pub deny: Vec<At<Rule>>,
    /// What a denied call gets.
    pub on_deny: At<ringfence_bpf::filter::Action>,
    /// What a number newer than the table gets.
    pub unknown: At<ringfence_bpf::filter::Action>,
}

/// `syscalls.mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyscallMode {
    /// A filter program.
    Filter,
    /// read, write, _exit and sigreturn only.
    Strict,
    /// No seccomp.
    Off,
}

/// `[namespaces]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Namespaces {
    /// The new ones.
    pub unshare: BTreeSet<Namespace>,
    /// Where `unshare` was written.
    pub unshare_at: Origin,
    /// The host name inside.
    pub hostname: Option<At<String>>,
    /// How many ids the user namespace has.
    pub id_map: At<IdMap>,
}

/// One of the eight namespaces(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Namespace {
    /// user_namespaces(7).
    User,
    /// mount_namespaces(7).
    Mnt,
    /// pid_namespaces(7).
    Pid,
    /// network_namespaces(7).
    Net,
    /// ipc_namespaces(7).
    Ipc,
    /// uts_namespaces(7).
    Uts,
    /// cgroup_namespaces(7).
    Cgroup,
    /// time_namespaces(7).
    Time,
}

impl Namespace {
    /// The name as under `/proc/PID/ns`.
    pub fn name(self) -> &'static str {
        match self {
            Namespace::User => "user",
            Namespace::Mnt => "mnt",
            Namespace::Pid => "pid",
            Namespace::Net => "net",
            Namespace::Ipc => "ipc",
            Namespace::Uts => "uts",
            Namespace::Cgroup => "cgroup",
            Namespace::Time => "time",
        }
    }
}

/// `namespaces.id_map`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdMap {
    /// One user and one group.
    Single,
    /// The caller's ids of subuid(5) and subgid(5) as well; for root, every id.
    Range,
}

/// `[lsm]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Lsm {
    /// landlock(7).
    pub landlock: At<Landlock>,
    /// apparmor(7).
    pub apparmor: At<Label>,
    /// selinux(8): of the program.
    pub selinux: At<Label>,
    /// selinux(8): of the file systems that are made for it.
    pub selinux_mount: At<Label>,
    /// Whether a BPF LSM program holds what no other control does.
    pub bpf: At<bool>,
}

/// `lsm.landlock`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landlock {
    /// Every right that the policy's intents need, at least at this ABI.
    Require {
        /// The least Landlock ABI.
        abi: u32,
    },
    /// No Landlock.
    Off,
}

/// `lsm.apparmor`, `lsm.selinux`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Label {
    /// The caller's.
    Inherit,
    /// Made from this policy (AppArmor only).
    Generate,
    /// A profile's name or a context.
    Named(String),
}

/// `[limits]`; what is absent is not limited by the policy.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Limits {
    /// Bytes of memory, by cgroup.
    pub memory: Option<At<u64>>,
    /// Tasks, by cgroup.
    pub pids: Option<At<u64>>,
    /// Processors' time per time, in thousandths of a processor, by cgroup.
    pub cpu_milli: Option<At<u64>>,
    /// Wall time in milliseconds.
    pub wall_ms: Option<At<u64>>,
    /// RLIMIT_NOFILE.
    pub open_files: Option<At<u64>>,
    /// RLIMIT_CORE, bytes.
    pub core: Option<At<u64>>,
    /// RLIMIT_FSIZE, bytes.
    pub file_size: Option<At<u64>>,
    /// RLIMIT_STACK, bytes.
    pub stack: Option<At<u64>>,
    /// RLIMIT_CPU, seconds.
    pub cpu_time: Option<At<u64>>,
}

/// `[audit]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Audit {
    /// Which events are wanted.
    pub events: At<Events>,
}

/// `audit.events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Events {
    /// None.
    None,
    /// What was denied.
    Denials,
    /// Everything at the gate.
    All,
}

/// `[[expect]]`: a claim that the policy makes of itself, kept as text until it is verified.
#[derive(Debug, Clone, PartialEq)]
pub struct Expect {
    /// Whether the operation is to be allowed.
    pub allow: bool,
    /// The operation.
    pub operation: At<String>,
    /// The reason, for the report.
    pub because: Option<String>,
    /// At least this many controls deny it independently.
    pub depth: Option<At<u32>>,
}
