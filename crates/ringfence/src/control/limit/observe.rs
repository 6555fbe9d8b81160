//! Which limits a live process really has: `/proc/PID/limits`, and its cgroups with those above.
//! Read-only. proc_pid_limits(5), cgroups(7).

use std::io;
use std::path::{Path, PathBuf};

/// What `/proc` and the cgroup file systems say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// Each rlimit that is not unlimited.
    pub rlimits: Vec<Rlimit>,
    /// Each cgroup file that limits it, its own group's or one above.
    pub groups: Vec<Group>,
    /// The lines of `/proc/PID/cgroup`.
    pub member: Vec<String>,
}

/// One line of `/proc/PID/limits`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rlimit {
    /// `Max open files`.
    pub name: String,
    /// What holds; `unlimited`, or a number.
    pub soft: String,
    /// What it can be raised to.
    pub hard: String,
}

/// A limit of a cgroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The file.
    pub file: PathBuf,
    /// Its content.
    pub value: String,
}

const LIMITS: [&str; 9] = [
    "memory.max",
    "memory.high",
    "memory.swap.max",
    "pids.max",
    "cpu.max",
    "cpuset.cpus",
    "memory.limit_in_bytes",
    "cpu.cfs_quota_us",
    "freezer.state",
];
/// What these files say where nothing is limited; version 1 has a number for it.
const NONE: [&str; 6] = ["max", "max 100000", "-1", "", "THAWED", "9223372036854771712"];
const ROOT: &str = "/sys/fs/cgroup";

/// Reads the limits of a process.
///
/// # Errors
/// The process is gone, or not the caller's to look at.
pub fn read(pid: u32) -> io::Result<Observed> {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits"))?;
    let member = std::fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    let member: Vec<String> = member.lines().map(str::to_owned).collect();
    let groups = member.iter().flat_map(|line| places(line)).flat_map(|(root, path)| above(&root, &path));
    Ok(Observed { rlimits: rlimits(&limits), groups: groups.collect(), member })
}

/// Columns of a fixed width (`proc_pid_limits` of fs/proc/base.c): name 25, values 20 each.
fn rlimits(table: &str) -> Vec<Rlimit> {
    let line = |line: &str| {
        let cell = |from: usize, to: usize| Some(line.get(from..to.min(line.len()))?.trim().to_owned());
        let limit = Rlimit { name: cell(0, 26)?, soft: cell(26, 47)?, hard: cell(47, 68)? };
        (limit.soft != "unlimited" || limit.hard != "unlimited").then_some(limit)
    };
    table.lines().skip(1).filter_map(line).collect()
}

/// Where the group of a line of `/proc/PID/cgroup` may lie: `0::/a`, or `4:memory:/a`.
fn places(line: &str) -> Vec<(PathBuf, PathBuf)> {
    let mut words = line.splitn(3, ':');
    let (Some(_), Some(controllers), Some(path)) = (words.next(), words.next(), words.next()) else {
        return Vec::new();
    };
    let path = PathBuf::from(path.trim_start_matches('/'));
    let roots: Vec<PathBuf> = match controllers {
        "" => vec![Path::new(ROOT).join("unified"), ROOT.into()],
        names => vec![Path::new(ROOT).join(names)],
    };
    roots.into_iter().find(|root| root.join(&path).is_dir()).map(|root| (root, path)).into_iter().collect()
}

fn above(root: &Path, path: &Path) -> Vec<Group> {
    let mut groups = Vec::new();
    for group in path.ancestors() {
        for name in LIMITS {
            let file = root.join(group).join(name);
            let Ok(value) = std::fs::read_to_string(&file) else { continue };
            let value = value.trim().to_owned();
            if !NONE.contains(&value.as_str()) {
                groups.push(Group { file, value });
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_cut_where_the_kernel_puts_them() {
        let table = "Limit                     Soft Limit           Hard Limit           Units     \n\
                     Max cpu time              unlimited            unlimited            seconds   \n\
                     Max core file size        0                    unlimited            bytes     \n\
                     Max open files            1024                 4096                 files     \n";
        let limits = rlimits(table);
        let shown: Vec<_> = limits.iter().map(|l| (&l.name[..], &l.soft[..], &l.hard[..])).collect();
        assert_eq!(shown, [("Max core file size", "0", "unlimited"), ("Max open files", "1024", "4096")]);
    }

    #[test]
    fn the_own_process_can_be_read() {
        let observed = read(std::process::id()).unwrap();
        assert!(observed.rlimits.iter().any(|limit| limit.name == "Max open files"), "{observed:?}");
    }
}
