//! Who runs ringfence: ids, capabilities, limits, subordinate ids. credentials(7),
//! capabilities(7), getrlimit(2), subuid(5).

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ringfence_sys::probe;
use rustix::process::{Resource, getrlimit};

use super::{Fact, Host, Reading, kernel};

/// Who runs ringfence: credentials(7), capabilities(7).
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Caller {
    pub uid: u32,
    pub euid: u32,
    pub gid: u32,
    pub egid: u32,
    pub groups: Vec<u32>,
    pub effective: u64,
    pub permitted: u64,
    pub no_new_privs: bool,
}

impl Caller {
    /// Whether a capability is effective, by its number.
    #[must_use]
    pub const fn has(&self, capability: u32) -> bool {
        capability < 64 && self.effective >> capability & 1 == 1
    }
}

/// `RLIM_INFINITY`.
pub const UNLIMITED: u64 = u64::MAX;

/// Soft and hard limit for each `RLIMIT_*`; [`UNLIMITED`] where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rlimits(pub [(u64, u64); 16]);

/// A range of ids in subuid(5) or subgid(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdRange {
    /// The first id, as outside.
    pub first: u32,
    /// How many.
    pub count: u32,
}

/// newuidmap(1) and newgidmap(1), and what they would map for the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubordinateIds {
    /// Ranges of `/etc/subuid`.
    pub uids: Reading<Vec<IdRange>>,
    /// Ranges of `/etc/subgid`.
    pub gids: Reading<Vec<IdRange>>,
    /// newuidmap(1), where it is there and has the privilege that it needs.
    pub newuidmap: Reading<PathBuf>,
    /// newgidmap(1), likewise.
    pub newgidmap: Reading<PathBuf>,
}

/// What ids a user namespace of the caller's may have beside its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdMaps {
    /// Whether the caller has CAP_SETUID and CAP_SETGID, and so writes such maps itself.
    pub own: bool,
    /// User ids: where it does, those of the caller's own user namespace (first and third column of
    /// `/proc/self/uid_map`); otherwise those of subuid(5).
    pub uids: Reading<Vec<IdRange>>,
    /// Group ids, likewise.
    pub gids: Reading<Vec<IdRange>>,
    /// Whether newuidmap(1) and newgidmap(1) are there and have the privilege that they need.
    pub helper: bool,
}

/// A line of passwd(5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The name.
    pub name: String,
    /// The home directory.
    pub home: PathBuf,
}

/// The line of `/etc/passwd` for a user id; other sources of nsswitch.conf(5) are not asked.
#[must_use]
pub fn account(uid: u32) -> Option<Account> {
    parse_account(&kernel::read_small("/etc/passwd").ok()?, uid)
}

fn parse_account(passwd: &str, uid: u32) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid))
            .then(|| Some(Account { name: name.to_owned(), home: fields.nth(2)?.into() }))
            .flatten()
    })
}

pub(super) fn read(_: &Host) -> Fact<Caller> {
    let sets = rustix::thread::capabilities(None).ok();
    let raw = |ids: Vec<rustix::process::Gid>| ids.into_iter().map(rustix::process::Gid::as_raw).collect();
    let caller = Caller {
        uid: rustix::process::getuid().as_raw(),
        euid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getgid().as_raw(),
        egid: rustix::process::getegid().as_raw(),
        groups: rustix::process::getgroups().map(raw).unwrap_or_default(),
        effective: sets.map_or(0, |sets| sets.effective.bits()),
        permitted: sets.map_or(0, |sets| sets.permitted.bits()),
        no_new_privs: rustix::thread::no_new_privs().unwrap_or(false),
    };
    Fact::new(caller, "getuid(2), getgroups(2), capget(2), prctl(2)")
}

pub(super) fn synthetic() -> Caller {
    Caller {
        uid: 1000,
        euid: 1000,
        gid: 1000,
        egid: 1000,
        groups: vec![1000],
        effective: 0,
        permitted: 0,
        no_new_privs: false,
    }
}

/// One question for each capability: only who shows it asks.
pub(super) fn bounding(host: &Host) -> Fact<u64> {
    let all = 0..=host.last_capability().value;
    let set = all.filter(|n| probe::bounding(*n) == Some(true)).fold(0, |set, n| set | 1 << n);
    Fact::new(set, "prctl(PR_CAPBSET_READ)")
}

pub(super) fn synthetic_bounding() -> u64 {
    (1 << 41) - 1
}

/// The bounding set answers for every capability that exists: six questions find the last one.
pub(super) fn last_capability(_: &Host) -> Fact<u32> {
    let (mut known, mut unknown) = (0, 64);
    while unknown - known > 1 {
        let middle = (known + unknown) / 2;
        if probe::bounding(middle).is_some() {
            known = middle;
        } else {
            unknown = middle;
        }
    }
    Fact::new(known, "prctl(PR_CAPBSET_READ)")
}

/// CAP_CHECKPOINT_RESTORE.
pub(super) fn synthetic_last_capability() -> u32 {
    40
}

/// In the order of asm-generic/resource.h.
const RESOURCES: [Resource; 16] = [
    Resource::Cpu,
    Resource::Fsize,
    Resource::Data,
    Resource::Stack,
    Resource::Core,
    Resource::Rss,
    Resource::Nproc,
    Resource::Nofile,
    Resource::Memlock,
    Resource::As,
    Resource::Locks,
    Resource::Sigpending,
    Resource::Msgqueue,
    Resource::Nice,
    Resource::Rtprio,
    Resource::Rttime,
];

pub(super) fn rlimits(_: &Host) -> Fact<Rlimits> {
    let limits = RESOURCES.map(|resource| {
        let limit = getrlimit(resource);
        (limit.current.unwrap_or(UNLIMITED), limit.maximum.unwrap_or(UNLIMITED))
    });
    Fact::new(Rlimits(limits), "getrlimit(2)")
}

pub(super) fn synthetic_rlimits() -> Rlimits {
    let mut limits = [(UNLIMITED, UNLIMITED); 16];
    limits[Resource::Nofile as usize] = (1024, 524_288);
    limits[Resource::Core as usize] = (0, UNLIMITED);
    Rlimits(limits)
}

pub(super) fn subordinate_ids(host: &Host) -> Fact<SubordinateIds> {
    let uid = host.caller().value.uid;
    let name = account(uid).map(|account| account.name);
    let ids = SubordinateIds {
        uids: ranges("/etc/subuid", uid, name.as_deref()),
        gids: ranges("/etc/subgid", uid, name.as_deref()),
        newuidmap: helper("newuidmap"),
        newgidmap: helper("newgidmap"),
    };
    Fact::new(ids, "/etc/subuid, /etc/subgid, /usr/bin/newuidmap, /usr/bin/newgidmap")
}

pub(super) fn synthetic_subordinate_ids() -> SubordinateIds {
    let none = "no package shadow-utils or uidmap";
    SubordinateIds {
        uids: Reading::Known(Vec::new()),
        gids: Reading::Known(Vec::new()),
        newuidmap: Reading::Absent(none),
        newgidmap: Reading::Absent(none),
    }
}

/// CAP_SETGID and CAP_SETUID, capabilities(7).
const CAP_SETGID: u32 = 6;
const CAP_SETUID: u32 = 7;

pub(super) fn id_maps(host: &Host) -> Fact<IdMaps> {
    let caller = &host.caller().value;
    if caller.has(CAP_SETUID) && caller.has(CAP_SETGID) {
        let map = |path| match kernel::read_small(path) {
            Ok(text) => Reading::Known(parse_map(&text)),
            Err(error) => Reading::Unknown(format!("{path}: {error}")),
        };
        let (uids, gids) = (map("/proc/self/uid_map"), map("/proc/self/gid_map"));
        let ids = IdMaps { own: true, uids, gids, helper: false };
        return Fact::new(ids, "/proc/self/uid_map, /proc/self/gid_map");
    }
    let SubordinateIds { uids, gids, newuidmap, newgidmap } = host.subordinate_ids().value.clone();
    let helper = newuidmap.known().is_some() && newgidmap.known().is_some();
    Fact::new(IdMaps { own: false, uids, gids, helper }, host.subordinate_ids().from)
}

pub(super) fn synthetic_id_maps() -> IdMaps {
    let none = || Reading::Known(Vec::new());
    IdMaps { own: false, uids: none(), gids: none(), helper: false }
}

/// First id inside, first id outside, count: user_namespaces(7).
fn parse_map(text: &str) -> Vec<IdRange> {
    let parse = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        Some(IdRange { first: fields.next()?.parse().ok()?, count: fields.nth(1)?.parse().ok()? })
    };
    text.lines().filter_map(parse).collect()
}

fn ranges(path: &str, uid: u32, name: Option<&str>) -> Reading<Vec<IdRange>> {
    match kernel::read_small(path) {
        Ok(text) => Reading::Known(parse_ranges(&text, uid, name)),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Reading::Absent("no file, so no subordinate ids but those of nsswitch.conf(5)")
        }
        Err(error) => Reading::Unknown(format!("{path}: {error}")),
    }
}

fn parse_ranges(text: &str, uid: u32, name: Option<&str>) -> Vec<IdRange> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            let owner = fields.next()?;
            let mine = name == Some(owner) || owner.parse() == Ok(uid);
            let (first, count) = (fields.next()?.parse().ok()?, fields.next()?.trim().parse().ok()?);
            (mine && count > 0).then_some(IdRange { first, count })
        })
        .collect()
}

/// A helper counts where it can do its work: set-user-ID root, or with file capabilities.
fn helper(name: &str) -> Reading<PathBuf> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    for directory in ["/usr/bin", "/bin", "/usr/local/bin"] {
        let path = Path::new(directory).join(name);
        let Ok(meta) = std::fs::metadata(&path) else { continue };
        let mut value = [0_u8; 64];
        let capable = rustix::fs::getxattr(&path, "security.capability", &mut value).is_ok();
        if capable || (meta.uid() == 0 && meta.permissions().mode() & 0o4000 != 0) {
            return Reading::Known(path);
        }
        return Reading::Unknown(format!(
            "{} is neither set-user-ID root nor has it capabilities; reinstall its package",
            path.display()
        ));
    }
    Reading::Absent("not installed (Debian: uidmap; Fedora: shadow-utils)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_caller_agrees_with_proc() {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        let hex = |name: &str| u64::from_str_radix(&field(name)[0], 16).unwrap();
        let host = Host::live();
        let caller = &host.caller().value;
        assert_eq!(caller.uid.to_string(), field("Uid:")[0]);
        assert_eq!(caller.euid.to_string(), field("Uid:")[1]);
        assert_eq!(caller.gid.to_string(), field("Gid:")[0]);
        assert_eq!(caller.egid.to_string(), field("Gid:")[1]);
        assert_eq!(caller.effective, hex("CapEff:"));
        assert_eq!(caller.permitted, hex("CapPrm:"));
        assert_eq!(host.bounding().value, hex("CapBnd:"));
        assert_eq!(u8::from(caller.no_new_privs).to_string(), field("NoNewPrivs:")[0]);
        let groups: Vec<String> = caller.groups.iter().map(u32::to_string).collect();
        assert_eq!(groups, field("Groups:"));
    }

    #[test]
    fn last_capability_agrees_with_proc() {
        let text = std::fs::read_to_string("/proc/sys/kernel/cap_last_cap").unwrap();
        assert_eq!(Host::live().last_capability().value.to_string(), text.trim());
    }

    #[test]
    fn live_limits_agree_with_proc() {
        let text = std::fs::read_to_string("/proc/self/limits").unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
        let hard = line.split_whitespace().nth(1).unwrap();
        let host = Host::live();
        assert_eq!(host.rlimits().value.0[7].1.to_string(), hard);
    }

    #[test]
    fn has_asks_the_effective_set() {
        let caller = Caller { effective: 1 << 24, permitted: u64::MAX, ..synthetic() };
        assert!(caller.has(24));
        assert!(!caller.has(21));
        assert!(!caller.has(200));
    }

    #[test]
    fn ranges_are_found_by_name_and_number() {
        let text = "rf:100000:65536\n1001:300000:10\nother:1:1\nbroken:x:y\nrf:7:0\n";
        let range = |first, count| IdRange { first, count };
        assert_eq!(parse_ranges(text, 1001, Some("rf")), [range(100_000, 65_536), range(300_000, 10)]);
        assert_eq!(parse_ranges(text, 1001, None), [range(300_000, 10)]);
        assert_eq!(parse_ranges(text, 5, Some("nobody")), []);
    }

    #[test]
    fn maps_give_the_ids_inside() {
        let range = |first, count| IdRange { first, count };
        assert_eq!(parse_map("         0          0 4294967295\n"), [range(0, u32::MAX)]);
        assert_eq!(parse_map("0 1000 1\n1 100000 65536\n"), [range(0, 1), range(1, 65_536)]);
        assert_eq!(parse_map("x"), []);
    }

    #[test]
    fn accounts_are_found_by_number() {
        let text = "root:x:0:0:root:/root:/bin/bash\nbad\nrf:x:1001:1001::/home/rf:/bin/sh\n";
        let account = parse_account(text, 1001).unwrap();
        assert_eq!((account.name.as_str(), account.home), ("rf", PathBuf::from("/home/rf")));
        assert_eq!(parse_account(text, 7), None);
    }
}
