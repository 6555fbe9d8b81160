//! What a policy may allow to be missing on a host, by name: `ROOM.WHAT`. Nothing else may be, and
//! whatever is missing is reported in every output.
//!
//! Every promise of a room is either in [`NAMES`] or in [`HELD`]: a law reads the rooms' sources.

/// The names, sorted, and what is missing where the host cannot give it.
pub const NAMES: &[(&str, &str)] = &[
    ("landlock.abi", "the least ABI that lsm.landlock asks for"),
    ("landlock.available", "Landlock as a whole: the kernel has none, or it is not on the list of LSMs"),
    ("landlock.files", "file rights, from ABI 1 (Linux 5.13)"),
    ("landlock.ioctl-dev", "ioctl(2) on device files, from ABI 5 (Linux 6.10)"),
    ("landlock.log", "audit records of denials after execve(2), from ABI 7 (Linux 6.15)"),
    ("landlock.net-bind", "TCP bind(2) by port, from ABI 4 (Linux 6.7)"),
    ("landlock.net-connect", "TCP connect(2) by port, from ABI 4 (Linux 6.7)"),
    ("landlock.refer", "linking and renaming between directories, from ABI 2 (Linux 5.19)"),
    ("landlock.resolve-unix", "Unix sockets in the file system, from ABI 9 (Linux 7.1)"),
    ("landlock.scope-abstract-unix-socket", "abstract Unix sockets outside, from ABI 6 (Linux 6.12)"),
    ("landlock.scope-signal", "signals to processes outside, from ABI 6 (Linux 6.12)"),
    ("landlock.truncate", "truncation of files, from ABI 3 (Linux 6.2)"),
    ("landlock.udp-bind", "UDP bind(2) by port, from ABI 10 (Linux 7.2)"),
    ("landlock.udp-connect", "UDP connect(2) and send(2) by port, from ABI 10 (Linux 7.2)"),
    ("limit.core", "limits.core: core dumps go to a program or a socket, or the hard limit is lower"),
    ("limit.cpu", "limits.cpu: no cgroup with the cpu controller can be made"),
    ("limit.cpu-time", "limits.cpu_time: the caller's hard limit is lower, and stays"),
    ("limit.file-size", "limits.file_size: the caller's hard limit is lower, and stays"),
    ("limit.memory", "limits.memory: no cgroup with the memory controller can be made"),
    ("limit.open-files", "limits.open_files: the caller's hard limit is lower, and stays"),
    ("limit.pids", "limits.pids: no cgroup with the pids controller can be made"),
    ("limit.stack", "limits.stack: the caller's hard limit is lower, and stays"),
    ("lsm.apparmor", "lsm.apparmor: AppArmor is not on the list of LSMs"),
    (
        "lsm.bpf",
        "lsm.bpf: bpf is not on the list of LSMs, the kernel has no type information, or the caller may load none",
    ),
    ("lsm.selinux", "lsm.selinux: SELinux is not on the list of LSMs"),
    ("namespace.cgroup", "the cgroup namespace"),
    ("namespace.id-map", "namespaces.id_map = \"range\": newuidmap(1) or a subordinate range is missing"),
    ("namespace.ipc", "the ipc namespace"),
    ("namespace.time", "the time namespace, from Linux 5.6"),
    ("namespace.uts", "the uts namespace"),
    ("seccomp.log", "audit records of denied calls, from Linux 4.14"),
];

/// The promises that no policy can let pass: without them a plan would be another plan, or the
/// program would have rights that nobody wrote.
pub const HELD: &[&str] = &[
    "credential.bounding",
    "credential.capabilities",
    "credential.groups",
    "credential.no-new-privs",
    "credential.securebits",
    "credential.user",
    "limit.wall",
    "mount.deny",
    "mount.place",
    "mount.tmp",
    "namespace.mnt",
    "namespace.net",
    "namespace.pid",
    "namespace.user",
    "namespace.user-id",
    "net.mode",
    "seccomp.filter",
    "seccomp.notify",
];

/// Whether `[degrade]` may name a promise.
#[must_use]
pub fn is_name(promise: &str) -> bool {
    NAMES.iter().any(|(name, _)| *name == promise)
}

#[cfg(test)]
mod tests {
    use super::NAMES;

    #[test]
    fn names_are_sorted_and_have_a_room() {
        assert!(NAMES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(NAMES.iter().all(|(name, _)| name.split_once('.').is_some()));
    }
}
