//! Which network a live process really has. proc(5), network_namespaces(7).

use std::io;

/// What `/proc/PID` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The network namespace (`net:[4026531840]`).
    pub namespace: String,
    /// Its interfaces, in the kernel's order.
    pub interfaces: Vec<String>,
}

/// Reads `/proc/PID/ns/net` and `/proc/PID/net/dev`.
///
/// # Errors
/// The process is gone, or not the caller's to look at (`EACCES`, ptrace(2) access mode read).
pub fn read(pid: u32) -> io::Result<Observed> {
    let namespace = std::fs::read_link(format!("/proc/{pid}/ns/net"))?;
    let interfaces = interfaces(&std::fs::read_to_string(format!("/proc/{pid}/net/dev"))?);
    Ok(Observed { namespace: namespace.to_string_lossy().into_owned(), interfaces })
}

fn interfaces(table: &str) -> Vec<String> {
    // Two lines of heading (net/core/net-procfs.c).
    table.lines().skip(2).filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_before_the_colon() {
        let table = "Inter-|   Receive\n face |bytes\n    lo: 1 2 3\n  eth0: 0 0\n";
        assert_eq!(interfaces(table), ["lo", "eth0"]);
    }

    #[test]
    fn the_own_process_has_a_namespace() {
        let observed = read(std::process::id()).unwrap();
        assert!(observed.namespace.starts_with("net:["), "{observed:?}");
    }
}
