//! Which kernels are booted, and with which command lines.

use super::args::{Args, LSM};
use super::kernel::Kernel;

/// A kernel with a command line: a row of the table.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) kernel: Kernel,
    pub(super) lsm: String,
    /// More of the command line, as it is shown.
    pub(super) append: String,
    /// Without claims, which take most of the time.
    pub(super) brief: bool,
}

impl Row {
    /// How the row is made again.
    pub(super) fn command(&self) -> String {
        let mut text = format!("cargo xtask matrix --kernel {} --lsm {}", self.kernel.series, self.lsm);
        if !self.append.is_empty() {
            text += &format!(" --append '{}'", self.append);
        }
        text
    }
}

/// Which kernels are booted with which command lines.
pub(super) fn rows(args: &Args, kernels: &[Kernel]) -> Vec<Row> {
    let plain = kernels.iter().filter(|kernel| !args.all || !kernel.series.is_generic());
    let with = |kernel| args.lsms.iter().map(move |lsm| row(kernel, (lsm, &args.append)));
    let mut rows: Vec<Row> = plain.flat_map(with).collect();
    if args.all {
        rows.extend(particular(kernels).into_iter().map(|row| Row { brief: args.brief, ..row }));
    }
    rows
}

/// What a kernel's command line changes: each on the newest kernel. Settings of sysctl(8) are
/// `sysctl.` parameters.
const PARTICULAR: [(&str, &str); 14] = [
    ("landlock,lockdown,yama,selinux,bpf", ""),
    // TOMOYO starts once its trigger is executed, which the tests of labels do.
    (
        "landlock,lockdown,yama,tomoyo,apparmor,bpf",
        "TOMOYO_trigger=/usr/bin/nproc TOMOYO_loader=/usr/bin/nproc",
    ),
    ("lockdown,yama,apparmor,bpf", ""),
    ("apparmor,landlock", ""),
    (LSM, "lockdown=integrity"),
    (LSM, "lockdown=confidentiality"),
    (LSM, "sysctl.user.max_user_namespaces=0"),
    (LSM, "sysctl.kernel.yama.ptrace_scope=0"),
    (LSM, "sysctl.kernel.yama.ptrace_scope=1"),
    (LSM, "sysctl.kernel.yama.ptrace_scope=2"),
    (LSM, "sysctl.kernel.yama.ptrace_scope=3"),
    (LSM, "ia32_emulation=0"),
    (LSM, "cgroup_no_v1=all"),
    (LSM, "apparmor=0"),
];
/// The same on the oldest kernel that holds the default policy.
const OLDEST: [(&str, &str); 2] =
    [("landlock,lockdown,yama,selinux,bpf", ""), ("lockdown,yama,apparmor,bpf", "")];
/// Only generic 5.10 has x32, and leaves it off.
const X32: (&str, &str) = ("lockdown,yama,apparmor,bpf", "syscall.x32=y");
/// `ia32_emulation` is a parameter from this release on.
const IA32: ([u32; 2], (&str, &str)) = ([6, 18], (LSM, "ia32_emulation=0"));

fn row(kernel: &Kernel, (lsm, append): (&str, &str)) -> Row {
    Row { kernel: kernel.clone(), lsm: lsm.to_owned(), append: append.to_owned(), brief: false }
}

fn particular(kernels: &[Kernel]) -> Vec<Row> {
    let version = |kernel: &&Kernel| kernel.series.version();
    let plain = || kernels.iter().filter(|kernel| !kernel.series.is_generic());
    let newest = plain().max_by_key(version);
    let oldest = plain().filter(|kernel| version(kernel) >= super::suite::HOLDS).min_by_key(version);
    let mut rows: Vec<Row> =
        newest.into_iter().flat_map(|kernel| PARTICULAR.map(|line| row(kernel, line))).collect();
    rows.extend(oldest.into_iter().flat_map(|kernel| OLDEST.map(|line| row(kernel, line))));
    let first = plain().filter(|kernel| version(kernel) == IA32.0);
    rows.extend(first.map(|kernel| row(kernel, IA32.1)));
    rows.extend(kernels.iter().filter(|kernel| kernel.series.is_generic()).map(|kernel| row(kernel, X32)));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernels() -> Vec<Kernel> {
        let all = super::super::kernel::SERIES.iter().chain(&["generic-5.10"]);
        all.map(|series| Kernel {
            series: series.parse().unwrap(),
            origin: String::new(),
            image: "/k".into(),
        })
        .collect()
    }

    #[test]
    fn all_rows_name_their_own_command() {
        let args = Args::parse(["--all".to_owned()].into_iter()).unwrap();
        let rows = rows(&args, &kernels());
        let commands: std::collections::BTreeSet<String> = rows.iter().map(Row::command).collect();
        assert_eq!(commands.len(), rows.len());
        for needed in ["x32=y", "ia32_emulation=0", "max_user_namespaces=0", "tomoyo", "selinux", "scope=3"] {
            assert!(commands.iter().any(|command| command.contains(needed)), "{needed}");
        }
    }
}
