//! The kernel's settings that bear on containment, one table. proc_sys(5) and sysctl(8).

use std::cell::OnceCell;
use std::io::ErrorKind;

use super::{Fact, Reading, SYNTHETIC};

/// One setting of [`TABLE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Sysctl {
    MaxUserNamespaces,
    MaxMntNamespaces,
    MaxPidNamespaces,
    MaxNetNamespaces,
    MaxIpcNamespaces,
    MaxUtsNamespaces,
    MaxCgroupNamespaces,
    MaxTimeNamespaces,
    UnprivilegedUsernsClone,
    ApparmorRestrictUserns,
    ApparmorRestrictUnconfined,
    PtraceScope,
    LegacyTiocsti,
    IoUringDisabled,
    UnprivilegedBpfDisabled,
    DmesgRestrict,
    KptrRestrict,
    PerfEventParanoid,
    UnprivilegedUserfaultfd,
    SuidDumpable,
    ProtectedSymlinks,
    ProtectedHardlinks,
    RandomizeVaSpace,
    ModulesDisabled,
    NrOpen,
}

/// What is known of a setting beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Which.
    pub sysctl: Sysctl,
    /// Its name, as sysctl(8) writes it; also its stable identity in reports.
    pub name: &'static str,
    /// Its file.
    pub path: &'static str,
    /// What it means that a kernel does not have it.
    pub absent: &'static str,
    /// What values mean; others are plain numbers.
    pub meanings: &'static [(i64, &'static str)],
}

impl Entry {
    /// What a value means, where the table says so.
    #[must_use]
    pub fn meaning(&self, value: i64) -> Option<&'static str> {
        self.meanings.iter().find(|(number, _)| *number == value).map(|(_, text)| *text)
    }
}

impl Sysctl {
    /// What is known of it beforehand.
    #[must_use]
    pub const fn entry(self) -> &'static Entry {
        &TABLE[self as usize]
    }
}

const fn entry(
    sysctl: Sysctl,
    name: &'static str,
    path: &'static str,
    absent: &'static str,
    meanings: &'static [(i64, &'static str)],
) -> Entry {
    Entry { sysctl, name, path, absent, meanings }
}

const NO_SUCH_NAMESPACE: &str = "the kernel has no such namespace, or no limit on it";
const NONE_MAY_BE_MADE: &[(i64, &str)] = &[(0, "none may be made")];

/// Every setting, in the order of [`Sysctl`]. Sources: Documentation/admin-guide/sysctl/{user,kernel,fs,vm}.rst,
/// Documentation/admin-guide/LSM/Yama.rst, drivers/tty/Kconfig (`LEGACY_TIOCSTI`); the two of
/// AppArmor and `unprivileged_userns_clone` are patches of Ubuntu's and Debian's kernels.
#[rustfmt::skip]
pub const TABLE: &[Entry] = &[
    entry(Sysctl::MaxUserNamespaces, "user.max_user_namespaces", "/proc/sys/user/max_user_namespaces",
        NO_SUCH_NAMESPACE, NONE_MAY_BE_MADE),
    entry(Sysctl::MaxMntNamespaces, "user.max_mnt_namespaces", "/proc/sys/user/max_mnt_namespaces",
        NO_SUCH_NAMESPACE, NONE_MAY_BE_MADE),
    entry(Sysctl::MaxPidNamespaces, "user.max_pid_namespaces", "/proc/sys/user/max_pid_namespaces",
        NO_SUCH_NAMESPACE, NONE_MAY_BE_MADE),
    entry(Sysctl::MaxNetNamespaces, "user.max_net_namespaces", "/proc/sys/user/max_net_namespaces",
        NO_SUCH_NAMESPACE, NONE_MAY_BE_MADE),
    entry(Sysctl::MaxIpcNamespaces, "user.max_ipc_namespaces", "/proc/sys/user/max_ipc_namespaces",
        NO_SUCH_NAMESPACE, NONE_MAY_BE_MADE),
    entry(Sysctl::MaxUtsNamespaces, "user.max_uts_namespaces", "/proc/sys/user/max_uts_namespaces",
        NO_SUCH_NAMESPACE, NONE_MAY_BE_MADE),
    entry(Sysctl::MaxCgroupNamespaces, "user.max_cgroup_namespaces", "/proc/sys/user/max_cgroup_namespaces",
        NO_SUCH_NAMESPACE, NONE_MAY_BE_MADE),
    entry(Sysctl::MaxTimeNamespaces, "user.max_time_namespaces", "/proc/sys/user/max_time_namespaces",
        NO_SUCH_NAMESPACE, NONE_MAY_BE_MADE),
    entry(Sysctl::UnprivilegedUsernsClone, "kernel.unprivileged_userns_clone",
        "/proc/sys/kernel/unprivileged_userns_clone", "not a kernel that can forbid them to ordinary users so",
        &[(0, "only root may make user namespaces"), (1, "anybody may make user namespaces")]),
    entry(Sysctl::ApparmorRestrictUserns, "kernel.apparmor_restrict_unprivileged_userns",
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "AppArmor does not restrict user namespaces",
        &[(0, "AppArmor lets any program have user namespaces"),
          (1, "only programs whose AppArmor profile has `userns` keep capabilities in a user namespace")]),
    entry(Sysctl::ApparmorRestrictUnconfined, "kernel.apparmor_restrict_unprivileged_unconfined",
        "/proc/sys/kernel/apparmor_restrict_unprivileged_unconfined",
        "AppArmor does not restrict changes of profile by unconfined programs", &[(0, "off"), (1, "on")]),
    entry(Sysctl::PtraceScope, "kernel.yama.ptrace_scope", "/proc/sys/kernel/yama/ptrace_scope",
        "no Yama: any process of the same user may be traced",
        &[(0, "any process of the same user may be traced"), (1, "only descendants may be traced"),
          (2, "only with CAP_SYS_PTRACE"), (3, "nobody may trace")]),
    entry(Sysctl::LegacyTiocsti, "dev.tty.legacy_tiocsti", "/proc/sys/dev/tty/legacy_tiocsti",
        "a kernel before 6.2: TIOCSTI always works on the own terminal",
        &[(0, "TIOCSTI needs CAP_SYS_ADMIN"), (1, "TIOCSTI works on the own terminal")]),
    entry(Sysctl::IoUringDisabled, "kernel.io_uring_disabled", "/proc/sys/kernel/io_uring_disabled",
        "a kernel before 6.6, or without io_uring",
        &[(0, "for everybody"), (1, "only with CAP_SYS_ADMIN or in kernel.io_uring_group"), (2, "for nobody")]),
    entry(Sysctl::UnprivilegedBpfDisabled, "kernel.unprivileged_bpf_disabled",
        "/proc/sys/kernel/unprivileged_bpf_disabled", "no bpf(2)",
        &[(0, "bpf(2) for everybody"), (1, "bpf(2) only with CAP_BPF, until reboot"), (2, "bpf(2) only with CAP_BPF")]),
    entry(Sysctl::DmesgRestrict, "kernel.dmesg_restrict", "/proc/sys/kernel/dmesg_restrict",
        "no kernel log", &[(0, "anybody reads the kernel log"), (1, "only with CAP_SYSLOG")]),
    entry(Sysctl::KptrRestrict, "kernel.kptr_restrict", "/proc/sys/kernel/kptr_restrict",
        "kernel addresses are not hidden",
        &[(0, "kernel addresses are hashed"), (1, "hidden without CAP_SYSLOG"), (2, "hidden from everybody")]),
    entry(Sysctl::PerfEventParanoid, "kernel.perf_event_paranoid", "/proc/sys/kernel/perf_event_paranoid",
        "no perf_event_open(2)",
        &[(-1, "everything for everybody"), (0, "no raw tracepoints without CAP_PERFMON"),
          (1, "no CPU events without CAP_PERFMON"), (2, "no kernel profiling without CAP_PERFMON"),
          (3, "nothing without CAP_PERFMON (a patch of Debian's and Android's)"),
          (4, "nothing without CAP_PERFMON (a patch of Ubuntu's)")]),
    entry(Sysctl::UnprivilegedUserfaultfd, "vm.unprivileged_userfaultfd", "/proc/sys/vm/unprivileged_userfaultfd",
        "no userfaultfd(2), or a kernel before 5.2, where everybody has it",
        &[(0, "only with CAP_SYS_PTRACE, or for faults from user mode"), (1, "for everybody")]),
    entry(Sysctl::SuidDumpable, "fs.suid_dumpable", "/proc/sys/fs/suid_dumpable", "no core dumps",
        &[(0, "programs that changed ids leave no core"), (1, "they do"), (2, "they do, for root only")]),
    entry(Sysctl::ProtectedSymlinks, "fs.protected_symlinks", "/proc/sys/fs/protected_symlinks",
        "links of others in sticky directories are followed", &[(0, "off"), (1, "on")]),
    entry(Sysctl::ProtectedHardlinks, "fs.protected_hardlinks", "/proc/sys/fs/protected_hardlinks",
        "hard links to files of others may be made", &[(0, "off"), (1, "on")]),
    entry(Sysctl::RandomizeVaSpace, "kernel.randomize_va_space", "/proc/sys/kernel/randomize_va_space",
        "addresses are not randomised", &[(0, "off"), (1, "without the heap"), (2, "on")]),
    entry(Sysctl::ModulesDisabled, "kernel.modules_disabled", "/proc/sys/kernel/modules_disabled",
        "no loadable modules", &[(0, "modules can be loaded"), (1, "modules can not be loaded until reboot")]),
    entry(Sysctl::NrOpen, "fs.nr_open", "/proc/sys/fs/nr_open", "no such limit", &[]),
];

/// One cell for each setting.
#[derive(Debug)]
pub(super) struct Cells([OnceCell<Fact<Reading<i64>>>; TABLE.len()]);

impl Cells {
    pub(super) const fn new() -> Self {
        Self([const { OnceCell::new() }; TABLE.len()])
    }

    pub(super) fn get(&self, sysctl: Sysctl, live: bool) -> &Fact<Reading<i64>> {
        self.0[sysctl as usize].get_or_init(|| {
            let entry = sysctl.entry();
            if live { Fact::new(read(entry), entry.path) } else { Fact::new(synthetic(entry), SYNTHETIC) }
        })
    }

    pub(super) fn set(&mut self, sysctl: Sysctl, fact: Fact<Reading<i64>>) {
        self.0[sysctl as usize] = OnceCell::from(fact);
    }
}

fn read(entry: &Entry) -> Reading<i64> {
    match super::kernel::read_small(entry.path) {
        Ok(text) => match text.trim().parse() {
            Ok(number) => Reading::Known(number),
            Err(_) => Reading::Unknown(format!("{} says {:?}, which is no number", entry.path, text.trim())),
        },
        Err(error) if error.kind() == ErrorKind::NotFound && super::kernel::proc_sys_is_there() => {
            Reading::Absent(entry.absent)
        }
        Err(error) => Reading::Unknown(format!("{}: {error}", entry.path)),
    }
}

/// An upstream kernel without patches, as Debian sets it up.
fn synthetic(entry: &Entry) -> Reading<i64> {
    match entry.sysctl {
        Sysctl::UnprivilegedUsernsClone
        | Sysctl::ApparmorRestrictUserns
        | Sysctl::ApparmorRestrictUnconfined
        | Sysctl::PtraceScope => Reading::Absent(entry.absent),
        Sysctl::NrOpen => Reading::Known(1_048_576),
        Sysctl::LegacyTiocsti
        | Sysctl::IoUringDisabled
        | Sysctl::KptrRestrict
        | Sysctl::SuidDumpable
        | Sysctl::UnprivilegedUserfaultfd
        | Sysctl::ModulesDisabled => Reading::Known(0),
        Sysctl::UnprivilegedBpfDisabled | Sysctl::PerfEventParanoid | Sysctl::RandomizeVaSpace => {
            Reading::Known(2)
        }
        Sysctl::DmesgRestrict | Sysctl::ProtectedSymlinks | Sysctl::ProtectedHardlinks => Reading::Known(1),
        _ => Reading::Known(96_365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Host;

    #[test]
    fn table_is_in_the_order_of_the_names() {
        for (place, entry) in TABLE.iter().enumerate() {
            assert_eq!(entry.sysctl as usize, place, "{}", entry.name);
            assert_eq!(entry.path, format!("/proc/sys/{}", entry.name.replace('.', "/")));
        }
        assert_eq!(TABLE.len(), Sysctl::NrOpen as usize + 1);
    }

    #[test]
    fn a_set_value_is_not_read() {
        let host = Host::for_tests().with_sysctl(Sysctl::NrOpen, Reading::Known(7));
        assert_eq!(host.sysctl(Sysctl::NrOpen).value, Reading::Known(7));
        assert_eq!(host.sysctl(Sysctl::NrOpen).from, "test");
    }

    #[test]
    fn a_live_value_is_what_the_file_says() {
        let host = Host::live();
        let fact = host.sysctl(Sysctl::NrOpen);
        let text = std::fs::read_to_string("/proc/sys/fs/nr_open").unwrap();
        assert_eq!(fact.value, Reading::Known(text.trim().parse().unwrap()));
        assert_eq!(fact.from, "/proc/sys/fs/nr_open");
    }

    #[test]
    fn a_file_that_is_not_there_is_absent_and_one_that_is_no_number_unknown() {
        let missing = entry(Sysctl::NrOpen, "x", "/proc/sys/kernel/no_such_setting", "means this", &[]);
        assert_eq!(read(&missing), Reading::Absent("means this"));
        let text = entry(Sysctl::NrOpen, "x", "/proc/sys/kernel/ostype", "", &[]);
        assert!(matches!(read(&text), Reading::Unknown(why) if why.contains("Linux")));
    }

    #[test]
    fn values_have_meanings() {
        assert_eq!(Sysctl::PtraceScope.entry().meaning(1), Some("only descendants may be traced"));
        assert_eq!(Sysctl::PtraceScope.entry().meaning(9), None);
    }
}
