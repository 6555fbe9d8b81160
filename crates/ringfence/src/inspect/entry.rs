//! What was seen of a process, as a list: a part, what is known of it, and what is not. Pure.

use ringfence_bpf::diagram::Space;
use ringfence_bpf::surface::surface;

use super::{Inspected, Part};
use crate::control::lsm::observe::{Label, Says};
use crate::control::{credential, limit, mount, namespace, net, seccomp};
use crate::exchange::{Imported, Meaning};
use crate::policy::model::Capability;

/// What the kernel shows nobody.
const NO_LANDLOCK: &str = "no file or call of the kernel shows whether a process has a Landlock domain, or which rules: \
                           only its audit record 1424 names the process, at the domain's first denial";

/// One thing that is known, or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `namespaces`, `seccomp`, `lsm`.
    pub part: &'static str,
    /// What, within the part.
    pub id: String,
    /// `None`: it is unknown, and `text` says why.
    pub value: Option<Value>,
    /// In words.
    pub text: String,
}

/// A value for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Value {
    Nothing,
    Flag(bool),
    Number(u64),
    Text(String),
    List(Vec<Value>),
    Map(Vec<(&'static str, Value)>),
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Number(number as u64)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl<T: Into<Value>> FromIterator<T> for Value {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

/// Everything that is known of a process, part by part.
#[must_use]
pub fn entries(process: &Inspected) -> Vec<Entry> {
    let mut list = List::default();
    identity(process, &mut list);
    list.part("namespaces", &process.namespaces, |seen, list| namespaces(seen, &process.own, list));
    list.part("mounts", &process.mounts, mounts);
    list.part("network", &process.network, network);
    list.part("credentials", &process.credentials, credentials);
    list.part("seccomp", &process.seccomp, |seen, list| gate(*seen, &process.filters, list));
    list.unknown("landlock", "domain", NO_LANDLOCK);
    list.part("lsm", &process.labels, |labels, list| labels.iter().for_each(|label| one(label, list)));
    list.part("limits", &process.limits, limits);
    list.entries
}

#[derive(Default)]
struct List {
    entries: Vec<Entry>,
    here: &'static str,
}

impl List {
    fn part<T>(&mut self, name: &'static str, part: &Part<T>, show: impl FnOnce(&T, &mut Self)) {
        self.here = name;
        match part {
            Ok(seen) => show(seen, self),
            Err(why) => self.unknown(name, "all of it", why),
        }
    }

    fn known(&mut self, id: impl Into<String>, value: impl Into<Value>, text: impl Into<String>) {
        let (id, value, text) = (id.into(), value.into(), text.into());
        self.entries.push(Entry { part: self.here, id, value: Some(value), text });
    }

    fn unknown(&mut self, part: &'static str, id: impl Into<String>, why: &str) {
        let entry = Entry { part, id: id.into(), value: None, text: why.to_owned() };
        self.entries.push(entry);
    }
}

fn identity(process: &Inspected, list: &mut List) {
    let seen = &process.identity;
    list.here = "process";
    list.known("id", seen.pid, format!("{}, a child of {}", seen.pid, seen.parent));
    if seen.inside.len() > 1 {
        let ids: Vec<String> = seen.inside.iter().map(ToString::to_string).collect();
        list.known(
            "ids",
            seen.inside.iter().cloned().collect::<Value>(),
            format!("{}, from this pid namespace to its own", ids.join(", ")),
        );
    }
    list.known("command", seen.command.to_string(), seen.command.to_string());
    match &seen.program {
        Some(program) => list.known("program", program.to_string(), program.to_string()),
        None => list.unknown("process", "program", "not this caller's to look at"),
    }
    list.known("threads", seen.threads, seen.threads.to_string());
    for thread in &process.unlike {
        let text = format!("has other {} than thread {}", thread.what.join(" and "), seen.pid);
        list.known(format!("thread {}", thread.id), thread.what.iter().cloned().collect::<Value>(), text);
    }
}

fn namespaces(
    seen: &namespace::observe::Observed,
    own: &Part<namespace::observe::Observed>,
    list: &mut List,
) {
    let own = own.as_ref().ok();
    for (kind, inode) in &seen.namespaces {
        let shared = own.and_then(|own| own.namespaces.get(kind)).map(|own| own == inode);
        let words = match shared {
            Some(true) => "the caller's",
            Some(false) => "another than the caller's",
            None => "not known whether the caller's",
        };
        let name = format!("{kind:?}").to_lowercase();
        list.known(
            name,
            Value::Map(vec![
                ("inode", (*inode).into()),
                ("shared", shared.map_or(Value::Nothing, Value::Flag)),
            ]),
            format!("{words} ({inode})"),
        );
    }
    for (name, map) in [("uid-map", &seen.uids), ("gid-map", &seen.gids)] {
        let line = |extent: &namespace::Extent| {
            format!("{} is {} outside, {} of them", extent.inside, extent.outside, extent.count)
        };
        let lines: Vec<String> = map.iter().map(line).collect();
        list.known(
            name,
            lines.iter().cloned().collect::<Value>(),
            if lines.is_empty() { "none".to_owned() } else { lines.join("; ") },
        );
    }
    let words = if seen.setgroups_denied { "denied" } else { "allowed" };
    list.known("setgroups", words, words);
}

fn mounts(seen: &mount::observe::Observed, list: &mut List) {
    match seen.same_root {
        Some(same) => {
            list.known("root", same, if same { "the caller's" } else { "another than the caller's" })
        }
        None => list.unknown("mounts", "root", "not this caller's to look at"),
    }
    let with = |option: &str| {
        let has = |mount: &&mount::observe::Mount| mount.options.split(',').any(|word| word == option);
        seen.mounts.iter().filter(has).count()
    };
    let value = Value::Map(vec![
        ("all", seen.mounts.len().into()),
        ("ro", with("ro").into()),
        ("nosuid", with("nosuid").into()),
        ("nodev", with("nodev").into()),
        ("noexec", with("noexec").into()),
    ]);
    let text = format!(
        "{}: {} read-only, {} nosuid, {} nodev, {} noexec",
        seen.mounts.len(),
        with("ro"),
        with("nosuid"),
        with("nodev"),
        with("noexec")
    );
    list.known("mounts", value, text);
    let writable: Vec<&str> = seen
        .mounts
        .iter()
        .filter(|mount| mount.options.split(',').any(|word| word == "rw"))
        .map(|mount| mount.point.as_str())
        .collect();
    list.known("writable", writable.iter().cloned().collect::<Value>(), writable.join(" "));
}

fn network(seen: &net::observe::Observed, list: &mut List) {
    list.known("interfaces", seen.interfaces.iter().cloned().collect::<Value>(), seen.interfaces.join(" "));
}

fn credentials(seen: &credential::observe::Observed, list: &mut List) {
    let ids = |ids: [u32; 4]| {
        let [real, effective, saved, files] = ids;
        match ids.iter().all(|id| *id == real) {
            true => real.to_string(),
            false => format!("{real} real, {effective} effective, {saved} saved, {files} for files"),
        }
    };
    list.known("uid", seen.uid.iter().cloned().collect::<Value>(), ids(seen.uid));
    list.known("gid", seen.gid.iter().cloned().collect::<Value>(), ids(seen.gid));
    let groups: Vec<String> = seen.groups.iter().map(ToString::to_string).collect();
    list.known(
        "groups",
        seen.groups.iter().cloned().collect::<Value>(),
        if groups.is_empty() { "none".into() } else { groups.join(" ") },
    );
    let sets = [
        ("effective", seen.effective),
        ("permitted", seen.permitted),
        ("inheritable", seen.inheritable),
        ("ambient", seen.ambient),
        ("bounding", seen.bounding),
    ];
    for (name, set) in sets {
        list.known(format!("capabilities {name}"), format!("{set:#x}"), capabilities(set));
    }
    list.known("no_new_privs", seen.no_new_privs, if seen.no_new_privs { "yes" } else { "no" });
}

fn capabilities(set: u64) -> String {
    let names: Vec<String> =
        (0..64_u8).filter(|bit| set & 1 << bit != 0).map(|bit| Capability(bit).name().to_owned()).collect();
    match names.len() {
        0 => "none".to_owned(),
        // More than a reader takes in.
        many if many > 20 => format!("{many} ({set:#x})"),
        _ => names.join(" "),
    }
}

fn gate(seen: seccomp::observe::Observed, filters: &Part<Imported>, list: &mut List) {
    let mode = format!("{:?}", seen.mode).to_lowercase();
    list.known("mode", mode.clone(), mode);
    if seen.mode != seccomp::observe::Mode::Filter {
        return;
    }
    match seen.filters {
        Some(count) => list.known("filters", count, count.to_string()),
        None => list.unknown("seccomp", "filters", "the kernel does not count them (before Linux 5.9)"),
    }
    match filters {
        Err(why) => list.unknown("seccomp", "content", why),
        Ok(imported) => imported.gates.iter().for_each(|gate| content(gate, list)),
    }
}

/// What all filters of the process permit together.
fn content(gate: &crate::exchange::Gate, list: &mut List) {
    for filter in &gate.stack {
        if let Meaning::Program(program) = &filter.meaning {
            let count = program.insns().len();
            list.known(filter.label.clone(), count, format!("{count} instructions"));
        }
    }
    let mut space = Space::default();
    match gate.diagram(&mut space).and_then(|meaning| Ok(surface(&mut space, meaning)?)) {
        Err(why) => list.unknown("seccomp", "content", &why.to_string()),
        Ok(surface) => {
            for reach in &surface.abis {
                let (open, conditional) = (reach.open().count(), reach.conditional().count());
                let value = Value::Map(vec![
                    ("open", open.into()),
                    ("conditional", conditional.into()),
                    ("of", reach.of.into()),
                ]);
                let text = format!("{open} calls run, {conditional} under conditions, of {}", reach.of);
                list.known(format!("through {}", reach.abi.name()), value, text);
            }
        }
    }
}

fn one(label: &Label, list: &mut List) {
    let lsm = label.lsm.escape_debug().to_string();
    match &label.says {
        Says::Nothing => list.known(lsm, Value::Nothing, "gives processes no label"),
        Says::Hidden => list.unknown("lsm", lsm, "the kernel shows no process's domain"),
        Says::Unread(why) => list.unknown("lsm", lsm, why),
        Says::Has { current, next } => {
            let text = current.escape_debug().to_string();
            list.known(lsm.clone(), current.clone(), text);
            for (file, value) in next {
                list.known(format!("{lsm} {file}"), value.clone(), value.escape_debug().to_string());
            }
        }
    }
}

fn limits(seen: &limit::observe::Observed, list: &mut List) {
    for limit in &seen.rlimits {
        let value =
            Value::Map(vec![("soft", limit.soft.clone().into()), ("hard", limit.hard.clone().into())]);
        list.known(limit.name.clone(), value, format!("{} (at most {})", limit.soft, limit.hard));
    }
    list.known("cgroup", seen.member.iter().cloned().collect::<Value>(), seen.member.join(" "));
    for group in &seen.groups {
        let file = group.file.display().to_string();
        list.known(file, group.value.clone(), group.value.clone());
    }
}
