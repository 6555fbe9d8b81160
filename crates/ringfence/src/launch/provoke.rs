//! A child that provokes one denial by a control of its own, and nothing else: so that it can be seen what
//! the kernel records of it. Nothing of the host is touched: the filter denies getpriority(2), and the
//! Landlock domain to read a file that anybody may read.

use ringfence_sys::abi::{LandlockRuleset, SockFilter};
use ringfence_sys::attempt::{self as sys, Arg, Attempt, Deed, Entry, Holding, Image, Page, Script};
use ringfence_sys::signal::Blocked;
use ringfence_sys::step::{Slot, Step};

use super::attempt::LIMIT;
use super::{Error, around};

/// getpriority(2) of syscall_64.tbl: harmless, and nothing here calls it otherwise.
pub const NUMBER: u32 = 140;
const OPENAT: u32 = 257;
const AT_FDCWD: u64 = (-100_i64) as u64;
const READ_FILE: u64 = 1 << 2;
const MAKE_SOCK: u64 = 1 << 9;
/// `SECCOMP_FILTER_FLAG_LOG`.
const LOG: u64 = 2;

/// What denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provocation {
    /// A filter with this answer, and `SECCOMP_FILTER_FLAG_LOG` or not.
    Filter {
        /// `SECCOMP_RET_*`.
        answer: u32,
        /// The flag.
        log: bool,
    },
    /// A Landlock domain.
    Domain {
        /// `LANDLOCK_RESTRICT_SELF_*` of the domain that denies.
        flags: u32,
        /// Those of one around it, which denies nothing of this.
        around: Option<u32>,
        /// The denial comes after execve(2).
        after_exec: bool,
    },
}

/// Provokes it in a child; `before` hears the child's process id first.
///
/// # Errors
/// The child could not be made, or a step of it failed: the control is not there.
pub fn provoke(what: Provocation, before: &mut dyn FnMut(i32)) -> Result<(), Error> {
    let _blocked = Blocked::all().map_err(|errno| around("block signals", errno))?;
    let mut page = Page::new().map_err(|errno| around("map a page for results", errno))?;
    let image = Image::new(&page).map_err(|errno| around("make a program", errno))?;
    let program = program(what);
    let steps = steps(what, &program);
    let call = |number, args| [Deed::Call { entry: Entry::Syscall, number, args, splits: false }];
    let zero = Arg::Value(0);
    let (deeds, after_exec) = match what {
        Provocation::Filter { .. } => (call(NUMBER, [zero; 6]), false),
        Provocation::Domain { after_exec, .. } => {
            let path = Arg::Bytes(b"/etc/passwd\0");
            (call(OPENAT, [Arg::Value(AT_FDCWD), path, zero, zero, zero, zero]), after_exec)
        }
    };
    let script =
        Script { before: &[Deed::Hold], deeds: &deeds, program: after_exec.then_some(&image), token: 0 };
    let request = sys::Request { namespaces: 0, cgroup: None, vdso: None, limit: LIMIT };
    let held = sys::hold(&steps, &request, &Attempt::Script(script), &mut page, &mut |_| true)
        .map_err(|errno| around("clone3", errno))?;
    match held {
        Holding::Held(held) => {
            before(held.pid());
            let _ = held.release(&page, LIMIT);
        }
        Holding::Over(tried) => return Err(Error::Died(tried.ended)),
    }
    match page.record().failed {
        Some(failure) => Err(Error::Step(failure)),
        None => Ok(()),
    }
}

fn program(what: Provocation) -> [SockFilter; 4] {
    let answer = match what {
        Provocation::Filter { answer, .. } => answer,
        Provocation::Domain { .. } => 0,
    };
    // ld [nr]; jeq NUMBER; ret answer; ret SECCOMP_RET_ALLOW
    [
        SockFilter { code: 0x20, jt: 0, jf: 0, k: 0 },
        SockFilter { code: 0x15, jt: 0, jf: 1, k: NUMBER },
        SockFilter { code: 0x06, jt: 0, jf: 0, k: answer },
        SockFilter { code: 0x06, jt: 0, jf: 0, k: 0x7fff_0000 },
    ]
}

fn steps(what: Provocation, program: &[SockFilter]) -> Vec<Step<'_>> {
    let mut steps = vec![Step::NoNewPrivs];
    match what {
        Provocation::Filter { log, .. } => {
            steps.push(Step::SeccompFilter { flags: if log { LOG } else { 0 }, program });
        }
        Provocation::Domain { flags, around, .. } => {
            let mut domain = |fs, flags, slot| {
                let attr = LandlockRuleset { fs, net: 0, scoped: 0 };
                steps.push(Step::LandlockCreate { attr, size: 8, slot });
                steps.push(Step::LandlockRestrict { ruleset: slot, flags });
            };
            if let Some(around) = around {
                domain(MAKE_SOCK, around, Slot(0));
            }
            domain(READ_FILE, flags, Slot(1));
        }
    }
    steps
}
