//! Which files a live process really sees: `/proc/PID/mountinfo`, proc_pid_mountinfo(5). Read-only.

use std::io;
use std::os::unix::fs::MetadataExt as _;

/// What `/proc/PID` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// Its root directory is the reader's.
    pub same_root: Option<bool>,
    /// Each mount, in the kernel's order.
    pub mounts: Vec<Mount>,
}

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where, as the process names it; octal escapes as the kernel writes them.
    pub point: String,
    /// The file system's type.
    pub kind: String,
    /// Options of the mount: `ro,nosuid`.
    pub options: String,
}

/// Reads the mounts of a process.
///
/// # Errors
/// The process is gone, or not the caller's to look at (ptrace(2) access mode read).
pub fn read(pid: u32) -> io::Result<Observed> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/mountinfo"))?;
    let root = std::fs::metadata(format!("/proc/{pid}/root/.")).ok();
    let own = std::fs::metadata("/").ok();
    let same = root.zip(own).map(|(a, b)| (a.dev(), a.ino()) == (b.dev(), b.ino()));
    Ok(Observed { same_root: same, mounts: text.lines().filter_map(mount).collect() })
}

/// `36 35 98:0 /root /point ro,nosuid shared:1 - ext4 /dev/x rw`.
fn mount(line: &str) -> Option<Mount> {
    let (before, after) = line.split_once(" - ")?;
    let mut words = before.split(' ').skip(4);
    let (point, options) = (words.next()?.to_owned(), words.next()?.to_owned());
    Some(Mount { point, options, kind: after.split(' ').next()?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_apart() {
        let seen = mount("36 35 98:0 / /a\\040b ro,nosuid shared:1 master:2 - ext4 /dev/root rw,errors=x");
        let expected = Mount { point: "/a\\040b".into(), kind: "ext4".into(), options: "ro,nosuid".into() };
        assert_eq!(seen, Some(expected));
        assert_eq!(mount("36 35 98:0 / /a ro"), None);
    }

    #[test]
    fn the_own_root_is_the_own_root() {
        let observed = read(std::process::id()).unwrap();
        assert_eq!(observed.same_root, Some(true));
        assert!(observed.mounts.iter().any(|mount| mount.point == "/"));
    }
}
