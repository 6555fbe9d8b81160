//! Numbers of the table against the running kernel: what it has no entry for answers ENOSYS.

use std::collections::BTreeMap;

use ringfence_bpf::table::{self, Abi, Version};

use crate::call;

const ENOSYS: isize = -38;

/// Entry points of this kernel by name: whether it has code for them.
fn entries() -> Option<BTreeMap<String, bool>> {
    let text = std::fs::read_to_string("/proc/kallsyms").ok()?;
    let mut entries = BTreeMap::new();
    for line in text.lines() {
        let mut fields = line.split_whitespace().skip(1);
        let (Some(kind), Some(name)) = (fields.next(), fields.next()) else { continue };
        if let Some(entry) = name.strip_prefix("__x64_") {
            // A weak symbol is sys_ni_syscall by another name (COND_SYSCALL).
            entries.insert(entry.to_owned(), kind.eq_ignore_ascii_case("t"));
        }
    }
    (entries.len() > 300).then_some(entries)
}

/// Calls that this kernel has no entry for, and numbers beyond every table, with arguments that no
/// call would take.
#[test]
fn what_this_kernel_lacks_answers_enosys() {
    let Some(entries) = entries() else {
        eprintln!("skipped: gate::number: /proc/kallsyms has no names");
        return;
    };
    let mut lacking: Vec<(u32, &str)> = Vec::new();
    for prototype in table::prototypes(Abi::X86_64) {
        let has = prototype.entry().is_some_and(|entry| entries.get(entry) == Some(&true));
        if !has {
            lacking.push((prototype.number, prototype.name));
        }
    }
    assert!(lacking.len() > 3, "{lacking:?}");
    let last = table::highest(Abi::X86_64);
    lacking.extend((last + 1..last + 40).map(|number| (number, "beyond the table")));
    for (number, name) in lacking {
        // SAFETY: the kernel has no code for this number; no memory is named by these arguments.
        let answer = unsafe { call::raw(number as usize, [usize::MAX; 6]) };
        assert_eq!(answer, ENOSYS, "{number} {name}");
    }
}

/// Every call that is not newer than this kernel has an entry, unless this build leaves it out; every
/// call that is newer has none.
#[test]
fn versions_of_this_kernel() {
    let (Some(entries), Ok(release)) = (entries(), std::fs::read_to_string("/proc/sys/kernel/osrelease"))
    else {
        eprintln!("skipped: gate::number: /proc/kallsyms has no names");
        return;
    };
    let running: Version = release.parse().unwrap();
    let (mut older, mut newer) = (0, 0);
    for prototype in table::prototypes(Abi::X86_64) {
        let Some(entry) = prototype.entry() else { continue };
        let symbol = entries.contains_key(entry);
        if prototype.since <= running {
            assert!(symbol, "{} is there since {}, not in {running}", prototype.name, prototype.since);
            older += 1;
        } else {
            assert!(!symbol, "{} is there since {}, and in {running}", prototype.name, prototype.since);
            newer += 1;
        }
    }
    assert!(older > 300, "{older} calls are older than {running}, {newer} newer");
}
