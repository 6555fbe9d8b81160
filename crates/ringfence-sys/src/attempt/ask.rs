//! Asking a gate whose filters stand already: the question's filter comes last, so it must be
//! weaker than every denial. `SECCOMP_RET_USER_NOTIF` is: of several filters' answers the kernel
//! takes the strictest (`seccomp_run_filters`), so a call becomes a notification only where all
//! older filters let it through. seccomp_unotify(2).
//!
//! The listener needs no way to be passed on: the asking child shares its descriptors with its
//! maker (`CLONE_FILES`), and no memory.

use core::time::Duration;

use linux_raw_sys::general as nr;
use rustix::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::carry::{self, Act};
use super::spawn::{Tried, now};
use super::{Attempt, Page, Probe, gate};
use crate::abi::SockFilter;
use crate::raw::{Errno, syscall};
use crate::spawn::Ended;
use crate::{notify, run, seccomp};

const CLONE_FILES: u64 = 0x400;
const SIGCHLD: u64 = 17;
const SET_NO_NEW_PRIVS: usize = 38;
const POLLIN: i16 = 1;

/// How the gate could be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Each call that the older filters let through got the errno that was asked for.
    Exactly,
    /// No such filter can be loaded: seccomp(2) is denied, or (`EBUSY`) a filter with a listener stands
    /// already, whose supervisor would see to the calls and might have them made.
    Not(Errno),
}

/// Asks `probes` in a child without any containment of its own. `program` answers
/// `SECCOMP_RET_USER_NOTIF` to what comes from the attempts' instructions, and allows everything else.
/// What all older filters let through gets `magic`; no call is made.
///
/// # Errors
/// The errno of clone(2).
pub fn ask(
    probes: &[Probe],
    program: &[SockFilter],
    magic: Errno,
    vdso: Option<(usize, usize)>,
    limit: Duration,
    page: &mut Page,
) -> Result<(Asked, Tried), Errno> {
    page.clear();
    let sweep = Attempt::Sweep(probes);
    let act = Act { attempt: &sweep, view: page.view(), fast: false };
    // SAFETY: without CLONE_VM the child goes on in a copy of this memory and never returns from here.
    let pid = unsafe { syscall!(nr::__NR_clone, CLONE_FILES | SIGCHLD) }? as i32;
    if pid == 0 {
        child(act, program, vdso);
    }
    let start = now();
    let mut listener: Option<OwnedFd> = None;
    let late = loop {
        if let (None, Some(fd)) = (&listener, page.listener()) {
            // SAFETY: the child, which shares this table, has opened it for us and does not close it.
            let fd = unsafe { OwnedFd::from_raw_fd(fd) };
            notify::hand_over_processor(rustix::fd::AsFd::as_fd(&fd));
            listener = Some(fd);
        }
        if let Some(ended) = run::wait_for(pid, false) {
            return Ok((asked(page), Tried { ended, late: false }));
        }
        answer(listener.as_ref(), magic);
        if now() - start > limit.as_millis() as i64 {
            break true;
        }
    };
    // SAFETY: a number; the child has not been reaped, so its id is still its own.
    let _ = unsafe { syscall!(nr::__NR_kill, pid, 9) };
    let ended = run::wait_for(pid, true).unwrap_or(Ended::Signaled(9));
    Ok((asked(page), Tried { ended, late }))
}

/// Answers what waits, for a moment.
fn answer(listener: Option<&OwnedFd>, magic: Errno) {
    let fd = listener.map_or(-1, OwnedFd::as_raw_fd);
    let mut polled = [nr::pollfd { fd, events: POLLIN, revents: 0 }];
    // SAFETY: poll reads and writes one `struct pollfd`.
    let _ = unsafe { syscall!(nr::__NR_poll, polled.as_mut_ptr(), 1, 1) };
    let Some(listener) = listener else { return };
    while polled[0].revents & POLLIN != 0 {
        if let Ok(waiting) = notify::receive(rustix::fd::AsFd::as_fd(listener)) {
            let _ = notify::deny(rustix::fd::AsFd::as_fd(listener), waiting.id, magic);
        }
        polled[0].revents = 0;
        // SAFETY: as above.
        let _ = unsafe { syscall!(nr::__NR_poll, polled.as_mut_ptr(), 1, 0) };
    }
}

fn asked(page: &Page) -> Asked {
    match page.asking() {
        Some(Ok(())) => Asked::Exactly,
        Some(Err(errno)) => Asked::Not(errno),
        // It was ended before, as by a filter that kills at prctl(2) or seccomp(2).
        None => Asked::Not(Errno::PERM),
    }
}

/// The child's side; the end of the process.
fn child(act: Act<'_>, program: &[SockFilter], vdso: Option<(usize, usize)>) -> ! {
    let mut act = act;
    let one = 1;
    // SAFETY: numbers; this process is made for nothing but attempts.
    let _ = unsafe { syscall!(nr::__NR_prctl, SET_NO_NEW_PRIVS, one, 0, 0, 0) };
    if let Some(vdso) = vdso {
        // SAFETY: this process has memory of its own, and no code that runs in it uses the vDSO.
        act.fast = unsafe { gate::prepare_fast(vdso) }.is_ok();
    }
    // SAFETY: memory and signal actions are this process' own; `act` lives until its end.
    if let Err(errno) = unsafe { carry::prepare(&raw const act) } {
        act.view.not_listening(errno);
        carry::end();
    }
    match seccomp::listen(0, program) {
        Ok(fd) => act.view.listening(fd),
        Err(errno) => {
            act.view.not_listening(errno);
            carry::end();
        }
    }
    carry::carry()
}
