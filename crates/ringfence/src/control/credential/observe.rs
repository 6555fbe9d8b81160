//! Who a live process really is: `/proc/PID/status`, proc_pid_status(5). Read-only.

use std::io;

/// What `/proc/PID/status` says. Ids are as the reader's user namespace names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// Real, effective, saved and file system user id.
    pub uid: [u32; 4],
    /// Likewise for groups.
    pub gid: [u32; 4],
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Inheritable set.
    pub inheritable: u64,
    /// Permitted set.
    pub permitted: u64,
    /// Effective set.
    pub effective: u64,
    /// Bounding set.
    pub bounding: u64,
    /// Ambient set (Linux 4.3).
    pub ambient: u64,
    /// no_new_privs (Linux 4.10).
    pub no_new_privs: bool,
    /// umask (Linux 4.7).
    pub umask: u32,
}

/// Reads `/proc/PID/status`.
///
/// # Errors
/// The process is gone; a field is missing (an older kernel, or a `/proc` that is not one).
pub fn read(pid: u32) -> io::Result<Observed> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    parse(&status).map_err(|field| {
        io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid}/status has no usable `{field}`"))
    })
}

/// The fields of a status file; the error is the name of the field that is missing or malformed.
pub fn parse(status: &str) -> Result<Observed, &'static str> {
    let field = |name: &'static str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(str::trim).ok_or(name)
    };
    let numbers = |name| -> Result<Vec<u32>, &'static str> {
        field(name)?.split_whitespace().map(|word| word.parse().map_err(|_| name)).collect()
    };
    let four = |name| -> Result<[u32; 4], &'static str> { numbers(name)?.try_into().map_err(|_| name) };
    let set = |name| u64::from_str_radix(field(name)?, 16).map_err(|_| name);
    Ok(Observed {
        uid: four("Uid")?,
        gid: four("Gid")?,
        groups: numbers("Groups")?,
        inheritable: set("CapInh")?,
        permitted: set("CapPrm")?,
        effective: set("CapEff")?,
        bounding: set("CapBnd")?,
        ambient: set("CapAmb")?,
        no_new_privs: field("NoNewPrivs")? == "1",
        umask: u32::from_str_radix(field("Umask")?, 8).map_err(|_| "Umask")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\tsleep\nUmask:\t0022\nUid:\t1000\t1000\t1000\t1000\nGid:\t5\t6\t7\t8\n\
        Groups:\t27 100 \nCapInh:\t0000000000000001\nCapPrm:\t0000000000000c00\nCapEff:\t0000000000000800\n\
        CapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000400\nNoNewPrivs:\t1\n";

    #[test]
    fn every_field_is_read() {
        let observed = parse(STATUS).unwrap();
        assert_eq!(observed.uid, [1000; 4]);
        assert_eq!(observed.gid, [5, 6, 7, 8]);
        assert_eq!(observed.groups, [27, 100]);
        assert_eq!((observed.inheritable, observed.permitted, observed.effective), (1, 0xc00, 0x800));
        assert_eq!(observed.ambient, 0x400);
        assert_eq!(observed.bounding, (1 << 41) - 1);
        assert_eq!(observed.umask, 0o22);
        assert!(observed.no_new_privs);
    }

    #[test]
    fn a_missing_field_is_named() {
        assert_eq!(parse(&STATUS.replace("CapBnd", "CapXyz")), Err("CapBnd"));
        assert_eq!(parse(&STATUS.replace("5\t6\t7\t8", "5\t6\t7")), Err("Gid"));
    }

    #[test]
    fn the_own_process_can_be_read() {
        let observed = read(std::process::id()).unwrap();
        assert_eq!(observed.effective & !observed.permitted, 0);
    }
}
