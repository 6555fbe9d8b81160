//! What a policy may allow to be missing on a host, by name: `ROOM.WHAT`. Nothing else may be, and
//! whatever is missing is reported in every output.

/// The names, sorted, and what is missing where the host cannot give it.
pub const NAMES: &[(&str, &str)] = &[
    ("cgroup.cpu", "limits.cpu: no cgroup with the cpu controller can be made"),
    ("cgroup.memory", "limits.memory: no cgroup with the memory controller can be made"),
    ("cgroup.pids", "limits.pids: no cgroup with the pids controller can be made"),
    ("landlock.all", "Landlock as a whole: the kernel has none, or it is not on the list of LSMs"),
    ("landlock.ioctl-dev", "ioctl(2) on device files, from ABI 5"),
    ("landlock.log", "the log flags for denials, from ABI 7"),
    ("landlock.net-tcp", "TCP ports, from ABI 4"),
    ("landlock.net-udp", "UDP ports, from ABI 10"),
    ("landlock.refer", "linking and renaming between directories, from ABI 2"),
    ("landlock.resolve-unix", "pathname Unix sockets, from ABI 9"),
    ("landlock.scope-abstract-unix-socket", "abstract Unix sockets, from ABI 6"),
    ("landlock.scope-signal", "signals to processes outside, from ABI 6"),
    ("landlock.truncate", "truncation of files, from ABI 3"),
    ("lsm.apparmor", "lsm.apparmor: AppArmor is not on the list of LSMs"),
    ("lsm.selinux", "lsm.selinux: SELinux is not on the list of LSMs"),
    ("mount.proc", "fs.proc: a new /proc cannot be mounted, as where the host's is partly covered"),
    ("namespace.cgroup", "the cgroup namespace"),
    ("namespace.id-range", "namespaces.id_map = \"range\": newuidmap(1) or a subordinate range is missing"),
    ("namespace.ipc", "the ipc namespace"),
    ("namespace.time", "the time namespace, from Linux 5.6"),
    ("namespace.uts", "the uts namespace"),
    ("seccomp.log", "the log flag of a filter, from Linux 4.14"),
];

#[cfg(test)]
mod tests {
    use super::NAMES;

    #[test]
    fn names_are_sorted_and_have_a_room() {
        assert!(NAMES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(NAMES.iter().all(|(name, _)| name.split_once('.').is_some()));
    }
}
