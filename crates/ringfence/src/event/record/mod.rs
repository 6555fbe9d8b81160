//! Records of the kernel's audit facility, as bytes from whoever sent them. Pure.
//!
//! The kernel encodes every string that a program chose: in quotes where it is plain, in
//! hexadecimal otherwise (`audit_log_untrustedstring` of kernel/audit.c). So a record can be taken
//! apart without trusting anything in it; one that does not have the kernel's form is an error,
//! and never half an answer.

mod field;
mod landlock;
mod mac;
mod seccomp;
pub mod serial;

pub use field::Fields;
pub use landlock::{Access, Domain, Object, Peer};
pub use mac::{AppArmor, Avc};
pub use seccomp::{Seccomp, Syscall};

// include/uapi/linux/audit.h
/// `AUDIT_SYSCALL`.
pub const SYSCALL: u16 = 1300;
/// `AUDIT_SECCOMP`.
pub const SECCOMP: u16 = 1326;
/// `AUDIT_AVC`: SELinux, and AppArmor.
pub const AVC: u16 = 1400;
/// `AUDIT_LANDLOCK_ACCESS` (6.15).
pub const LANDLOCK_ACCESS: u16 = 1423;
/// `AUDIT_LANDLOCK_DOMAIN` (6.15).
pub const LANDLOCK_DOMAIN: u16 = 1424;

/// The longest record that the kernel sends: `MAX_AUDIT_MESSAGE_LENGTH`.
pub const MAX: usize = 8970;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Milliseconds since 1970, as the kernel stamped it.
    pub time_ms: u64,
    /// The number of the event: all records of one system call have the same.
    pub serial: u64,
    /// What it says.
    pub body: Body,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// The system call that an event belongs to.
    Syscall(Syscall),
    /// A seccomp filter's action.
    Seccomp(Seccomp),
    /// Landlock denied.
    LandlockAccess(Access),
    /// A Landlock domain began to be known, or ended.
    LandlockDomain(Domain),
    /// SELinux.
    Avc(Avc),
    /// AppArmor.
    AppArmor(AppArmor),
    /// A record of another type: only its serial number counts.
    Other(u16),
}

/// Why bytes are no record of their type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// Not `audit(SECONDS.MILLISECONDS:SERIAL): …`.
    #[error("the record has no stamp")]
    Stamp,
    /// Longer than the kernel's records are.
    #[error("the record has {0} bytes, more than the kernel sends")]
    Long(usize),
    /// A field that every record of the type has.
    #[error("the record has no usable `{0}`")]
    Missing(&'static str),
    /// A field is there twice, so that either could be forged.
    #[error("the record has `{0}` twice")]
    Twice(String),
    /// Not `key=value` pairs.
    #[error("the record has no form")]
    Form,
}

/// A record of a type from the bytes behind its netlink header.
///
/// # Errors
/// Whatever does not have the form of the kernel's own records.
pub fn parse(kind: u16, bytes: &[u8]) -> Result<Record, Wrong> {
    if bytes.len() > MAX {
        return Err(Wrong::Long(bytes.len()));
    }
    let end = bytes.iter().rposition(|byte| !matches!(byte, 0 | b'\n')).map_or(0, |last| last + 1);
    let (time_ms, serial, rest) = stamp(&bytes[..end]).ok_or(Wrong::Stamp)?;
    let body = match kind {
        SYSCALL => Body::Syscall(Syscall::from(&Fields::parse(rest)?)?),
        SECCOMP => Body::Seccomp(Seccomp::from(&Fields::parse(rest)?)?),
        LANDLOCK_ACCESS => Body::LandlockAccess(Access::from(&Fields::parse(rest)?)?),
        LANDLOCK_DOMAIN => Body::LandlockDomain(Domain::from(&Fields::parse(rest)?)?),
        AVC => mac::parse(rest)?,
        other => Body::Other(other),
    };
    Ok(Record { time_ms, serial, body })
}

/// `audit(1795490243.329:64209): ` and what follows.
fn stamp(bytes: &[u8]) -> Option<(u64, u64, &[u8])> {
    let inside = bytes.strip_prefix(b"audit(")?;
    let end = inside.windows(2).take(64).position(|pair| pair == b"):")?;
    let stamp = std::str::from_utf8(&inside[..end]).ok()?;
    let (time, serial) = stamp.split_once(':')?;
    let (seconds, millis) = time.split_once('.')?;
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?;
    let (seconds, millis): (u64, u64) = (number(seconds)?, number(millis)?);
    let time = seconds.checked_mul(1000)?.checked_add(millis).filter(|_| millis < 1000)?;
    let rest = &inside[end + 2..];
    Some((time, number(serial)?, rest.strip_prefix(b" ").unwrap_or(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stamp_is_read_and_nothing_like_it() {
        let record = parse(1320, b"audit(1795490243.329:64209): ").unwrap();
        assert_eq!(record, Record { time_ms: 1_795_490_243_329, serial: 64209, body: Body::Other(1320) });
        for wrong in [
            &b""[..],
            b"audit(1795490243.329:64209)",
            b"audit(1795490243:64209): ",
            b"audit(1.5000:1): ",
            b"audit(-1.500:1): ",
            b"audit(99999999999999999999.1:1): ",
            b"xaudit(1.1:1): ",
        ] {
            assert_eq!(parse(1320, wrong), Err(Wrong::Stamp), "{}", wrong.escape_ascii());
        }
        assert_eq!(parse(1320, &[b'a'; MAX + 1]), Err(Wrong::Long(MAX + 1)));
    }

    #[test]
    fn what_is_cut_off_anywhere_is_an_error() {
        let whole = b"audit(1795490209.265:64207): auid=4294967295 uid=0 gid=0 ses=4294967295 pid=2461 comm=\"mkdir\" exe=\"/usr/bin/mkdir\" sig=31 arch=c000003e syscall=83 compat=0 ip=0x7fdeadd8ff37 code=0x80000000";
        assert!(parse(SECCOMP, whole).is_ok());
        for end in 0..whole.len() {
            assert!(parse(SECCOMP, &whole[..end]).is_err(), "{end}");
        }
    }
}
