//! Who a process is, and whether its threads are all alike: `/proc/PID`. Read-only.

use std::io;

use crate::control::{credential, namespace, seccomp};
use crate::event::text::Text;

/// Which process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its id.
    pub pid: u32,
    /// Its ids in each pid namespace, from the reader's to its own.
    pub inside: Vec<u32>,
    /// Its parent.
    pub parent: u32,
    /// `comm`, which it may have chosen.
    pub command: Text,
    /// Its program, as its own view names it; `None` where the reader may not know.
    pub program: Option<Text>,
    /// How many threads.
    pub threads: usize,
}

/// A thread that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// Its id.
    pub id: u32,
    /// What differs.
    pub what: Vec<&'static str>,
}

/// Who it is.
///
/// # Errors
/// There is no such process.
pub(super) fn identity(pid: u32) -> io::Result<Identity> {
    use std::os::unix::ffi::OsStrExt as _;
    let status = std::fs::read(format!("/proc/{pid}/status"))?;
    let status = String::from_utf8_lossy(&status).into_owned();
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let numbers = |text: &str| text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let mut command = std::fs::read(format!("/proc/{pid}/comm"))?;
    command.truncate(command.len().saturating_sub(1));
    let program = std::fs::read_link(format!("/proc/{pid}/exe")).ok();
    Ok(Identity {
        pid,
        inside: field("NSpid:").map(numbers).unwrap_or_default(),
        parent: field("PPid:").and_then(|text| text.parse().ok()).unwrap_or(0),
        command: Text::new(command),
        program: program.map(|path| Text::new(path.as_os_str().as_bytes())),
        threads: threads(pid).len(),
    })
}

/// Those of the caller, to compare with.
pub(super) fn own_namespaces() -> io::Result<namespace::observe::Observed> {
    namespace::observe::read(std::process::id())
}

fn threads(pid: u32) -> Vec<u32> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let mut ids: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    ids.sort_unstable();
    ids
}

/// Credentials and filters belong to each thread alone.
pub(super) fn unlike(pid: u32) -> Vec<Thread> {
    let (first, gate) = (credential::observe::read(pid).ok(), seccomp::observe::read(pid).ok());
    let other = |id: u32| {
        let mut what = Vec::new();
        // One that has ended meanwhile differs in nothing.
        let (credentials, filters) = (credential::observe::read(id).ok()?, seccomp::observe::read(id).ok()?);
        if first.as_ref().is_some_and(|first| *first != credentials) {
            what.push("credentials");
        }
        if gate.is_some_and(|gate| gate != filters) {
            what.push("seccomp");
        }
        (!what.is_empty()).then_some(Thread { id, what })
    };
    threads(pid).into_iter().filter(|id| *id != pid).filter_map(other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_process_is_known() {
        let own = identity(std::process::id()).unwrap();
        assert_eq!(own.inside.first(), Some(&std::process::id()));
        assert!(own.threads >= 1);
        assert!(identity(u32::MAX).is_err());
    }
}
