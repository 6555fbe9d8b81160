//! What a child and its maker tell each other where they share memory: which step failed, or that
//! the command has started. One word, so that it is always whole.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::raw::Errno;
use crate::run::Failure;

const NOTHING: u64 = 0;
const STARTED: u64 = 1;
const FAILED: u64 = 2;

/// `NOTHING`, `STARTED`, or step << 32 | errno << 16 | `FAILED`. The first word stays.
#[derive(Debug)]
pub(crate) struct Word(AtomicU64);

/// What the word says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// Nothing yet, or the child ended without a word.
    Nothing,
    /// The command has done its execve(2): nobody looks at the steps any more.
    Started,
    /// A step failed.
    Failed(Failure),
}

impl Word {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(NOTHING))
    }

    /// By the init, once the kernel has let it go on after the command's execve(2) or end.
    pub(crate) fn started(&self) {
        self.say(STARTED);
    }

    /// By whoever's step failed, just before it ends.
    pub(crate) fn failed(&self, failure: Failure) {
        self.say((failure.step as u64) << 32 | u64::from(failure.errno.0) << 16 | FAILED);
    }

    fn say(&self, word: u64) {
        let _ = self.0.compare_exchange(NOTHING, word, Ordering::AcqRel, Ordering::Acquire);
    }

    pub(crate) fn said(&self) -> Said {
        match self.0.load(Ordering::Acquire) {
            NOTHING => Said::Nothing,
            STARTED => Said::Started,
            word => Said::Failed(Failure { step: (word >> 32) as usize, errno: Errno((word >> 16) as u16) }),
        }
    }
}
