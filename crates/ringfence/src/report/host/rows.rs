//! Every fact as a row, in the order of the gate.

use serde_json::{Value, json};

use super::{Row, State};
use crate::host::asked::Hook;
use crate::host::cgroup::{Controller, Layout};
use crate::host::lsm::{LANDLOCK_ABIS, LANDLOCK_ERRATA};
use crate::host::{CorePattern, Fact, Host, Lockdown, Reading, Sysctl, audit, caller, cpu, seccomp, sysctl};

const KERNEL: &str = "Kernel";
const GATE: &str = "Gate and seccomp";
const NAMESPACES: &str = "Namespaces";
const CREDENTIALS: &str = "Caller";
const LSM: &str = "LSMs";
const LIMITS: &str = "Limits";
const AUDIT: &str = "Audit";
const SETTINGS: &str = "Settings";

pub(super) fn all(host: &Host) -> Vec<Row> {
    let mut rows = kernel(host);
    rows.extend(gate(host));
    rows.extend(namespaces(host));
    rows.extend(credentials(host));
    rows.extend(lsms(host));
    rows.extend(limits(host));
    rows.extend(audit_rows(host));
    rows.extend(settings(host));
    rows
}

fn kernel(host: &Host) -> Vec<Row> {
    let (release, cpu) = (host.release(), host.cpu());
    let mut rows = vec![
        Row::known(KERNEL, "kernel.release", &*release.value.text, &release.value.text, release.from),
        Row::reading(KERNEL, "kernel.core_pattern", host.core_pattern(), |pattern| match pattern {
            CorePattern::File(name) => (json!({"file": name}), format!("file {name}")),
            CorePattern::Pipe(program) => {
                (json!({"pipe": program}), format!("piped to a program as root, outside: {program}"))
            }
            CorePattern::Socket(path) => {
                (json!({"socket": path}), format!("sent to a socket outside: {path}"))
            }
        }),
        reading(KERNEL, "cpu.vendor", &cpu.value.vendor, cpu.from, |vendor| {
            let virtual_one = if cpu.value.hypervisor { ", under a hypervisor" } else { "" };
            (Value::from(vendor.as_str()), format!("{vendor}{virtual_one}"))
        }),
    ];
    rows.extend(cpu::FLAGS.iter().map(|(flag, what)| {
        let there = cpu.value.flags.contains(flag);
        let text = if there { (*what).to_owned() } else { format!("no: {what}") };
        Row::known(KERNEL, format!("cpu.{flag}"), there, text, cpu.from)
    }));
    rows
}

fn gate(host: &Host) -> Vec<Row> {
    let (abis, seccomp) = (host.abis(), host.seccomp());
    let present = |(): &()| (Value::from(true), "answered".to_owned());
    let flags = |set: u64| seccomp::FLAGS.iter().filter(move |(flag, ..)| set & flag != 0);
    let names: Vec<&str> = flags(seccomp.value.flags).map(|(_, name, _)| *name).collect();
    vec![
        Row::known(GATE, "gate.x86_64", true, "answered", abis.from),
        reading(GATE, "gate.i386", &abis.value.i386, abis.from, present),
        reading(GATE, "gate.x32", &abis.value.x32, abis.from, present),
        list(GATE, "seccomp.actions", &seccomp.value.actions, seccomp.from),
        reading(GATE, "seccomp.actions_logged", &seccomp.value.logged, seccomp.from, |names| {
            (Value::from(names.clone()), names.join(" "))
        }),
        list(GATE, "seccomp.flags", &names, seccomp.from),
    ]
}

fn namespaces(host: &Host) -> Vec<Row> {
    let (initial, user, tried) =
        (host.initial_user_namespace(), host.user_namespaces(), host.tried_namespaces());
    let restrictions: Vec<String> = user
        .value
        .restrictions
        .iter()
        .map(|found| format!("{} ({}); {}", found.what, found.from, found.lift))
        .collect();
    let text = if restrictions.is_empty() { "nothing known".to_owned() } else { restrictions.join("; ") };
    let proc = host.proc_mount();
    let covered: Vec<String> =
        proc.value.covered.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    let works = |(): &()| (Value::from(true), "works".to_owned());
    let chroot = |inside: &bool| (Value::from(*inside), if *inside { "yes" } else { "no" }.to_owned());
    let which = if initial.value { "the first" } else { "a nested one" };
    let mut rows = vec![
        Row::known(NAMESPACES, "namespaces.user.initial", initial.value, which, initial.from),
        Row::known(NAMESPACES, "namespaces.user.restrictions", restrictions, text, user.from),
        reading(NAMESPACES, "namespaces.user.tried", &tried.value.user, tried.from, works),
        reading(NAMESPACES, "namespaces.user.capable", &tried.value.capable, tried.from, works),
        reading(NAMESPACES, "namespaces.proc.tried", &tried.value.fresh_proc, tried.from, works),
        list(NAMESPACES, "proc.covered", &covered, proc.from),
        optional(NAMESPACES, "proc.hidepid", proc.value.hidepid.as_deref(), proc.from),
        Row::reading(NAMESPACES, "chroot", host.chroot(), chroot),
    ];
    rows.extend(sysctls(host, NAMESPACES, |name| name.starts_with("user.") || name.contains("userns")));
    rows
}

fn credentials(host: &Host) -> Vec<Row> {
    let (caller, ids) = (host.caller(), host.subordinate_ids());
    let value = &caller.value;
    let number = |id: &str, number: u32| {
        Row::known(CREDENTIALS, format!("caller.{id}"), number, number.to_string(), caller.from)
    };
    let set = |id: &str, set: u64| {
        let text = format!("{set:016x}");
        Row::known(CREDENTIALS, format!("caller.{id}"), &*text, &*text, caller.from)
    };
    let last = host.last_capability();
    let ranges = |ranges: &Vec<caller::IdRange>| {
        let text: Vec<String> =
            ranges.iter().map(|range| format!("{}+{}", range.first, range.count)).collect();
        let text = if text.is_empty() { "none".to_owned() } else { text.join(" ") };
        let pairs: Vec<Value> = ranges.iter().map(|range| json!([range.first, range.count])).collect();
        (Value::from(pairs), text)
    };
    let path = |path: &std::path::PathBuf| {
        let text = path.to_string_lossy().into_owned();
        (Value::from(&*text), text)
    };
    vec![
        number("uid", value.uid),
        number("euid", value.euid),
        number("gid", value.gid),
        number("egid", value.egid),
        list(CREDENTIALS, "caller.groups", &value.groups, caller.from),
        set("effective", value.effective),
        set("permitted", value.permitted),
        set("bounding", host.bounding().value),
        Row::known(CREDENTIALS, "caller.last_capability", last.value, last.value.to_string(), last.from),
        Row::known(
            CREDENTIALS,
            "caller.no_new_privs",
            value.no_new_privs,
            if value.no_new_privs { "set" } else { "not set" },
            caller.from,
        ),
        reading(CREDENTIALS, "ids.subuid", &ids.value.uids, ids.from, ranges),
        reading(CREDENTIALS, "ids.subgid", &ids.value.gids, ids.from, ranges),
        reading(CREDENTIALS, "ids.newuidmap", &ids.value.newuidmap, ids.from, path),
        reading(CREDENTIALS, "ids.newgidmap", &ids.value.newgidmap, ids.from, path),
    ]
}

/// The first that denies answers.
fn asked(host: &Host) -> Vec<Row> {
    let row = |hook: Hook| {
        let id = format!("lsm.asked.{}", hook.name());
        Row::reading(LSM, id, host.lsms(), |active| {
            let asked: Vec<String> = hook.asked(active).into_iter().map(str::to_owned).collect();
            let text = if asked.is_empty() { "none".to_owned() } else { asked.join(" ") };
            (asked, text)
        })
    };
    Hook::ALL.map(row).into()
}

fn lsms(host: &Host) -> Vec<Row> {
    let landlock = host.landlock();
    let abi = landlock.value.abi;
    let known = LANDLOCK_ABIS.last().map_or(0, |last| last.abi);
    let text = match abi {
        0 => "not available".to_owned(),
        abi if abi > known => format!("{abi}, which is newer than this ringfence ({known})"),
        abi => abi.to_string(),
    };
    let fixed: Vec<u32> = (1..=32).filter(|number| landlock.value.errata >> (number - 1) & 1 == 1).collect();
    let named = fixed.iter().map(|number| {
        let what = LANDLOCK_ERRATA.iter().find(|(known, _)| known == number);
        what.map_or_else(|| number.to_string(), |(_, what)| format!("{number} ({what})"))
    });
    let named: Vec<String> = named.collect();
    let errata = if named.is_empty() { "none known to be fixed".to_owned() } else { named.join(", ") };
    let mut rows = vec![
        Row::reading(LSM, "lsm.active", host.lsms(), |names| (names.clone(), names.join(" "))),
        Row::reading(LSM, "lsm.lockdown", host.lockdown(), |lockdown| {
            let word = match lockdown {
                Lockdown::None => "none",
                Lockdown::Integrity => "integrity",
                Lockdown::Confidentiality => "confidentiality",
            };
            (word, word.to_owned())
        }),
        Row::known(LSM, "landlock.abi", abi, text, landlock.from),
        Row::known(LSM, "landlock.errata", fixed, errata, landlock.from),
    ];
    rows.extend(asked(host));
    rows.extend(LANDLOCK_ABIS.iter().map(|entry| {
        let there = entry.abi <= abi;
        let brought = entry.brought.join(" ");
        let text = if there { brought } else { format!("no: {brought}; Linux {}", entry.release) };
        Row::known(LSM, format!("landlock.abi_{}", entry.abi), there, text, landlock.from)
    }));
    rows.extend(sysctls(host, LSM, |name| name.contains("yama")));
    rows
}

fn limits(host: &Host) -> Vec<Row> {
    let cgroup = host.cgroup();
    let layout = match cgroup.value.layout {
        Layout::None => "none",
        Layout::V1 => "v1",
        Layout::V2 => "v2",
        Layout::Hybrid => "hybrid",
    };
    let mut rows = vec![Row::known(LIMITS, "cgroup.layout", layout, layout, cgroup.from)];
    rows.extend(cgroup.value.hierarchies.iter().map(|hierarchy| {
        let name = if hierarchy.v2 { "v2".to_owned() } else { hierarchy.controllers.join(",") };
        let own = hierarchy.own.as_ref().map(|own| own.to_string_lossy().into_owned());
        let controllers =
            if hierarchy.v2 { format!(" ({})", hierarchy.controllers.join(" ")) } else { String::new() };
        let text = own.clone().unwrap_or_else(|| "outside of what is mounted".to_owned()) + &controllers;
        let value = json!({"own": own, "controllers": hierarchy.controllers});
        Row::known(LIMITS, format!("cgroup.own.{name}"), value, text, cgroup.from)
    }));
    rows.extend(Controller::ALL.into_iter().map(|controller| {
        let id = format!("cgroup.{}", controller.name());
        match cgroup.value.places.get(&controller) {
            Some(Ok(place)) => {
                let parent = place.parent.to_string_lossy().into_owned();
                let text = format!("can be limited, in {parent}");
                Row::known(LIMITS, id, json!({"v2": place.v2, "parent": parent}), text, cgroup.from)
            }
            Some(Err(why)) => Row::known(LIMITS, id, Value::Null, format!("no: {why}"), cgroup.from),
            None => unknown(LIMITS, id, cgroup.from),
        }
    }));
    rows
}

fn unknown(group: &'static str, id: String, from: &'static str) -> Row {
    Row { group, id, state: State::Unknown, value: Value::Null, text: "not looked at".to_owned(), from }
}

fn audit_rows(host: &Host) -> Vec<Row> {
    let audit = host.audit();
    let session = audit.value.session.map(|session| session.to_string());
    vec![
        Row::known(
            AUDIT,
            "audit.present",
            audit.value.present,
            if audit.value.present { "yes" } else { "no" },
            audit.from,
        ),
        optional(AUDIT, "audit.boot", audit.value.boot.as_deref(), audit.from),
        optional(AUDIT, "audit.session", session.as_deref(), audit.from),
        reading(AUDIT, "audit.status", &audit.value.status, audit.from, |status| {
            let audit::Status { enabled, failure, pid, rate_limit, backlog_limit, lost, backlog } = status;
            let value = json!({
                "enabled": enabled, "failure": failure, "pid": pid, "rate_limit": rate_limit,
                "backlog_limit": backlog_limit, "lost": lost, "backlog": backlog,
            });
            (
                value,
                format!("enabled {enabled}, daemon {pid}, lost {lost}, backlog {backlog}/{backlog_limit}"),
            )
        }),
    ]
}

fn settings(host: &Host) -> Vec<Row> {
    sysctls(host, SETTINGS, |name| {
        !(name.starts_with("user.") || name.contains("userns") || name.contains("yama"))
    })
}

fn sysctls(host: &Host, group: &'static str, choose: impl Fn(&str) -> bool) -> Vec<Row> {
    let chosen = sysctl::TABLE.iter().filter(|entry| choose(entry.name));
    chosen.map(|entry| sysctl_row(host, group, entry.sysctl)).collect()
}

fn sysctl_row(host: &Host, group: &'static str, sysctl: Sysctl) -> Row {
    let entry = sysctl.entry();
    Row::reading(group, entry.name, host.sysctl(sysctl), |value| {
        let text = entry.meaning(*value).map_or_else(|| value.to_string(), |what| format!("{value}: {what}"));
        (*value, text)
    })
}

fn reading<T, V: Into<Value>>(
    group: &'static str,
    id: &str,
    reading: &Reading<T>,
    from: &'static str,
    show: impl FnOnce(&T) -> (V, String),
) -> Row
where
    T: Clone,
{
    Row::reading(group, id, &Fact { value: reading.clone(), from }, show)
}

fn list<T: ToString + Clone + Into<Value>>(
    group: &'static str,
    id: &str,
    items: &[T],
    from: &'static str,
) -> Row {
    let text = items.iter().map(T::to_string).collect::<Vec<_>>().join(" ");
    Row::known(group, id, items.to_vec(), if items.is_empty() { "none".to_owned() } else { text }, from)
}

fn optional(group: &'static str, id: &str, value: Option<&str>, from: &'static str) -> Row {
    Row::known(group, id, value, value.unwrap_or("not set"), from)
}
