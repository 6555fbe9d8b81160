//! `AUDIT_LANDLOCK_ACCESS` and `AUDIT_LANDLOCK_DOMAIN` (security/landlock/audit.c, Linux 6.15),
//! `Documentation/admin-guide/LSM/landlock.rst`.

use super::{Fields, Wrong};
use crate::event::text::Text;

/// Landlock denied something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The youngest domain that denied.
    pub domain: u64,
    /// The rights that were missing: `fs.read_file`, `net.connect_tcp`, `scope.signal`.
    pub blockers: Vec<String>,
    /// What they were missing on.
    pub object: Object,
}

/// What a right was missing on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// A file; for what is created or removed, its directory.
    File {
        /// As seen from the first mount namespace's root, where it has a name there.
        path: Option<Text>,
        /// The device's name.
        device: Option<Text>,
        /// The inode.
        inode: Option<u64>,
    },
    /// An address or port.
    Peer(Peer),
    /// A process.
    Process {
        /// Its process id.
        pid: u32,
        /// Its `comm`.
        command: Option<Text>,
    },
    /// Nothing that the record names in a way known here.
    Unnamed,
}

/// An address or port.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Peer {
    /// Own address.
    pub source: Option<String>,
    /// Own port.
    pub source_port: Option<u16>,
    /// Other address.
    pub destination: Option<String>,
    /// Other port.
    pub destination_port: Option<u16>,
}

/// A domain began to be known, at its first denial, or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Domain {
    /// At the first denial: who made the domain.
    Allocated {
        /// Which one.
        domain: u64,
        /// Who restricted itself.
        pid: u32,
        /// The program's file at that time.
        exe: Option<Text>,
    },
    /// At the end.
    Deallocated {
        /// Which one.
        domain: u64,
        /// All denials, those that were not recorded too.
        denials: u64,
    },
}

impl Access {
    pub(super) fn from(fields: &Fields<'_>) -> Result<Self, Wrong> {
        let blockers = fields.word("blockers").ok_or(Wrong::Missing("blockers"))?;
        let named = |name: &str| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b"._".contains(&b))
        };
        if !blockers.split(',').all(named) {
            return Err(Wrong::Missing("blockers"));
        }
        Ok(Self {
            domain: fields.hex("domain")?,
            blockers: blockers.split(',').map(str::to_owned).collect(),
            object: object(fields)?,
        })
    }
}

fn object(fields: &Fields<'_>) -> Result<Object, Wrong> {
    let text = |key| if fields.has(key) { fields.text(key) } else { Ok(None) };
    let port = |key| if fields.has(key) { fields.number(key).map(Some) } else { Ok(None) };
    if fields.has("opid") {
        return Ok(Object::Process { pid: fields.number("opid")?, command: text("ocomm")? });
    }
    if ["saddr", "src", "daddr", "dest"].iter().any(|key| fields.has(key)) {
        return Ok(Object::Peer(Peer {
            source: fields.word("saddr").map(str::to_owned),
            source_port: port("src")?,
            destination: fields.word("daddr").map(str::to_owned),
            destination_port: port("dest")?,
        }));
    }
    if fields.has("path") || fields.has("ino") {
        let inode = if fields.has("ino") { Some(fields.number("ino")?) } else { None };
        return Ok(Object::File { path: text("path")?, device: text("dev")?, inode });
    }
    Ok(Object::Unnamed)
}

impl Domain {
    pub(super) fn from(fields: &Fields<'_>) -> Result<Self, Wrong> {
        let domain = fields.hex("domain")?;
        match fields.word("status") {
            Some("allocated") => {
                Ok(Self::Allocated { domain, pid: fields.number("pid")?, exe: fields.text("exe")? })
            }
            Some("deallocated") => Ok(Self::Deallocated { domain, denials: fields.number("denials")? }),
            _ => Err(Wrong::Missing("status")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Body, LANDLOCK_ACCESS, LANDLOCK_DOMAIN, parse};
    use super::*;

    // As Linux 6.18 wrote them.
    fn access(rest: &str) -> Access {
        let record = format!("audit(1795490243.329:64209): {rest}");
        match parse(LANDLOCK_ACCESS, record.as_bytes()).unwrap().body {
            Body::LandlockAccess(access) => access,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn files_are_read() {
        let seen = access(
            "domain=1ebe737a7 blockers=fs.remove_dir,fs.make_dir path=\"/tmp/dtry\" dev=\"vda\" ino=10266920",
        );
        assert_eq!(seen.domain, 0x1_ebe7_37a7);
        assert_eq!(seen.blockers, ["fs.remove_dir", "fs.make_dir"]);
        let (path, device) = (Some(Text::new(*b"/tmp/dtry")), Some(Text::new(*b"vda")));
        assert_eq!(seen.object, Object::File { path, device, inode: Some(10_266_920) });
        let seen = access("domain=1 blockers=fs.read_file path=2F610A dev=\"vda\" ino=1");
        assert!(matches!(seen.object, Object::File { path: Some(path), .. } if path.bytes() == b"/a\n"));
    }

    #[test]
    fn peers_and_processes_are_read() {
        let seen = access("domain=1ebe737a7 blockers=net.connect_tcp daddr=::1 dest=80");
        let peer = Peer { destination: Some("::1".into()), destination_port: Some(80), ..Peer::default() };
        assert_eq!(seen.object, Object::Peer(peer));
        let seen = access("domain=1ebe737a7 blockers=net.bind_tcp src=99");
        assert_eq!(seen.object, Object::Peer(Peer { source_port: Some(99), ..Peer::default() }));
        let seen = access("domain=1ebe737a7 blockers=scope.signal opid=2669 ocomm=\"ringfence\"");
        let command = Some(Text::new(*b"ringfence"));
        assert_eq!(seen.object, Object::Process { pid: 2669, command });
        assert_eq!(access("domain=1 blockers=ptrace").object, Object::Unnamed);
    }

    #[test]
    fn domains_are_read() {
        let parse =
            |rest: &str| parse(LANDLOCK_DOMAIN, format!("audit(1.000:1): {rest}").as_bytes()).map(|r| r.body);
        let (domain, exe) = (0x1_ebe7_37a7, Some(Text::new(*b"/tmp/dtry/ringfence")));
        assert_eq!(
            parse(
                "domain=1ebe737a7 status=allocated mode=enforcing pid=2670 uid=0 exe=\"/tmp/dtry/ringfence\" comm=\"ringfence\""
            ),
            Ok(Body::LandlockDomain(Domain::Allocated { domain, pid: 2670, exe }))
        );
        assert_eq!(
            parse("domain=1ebe737a7 status=deallocated denials=13"),
            Ok(Body::LandlockDomain(Domain::Deallocated { domain, denials: 13 }))
        );
        assert!(parse("domain=1 status=other").is_err());
        assert!(parse("domain=zz status=deallocated denials=1").is_err());
    }
}
