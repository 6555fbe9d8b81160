//! The filter of each directive, in the order in which systemd loads them.
//!
//! Values: `include/uapi/asm-generic/mman-common.h`, `include/uapi/linux/shm.h`,
//! `include/uapi/linux/sched.h`, `include/uapi/asm-generic/fcntl.h`, `include/uapi/linux/stat.h`.

use ringfence_bpf::filter::{AbiSet, Action};
use ringfence_bpf::table::{self, Abi};

use super::super::Error;
use super::super::libseccomp::{Compare, Condition, Filter as Rules, Rule};
use super::Unit;
use super::setting::{ALL_NAMESPACES, NAMESPACES, Names, Settings, Source, Special};

const EPERM: Action = Action::Errno(1);
const ENOSYS: Action = Action::Errno(38);
const EAFNOSUPPORT: Action = Action::Errno(97);
const PROT_WRITE: u64 = 2;
const PROT_EXEC: u64 = 4;
const SHM_EXEC: u64 = 0o10_0000;
const SCHED_OTHER: u64 = 0;
const SCHED_BATCH: u64 = 3;
const SCHED_IDLE: u64 = 5;
const O_CREAT: u64 = 0o100;
const S_ISUID: u64 = 0o4000;
const S_ISGID: u64 = 0o2000;
/// `AF_MAX` of Linux 5.14 and later.
const AF_MAX: u32 = 46;

pub(super) fn apply(settings: &Settings, unit: &mut Unit<'_>) -> Result<(), Error> {
    let switch = |name| settings.switches.get(name).copied();
    if let Some((allows, families, source)) = &settings.families {
        // On i386 socket(2) may be socketcall(2), whose arguments are in memory: systemd leaves it.
        let rules = |abi| (abi != Abi::I386).then(|| address_families(*allows, families));
        unit.each(source, Action::Allow, rules)?;
    }
    if let Some(source) = switch("MemoryDenyWriteExecute") {
        unit.each(&source, Action::Allow, |abi| Some(write_execute(abi)))?;
    }
    if let Some(source) = switch("RestrictRealtime") {
        unit.each(&source, Action::Allow, |_| Some(realtime()))?;
    }
    if let Some(source) = switch("RestrictSUIDSGID").or(switch("DynamicUser")) {
        unit.each(&source, Action::Allow, |_| Some([set_id(S_ISUID), set_id(S_ISGID)].concat()))?;
    }
    if let Some((kept, source)) = settings.namespaces
        && kept & ALL_NAMESPACES != ALL_NAMESPACES
    {
        unit.each(&source, Action::Allow, |_| Some(namespaces(kept)))?;
    }
    let lists: [(&'static str, &[&str]); 5] = [
        ("ProtectKernelTunables", &["_sysctl"]),
        ("ProtectKernelModules", &["@module"]),
        ("ProtectKernelLogs", &["syslog"]),
        ("ProtectClock", &["@clock"]),
        ("PrivateDevices", &["@raw-io"]),
    ];
    for (name, calls) in lists {
        if let Some(source) = switch(name) {
            unit.each(&source, Action::Allow, |_| Some(plain(calls, EPERM)))?;
        }
    }
    if let Some((abis, source)) = &settings.architectures {
        architectures(abis, source, unit)?;
    }
    if let Some(source) = switch("LockPersonality") {
        let personality = Condition { argument: 0, op: Compare::Ne, value: settings.personality };
        unit.each(&source, Action::Allow, |_| Some(vec![rule("personality", &[personality], EPERM)]))?;
    }
    if let Some(log) = &settings.log {
        let (default, action) =
            if log.allows { (Action::Allow, Action::Log) } else { (Action::Log, Action::Allow) };
        unit.each(&log.source, default, |_| Some(names(log, action)))?;
    }
    if let Some(filter) = &settings.filter {
        system_calls(filter, settings.errno, unit)?;
    }
    if let Some(source) = switch("ProtectHostname") {
        unit.each(&source, Action::Allow, |_| Some(plain(&["sethostname", "setdomainname"], EPERM)))?;
        // systemd does this first of all, while it still may make namespaces.
        let count = unit.stack.iter().filter(|filter| filter.label.starts_with("ProtectHostname")).count();
        unit.stack.rotate_right(count);
    }
    Ok(())
}

fn rule(call: &str, conditions: &[Condition], action: Action) -> Rule {
    Rule { call: call.to_owned(), conditions: conditions.to_vec(), action, origin: 0 }
}

fn masked(argument: u8, bits: u64) -> Condition {
    Condition { argument, op: Compare::MaskedEq(bits), value: bits }
}

/// Names and groups without conditions.
fn plain(calls: &[&str], action: Action) -> Vec<Rule> {
    let members = |name: &&str| match table::group(name) {
        Some(group) => group.members().map(|call| call.name().to_owned()).collect(),
        None => vec![(*name).to_owned()],
    };
    calls.iter().flat_map(members).map(|call| rule(&call, &[], action)).collect()
}

fn system_calls(filter: &Names, errno: Option<Special>, unit: &mut Unit<'_>) -> Result<(), Error> {
    let denied = match errno {
        Some(Special::Errno(errno)) => Action::Errno(errno),
        _ => Action::KillProcess,
    };
    let (default, action) = if filter.allows { (denied, Action::Allow) } else { (Action::Allow, denied) };
    let rules = names(filter, action);
    if let Some(same) = rules.iter().find(|rule| rule.action == default) {
        let message = format!("`{}` gets what every other call gets", same.call);
        return Err(Error::new(message)
            .at(format!("{}:{}", unit.name, filter.source.line))
            .help("systemd fails to load this filter: remove the name or its error number"));
    }
    if filter.allows || !rules.is_empty() {
        unit.each(&filter.source, default, |_| Some(rules.clone()))?;
    }
    Ok(())
}

fn names(names: &Names, action: Action) -> Vec<Rule> {
    let one = |(call, special): (&String, &Special)| {
        let action = match special {
            Special::None => action,
            Special::Errno(errno) => Action::Errno(*errno),
            Special::Kill => Action::KillProcess,
        };
        rule(call, &[], action)
    };
    names.calls.iter().map(one).collect()
}

fn address_families(allows: bool, families: &std::collections::BTreeSet<u32>) -> Vec<Rule> {
    let deny = |op, value: u32| {
        rule("socket", &[Condition { argument: 0, op, value: u64::from(value) }], EAFNOSUPPORT)
    };
    if !allows {
        return families.iter().map(|family| deny(Compare::Eq, *family)).collect();
    }
    let valid = || families.iter().copied().filter(|family| (1..AF_MAX).contains(family));
    let (Some(first), Some(last)) = (valid().min(), valid().max()) else {
        return vec![rule("socket", &[], EAFNOSUPPORT)];
    };
    let mut rules = vec![deny(Compare::Lt, first), deny(Compare::Gt, last)];
    rules.extend(
        (1..AF_MAX).filter(|family| !families.contains(family)).map(|family| deny(Compare::Eq, family)),
    );
    rules
}

fn write_execute(abi: Abi) -> Vec<Rule> {
    let executable = masked(2, PROT_EXEC);
    let both = masked(2, PROT_EXEC | PROT_WRITE);
    let mut rules = if abi == Abi::I386 {
        // The old mmap(2) has its arguments in memory; shmat(2) may be ipc(2), which systemd leaves.
        vec![rule("mmap2", &[both], EPERM), rule("mmap", &[], EPERM)]
    } else {
        vec![rule("mmap", &[both], EPERM), rule("shmat", &[masked(2, SHM_EXEC)], EPERM)]
    };
    rules.push(rule("mprotect", &[executable], EPERM));
    rules.push(rule("pkey_mprotect", &[executable], EPERM));
    rules
}

fn realtime() -> Vec<Rule> {
    let kept = [SCHED_OTHER, SCHED_BATCH, SCHED_IDLE];
    let deny = |op, value| rule("sched_setscheduler", &[Condition { argument: 1, op, value }], EPERM);
    let mut rules: Vec<Rule> = (0..SCHED_IDLE)
        .filter(|policy| !kept.contains(policy))
        .map(|policy| deny(Compare::Eq, policy))
        .collect();
    rules.push(deny(Compare::Gt, SCHED_IDLE));
    rules
}

fn set_id(mode: u64) -> Vec<Rule> {
    let places = [
        ("chmod", 1),
        ("fchmod", 1),
        ("fchmodat", 2),
        ("fchmodat2", 2),
        ("mkdir", 1),
        ("mkdirat", 2),
        ("mknod", 1),
        ("mknodat", 2),
        ("creat", 1),
    ];
    let mut rules: Vec<Rule> =
        places.into_iter().map(|(call, argument)| rule(call, &[masked(argument, mode)], EPERM)).collect();
    rules.push(rule("open", &[masked(1, O_CREAT), masked(2, mode)], EPERM));
    rules.push(rule("openat", &[masked(2, O_CREAT), masked(3, mode)], EPERM));
    // Its flags are in memory.
    rules.push(rule("openat2", &[], ENOSYS));
    rules
}

fn namespaces(kept: u64) -> Vec<Rule> {
    let mut rules = vec![rule("clone3", &[], ENOSYS)];
    let none = kept & ALL_NAMESPACES == 0;
    if none {
        rules.push(rule("setns", &[], EPERM));
    } else {
        rules.push(rule("setns", &[Condition { argument: 1, op: Compare::Eq, value: 0 }], EPERM));
    }
    for (_, flag) in NAMESPACES.iter().filter(|(_, flag)| kept & flag == 0) {
        rules.push(rule("unshare", &[masked(0, *flag)], EPERM));
        rules.push(rule("clone", &[masked(0, *flag)], EPERM));
        if !none {
            rules.push(rule("setns", &[masked(1, *flag)], EPERM));
        }
    }
    rules
}

/// One filter without rules that ends whoever comes through another ABI.
fn architectures(
    open: &std::collections::BTreeSet<Abi>,
    source: &Source,
    unit: &mut Unit<'_>,
) -> Result<(), Error> {
    let closed: Vec<Abi> = [Abi::I386, Abi::X32].into_iter().filter(|abi| !open.contains(abi)).collect();
    if closed.is_empty() {
        return Ok(());
    }
    unit.blocked.extend(&closed);
    let filter = Rules {
        abis: open.iter().copied().collect::<AbiSet>().with(Abi::X86_64),
        default: Action::Allow,
        bad_arch: Action::KillThread,
        rules: Vec::new(),
        origins: vec![format!("{}:{}", unit.name, source.line)],
    };
    unit.push(source.directive.to_owned(), filter)
}
