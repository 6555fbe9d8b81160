//! Whether the kernel really records what the decision tree says: each branch is provoked in a child, and
//! its record waited for. Needs the right to hear audit's records; changes nothing of the host.

use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with, sockopt};

use super::logged::{Action, Branch, Case, Domains};
use super::record::{self, Body, Domain};
use crate::host::Host;
use crate::launch::provoke::{NUMBER, Provocation, provoke};

/// How long a record may take: the kernel sends it from a thread of its own.
const PATIENCE: Duration = Duration::from_millis(400);
/// `AUDIT_NLGRP_READLOG`, the first group.
const READLOG: u32 = 1;
const BUFFER: usize = 16 << 20;
/// `struct nlmsghdr`.
const HEADER: usize = 16;

/// What was seen of a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Whether there was a record; `None` where it could not be tried.
    pub recorded: Option<bool>,
    /// Why not, where it was not tried.
    pub because: Option<String>,
}

/// Tries each branch.
#[must_use]
pub fn prove(branches: &[Branch], host: &Host) -> Vec<Proof> {
    let ear = Ear::join(host);
    let not = |because: &str| Proof { recorded: None, because: Some(because.to_owned()) };
    let one = |branch: &Branch| match &ear {
        Err(why) => not(why),
        Ok(ear) => match provocations(branch.case) {
            Err(why) => not(why),
            Ok(all) => ear.tried(&all),
        },
    };
    branches.iter().map(one).collect()
}

/// What provokes a branch: one or more, of which each must be recorded.
fn provocations(case: Case) -> Result<Vec<Provocation>, &'static str> {
    let domain = |flags, around, after_exec| Ok(vec![Provocation::Domain { flags, around, after_exec }]);
    match case {
        Case::Seccomp(action, log) => {
            let filter = |answer: &u32| Provocation::Filter { answer: *answer, log };
            Ok(answers(action).iter().map(filter).collect())
        }
        Case::Landlock(Domains::Same) => domain(0, None, false),
        Case::Landlock(Domains::SameOff) => domain(1, None, false),
        Case::Landlock(Domains::Executed) => domain(0, None, true),
        Case::Landlock(Domains::ExecutedOn) => domain(2, None, true),
        Case::Landlock(Domains::Nested) => domain(0, Some(0), false),
        Case::Landlock(Domains::NestedOff) => domain(0, Some(4), false),
        Case::AppArmor => Err("it takes a profile, which this does not load into the running kernel"),
    }
}

/// include/uapi/linux/seccomp.h. Nobody supervises or traces: then those are denied with `ENOSYS`.
fn answers(action: Action) -> &'static [u32] {
    match action {
        Action::Kill => &[0x8000_0000, 0],
        Action::Trap => &[0x0003_0000],
        Action::Errno => &[0x0005_0001],
        Action::Notify => &[0x7fc0_0000],
        Action::Trace => &[0x7ff0_0000],
        Action::Log => &[0x7ffc_0000],
        Action::Allow => &[0x7fff_0000],
    }
}

/// A member of audit's multicast group.
struct Ear {
    socket: OwnedFd,
}

impl Ear {
    fn join(host: &Host) -> Result<Self, String> {
        // `PROC_PID_INIT_INO` of include/linux/proc_ns.h: records name processes of that namespace.
        if host.process().value.pid_namespace != 0xEFFF_FFFC {
            return Err(
                "audit's records name processes of the first pid namespace, and this is another".into()
            );
        }
        let refused = |errno: Errno| match errno {
            Errno::PERM => "needs CAP_AUDIT_READ, to hear the records".to_owned(),
            errno => format!("audit's records cannot be heard: {errno}"),
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(netlink::AUDIT))
            .map_err(refused)?;
        let _ = sockopt::set_socket_recv_buffer_size_force(&socket, BUFFER);
        bind(&socket, &SocketAddrNetlink::new(0, READLOG)).map_err(refused)?;
        Ok(Self { socket })
    }

    fn tried(&self, all: &[Provocation]) -> Proof {
        for what in all {
            let mut child = 0;
            self.drain();
            if let Err(error) = provoke(*what, &mut |pid| child = pid.unsigned_abs()) {
                return Proof { recorded: None, because: Some(format!("it could not be provoked: {error}")) };
            }
            match self.hears(child) {
                Ok(true) => {}
                Ok(false) => return Proof { recorded: Some(false), because: None },
                Err(why) => return Proof { recorded: None, because: Some(why.to_owned()) },
            }
        }
        Proof { recorded: Some(true), because: None }
    }

    fn drain(&self) {
        let mut room = [0u8; HEADER];
        while !matches!(recv(&self.socket, &mut room[..], RecvFlags::empty()), Err(Errno::AGAIN)) {}
    }

    /// Whether a record of this process comes.
    fn hears(&self, pid: u32) -> Result<bool, &'static str> {
        let deadline = Instant::now() + PATIENCE;
        let mut room = vec![0u8; HEADER + record::MAX + 1];
        loop {
            match recv(&self.socket, &mut room[..], RecvFlags::empty()) {
                Ok((len, _)) if of(&room[..len], pid) => return Ok(true),
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::NOBUFS) => {
                    return Err("so many other records came that this one may be among the lost");
                }
                Err(_) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(false);
                    }
                    let mut fds = [PollFd::from_borrowed_fd(self.socket.as_fd(), PollFlags::IN)];
                    let time = Timespec { tv_sec: 0, tv_nsec: i64::from(left.subsec_nanos()) };
                    let _ = poll(&mut fds, Some(&time));
                }
            }
        }
    }
}

/// Whether a message is a record of what a process was provoked to.
fn of(message: &[u8], pid: u32) -> bool {
    let Some(body) = message.get(HEADER..) else { return false };
    let kind = u16::from_ne_bytes([message[4], message[5]]);
    match record::parse(kind, body).map(|record| record.body) {
        Ok(Body::Seccomp(seccomp)) => seccomp.pid == pid && seccomp.number == NUMBER,
        // The kernel tells of a domain at its first recorded denial.
        Ok(Body::LandlockDomain(Domain::Allocated { pid: maker, .. })) => maker == pid,
        _ => false,
    }
}
