//! Auditing, on or off for as long as a test needs it: the setting is one of the whole host, and is put back.
//! include/uapi/linux/audit.h, auditctl(8).

use std::fs::File;
use std::io;

use rustix::fs::{FlockOperation, flock};
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};

/// `AUDIT_GET`, `AUDIT_SET`, `AUDIT_STATUS_ENABLED`, `NLMSG_ERROR`, `NLM_F_REQUEST | NLM_F_ACK`.
const GET: u16 = 1000;
const SET: u16 = 1001;
const ENABLED: u32 = 1;
const ERROR: u16 = 2;
const ACKNOWLEDGED: u16 = 1 | 4;

/// What `enabled` is then.
const LOCKED: u32 = 2;

/// Auditing is as it was asked for; the drop puts back what was.
pub(crate) struct Auditing {
    before: u32,
    now: u32,
    // One test at a time decides about the setting, in whatever process it runs.
    _turn: File,
}

impl Auditing {
    /// Turns it on; needs CAP_AUDIT_CONTROL, and that nobody has locked it.
    pub(crate) fn on() -> io::Result<Self> {
        Self::set(|before| before.max(1))
    }

    /// Turns it off; needs the same.
    pub(crate) fn off() -> io::Result<Self> {
        Self::set(|_| 0)
    }

    /// Turns it on so that nobody can change it until the machine is booted again: only in a guest.
    pub(crate) fn lock() -> io::Result<Self> {
        if std::env::var_os("RINGFENCE_GUEST").is_none() {
            return Err(io::Error::other("not a guest"));
        }
        let mut locked = Self::set(|_| LOCKED)?;
        locked.before = LOCKED;
        Ok(locked)
    }

    /// Whether the kernel refuses to turn it off.
    pub(crate) fn refuses_to_be_off(&self) -> bool {
        enable(0).is_err()
    }

    fn set(wanted: impl Fn(u32) -> u32) -> io::Result<Self> {
        let turn = File::create(std::env::temp_dir().join("ringfence-test-auditing"))?;
        flock(&turn, FlockOperation::LockExclusive)?;
        let before = enabled()?;
        let now = wanted(before);
        if before != now {
            enable(now)?;
        }
        Ok(Self { before, now, _turn: turn })
    }
}

impl Drop for Auditing {
    fn drop(&mut self) {
        if self.before != self.now {
            enable(self.before).expect("auditing could not be put back");
        }
    }
}

fn enabled() -> io::Result<u32> {
    // Behind the header of 16 bytes: `mask`, `enabled`.
    let answer = ask(GET, 1, &[])?;
    word(&answer, 20)
}

fn enable(value: u32) -> io::Result<()> {
    let words = [ENABLED, value, 0, 0, 0, 0, 0, 0];
    let body: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let answer = ask(SET, ACKNOWLEDGED, &body)?;
    match word(&answer, 16)? {
        0 => Ok(()),
        _ => Err(error(&answer)?),
    }
}

fn ask(kind: u16, flags: u16, body: &[u8]) -> io::Result<Vec<u8>> {
    let socket =
        socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(netlink::AUDIT))?;
    let mut request = u32::try_from(16 + body.len()).expect("short").to_ne_bytes().to_vec();
    request.extend(kind.to_ne_bytes());
    request.extend(flags.to_ne_bytes());
    request.extend([0; 8]);
    request.extend(body);
    sendto(&socket, &request, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut answer = vec![0; 256];
    let (len, _) = recv(&socket, &mut answer[..], RecvFlags::empty())?;
    answer.truncate(len);
    let kind_of = u16::try_from(word(&answer, 4)? & 0xffff).expect("16 bits");
    if kind == GET && kind_of == ERROR {
        return Err(error(&answer)?);
    }
    Ok(answer)
}

/// What a `struct nlmsgerr` says.
fn error(answer: &[u8]) -> io::Result<io::Error> {
    Ok(io::Error::from_raw_os_error(-i32::from_ne_bytes(word(answer, 16)?.to_ne_bytes())))
}

fn word(answer: &[u8], place: usize) -> io::Result<u32> {
    let bytes = answer.get(place..place + 4).ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(u32::from_ne_bytes(bytes.try_into().expect("four bytes")))
}
