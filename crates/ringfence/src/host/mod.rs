//! Facts of this kernel and this caller, each with where it was read. Read-only.
//!
//! Each fact is read when it is first asked for, so that `run` pays only for what its plan needs.

pub mod apparmor;
pub mod asked;
pub mod audit;
pub mod bpf;
pub mod caller;
pub mod cgroup;
pub mod command;
pub mod cpu;
pub mod kernel;
pub mod lsm;
pub mod mounts;
pub mod namespace;
pub mod path;
pub mod process;
pub mod seccomp;
pub mod selinux;
pub mod sysctl;
pub mod user;

use std::cell::OnceCell;

pub use apparmor::AppArmor;
pub use audit::Audit;
pub use caller::{Caller, IdMaps, IdRange, Rlimits, SubordinateIds};
pub use cgroup::Cgroup;
pub use cpu::Cpu;
pub use kernel::{CorePattern, Release};
pub use lsm::{Landlock, Lockdown};
pub use mounts::{Mount, ProcMount};
pub use namespace::{TriedNamespaces, UserNamespaces};
pub use process::Process;
pub use seccomp::{Abis, Seccomp};
pub use sysctl::Sysctl;

/// A value and the place where it was read: a path, or a system call as its man page writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact<T> {
    /// The value.
    pub value: T,
    /// Where it was read.
    pub from: &'static str,
}

impl<T> Fact<T> {
    const fn new(value: T, from: &'static str) -> Self {
        Self { value, from }
    }
}

/// What was found where a fact should be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Reading<T> {
    /// It was read.
    Known(T),
    /// This kernel does not have it; what that means.
    Absent(&'static str),
    /// It could not be read; why, and what would tell.
    Unknown(String),
}

impl<T> Reading<T> {
    /// The value, where it was read.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent(_) | Self::Unknown(_) => None,
        }
    }
}

/// Defines [`Host`]: a cell, an accessor and a setter for each fact, from one table.
macro_rules! facts {
    ($($(#[$doc:meta])* $name:ident, $with:ident: $type:ty = $read:path, $synthetic:path;)*) => {
        /// Facts, read at most once each. [`Host::live`] reads the running kernel; tests start at
        /// [`Host::for_tests`] and set facts with the `with_` functions; those are never read from
        /// the kernel.
        #[derive(Debug)]
        pub struct Host {
            live: bool,
            sysctls: sysctl::Cells,
            $($name: OnceCell<Fact<$type>>,)*
        }

        impl Host {
            const fn unread(live: bool) -> Self {
                Self { live, sysctls: sysctl::Cells::new(), $($name: OnceCell::new(),)* }
            }

            $(
                $(#[$doc])*
                pub fn $name(&self) -> &Fact<$type> {
                    self.$name.get_or_init(|| {
                        if self.live { $read(self) } else { Fact::new($synthetic(), SYNTHETIC) }
                    })
                }

                /// The same host with this fact set.
                #[must_use]
                pub fn $with(mut self, value: $type) -> Self {
                    self.$name = OnceCell::from(Fact::new(value, SYNTHETIC));
                    self
                }
            )*
        }
    };
}

/// Where the facts of [`Host::for_tests`] come from.
const SYNTHETIC: &str = "test";

facts! {
    /// The kernel's release.
    release, with_release: Release = kernel::release, kernel::synthetic_release;
    /// The highest capability that the kernel has.
    last_capability, with_last_capability: u32 = caller::last_capability, caller::synthetic_last_capability;
    /// The caller's capability bounding set, capabilities(7).
    bounding, with_bounding: u64 = caller::bounding, caller::synthetic_bounding;
    /// Who runs ringfence.
    caller, with_caller: Caller = caller::read, caller::synthetic;
    /// The caller's resource limits.
    rlimits, with_rlimits: Rlimits = caller::rlimits, caller::synthetic_rlimits;
    /// What subuid(5) and subgid(5) give to the caller, and the programs that map them.
    subordinate_ids, with_subordinate_ids: SubordinateIds
        = caller::subordinate_ids, caller::synthetic_subordinate_ids;
    /// What ids a user namespace of the caller's may have.
    id_maps, with_id_maps: IdMaps = caller::id_maps, caller::synthetic_id_maps;
    /// Which process this is.
    process, with_process: Process = process::read, process::synthetic;
    /// The LSMs in the order in which they are asked.
    lsms, with_lsms: Reading<Vec<String>> = lsm::list, lsm::synthetic_list;
    /// AppArmor.
    apparmor, with_apparmor: Reading<AppArmor> = apparmor::read, apparmor::synthetic;
    /// Whether the kernel takes BPF LSM programs from the caller, and why not. Reading it may load one
    /// (a tenth of a second), and lets go of it.
    bpf_lsm, with_bpf_lsm: Result<(), String> = bpf::read, bpf::synthetic;
    /// The version of apparmor_parser(8). Reading it starts that program.
    apparmor_parser, with_apparmor_parser: Reading<(u32, u32)>
        = apparmor::parser, apparmor::synthetic_parser;
    /// What the lockdown LSM forbids even to root.
    lockdown, with_lockdown: Reading<Lockdown> = lsm::lockdown, lsm::synthetic_lockdown;
    /// Landlock.
    landlock, with_landlock: Landlock = lsm::landlock, lsm::synthetic_landlock;
    /// seccomp.
    seccomp, with_seccomp: Seccomp = seccomp::read, seccomp::synthetic;
    /// The ways through the gate. Reading it forks two children (some 200 µs).
    abis, with_abis: Abis = seccomp::abis, seccomp::synthetic_abis;
    /// Whether the caller is in the first user namespace, where capabilities count everywhere.
    initial_user_namespace, with_initial_user_namespace: bool
        = namespace::initial, namespace::synthetic_initial;
    /// What the settings say about user namespaces.
    user_namespaces, with_user_namespaces: UserNamespaces
        = namespace::user_namespaces, namespace::synthetic_user_namespaces;
    /// Whether the caller is in a chroot(2), where the kernel makes no user namespaces. Reading it
    /// may try one.
    chroot, with_chroot: Reading<bool> = namespace::chroot, namespace::synthetic_chroot;
    /// What user namespaces do when they are tried. Reading it forks three children (some ms).
    tried_namespaces, with_tried_namespaces: TriedNamespaces = namespace::tried, namespace::synthetic_tried;
    /// The mounts of the caller's mount namespace.
    mounts, with_mounts: Reading<Vec<Mount>> = mounts::read, mounts::synthetic;
    /// Whether attributes of mounts can be set before they are attached: Linux 5.12.
    mount_setattr, with_mount_setattr: bool = mounts::setattr, mounts::synthetic_setattr;
    /// The present `/proc`.
    proc_mount, with_proc_mount: ProcMount = mounts::proc_mount, mounts::synthetic_proc_mount;
    /// cgroups.
    cgroup, with_cgroup: Cgroup = cgroup::read, cgroup::synthetic;
    /// The audit facility.
    audit, with_audit: Audit = audit::read, audit::synthetic;
    /// What becomes of core dumps.
    core_pattern, with_core_pattern: Reading<CorePattern>
        = kernel::core_pattern, kernel::synthetic_core_pattern;
    /// The processor.
    cpu, with_cpu: Cpu = cpu::read, cpu::synthetic;
}

impl Host {
    /// The running kernel and the calling process. Nothing is read yet.
    #[must_use]
    pub const fn live() -> Self {
        Self::unread(true)
    }

    /// A host that is the same everywhere: Linux 6.18, Landlock ABI 7, an ordinary user, cgroup v2
    /// without delegation. Nothing of it is read from the kernel.
    #[must_use]
    pub const fn for_tests() -> Self {
        Self::unread(false)
    }

    /// A setting of the kernel; see [`sysctl::TABLE`].
    pub fn sysctl(&self, sysctl: Sysctl) -> &Fact<Reading<i64>> {
        self.sysctls.get(sysctl, self.live)
    }

    /// The same host with this setting set.
    #[must_use]
    pub fn with_sysctl(mut self, sysctl: Sysctl, value: Reading<i64>) -> Self {
        self.sysctls.set(sysctl, Fact::new(value, SYNTHETIC));
        self
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::live()
    }
}
