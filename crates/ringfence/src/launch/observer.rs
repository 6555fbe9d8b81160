//! Who is told of denials while a command runs. What is made of them is decided elsewhere.

use std::fmt::Debug;
use std::os::fd::{BorrowedFd, OwnedFd};

use crate::ebpf::guard::Ring;

/// How many descriptors an observer may have looked after: one for each of its sources, and a timer.
pub const DESCRIPTORS: usize = 5;

/// Attends to denials beside the launcher, in the launcher's one thread: nothing here may wait long,
/// since signals, terminal and wall time wait meanwhile.
pub trait Observer: Debug {
    /// The init of the command, before it has done anything.
    fn init(&mut self, pid: i32);

    /// The listener of the plan's filter: from now on, each denied call waits for its answer.
    fn listener(&mut self, listener: OwnedFd);

    /// The ring of the BPF LSM programs, before the command exists.
    fn ring(&mut self, ring: Ring);

    /// How many operations those programs have denied, once all of the containment has ended.
    fn denied(&mut self, count: u64);

    /// The command exists as the only child of the init, and waits until this returns
    /// ([`crate::plan::Plan::is_attended`]).
    ///
    /// # Errors
    /// It cannot be found or traced: nothing is started.
    fn command(&mut self) -> std::io::Result<()>;

    /// What is readable when there is something to see: [`DESCRIPTORS`] at most.
    fn descriptors(&self) -> Vec<BorrowedFd<'_>>;

    /// Sees to whatever is there now. Does not wait for more. Called for each SIGCHLD as well.
    fn look(&mut self);
}
