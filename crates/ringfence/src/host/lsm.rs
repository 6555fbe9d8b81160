//! Which LSMs are asked, and what Landlock and lockdown have. lsm_list_modules(2), landlock(7),
//! kernel_lockdown(7).

use std::io::ErrorKind;

use ringfence_sys::probe;

use super::{Fact, Host, Reading, kernel};

/// landlock_create_ruleset(2) with `LANDLOCK_CREATE_RULESET_VERSION` and `_ERRATA`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Landlock {
    /// 0: not available.
    pub abi: u32,
    /// Bit n: erratum n+1 is fixed.
    pub errata: u32,
}

/// What a Landlock ABI brought, landlock(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LandlockAbi {
    /// The ABI.
    pub abi: u32,
    /// The first upstream release with it.
    pub release: &'static str,
    /// The rights, scopes and flags that came with it, without their common prefix `LANDLOCK_`.
    pub brought: &'static [&'static str],
}

/// Every Landlock ABI that is known, oldest first. Source: Documentation/userspace-api/landlock.rst.
pub const LANDLOCK_ABIS: &[LandlockAbi] = &[
    LandlockAbi {
        abi: 1,
        release: "5.13",
        brought: &[
            "ACCESS_FS_EXECUTE",
            "ACCESS_FS_WRITE_FILE",
            "ACCESS_FS_READ_FILE",
            "ACCESS_FS_READ_DIR",
            "ACCESS_FS_REMOVE_DIR",
            "ACCESS_FS_REMOVE_FILE",
            "ACCESS_FS_MAKE_CHAR",
            "ACCESS_FS_MAKE_DIR",
            "ACCESS_FS_MAKE_REG",
            "ACCESS_FS_MAKE_SOCK",
            "ACCESS_FS_MAKE_FIFO",
            "ACCESS_FS_MAKE_BLOCK",
            "ACCESS_FS_MAKE_SYM",
        ],
    },
    LandlockAbi { abi: 2, release: "5.19", brought: &["ACCESS_FS_REFER"] },
    LandlockAbi { abi: 3, release: "6.2", brought: &["ACCESS_FS_TRUNCATE"] },
    LandlockAbi { abi: 4, release: "6.7", brought: &["ACCESS_NET_BIND_TCP", "ACCESS_NET_CONNECT_TCP"] },
    LandlockAbi { abi: 5, release: "6.10", brought: &["ACCESS_FS_IOCTL_DEV"] },
    LandlockAbi { abi: 6, release: "6.12", brought: &["SCOPE_ABSTRACT_UNIX_SOCKET", "SCOPE_SIGNAL"] },
    LandlockAbi {
        abi: 7,
        release: "6.15",
        brought: &[
            "RESTRICT_SELF_LOG_SAME_EXEC_OFF",
            "RESTRICT_SELF_LOG_NEW_EXEC_ON",
            "RESTRICT_SELF_LOG_SUBDOMAINS_OFF",
        ],
    },
    LandlockAbi { abi: 8, release: "7.0", brought: &["RESTRICT_SELF_TSYNC"] },
    LandlockAbi { abi: 9, release: "7.1", brought: &["ACCESS_FS_RESOLVE_UNIX"] },
    LandlockAbi {
        abi: 10,
        release: "7.2",
        brought: &["ACCESS_NET_BIND_UDP", "ACCESS_NET_CONNECT_SEND_UDP", "ADD_RULE_QUIET"],
    },
];

/// Errata by number, security/landlock/errata/.
pub const LANDLOCK_ERRATA: &[(u32, &str)] = &[
    (1, "TCP rights apply to TCP sockets only"),
    (2, "signals between threads of one process are not scoped"),
    (3, "rights are kept for files in directories that were disconnected"),
];

/// kernel_lockdown(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lockdown {
    /// Nothing is locked.
    None,
    /// The running kernel cannot be changed from user space.
    Integrity,
    /// Nor can its secrets be read.
    Confidentiality,
}

const LSM_FILE: &str = "/sys/kernel/security/lsm";
const LOCKDOWN_FILE: &str = "/sys/kernel/security/lockdown";
const HOW_TO_MOUNT: &str = "mount it: mount -t securityfs securityfs /sys/kernel/security";

/// Every LSM of the kernel: `LSM_ID_*` of include/uapi/linux/lsm.h, from 100.
pub(super) const NAMES: [&str; 14] = [
    "capability",
    "selinux",
    "smack",
    "tomoyo",
    "apparmor",
    "yama",
    "loadpin",
    "safesetid",
    "lockdown",
    "bpf",
    "landlock",
    "ima",
    "evm",
    "ipe",
];

pub(super) fn list(_: &Host) -> Fact<Reading<Vec<String>>> {
    match kernel::read_small(LSM_FILE) {
        Ok(text) => {
            let names = text.trim().split(',').filter(|name| !name.is_empty()).map(str::to_owned);
            Fact::new(Reading::Known(names.collect()), LSM_FILE)
        }
        Err(error) => Fact::new(listed(&error.to_string()), "lsm_list_modules(2)"),
    }
}

/// What the system call says, where securityfs is not there.
fn listed(why_no_file: &str) -> Reading<Vec<String>> {
    // The kernel has 14 kinds; the room is generous so that newer ones do not become an error.
    let mut room = [0_u64; 64];
    match probe::lsm_list(&mut room) {
        Ok(count) => Reading::Known(room.iter().take(count).map(|id| name_of(*id)).collect()),
        Err(_) => Reading::Unknown(format!(
            "{LSM_FILE}: {why_no_file}, and the kernel is older than lsm_list_modules(2) (6.8); {HOW_TO_MOUNT}"
        )),
    }
}

fn name_of(id: u64) -> String {
    let place = id.checked_sub(100).and_then(|place| usize::try_from(place).ok());
    place.and_then(|place| NAMES.get(place)).map_or_else(|| format!("lsm-{id}"), |name| (*name).to_owned())
}

pub(super) fn synthetic_list() -> Reading<Vec<String>> {
    Reading::Known(["lockdown", "capability", "landlock", "yama", "bpf"].map(str::to_owned).to_vec())
}

pub(super) fn landlock(_: &Host) -> Fact<Landlock> {
    let abi = probe::landlock_abi().unwrap_or(0);
    let errata = if abi == 0 { 0 } else { probe::landlock_errata().unwrap_or(0) };
    Fact::new(Landlock { abi, errata }, "landlock_create_ruleset(2)")
}

pub(super) fn synthetic_landlock() -> Landlock {
    Landlock { abi: 7, errata: 0b111 }
}

pub(super) fn lockdown(host: &Host) -> Fact<Reading<Lockdown>> {
    let active = host.lsms().value.known().map(|names| names.iter().any(|name| name == "lockdown"));
    let reading = match kernel::read_small(LOCKDOWN_FILE) {
        Ok(text) => parse_lockdown(&text),
        Err(_) if active == Some(false) => Reading::Absent("the lockdown LSM is not active"),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Reading::Unknown(format!("securityfs is not mounted; {HOW_TO_MOUNT}"))
        }
        Err(error) => Reading::Unknown(format!("{LOCKDOWN_FILE}: {error}")),
    };
    Fact::new(reading, LOCKDOWN_FILE)
}

/// `none [integrity] confidentiality`: the one in brackets holds.
fn parse_lockdown(text: &str) -> Reading<Lockdown> {
    match text.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(word, _)| word) {
        Some("none") => Reading::Known(Lockdown::None),
        Some("integrity") => Reading::Known(Lockdown::Integrity),
        Some("confidentiality") => Reading::Known(Lockdown::Confidentiality),
        _ => Reading::Unknown(format!("{LOCKDOWN_FILE} says {:?}", text.trim())),
    }
}

pub(super) fn synthetic_lockdown() -> Reading<Lockdown> {
    Reading::Known(Lockdown::None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lockdown_is_what_stands_in_brackets() {
        assert_eq!(parse_lockdown("[none] integrity confidentiality\n"), Reading::Known(Lockdown::None));
        assert_eq!(parse_lockdown("none [integrity] confidentiality"), Reading::Known(Lockdown::Integrity));
        assert!(matches!(parse_lockdown("none"), Reading::Unknown(_)));
    }

    #[test]
    fn identities_have_names() {
        assert_eq!(name_of(100), "capability");
        assert_eq!(name_of(113), "ipe");
        assert_eq!(name_of(110), "landlock");
        assert_eq!(name_of(114), "lsm-114");
        assert_eq!(name_of(3), "lsm-3");
    }

    #[test]
    fn abis_are_listed_without_gaps() {
        for (place, entry) in LANDLOCK_ABIS.iter().enumerate() {
            assert_eq!(entry.abi as usize, place + 1);
            assert!(!entry.brought.is_empty());
        }
    }

    #[test]
    fn the_list_and_landlock_agree_on_the_running_kernel() {
        let host = Host::live();
        let Reading::Known(names) = &host.lsms().value else {
            println!("skipped: no securityfs and no lsm_list_modules(2)");
            return;
        };
        assert!(names.iter().any(|name| name == "capability"));
        assert_eq!(host.landlock().value.abi > 0, names.iter().any(|name| name == "landlock"));
    }
}
