//! What seccomp a live process really has: `/proc/PID/status`, proc_pid_status(5). Read-only.

use std::io;

/// What `/proc/PID/status` says. What the filters *mean* is not in there: reading them takes
/// `PTRACE_SECCOMP_GET_FILTER` with `CAP_SYS_ADMIN`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed {
    /// The mode.
    pub mode: Mode,
    /// How many filters are stacked (Linux 5.9); `None` where the kernel does not say.
    pub filters: Option<u32>,
}

/// `Seccomp:` of `/proc/PID/status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// 0.
    Disabled,
    /// 1.
    Strict,
    /// 2.
    Filter,
}

/// Reads the mode of a process.
///
/// # Errors
/// The process is gone; the kernel has no seccomp.
pub fn read(pid: u32) -> io::Result<Observed> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    parse(&status).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid}/status has no usable `Seccomp`"))
    })
}

fn parse(status: &str) -> Option<Observed> {
    let number = |name: &str| -> Option<u32> {
        status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?.trim().parse().ok()
    };
    let mode = match number("Seccomp")? {
        0 => Mode::Disabled,
        1 => Mode::Strict,
        2 => Mode::Filter,
        _ => return None,
    };
    Some(Observed { mode, filters: number("Seccomp_filters") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mode_and_number_of_filters_are_read() {
        let observed = parse("NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t3\n");
        assert_eq!(observed, Some(Observed { mode: Mode::Filter, filters: Some(3) }));
        assert_eq!(parse("Seccomp:\t0\n"), Some(Observed { mode: Mode::Disabled, filters: None }));
        assert_eq!(parse("Seccomp_filters:\t0\n"), None);
    }
}
