//! BPF LSM programs around one containment: attached before the child exists, told of it while it
//! waits, and let go of when all of it has ended.
//!
//! Launcher, janitor and init each hold the programs. Whichever of them is killed, another still does
//! until the kernel has ended the init's pid namespace: the init's own descriptors are closed before
//! that (`do_exit`: `exit_files`, then `exit_notify`), the janitor waits for it. Where the janitor is
//! gone, the launcher ends the containment.

use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::leftover::Error;
use crate::control::bpf_lsm;
use crate::ebpf::guard::{Guard, Held, Orders, Ring};
use crate::policy::Origin;

/// Programs that are attached, and the containment that they hold.
#[derive(Debug)]
#[must_use]
pub(super) struct Guarded {
    guard: Guard,
    held: OnceLock<Held>,
    at: Origin,
}

impl Guarded {
    /// Attaches the programs.
    ///
    /// # Errors
    /// The kernel does not take them.
    pub(super) fn attach(spec: &bpf_lsm::Guard, watched: bool) -> Result<Self, Error> {
        Ok(Self { guard: attach(spec, watched)?, held: OnceLock::new(), at: spec.model.at })
    }

    /// Holds the init and all that it will start.
    ///
    /// # Errors
    /// It is gone.
    pub(super) fn hold(&self, spec: &bpf_lsm::Guard, init: i32) -> Result<(), Error> {
        let held = self.guard.hold(init, orders(spec));
        let doing = "hold a containment by BPF LSM programs".to_owned();
        let held = held.map_err(|source| Error { doing, source, at: Some(self.at) })?;
        let _ = self.held.set(held);
        Ok(())
    }

    /// A descriptor that keeps the programs attached.
    pub(super) fn links(&self) -> BorrowedFd<'_> {
        self.guard.links()
    }

    /// A descriptor that keeps the pid namespace's number from others.
    pub(super) fn namespace(&self) -> Option<BorrowedFd<'_>> {
        self.held.get().map(Held::namespace)
    }

    /// The ring; once.
    pub(super) fn ring(&self) -> Option<Ring> {
        self.guard.ring()
    }

    /// How many operations were denied.
    pub(super) fn denied(&self) -> Option<u64> {
        self.held.get().and_then(|held| self.guard.denied(held).ok())
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            self.guard.let_go(held);
        }
    }
}

/// Programs that are attached once for many short containments.
#[derive(Debug)]
#[must_use]
pub(super) struct Guards {
    guard: Guard,
    held: Mutex<Vec<(i32, Held)>>,
}

impl Guards {
    /// Attaches the programs.
    ///
    /// # Errors
    /// The kernel does not take them.
    pub(super) fn attach(spec: &bpf_lsm::Guard) -> Result<Self, Error> {
        Ok(Self { guard: attach(spec, false)?, held: Mutex::default() })
    }

    /// Holds one more, and lets go of those that have ended.
    ///
    /// # Errors
    /// It is gone.
    pub(super) fn hold(&self, spec: &bpf_lsm::Guard, init: i32) -> Result<(), Error> {
        let doing = "hold a containment by BPF LSM programs".to_owned();
        let mut all = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = |pid: i32| !Path::new(&format!("/proc/{pid}")).exists();
        for (_, held) in all.extract_if(.., |(pid, _)| ended(*pid)) {
            self.guard.let_go(held);
        }
        let held = self.guard.hold(init, orders(spec));
        all.push((init, held.map_err(|source| Error { doing, source, at: Some(spec.model.at) })?));
        Ok(())
    }
}

fn attach(spec: &bpf_lsm::Guard, watched: bool) -> Result<Guard, Error> {
    Guard::attach(watched).map_err(|absent| Error {
        doing: "lsm.bpf".to_owned(),
        source: io::Error::other(absent.to_string()),
        at: Some(spec.model.at),
    })
}

/// What the programs are told.
pub(super) fn orders(spec: &bpf_lsm::Guard) -> Orders<'_> {
    Orders { places: &spec.places, ports: &spec.ports, every: spec.every, holdings: spec.holdings }
}
