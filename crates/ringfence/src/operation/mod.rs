//! Operations: what a process may try, in the words of `[[expect]]`.
//!
//! ```text
//! operation := access path                   read ~/.ssh/id_ed25519
//!            | 'open' path 'for' purpose     open /etc/shadow for reading (writing, execution)
//!            | 'connect' endpoint            connect tcp:443, connect tcp:192.0.2.1:443, connect unix:/run/x
//!            | 'bind' transport ':' port     bind tcp:80
//!            | 'capability' name             capability CAP_NET_ADMIN
//!            | 'signal' 'host'               a signal to a process outside
//!            | rule                          ptrace(PTRACE_TRACEME), socket(AF_VSOCK, SOCK_STREAM)
//! access    := read | write | exec | create | unlink | rename | link | chmod | truncate | chroot
//! ```
//!
//! A rule is that of `syscalls.deny` without an action: every call that it matches is meant. Paths
//! are those of `[fs]`. Nothing here looks at the kernel or at the file system.

mod parse;

use core::net::IpAddr;

use ringfence_bpf::rule::Rule;

use crate::policy::model::{Capability, PathSpec, Transport};

pub use parse::{Error, parse};

/// Something that a process may try, independent of the route.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// An access to what a path leads to.
    File(Access, PathSpec),
    /// A connection to a port; without an address, of this machine.
    Connect {
        /// The transport.
        transport: Transport,
        /// Where to.
        address: Option<IpAddr>,
        /// Host byte order.
        port: u16,
    },
    /// A connection to a Unix socket in the file system.
    ConnectUnix(PathSpec),
    /// Taking a port.
    Bind {
        /// The transport.
        transport: Transport,
        /// Host byte order.
        port: u16,
    },
    /// What a capability is needed for.
    Capability(Capability),
    /// A signal to a process outside.
    SignalHost,
    /// Every system call that a rule matches.
    Call(Rule),
}

/// How a file is accessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// open(2) for reading; getdents(2) of a directory.
    Read,
    /// open(2) for writing; creating something in a directory; creating what does not exist.
    Write,
    /// execve(2).
    Exec,
    /// Making it, where it does not exist; or something in it, where it is a directory.
    Create,
    /// unlink(2) or rmdir(2).
    Unlink,
    /// rename(2).
    Rename,
    /// link(2).
    Link,
    /// chmod(2).
    Chmod,
    /// truncate(2).
    Truncate,
    /// chroot(2).
    Chroot,
}

impl Access {
    /// All of them, with their words.
    pub const ALL: [(&'static str, Self); 10] = [
        ("read", Self::Read),
        ("write", Self::Write),
        ("exec", Self::Exec),
        ("create", Self::Create),
        ("unlink", Self::Unlink),
        ("rename", Self::Rename),
        ("link", Self::Link),
        ("chmod", Self::Chmod),
        ("truncate", Self::Truncate),
        ("chroot", Self::Chroot),
    ];

    /// The word of the language.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, access)| *access == self).map_or("", |(word, _)| word)
    }
}
