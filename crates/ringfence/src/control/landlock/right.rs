//! The rights of each Landlock ABI, with the kernel that brought it.
//!
//! Source: `include/uapi/linux/landlock.h` of Linux 7.3-rc7. ABI 8 (Linux 7.0) brought
//! `LANDLOCK_RESTRICT_SELF_TSYNC`, ABI 11 (Linux 7.3) brought no access right; neither is used
//! here: the child has one thread, and no_new_privs is a step of its own.

/// A group of rights that one ABI brought, as `[degrade]` and reports name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// Reading, writing, executing, creating and removing files (ABI 1, Linux 5.13).
    Files,
    /// Linking and renaming across directories, which ABI 1 always denies (ABI 2, Linux 5.19).
    Refer,
    /// Truncating files (ABI 3, Linux 6.2).
    Truncate,
    /// TCP connect(2) by port (ABI 4, Linux 6.7).
    ConnectTcp,
    /// TCP bind(2) by port (ABI 4, Linux 6.7).
    BindTcp,
    /// ioctl(2) on devices (ABI 5, Linux 6.10).
    IoctlDev,
    /// Connections to abstract Unix sockets outside (ABI 6, Linux 6.12).
    ScopeAbstractUnixSocket,
    /// Signals to processes outside (ABI 6, Linux 6.12).
    ScopeSignal,
    /// Audit records of denials after execve(2) (ABI 7, Linux 6.15).
    Log,
    /// Connections to pathname Unix sockets outside (ABI 9, Linux 7.1).
    ResolveUnix,
    /// UDP connect(2) and send(2) by port (ABI 10, Linux 7.2).
    ConnectUdp,
    /// UDP bind(2) by port (ABI 10, Linux 7.2).
    BindUdp,
}

impl Right {
    /// All of them, in the order of the ABIs.
    pub const ALL: [Self; 12] = [
        Self::Files,
        Self::Refer,
        Self::Truncate,
        Self::ConnectTcp,
        Self::BindTcp,
        Self::IoctlDev,
        Self::ScopeAbstractUnixSocket,
        Self::ScopeSignal,
        Self::Log,
        Self::ResolveUnix,
        Self::ConnectUdp,
        Self::BindUdp,
    ];

    /// Those that keep files from being read, changed or used where no mount hides them.
    pub const FILES: [Self; 3] = [Self::Files, Self::Truncate, Self::IoctlDev];

    /// The ABI that brought it, and the kernel that brought the ABI.
    #[must_use]
    pub const fn since(self) -> (u32, &'static str) {
        match self {
            Self::Files => (1, "5.13"),
            Self::Refer => (2, "5.19"),
            Self::Truncate => (3, "6.2"),
            Self::ConnectTcp | Self::BindTcp => (4, "6.7"),
            Self::IoctlDev => (5, "6.10"),
            Self::ScopeAbstractUnixSocket | Self::ScopeSignal => (6, "6.12"),
            Self::Log => (7, "6.15"),
            Self::ResolveUnix => (9, "7.1"),
            Self::ConnectUdp | Self::BindUdp => (10, "7.2"),
        }
    }

    /// Its name as a promise.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Files => "landlock.files",
            Self::Refer => "landlock.refer",
            Self::Truncate => "landlock.truncate",
            Self::ConnectTcp => "landlock.net-connect",
            Self::BindTcp => "landlock.net-bind",
            Self::IoctlDev => "landlock.ioctl-dev",
            Self::ScopeAbstractUnixSocket => "landlock.scope-abstract-unix-socket",
            Self::ScopeSignal => "landlock.scope-signal",
            Self::Log => "landlock.log",
            Self::ResolveUnix => "landlock.resolve-unix",
            Self::ConnectUdp => "landlock.udp-connect",
            Self::BindUdp => "landlock.udp-bind",
        }
    }

    /// What a policy asks when it relies on it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Files => {
                "files are read, written, executed, created and removed only where the policy says"
            }
            Self::Refer => "rename(2) and link(2) across directories of a writable tree",
            Self::Truncate => "files are truncated only where they may be written",
            Self::ConnectTcp => "TCP connect(2) to the policy's ports only",
            Self::BindTcp => "TCP bind(2) to the policy's ports only",
            Self::IoctlDev => "ioctl(2) on the policy's devices only",
            Self::ScopeAbstractUnixSocket => "no connection to an abstract Unix socket outside",
            Self::ScopeSignal => "no signal to a process outside",
            Self::Log => "denials are recorded by audit",
            Self::ResolveUnix => "no connection to a pathname Unix socket outside but the policy's",
            Self::ConnectUdp => "UDP connect(2) and send(2) to the policy's ports only",
            Self::BindUdp => "UDP bind(2) to the policy's ports only",
        }
    }
}

/// `LANDLOCK_ACCESS_FS_*`.
pub mod fs {
    /// Execute a file.
    pub const EXECUTE: u64 = 1 << 0;
    /// Open a file for writing.
    pub const WRITE_FILE: u64 = 1 << 1;
    /// Open a file for reading.
    pub const READ_FILE: u64 = 1 << 2;
    /// Open a directory or list it.
    pub const READ_DIR: u64 = 1 << 3;
    /// Remove or rename an empty directory.
    pub const REMOVE_DIR: u64 = 1 << 4;
    /// Unlink or rename a file.
    pub const REMOVE_FILE: u64 = 1 << 5;
    /// Make a character device.
    pub const MAKE_CHAR: u64 = 1 << 6;
    /// Make a directory.
    pub const MAKE_DIR: u64 = 1 << 7;
    /// Make a regular file.
    pub const MAKE_REG: u64 = 1 << 8;
    /// Make a Unix socket.
    pub const MAKE_SOCK: u64 = 1 << 9;
    /// Make a named pipe.
    pub const MAKE_FIFO: u64 = 1 << 10;
    /// Make a block device.
    pub const MAKE_BLOCK: u64 = 1 << 11;
    /// Make a symbolic link.
    pub const MAKE_SYM: u64 = 1 << 12;
    /// Link or rename across directories.
    pub const REFER: u64 = 1 << 13;
    /// Truncate a file.
    pub const TRUNCATE: u64 = 1 << 14;
    /// ioctl(2) on a device.
    pub const IOCTL_DEV: u64 = 1 << 15;
    /// Connect to a pathname Unix socket made outside.
    pub const RESOLVE_UNIX: u64 = 1 << 16;

    /// What a rule on anything but a directory may grant (`ACCESS_FILE` of security/landlock/fs.c);
    /// a rule with more is `EINVAL`.
    pub const ON_FILE: u64 = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV | RESOLVE_UNIX;

    /// Every file right of an ABI; of the newest known one for those that are newer.
    #[must_use]
    pub const fn of_abi(abi: u32) -> u64 {
        match abi {
            0 => 0,
            1 => REFER - 1,
            2 => TRUNCATE - 1,
            3 | 4 => IOCTL_DEV - 1,
            5..=8 => RESOLVE_UNIX - 1,
            _ => (RESOLVE_UNIX << 1) - 1,
        }
    }
}

/// `LANDLOCK_ACCESS_NET_*`.
pub mod net {
    /// bind(2) of a TCP socket.
    pub const BIND_TCP: u64 = 1 << 0;
    /// connect(2) of a TCP socket.
    pub const CONNECT_TCP: u64 = 1 << 1;
    /// bind(2) of a UDP socket.
    pub const BIND_UDP: u64 = 1 << 2;
    /// connect(2) of a UDP socket, or sending to an address.
    pub const CONNECT_SEND_UDP: u64 = 1 << 3;

    /// Every network right of an ABI.
    #[must_use]
    pub const fn of_abi(abi: u32) -> u64 {
        match abi {
            0..=3 => 0,
            4..=9 => BIND_TCP | CONNECT_TCP,
            _ => BIND_TCP | CONNECT_TCP | BIND_UDP | CONNECT_SEND_UDP,
        }
    }
}

/// `LANDLOCK_SCOPE_*`.
pub mod scope {
    /// No connection to abstract Unix sockets of processes outside.
    pub const ABSTRACT_UNIX_SOCKET: u64 = 1 << 0;
    /// No signal to processes outside.
    pub const SIGNAL: u64 = 1 << 1;

    /// Every scope of an ABI.
    #[must_use]
    pub const fn of_abi(abi: u32) -> u64 {
        match abi {
            0..=5 => 0,
            _ => ABSTRACT_UNIX_SOCKET | SIGNAL,
        }
    }
}

/// `LANDLOCK_RESTRICT_SELF_LOG_NEW_EXEC_ON` (ABI 7): without it, no denial after execve(2) is
/// recorded.
pub const LOG_NEW_EXEC_ON: u32 = 1 << 1;

/// How much of `struct landlock_ruleset_attr` an ABI knows, in bytes.
#[must_use]
pub const fn attr_size(abi: u32) -> usize {
    match abi {
        0..=3 => 8,
        4 | 5 => 16,
        _ => 24,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_abi_adds_exactly_its_rights() {
        let brought = |abi| fs::of_abi(abi) & !fs::of_abi(abi - 1);
        assert_eq!(brought(1).count_ones(), 13);
        assert_eq!(brought(2), fs::REFER);
        assert_eq!(brought(3), fs::TRUNCATE);
        assert_eq!(brought(4), 0);
        assert_eq!(brought(5), fs::IOCTL_DEV);
        assert_eq!([brought(6), brought(7), brought(8)], [0; 3]);
        assert_eq!(brought(9), fs::RESOLVE_UNIX);
        assert_eq!([brought(10), brought(11), brought(99)], [0; 3]);
    }

    #[test]
    fn the_sizes_are_those_of_the_kernel_structures() {
        assert_eq!([1, 3, 4, 5, 6, 7, 10].map(attr_size), [8, 8, 16, 16, 24, 24, 24]);
        assert_eq!(attr_size(7), size_of::<ringfence_sys::abi::LandlockRuleset>());
    }

    #[test]
    fn the_bits_are_those_of_the_kernel_headers() {
        use linux_raw_sys::landlock as kernel;
        assert_eq!(fs::EXECUTE, kernel::LANDLOCK_ACCESS_FS_EXECUTE.into());
        assert_eq!(fs::MAKE_SYM, kernel::LANDLOCK_ACCESS_FS_MAKE_SYM.into());
        assert_eq!(fs::REFER, kernel::LANDLOCK_ACCESS_FS_REFER.into());
        assert_eq!(fs::TRUNCATE, kernel::LANDLOCK_ACCESS_FS_TRUNCATE.into());
        assert_eq!(fs::IOCTL_DEV, kernel::LANDLOCK_ACCESS_FS_IOCTL_DEV.into());
        assert_eq!(net::CONNECT_TCP, kernel::LANDLOCK_ACCESS_NET_CONNECT_TCP.into());
        assert_eq!(scope::SIGNAL, kernel::LANDLOCK_SCOPE_SIGNAL.into());
    }
}
