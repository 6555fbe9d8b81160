//! The kernel version that brought each call to each ABI: from syscalls(2), corrected where an ABI
//! got a call later, and checked against the tables of older kernels.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};

/// A kernel version; the third number counts only before 3.0.
pub(super) type Version = (u8, u8, u8);

/// The versions that syscalls(2) gives, by call.
pub(super) struct Versions(BTreeMap<String, Version>);

/// The first kernel of an ABI: none of its calls is older (2.6.0 is the first stable kernel with
/// x86_64; x32 came with 3.4, commit 6a1ef482f0b2).
const FIRST: [(&str, Version); 3] = [("X86_64", (2, 6, 0)), ("I386", (1, 0, 0)), ("X32", (3, 4, 0))];

/// Versions that the page lacks. The first word says for which ABIs.
const ADDED: &[(&str, Version, &str)] = &[
    // The calls with 64-bit times: the page names them in its text, not in its table.
    (
        "any",
        (5, 1, 0),
        "clock_adjtime64 clock_getres_time64 clock_gettime64 clock_nanosleep_time64 clock_settime64 \
         futex_time64 io_pgetevents_time64 mq_timedreceive_time64 mq_timedsend_time64 ppoll_time64 \
         pselect6_time64 recvmmsg_time64 rt_sigtimedwait_time64 sched_rr_get_interval_time64 \
         semtimedop_time64 timer_gettime64 timer_settime64 timerfd_gettime64 timerfd_settime64 \
         utimensat_time64",
    ),
    // Newer than the page, or left out by it.
    ("any", (2, 2, 0), "pread64 pwrite64"),
    ("any", (5, 12, 0), "mount_setattr"),
    ("any", (5, 15, 0), "process_mrelease"),
    ("any", (5, 16, 0), "futex_waitv"),
    ("any", (5, 17, 0), "set_mempolicy_home_node"),
    ("any", (6, 5, 0), "cachestat"),
    ("any", (6, 6, 0), "fchmodat2"),
    ("any", (6, 7, 0), "futex_wake futex_wait futex_requeue"),
    ("any", (6, 8, 0), "statmount listmount lsm_get_self_attr lsm_set_self_attr lsm_list_modules"),
    ("any", (6, 10, 0), "mseal"),
    ("any", (6, 11, 0), "uretprobe"),
    ("any", (6, 13, 0), "setxattrat getxattrat listxattrat removexattrat"),
    ("any", (6, 15, 0), "open_tree_attr"),
    ("any", (6, 17, 0), "file_getattr file_setattr"),
    ("any", (6, 18, 0), "uprobe"),
    ("any", (6, 19, 0), "listns"),
    ("any", (7, 0, 0), "rseq_slice_yield"),
    ("any", (7, 3, 0), "fchroot"),
    // First on x86_64, then numbered on every architecture, then built for x32 (2883f01ec37d).
    ("X86_64", (6, 6, 0), "map_shadow_stack"),
    ("I386", (6, 7, 0), "map_shadow_stack"),
    ("X32", (6, 10, 0), "map_shadow_stack"),
    // i386 had only socketcall(2) before 9dea5dc921b5, and only ipc(2) before 0d6040d46817.
    (
        "I386",
        (4, 3, 0),
        "accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmsg sendmsg \
         sendto setsockopt shutdown socket socketpair",
    ),
    ("I386", (5, 1, 0), "msgctl msgget msgrcv msgsnd semctl semget shmat shmctl shmdt shmget"),
    ("I386", (4, 12, 0), "arch_prctl"), // 79170fda313e
    ("X86_64", (3, 1, 0), "getcpu"),    // in the vDSO only before fce8dc06423d
];

/// Where a source of `presence.txt` is not followed, and why.
const NOT_FOLLOWED: &[(&str, &str, &str, &str)] = &[
    ("5.13", "calls", "quotactl_fd", "its number was in 5.13-rc1 as quotactl_path and was taken back"),
    ("*", "calls", "uselib", "the package drops it; the kernel's table keeps the number"),
];

/// Numbers of one older kernel.
struct Presence<'a> {
    version: Version,
    label: &'a str,
    abi: &'a str,
    source: &'a str,
    numbers: Vec<(u16, u16)>,
}

impl Versions {
    /// From the source of syscalls(2).
    pub(super) fn new(page: &str) -> Result<Self> {
        let table = page.split_once(".TS").and_then(|(_, rest)| rest.split_once(".TE"));
        let table = table.context("syscalls(2) has no table")?.0;
        let mut text = String::new();
        let mut cell = false;
        for line in table.lines().filter(|line| !line.starts_with(".\\\"")) {
            cell = line.ends_with("T{") || cell && !line.starts_with("T}");
            text += line.trim_end_matches("T{").trim_start_matches("T}");
            text.push(if cell { ' ' } else { '\n' });
        }
        let text = text.replace("\\f[B]", "").replace("\\f[]", "").replace(".BR ", "");
        let mut versions = BTreeMap::new();
        for line in text.lines() {
            let mut fields = line.split('\t').map(str::trim);
            let (Some(name), Some(version)) = (fields.next(), fields.next()) else { continue };
            let Some(name) = name.strip_suffix("(2)") else { continue };
            // `2.6; 2.4.18`: the development kernel that became 2.6, and a backport.
            let version = version.split(';').next().unwrap_or_default().trim();
            if version.is_empty() {
                continue; // a new name for an older call: in its row
            }
            let version = parse(version).with_context(|| format!("syscalls(2): {name}: `{version}`"))?;
            versions.insert(name.trim().to_owned(), version);
        }
        if versions.len() < 400 {
            bail!("syscalls(2) lists {} calls only", versions.len())
        }
        Ok(Self(versions))
    }

    /// The version that brought a call to an ABI.
    pub(super) fn of(&self, abi: &str, name: &str, implemented: bool) -> Result<Version> {
        let added = |wanted: &str| {
            let mut entries = ADDED.iter().filter(|(abi, ..)| *abi == wanted);
            entries.find(|(.., names)| names.split_whitespace().any(|other| other == name))
        };
        let found = added(abi).or_else(|| added("any")).map(|(_, version, _)| *version);
        let found = found.or_else(|| self.0.get(name).copied());
        let first = FIRST.iter().find(|(other, _)| *other == abi).map_or((0, 0, 0), |(_, first)| *first);
        match found {
            Some(version) => Ok(version.max(first)),
            // A number that answers ENOSYS was reserved with the first table.
            None if !implemented => Ok(first),
            None => bail!("no version of {name} on {abi}: add it to since.rs"),
        }
    }
}

/// `2.6.27`, `5.1`.
fn parse(text: &str) -> Result<Version> {
    let mut numbers = text.trim().split('.').map(str::parse::<u8>);
    let major = numbers.next().context("empty")??;
    let minor = numbers.next().context("no second number")??;
    Ok((major, minor, numbers.next().transpose()?.unwrap_or(0)))
}

/// Fails where a table of an older kernel has a call before its version, or lacks it afterwards,
/// and where an exception is not needed any more.
pub(super) fn check(presence: &str, calls: &[(&str, u16, &str, Version)]) -> Result<()> {
    let (mut compared, mut used, mut wrong) = (0, BTreeSet::new(), Vec::new());
    for line in presence.lines().filter(|line| !line.starts_with('#')) {
        let presence = Presence::new(line).with_context(|| format!("presence.txt: {line:.40}"))?;
        for (_, number, name, version) in calls.iter().filter(|(abi, ..)| *abi == presence.abi) {
            compared += 1;
            if presence.has(*number) == (*version <= presence.version) {
                continue;
            }
            let excepted = NOT_FOLLOWED.iter().position(|(label, source, call, _)| {
                call == name && *source == presence.source && (*label == "*" || *label == presence.label)
            });
            match excepted {
                Some(at) => _ = used.insert(at),
                None => wrong.push(format!(
                    "{name} on {} since {version:?}, but {} {} it in {}",
                    presence.abi,
                    presence.source,
                    if presence.has(*number) { "has" } else { "lacks" },
                    presence.label
                )),
            }
        }
    }
    for (at, (label, source, call, why)) in NOT_FOLLOWED.iter().enumerate() {
        if used.contains(&at) {
            println!("{call}: not as {source} {label} says: {why}");
        } else {
            wrong.push(format!("the exception for {call} in {source} {label} is not needed"));
        }
    }
    println!("versions: {compared} comparisons with the tables of older kernels");
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"))
    }
    Ok(())
}

impl<'a> Presence<'a> {
    fn new(line: &'a str) -> Result<Self> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [label, abi, source, numbers] = fields[..] else { bail!("expected four fields") };
        let range = |text: &str| -> Result<(u16, u16)> {
            let (low, high) = text.split_once('-').unwrap_or((text, text));
            Ok((low.parse()?, high.parse()?))
        };
        let abi = match abi {
            "x86_64" => "X86_64",
            "i386" => "I386",
            "x32" => "X32",
            other => bail!("no ABI {other}"),
        };
        let numbers = numbers.split(',').map(range).collect::<Result<_>>()?;
        Ok(Self { version: parse(label)?, label, abi, source, numbers })
    }

    fn has(&self, number: u16) -> bool {
        self.numbers.iter().any(|(low, high)| (*low..=*high).contains(&number))
    }
}
