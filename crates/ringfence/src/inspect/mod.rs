//! The controls that a live process really has, read by each room's `observe`, whoever gave them to it.
//! Nothing is changed: it stands still for some microseconds where its filters are read.

mod entry;
mod observe;

use std::io;

use crate::control::{credential, limit, lsm, mount, namespace, net, seccomp};
use crate::exchange::{self, Imported};
use crate::host::{Host, Reading};

pub use entry::{Entry, Value, entries};
pub use observe::{Identity, Thread};

/// A part, or why it cannot be read.
pub type Part<T> = Result<T, String>;

/// A process, and what it is contained by.
#[derive(Debug)]
pub struct Inspected {
    /// Which process.
    pub identity: Identity,
    /// Threads whose credentials or filters are others than the first one's.
    pub unlike: Vec<Thread>,
    /// Namespaces and id maps.
    pub namespaces: Part<namespace::observe::Observed>,
    /// Those of the caller, to compare with.
    pub own: Part<namespace::observe::Observed>,
    /// Mounts.
    pub mounts: Part<mount::observe::Observed>,
    /// Network.
    pub network: Part<net::observe::Observed>,
    /// Ids, capabilities, no_new_privs.
    pub credentials: Part<credential::observe::Observed>,
    /// Mode and number of filters.
    pub seccomp: Part<seccomp::observe::Observed>,
    /// The filters themselves.
    pub filters: Part<Imported>,
    /// What each active LSM says, in the order in which they are asked.
    pub labels: Part<Vec<lsm::observe::Label>>,
    /// rlimits and cgroups.
    pub limits: Part<limit::observe::Observed>,
}

/// Looks at a process.
///
/// # Errors
/// There is none of this id.
pub fn read(pid: u32, host: &Host) -> io::Result<Inspected> {
    let identity = observe::identity(pid)?;
    let unlike = observe::unlike(pid);
    let part = |error: io::Error| error.to_string();
    let seccomp = seccomp::observe::read(pid).map_err(part);
    let filtered = seccomp.as_ref().is_ok_and(|seen| seen.mode == seccomp::observe::Mode::Filter);
    let filters = match filtered {
        true => exchange::observe::live(pid).map_err(|error| error.to_string()),
        false => Err("it has no filter".to_owned()),
    };
    let labels = match &host.lsms().value {
        Reading::Known(active) => Ok(lsm::observe::read(pid, active)),
        Reading::Absent(why) => Err((*why).to_owned()),
        Reading::Unknown(why) => Err(why.clone()),
    };
    Ok(Inspected {
        identity,
        unlike,
        namespaces: namespace::observe::read(pid).map_err(part),
        own: observe::own_namespaces().map_err(part),
        mounts: mount::observe::read(pid).map_err(part),
        network: net::observe::read(pid).map_err(part),
        credentials: credential::observe::read(pid).map_err(part),
        seccomp,
        filters,
        labels,
        limits: limit::observe::read(pid).map_err(part),
    })
}
