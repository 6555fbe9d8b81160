//! The audit facility: whether it is there, and its state as far as the caller may know it.
//! audit(7) has no page; include/uapi/linux/audit.h, auditctl(8), netlink(7).

use std::io;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};

use super::{Fact, Host, Reading, kernel};

/// The audit facility.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// Whether the kernel has it.
    pub present: bool,
    /// What the kernel's command line says, `audit=`.
    pub boot: Option<String>,
    /// The audit session of the caller, where it has one.
    pub session: Option<u32>,
    /// Its state; only CAP_AUDIT_CONTROL in the first user and pid namespace may ask.
    pub status: Reading<Status>,
}

/// `struct audit_status` of linux/audit.h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// 0: off, 1: on, 2: on and immutable until reboot. seccomp's records come in any case.
    pub enabled: u32,
    /// What a failure does: 0: nothing, 1: printk, 2: panic.
    pub failure: u32,
    /// The process id of the daemon; 0: none.
    pub pid: u32,
    /// Records a second; 0: without limit.
    pub rate_limit: u32,
    /// Records that may wait.
    pub backlog_limit: u32,
    /// Records lost since boot.
    pub lost: u32,
    /// Records that wait.
    pub backlog: u32,
}

impl Audit {
    /// Whether auditing is known to be on.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.status.known().is_some_and(|status| status.enabled != 0)
    }
}

/// `AUDIT_GET`, `NLM_F_REQUEST` and `NLMSG_ERROR`.
const AUDIT_GET: u16 = 1000;
const NLM_F_REQUEST: u16 = 1;
const NLMSG_ERROR: u16 = 2;

/// How long the answer may take; the kernel sends it from a thread of its own.
const PATIENCE: Duration = Duration::from_millis(200);

pub(super) fn read(_: &Host) -> Fact<Audit> {
    let present = std::fs::exists("/proc/self/loginuid").unwrap_or(false);
    let audit = Audit {
        present,
        boot: kernel::read_small("/proc/cmdline").ok().and_then(|line| parse_boot(&line)),
        session: kernel::read_small("/proc/self/sessionid")
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .filter(|session| *session != u32::MAX),
        status: if present { status() } else { Reading::Absent("the kernel has no audit facility") },
    };
    Fact::new(audit, "/proc/self/loginuid, /proc/self/sessionid, /proc/cmdline, AUDIT_GET of netlink(7)")
}

fn parse_boot(line: &str) -> Option<String> {
    line.split_whitespace().rev().find_map(|word| Some(word.strip_prefix("audit=")?.to_owned()))
}

fn status() -> Reading<Status> {
    match ask() {
        Ok(status) => Reading::Known(status),
        Err(error) => {
            let why = match error.raw_os_error() {
                Some(1) => "CAP_AUDIT_CONTROL in the first user and pid namespace may ask".to_owned(),
                Some(111) => "the first user namespace may ask".to_owned(),
                _ => error.to_string(),
            };
            Reading::Unknown(format!("only {why}; as root: ringfence host"))
        }
    }
}

fn ask() -> io::Result<Status> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(netlink::AUDIT))?;
    let mut request = [0_u8; 16];
    request[0..4].copy_from_slice(&16_u32.to_ne_bytes());
    request[4..6].copy_from_slice(&AUDIT_GET.to_ne_bytes());
    request[6..8].copy_from_slice(&NLM_F_REQUEST.to_ne_bytes());
    sendto(&socket, &request, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut fds = [PollFd::new(&socket, PollFlags::IN)];
    let patience = Timespec { tv_sec: 0, tv_nsec: i64::from(PATIENCE.subsec_nanos()) };
    if poll(&mut fds, Some(&patience))? == 0 {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let mut answer = [0_u8; 256];
    let (len, _) = recv(&socket, &mut answer, RecvFlags::empty())?;
    parse_status(&answer[..len])
}

fn parse_status(answer: &[u8]) -> io::Result<Status> {
    let short = || io::Error::new(io::ErrorKind::UnexpectedEof, "short answer");
    let word = |place: usize| {
        let bytes = answer.get(place..place + 4).ok_or_else(short)?;
        Ok::<_, io::Error>(u32::from_ne_bytes(bytes.try_into().map_err(|_| short())?))
    };
    let kind = answer.get(4..6).and_then(|bytes| bytes.try_into().ok()).map_or(0, u16::from_ne_bytes);
    // Behind the header of 16 bytes: `mask`, then the fields in their order.
    match kind {
        NLMSG_ERROR => Err(io::Error::from_raw_os_error(-i32::from_ne_bytes(word(16)?.to_ne_bytes()))),
        AUDIT_GET => Ok(Status {
            enabled: word(20)?,
            failure: word(24)?,
            pid: word(28)?,
            rate_limit: word(32)?,
            backlog_limit: word(36)?,
            lost: word(40)?,
            backlog: word(44)?,
        }),
        other => Err(io::Error::new(io::ErrorKind::InvalidData, format!("an answer of type {other}"))),
    }
}

pub(super) fn synthetic() -> Audit {
    Audit {
        present: true,
        boot: None,
        session: None,
        status: Reading::Unknown("only CAP_AUDIT_CONTROL may ask".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, words: &[u32]) -> Vec<u8> {
        let mut bytes = vec![0; 16];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
        bytes
    }

    #[test]
    fn an_answer_is_taken_apart() {
        let status = parse_status(&message(AUDIT_GET, &[0, 1, 2, 3, 4, 5, 6, 7])).unwrap();
        let expected =
            Status { enabled: 1, failure: 2, pid: 3, rate_limit: 4, backlog_limit: 5, lost: 6, backlog: 7 };
        assert_eq!(status, expected);
    }

    #[test]
    fn errors_and_short_answers_are_errors() {
        let denied = parse_status(&message(NLMSG_ERROR, &[-1_i32 as u32])).unwrap_err();
        assert_eq!(denied.raw_os_error(), Some(1));
        assert!(parse_status(&message(AUDIT_GET, &[0, 1])).is_err());
        assert!(parse_status(&message(7, &[0; 8])).is_err());
        assert!(parse_status(&[]).is_err());
    }

    #[test]
    fn the_last_word_of_the_command_line_counts() {
        assert_eq!(parse_boot("quiet audit=0 x audit=1\n").as_deref(), Some("1"));
        assert_eq!(parse_boot("quiet"), None);
    }

    #[test]
    fn the_live_status_is_known_to_whom_may_ask() {
        let host = Host::live();
        let audit = &host.audit().value;
        if !audit.present {
            println!("skipped: no audit facility");
        } else if host.caller().value.has(30) && host.initial_user_namespace().value {
            assert!(audit.status.known().is_some_and(|status| status.enabled <= 2), "{audit:?}");
        } else {
            assert!(audit.status.known().is_none());
        }
    }
}
