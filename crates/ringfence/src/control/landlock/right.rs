//! The rights of each Landlock ABI, with the kernel that brought it.

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
