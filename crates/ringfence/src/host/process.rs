//! Which process this is, so that what it leaves behind can be told from what others use.
//! proc_pid_stat(5), pid_namespaces(7).

use super::{Fact, Host, kernel};

/// A process id means one process only together with its pid namespace and its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// When it was started, in clock ticks since boot.
    pub start: u64,
    /// Inode of its pid namespace.
    pub pid_namespace: u64,
}

const FROM: &str = "getpid(2), /proc/self/stat, /proc/self/ns/pid";

pub(super) fn read(_: &Host) -> Fact<Process> {
    let pid = rustix::process::getpid().as_raw_nonzero().get().unsigned_abs();
    Fact::new(Process { pid, start: start_of(pid).unwrap_or(0), pid_namespace: pid_namespace() }, FROM)
}

pub(super) fn synthetic() -> Process {
    Process { pid: 4711, start: 1234, pid_namespace: 4_026_531_836 }
}

/// When a process was started, in clock ticks since boot; `None`: there is no such process.
#[must_use]
pub fn start_of(pid: u32) -> Option<u64> {
    parse_start(&kernel::read_small(format!("/proc/{pid}/stat")).ok()?)
}

fn pid_namespace() -> u64 {
    rustix::fs::stat("/proc/self/ns/pid").map_or(0, |stat| stat.st_ino)
}

/// The 22nd field; the second one, a name in parentheses, can contain anything.
fn parse_start(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// Whether a standard descriptor is a directory; `false` for others, and for what is not open.
#[must_use]
pub fn is_directory(descriptor: u32) -> bool {
    let standard = match descriptor {
        0 => rustix::stdio::stdin(),
        1 => rustix::stdio::stdout(),
        2 => rustix::stdio::stderr(),
        _ => return false,
    };
    rustix::fs::fstat(standard).is_ok_and(|stat| {
        rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::Directory
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_parentheses_do_not_shift_the_fields() {
        let fields = (4..30).map(|n: u32| n.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(parse_start(&format!("12 (a) R) 7 (b) S {fields}")), Some(22));
        assert_eq!(parse_start("12 (a) S 4"), None);
    }

    #[test]
    fn this_process_lives_and_a_far_number_does_not() {
        let own = Host::live().process().value;
        assert_eq!(start_of(std::process::id()), Some(own.start));
        assert!(own.start > 0 && own.pid_namespace > 0);
        // Above PID_MAX_LIMIT of linux/threads.h.
        assert_eq!(start_of(1 << 23), None);
    }
}
