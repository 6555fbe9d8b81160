//! What is of the whole host and has a name in the file system: entries of proc(5) and sys(5), devices,
//! and what is mounted.

use std::path::{Path, PathBuf};

use ringfence_bpf::table::Abi;

use super::file::{Places, file};
use super::{ESCAPE, against_outside, way};
use crate::control::mount::attempt::{self, Target};
use crate::control::trial::Identity;
use crate::policy::model::{Namespace, ProcView};
use crate::verify::{Claim, Intent, Subject};

/// Entries of proc(5) and sys(5) that act on or tell of the whole host; opened for writing where
/// writing is what harms.
const HOST_FILES: [(&str, bool, &str); 55] = [
    ("/proc/interrupts", false, "interrupts of the host"),
    ("/proc/key-users", false, "keyrings of the host"),
    ("/proc/kmsg", false, "messages of the kernel"),
    ("/proc/kcore", false, "the kernel's memory"),
    ("/proc/kallsyms", false, "the kernel's addresses"),
    ("/proc/keys", false, "keyrings of the host"),
    ("/proc/timer_list", false, "timers of the host"),
    ("/proc/vmallocinfo", false, "the kernel's addresses"),
    ("/proc/sysrq-trigger", true, "reboots, kills and dumps"),
    ("/proc/sys/kernel/core_pattern", true, "a program run by the kernel as root"),
    ("/proc/sys/kernel/modprobe", true, "a program run by the kernel as root"),
    ("/proc/sys/vm/overcommit_memory", true, "memory of the whole host"),
    ("/proc/sys/fs/binfmt_misc/register", true, "interpreters of the whole host"),
    ("/sys/kernel/uevent_helper", true, "a program run by the kernel as root"),
    ("/sys/kernel/debug", false, "everything"),
    ("/sys/fs/cgroup/release_agent", true, "CVE-2022-0492"),
    ("/proc/sys/kernel/sysrq", true, "which keys reboot, kill and dump"),
    ("/proc/sys/kernel/hotplug", true, "a program run by the kernel as root"),
    ("/proc/sys/kernel/usermodehelper/bset", true, "what the kernel's helpers may do"),
    ("/proc/sys/kernel/unprivileged_bpf_disabled", true, "who may load programs into the kernel"),
    ("/proc/sys/kernel/panic", true, "reboots"),
    ("/proc/sys/fs/suid_dumpable", true, "memory of privileged programs"),
    ("/proc/sched_debug", false, "processes of the host"),
    ("/proc/kpagecount", false, "physical memory"),
    ("/proc/kpageflags", false, "physical memory"),
    ("/proc/slabinfo", false, "objects of the kernel"),
    ("/proc/mtrr", true, "how the processor caches memory"),
    ("/proc/acpi", false, "devices of the host"),
    ("/sys/firmware", false, "variables of the firmware"),
    ("/sys/kernel/security", false, "policies of the LSMs"),
    ("/sys/kernel/tracing", false, "what every program does"),
    ("/sys/fs/bpf", false, "programs in the kernel"),
    ("/proc/kpagecgroup", false, "physical memory"),
    ("/proc/asound", false, "sound of the host"),
    ("/proc/latency_stats", false, "processes of the host"),
    ("/proc/scsi", false, "devices of the host"),
    ("/sys/power/state", true, "sleep of the host"),
    ("/dev/kmsg", false, "messages of the kernel"),
    ("/dev/port", false, "ports of devices"),
    ("/dev/mem", false, "physical memory"),
    ("/dev/kvm", false, "virtual machines"),
    ("/dev/fuse", false, "file systems made by programs"),
    ("/dev/loop-control", false, "block devices"),
    ("/dev/loop0", false, "a block device"),
    ("/dev/sda", false, "a disk"),
    ("/dev/vda", false, "a disk"),
    ("/dev/nvme0n1", false, "a disk"),
    ("/dev/mapper/control", false, "disks"),
    ("/dev/net/tun", false, "network interfaces"),
    ("/dev/userfaultfd", false, "page faults of the kernel"),
    ("/dev/console", false, "the console of the host"),
    ("/dev/tty0", false, "the console of the host"),
    ("/dev/vcs", false, "the screen of the console"),
    ("/dev/input/event0", false, "keys that a person types"),
    ("/dev/vhost-net", false, "virtual machines"),
];

/// Of the mounts of the host, so many are tried.
const MOST_MOUNTS: usize = 16;

pub(super) fn claims(subject: &Subject<'_>, places: &Places, all: &mut Vec<Claim>) {
    for (path, writes, what) in HOST_FILES {
        of_host(subject, places, Path::new(path), writes, what, all);
    }
    for path in attempt::below("/sys/fs/cgroup", "release_agent") {
        of_host(subject, places, &path, true, "CVE-2022-0492", all);
    }
    if subject.policy.namespaces.unshare.contains(&Namespace::Mnt) {
        let hidden = Some(subject.policy.namespaces.unshare_at);
        let own = |path: &Path| ["/proc", "/sys", "/dev"].iter().any(|of| path.starts_with(of));
        let unseen = |path: &PathBuf| path.parent().is_some() && !own(path) && !places.reaches(path);
        for path in attempt::mounts().into_iter().filter(unseen).take(MOST_MOUNTS) {
            way::denied(&path, hidden, "it is a mount of the host", places, all);
        }
    }
}

fn of_host(
    subject: &Subject<'_>,
    places: &Places,
    path: &Path,
    writes: bool,
    what: &str,
    all: &mut Vec<Claim>,
) {
    let fs = &subject.policy.fs;
    let target = attempt::target(path);
    if target == Target::Absent || places.gives(if writes { "write" } else { "read" }, path) {
        return;
    }
    let (word, trial) = if writes {
        ("write", attempt::write(Abi::X86_64, path, target))
    } else {
        ("read", attempt::read(Abi::X86_64, path, target))
    };
    let mut add = |word, route, trial| {
        all.push(
            file(Intent::Deny, word, path, route, against_outside(trial))
                .at(fs.proc.at)
                .because(format!("of the whole host: {what}"))
                .see(&["proc(5)", ESCAPE]),
        );
    };
    let Some(trial) = trial else { return };
    let of_proc = path.starts_with("/proc");
    add(word, "openat", if of_proc { trial.by(Identity::Inode) } else { trial });
    // Opening may be denied for another reason; what is covered is not even seen.
    if of_proc && !writes && fs.proc.value == ProcView::Masked {
        attempt::see(path).into_iter().for_each(|trial| add("see", "newfstatat", trial));
    }
}
