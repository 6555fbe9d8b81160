//! Records of the kernel's audit facility, from its multicast group: what Landlock denied, and
//! where seccomp killed, trapped or logged. Beside a daemon, and without disturbing one.
//!
//! Needs `CAP_AUDIT_READ` in the first user namespace (netlink(7), audit's `audit_multicast_bind`).
//! Landlock's records also need auditing to be on; this never turns it on.
//!
//! Loss is counted by whatever counts it: gaps in the serial numbers, a socket that ran over
//! (`ENOBUFS`), and each Landlock domain's own count of its denials.

mod assemble;
mod landlock;
mod mac;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recvfrom, socket_with, sockopt};

use super::gate::Gate;
use super::twice::Refused;
use super::{Account, Event, Source};
use assemble::Assembly;

pub use landlock::Rules;
pub use mac::Labels;

/// `AUDIT_NLGRP_READLOG`, the first group.
const READLOG: u32 = 1;
/// What may wait in the socket: a million short records, so that a burst outlives a slow reader.
const BUFFER: usize = 64 << 20;
/// How many records are taken before signals and the terminal get their turn.
const AT_ONCE: usize = 4096;
/// `struct nlmsghdr`.
const HEADER: usize = 16;
/// How long the last records may take: the kernel ends a domain in a work queue of its own.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a record may take that nobody counts: a thread of the kernel's sends it.
const SENDING: Duration = Duration::from_millis(100);

/// A member of the group.
#[derive(Debug)]
pub struct Audit {
    socket: OwnedFd,
    assembly: Assembly,
    room: Vec<u8>,
    /// The init or the command: whoever descends from it belongs to the command.
    root: Option<u32>,
}

impl Audit {
    /// Joins the group. `gate`, `rules` and `labels` explain what is seen.
    ///
    /// # Errors
    /// `EPERM` without the capability, `ECONNREFUSED` in another user namespace,
    /// `EPROTONOSUPPORT` without an audit facility.
    pub fn join(gate: Option<Gate>, rules: Option<Rules>, labels: Option<Labels>) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(netlink::AUDIT))?;
        // Without CAP_NET_ADMIN the buffer stays small: what then runs over is counted.
        let _ = sockopt::set_socket_recv_buffer_size_force(&socket, BUFFER);
        bind(&socket, &SocketAddrNetlink::new(0, READLOG))?;
        Ok(Self {
            socket,
            assembly: Assembly::new(gate, rules, labels),
            room: vec![0; HEADER + super::record::MAX + 1],
            root: None,
        })
    }

    /// Another source sees calls fail that a label refused: it is told which ([`Audit::refused`]).
    pub(super) fn beside_another(&mut self) {
        self.assembly.beside_another();
    }

    /// The calls that a label refused, since it was last asked.
    pub(super) fn refused(&mut self) -> Vec<Refused> {
        self.assembly.refused()
    }

    /// The process that the command and all of its children descend from.
    pub fn descends_from(&mut self, root: u32) {
        self.root = Some(root);
    }

    /// The command that is watched, by its process id in the first pid namespace.
    pub fn watch(&mut self, command: u32) {
        self.assembly.watch(command);
    }

    /// Takes the last records: waits for the end of the Landlock domain, whose count says whether all were
    /// received, but not longer than two seconds. Where nobody counts, as where the filter may have killed
    /// the command, waits for a tenth of a second in any case.
    pub fn finish(&mut self, give: &mut dyn FnMut(Event)) {
        let (deadline, sent) = (Instant::now() + PATIENCE, Instant::now() + SENDING);
        loop {
            self.take(give);
            let left = deadline.saturating_duration_since(Instant::now());
            let sending = self.assembly.uncounted() && Instant::now() < sent;
            if (self.assembly.settled() && !sending) || left.is_zero() {
                break;
            }
            let mut fds = [PollFd::new(&self.socket, PollFlags::IN)];
            let wait = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
            let _ = poll(&mut fds, Some(&wait));
        }
        self.assembly.flush(give);
    }

    /// One message, or `None` where there is none now.
    fn message(&mut self, give: &mut dyn FnMut(Event)) -> Option<()> {
        match recvfrom(&self.socket, &mut self.room[..], RecvFlags::TRUNC) {
            Ok((_, len, from)) => {
                let kernel = from
                    .and_then(|from| SocketAddrNetlink::try_from(from).ok())
                    .is_some_and(|from| from.pid() == 0);
                // Whatever another process sends to this socket is no record.
                if kernel {
                    self.record(len, give);
                }
                Some(())
            }
            Err(Errno::NOBUFS) => {
                self.assembly.ran_over();
                Some(())
            }
            Err(Errno::INTR) => Some(()),
            Err(_) => None,
        }
    }

    fn record(&mut self, len: usize, give: &mut dyn FnMut(Event)) {
        let Some(message) = self.room.get(..len).filter(|message| message.len() >= HEADER) else {
            self.assembly.unreadable();
            return;
        };
        let kind = u16::from_ne_bytes([message[4], message[5]]);
        match super::record::parse(kind, &message[HEADER..]) {
            Ok(record) => {
                let root = self.root;
                self.assembly.add(record, &|pid| descends(pid, root?), give);
            }
            Err(_) => self.assembly.unreadable(),
        }
    }
}

/// Whether a process descends from another; `None` where it has ended. `PPid` of proc_pid_status(5).
fn descends(pid: u32, root: u32) -> Option<bool> {
    /// A chain of parents longer than any that a program makes by accident.
    const MOST: usize = 4096;
    let parent = |pid: u32| -> Option<u32> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
    };
    let mut at = pid;
    for _ in 0..MOST {
        match at {
            _ if at == root => return Some(true),
            0 => return Some(false),
            _ => at = parent(at)?,
        }
    }
    None
}

impl Source for Audit {
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
    }

    fn take(&mut self, give: &mut dyn FnMut(Event)) {
        for _ in 0..AT_ONCE {
            if self.message(give).is_none() {
                return;
            }
        }
    }

    fn account(&self) -> Account {
        self.assembly.account()
    }
}
