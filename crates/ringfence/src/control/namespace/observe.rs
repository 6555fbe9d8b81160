//! Which namespaces a live process really has: `/proc/PID/ns`, `/proc/PID/uid_map`. Read-only.

use std::collections::BTreeMap;
use std::io;

use super::model::Extent;
use crate::policy::model::Namespace;

/// What `/proc/PID` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The inode number of each namespace that this kernel has; equal numbers are one namespace.
    pub namespaces: BTreeMap<Namespace, u64>,
    /// User id map. The outside ids are as the reader's user namespace names them; where process
    /// and reader share the namespace, as its parent does (user_namespaces(7)).
    pub uids: Vec<Extent>,
    /// Group id map, likewise.
    pub gids: Vec<Extent>,
    /// `deny` in `/proc/PID/setgroups`.
    pub setgroups_denied: bool,
}

/// The name of each namespace under `/proc/PID/ns`.
const FILES: [(Namespace, &str); 8] = [
    (Namespace::User, "user"),
    (Namespace::Mnt, "mnt"),
    (Namespace::Pid, "pid"),
    (Namespace::Net, "net"),
    (Namespace::Ipc, "ipc"),
    (Namespace::Uts, "uts"),
    (Namespace::Cgroup, "cgroup"),
    (Namespace::Time, "time"),
];

/// Reads the namespaces and id maps of a process.
///
/// # Errors
/// The process is gone, or not the caller's to look at (`EACCES`, ptrace(2) access mode read).
pub fn read(pid: u32) -> io::Result<Observed> {
    let mut namespaces = BTreeMap::new();
    for (namespace, file) in FILES {
        match std::fs::read_link(format!("/proc/{pid}/ns/{file}")) {
            Ok(link) => {
                namespaces.extend(inode(&link.to_string_lossy()).map(|inode| (namespace, inode)));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && namespace == Namespace::Time => {}
            Err(error) => return Err(error),
        }
    }
    let file = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}"));
    Ok(Observed {
        namespaces,
        uids: extents(&file("uid_map")?),
        gids: extents(&file("gid_map")?),
        setgroups_denied: file("setgroups")?.trim() == "deny",
    })
}

fn inode(link: &str) -> Option<u64> {
    link.split_once('[')?.1.strip_suffix(']')?.parse().ok()
}

fn extents(map: &str) -> Vec<Extent> {
    let line = |line: &str| {
        let mut words = line.split_whitespace().map(str::parse::<u32>);
        let mut next = || words.next()?.ok();
        Some(Extent { inside: next()?, outside: next()?, count: next()? })
    };
    map.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_maps_are_read() {
        assert_eq!(inode("pid:[4026531836]"), Some(4_026_531_836));
        assert_eq!(inode("pid"), None);
        assert_eq!(
            extents("         0       1000          1\n         1     100000      65536\n"),
            [
                Extent { inside: 0, outside: 1000, count: 1 },
                Extent { inside: 1, outside: 100_000, count: 65_536 }
            ]
        );
    }

    #[test]
    fn the_own_process_has_the_seven_old_namespaces() {
        let observed = read(std::process::id()).unwrap();
        assert!(observed.namespaces.len() >= 7, "{observed:?}");
        assert!(!observed.uids.is_empty());
    }
}
