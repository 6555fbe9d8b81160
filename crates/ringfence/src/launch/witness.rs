//! What stands outside while attempts are made: listeners that nobody inside may reach, a
//! descriptor that nobody inside may have, and which entries of the gate exist.

use std::fs::File;
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use super::Error;
use super::attempt::{Bench, Containment, Site};
use crate::control::trial::{Deed, Entry, Outcome, Trial};

/// Witnesses; gone when dropped.
#[derive(Debug)]
pub struct Witnesses {
    tcp: Option<TcpListener>,
    name: Option<(UnixListener, String)>,
    descriptor: File,
}

impl Witnesses {
    /// Puts them up. A listener that cannot be made is left out: what needs it is then not claimed.
    ///
    /// # Errors
    /// `/` cannot be opened.
    pub fn put_up() -> Result<Self, Error> {
        let name = format!("ringfence-witness-{}", std::process::id());
        let unix = SocketAddr::from_abstract_name(&name).and_then(|at| UnixListener::bind_addr(&at));
        let descriptor =
            File::open("/").map_err(|source| Error::Around { doing: "open /".into(), source })?;
        Ok(Self {
            tcp: TcpListener::bind(("127.0.0.1", 0)).ok(),
            name: unix.ok().map(|listener| (listener, name)),
            descriptor,
        })
    }

    /// The port of 127.0.0.1 on which somebody listens.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.tcp.as_ref().and_then(|tcp| tcp.local_addr().ok()).map(|address| address.port())
    }

    /// The abstract Unix socket on which somebody listens.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref().map(|(_, name)| name.as_str())
    }

    /// The number of a descriptor of the host's root directory.
    #[must_use]
    pub fn descriptor(&self) -> i32 {
        self.descriptor.as_raw_fd()
    }
}

/// The entries that this processor and kernel have: getpid(2) answers through each.
///
/// # Errors
/// Those of [`Bench::new`] and [`Site::prepare`].
pub fn entries() -> Result<Vec<Entry>, Error> {
    asked(|outcome| matches!(outcome, Outcome::Answered { answer, .. } if *answer > 0))
}

/// The same where a filter may stand already: an entry that answers anything is there, and one after
/// which the process was killed.
///
/// # Errors
/// As [`entries`].
pub fn denied_or_not() -> Result<Vec<Entry>, Error> {
    const SIGSYS: i32 = 31;
    asked(|outcome| match outcome {
        Outcome::Answered { answer, .. } => *answer != NOT_READY,
        Outcome::Signalled { signal, .. } => signal.number == SIGSYS,
        Outcome::Ended { status, .. } => *status == 128 + SIGSYS,
        Outcome::Late { .. } | Outcome::Unmade(_) => false,
    })
}

/// What the attempt's 32-bit entries answer where their place in memory could not be made.
const NOT_READY: i64 = -4094;

fn asked(is: impl Fn(&Outcome) -> bool) -> Result<Vec<Entry>, Error> {
    const GETPID: [u32; 2] = [39, 20];
    let (mut bench, site) = (Bench::new()?, Site::prepare(None)?);
    let nothing = Containment { steps: Vec::new(), namespaces: 0 };
    let mut has = |entry: Entry| {
        let number = GETPID[usize::from(entry != Entry::Syscall)];
        let trial = Trial::of(vec![Deed::Call { entry, number, args: Vec::new(), splits: false }]);
        is(&site.attempt(&mut bench, &nothing, &trial))
    };
    let all = [Entry::Syscall, Entry::Int80, Entry::Syscall32, Entry::Sysenter];
    Ok(all.into_iter().filter(|entry| has(*entry)).collect())
}
