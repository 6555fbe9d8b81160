//! Denials of the seccomp filter, told by the kernel to whoever holds the filter's listener.
//!
//! Works for every user, and cannot lose anything: a denied call waits until it is answered here.
//! What the registers say is exact. What they point to is read while the call waits; another
//! thread of the program could change it meanwhile, but the kernel never uses it: the call is
//! denied by its registers alone, whatever is read here.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{SystemTime, UNIX_EPOCH};

use ringfence_bpf::filter::Action;
use ringfence_bpf::program::SeccompData;
use ringfence_sys::notify::{self, Notification};
use ringfence_sys::{Errno, memory};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::call::{self, Memory};
use super::gate::Gate;
use super::text::Text;
use super::{Account, Control, Event, Known, Outcome, Process, Source, SourceKind};

/// How many calls are answered before signals and the terminal get their turn.
const AT_ONCE: usize = 1024;

/// What the program gets where the filter's own answer is not an errno, which its rules never say
/// of a call that waits.
const OTHERWISE: Errno = Errno::PERM;

/// The holder of a filter's listener.
#[derive(Debug)]
pub struct Notify {
    listener: Option<OwnedFd>,
    gate: Gate,
    account: Account,
    arguments: bool,
}

impl Notify {
    /// For the filter that `gate` explains; nothing is seen before [`Self::listen`].
    #[must_use]
    pub fn new(gate: Gate) -> Self {
        let mut account =
            Account::new(SourceKind::Notify, "system calls that the filter answers with an errno");
        if gate.ends() {
            account.unsure =
                Some("calls for which the policy kills or traps are not seen this way".to_owned());
        }
        Self { listener: None, gate, account, arguments: false }
    }

    /// The same where somebody else sees what is killed or trapped.
    #[must_use]
    pub fn beside_a_tracer(mut self) -> Self {
        self.account.unsure = None;
        self
    }

    /// Arguments and environment of programs are told as well.
    pub fn tell_arguments(&mut self) {
        self.arguments = true;
    }

    /// From now on this listener's calls are answered.
    pub fn listen(&mut self, listener: OwnedFd) {
        notify::hand_over_processor(listener.as_fd());
        self.listener = Some(listener);
    }

    /// Answers one call; what it was, unless its thread is gone.
    fn answer(&self, listener: BorrowedFd<'_>) -> Option<Event> {
        let waiting = notify::receive(listener).ok()?;
        let data = data(&waiting);
        let event = self.event(&waiting, &data);
        let errno = match self.gate.action(&data) {
            Action::Errno(errno) if errno != 0 => Errno(errno),
            _ => OTHERWISE,
        };
        // What was read was the caller's only if the call still waits.
        if !notify::waits(listener, waiting.id) {
            return None;
        }
        notify::deny(listener, waiting.id, errno).ok()?;
        Some(Event { errno: Known::Observed(errno.0), ..event })
    }

    fn event(&self, waiting: &Notification, data: &SeccompData) -> Event {
        let operation = call::decode(data, &Of { thread: waiting.thread, arguments: self.arguments });
        let judgement = self.gate.judge(data);
        Event {
            source: SourceKind::Notify,
            time_ms: now(),
            process: process(waiting.thread),
            operation,
            control: Known::Observed(Control::Seccomp),
            cause: judgement.cause,
            line: judgement.line,
            tried: call::rule(data),
            outcome: Outcome::Denied,
            errno: Known::Unknown("not answered yet".to_owned()),
            remedy: judgement.remedy,
        }
    }
}

impl Source for Notify {
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.listener.as_ref().map(AsFd::as_fd)
    }

    fn take(&mut self, give: &mut dyn FnMut(Event)) {
        for _ in 0..AT_ONCE {
            let Some(listener) = &self.listener else { return };
            let ready = readiness(listener.as_fd());
            if ready.contains(PollFlags::IN) {
                if let Some(event) = self.answer(listener.as_fd()) {
                    self.account.seen += 1;
                    give(event);
                }
            } else {
                if !ready.is_empty() {
                    // Every process behind the filter is gone.
                    self.listener = None;
                }
                return;
            }
        }
    }

    fn account(&self) -> Account {
        self.account.clone()
    }
}

/// The memory of a thread.
#[derive(Debug, Clone, Copy)]
pub(super) struct Of {
    pub(super) thread: u32,
    /// Arguments and environment of programs are looked at.
    pub(super) arguments: bool,
}

impl Memory for Of {
    fn read(&self, address: u64, room: &mut [u8]) -> Result<usize, String> {
        let words = |errno: Errno| match errno {
            Errno::PERM => "it may not be read".to_owned(),
            Errno::SRCH => "the thread is gone".to_owned(),
            Errno(14) => "nothing is there".to_owned(),
            Errno(other) => std::io::Error::from_raw_os_error(other.into()).to_string(),
        };
        memory::read(self.thread, address, room).map_err(words)
    }

    fn tells_arguments(&self) -> bool {
        self.arguments
    }
}

fn readiness(listener: BorrowedFd<'_>) -> PollFlags {
    let mut fds = [PollFd::from_borrowed_fd(listener, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut fds, Some(&now)) {
        Ok(_) => fds[0].revents(),
        Err(_) => PollFlags::empty(),
    }
}

fn data(waiting: &Notification) -> SeccompData {
    SeccompData {
        nr: waiting.number,
        arch: waiting.arch,
        instruction_pointer: waiting.instruction_pointer,
        args: waiting.args,
    }
}

/// Who a thread is, proc_pid_comm(5), proc_pid_status(5).
pub(super) fn process(thread: u32) -> Process {
    let command = match std::fs::read(format!("/proc/{thread}/comm")) {
        Ok(mut name) => {
            if name.last() == Some(&b'\n') {
                name.pop();
            }
            Known::Observed(Text::new(name))
        }
        Err(error) => Known::Unknown(format!("/proc/{thread}/comm: {error}")),
    };
    let status = std::fs::read_to_string(format!("/proc/{thread}/status")).unwrap_or_default();
    let pid = status.lines().find_map(|line| line.strip_prefix("Tgid:")?.trim().parse().ok());
    Process { pid, thread, command }
}

pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
