//! The facts of a host, for people (grouped, each with where it was read) and as JSON (stable
//! names, for programs that compare hosts).

mod rows;

use std::fmt::Write;

use serde::Serialize;
use serde_json::Value;

use crate::host::{Fact, Host, Reading};

/// Raised when a field or a name changes its meaning or goes away.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'r> {
    version: u32,
    kind: &'static str,
    facts: Vec<Entry<'r>>,
}

#[derive(Serialize)]
struct Entry<'r> {
    id: &'r str,
    state: &'static str,
    value: &'r Value,
    text: &'r str,
    from: &'r str,
}

/// One fact, as it is shown.
struct Row {
    group: &'static str,
    id: String,
    state: State,
    value: Value,
    text: String,
    from: &'static str,
}

/// Whether a fact is known.
#[derive(Clone, Copy)]
enum State {
    Known,
    Absent,
    Unknown,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Absent => "absent",
            Self::Unknown => "unknown",
        }
    }
}

impl Row {
    fn known(
        group: &'static str,
        id: impl Into<String>,
        value: impl Into<Value>,
        text: impl Into<String>,
        from: &'static str,
    ) -> Self {
        let (id, value, text) = (id.into(), value.into(), text.into());
        Self { group, id, state: State::Known, value, text, from }
    }

    /// A reading: its value as `show` has it, or why there is none.
    fn reading<T, V: Into<Value>>(
        group: &'static str,
        id: impl Into<String>,
        fact: &Fact<Reading<T>>,
        show: impl FnOnce(&T) -> (V, String),
    ) -> Self {
        let (state, value, text) = match &fact.value {
            Reading::Known(value) => {
                let (value, text) = show(value);
                (State::Known, value.into(), text)
            }
            Reading::Absent(meaning) => (State::Absent, Value::Null, (*meaning).to_owned()),
            Reading::Unknown(why) => (State::Unknown, Value::Null, why.clone()),
        };
        Self { group, id: id.into(), state, value, text, from: fact.from }
    }
}

/// Every fact, a line each, in groups, with a final newline. Reads all of them.
#[must_use]
pub fn human(host: &Host) -> String {
    let rows = rows::all(host);
    let width = rows.iter().map(|row| row.id.len()).max().unwrap_or(0);
    let mut out = String::new();
    let mut group = "";
    for row in &rows {
        if row.group != group {
            let gap = if group.is_empty() { "" } else { "\n" };
            let _ = writeln!(out, "{gap}{}", row.group);
            group = row.group;
        }
        let state = match row.state {
            State::Known => "",
            State::Absent => "none: ",
            State::Unknown => "unknown: ",
        };
        let _ = writeln!(out, "  {:width$}  {state}{}  [{}]", row.id, row.text, row.from);
    }
    out
}

/// Every fact as text, by id. Reads all of them.
pub(super) fn facts(host: &Host) -> std::collections::BTreeMap<String, String> {
    rows::all(host).into_iter().map(|row| (row.id, format!("{}: {}", row.state.name(), row.text))).collect()
}

/// Every fact as one JSON document, indented, with a final newline. Reads all of them.
#[must_use]
pub fn json(host: &Host) -> String {
    let rows = rows::all(host);
    let facts = rows
        .iter()
        .map(|row| Entry {
            id: &row.id,
            state: row.state.name(),
            value: &row.value,
            text: &row.text,
            from: row.from,
        })
        .collect();
    let document = Document { version: VERSION, kind: "ringfence.host", facts };
    // Strings and numbers only: nothing in it can fail to be written.
    let text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text + "\n"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::host::Sysctl;

    #[test]
    fn names_are_stable_and_each_is_there_once() {
        let rows = rows::all(&Host::for_tests());
        let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        for id in [
            "kernel.release",
            "kernel.core_pattern",
            "gate.i386",
            "gate.x32",
            "seccomp.actions",
            "seccomp.actions_logged",
            "seccomp.flags",
            "lsm.active",
            "lsm.lockdown",
            "landlock.abi",
            "landlock.errata",
            "namespaces.user.restrictions",
            "namespaces.user.tried",
            "namespaces.proc.tried",
            "kernel.yama.ptrace_scope",
            "user.max_user_namespaces",
            "cgroup.layout",
            "cgroup.memory",
            "audit.status",
            "caller.uid",
            "cpu.umip",
        ] {
            assert!(ids.contains(&id), "{id} is gone: raise VERSION");
        }
    }

    #[test]
    fn groups_are_together_and_rows_say_where_from() {
        let rows = rows::all(&Host::for_tests());
        let mut groups: Vec<&str> = rows.iter().map(|row| row.group).collect();
        groups.dedup();
        assert_eq!(groups.iter().collect::<BTreeSet<_>>().len(), groups.len());
        assert!(rows.iter().all(|row| !row.from.is_empty() && !row.text.contains('\n')));
    }

    #[test]
    fn people_see_the_state_and_the_place() {
        let host = Host::for_tests().with_sysctl(Sysctl::PtraceScope, Reading::Known(2));
        let text = human(&host);
        let line = |id: &str| text.lines().find(|line| line.trim_start().starts_with(id)).unwrap().to_owned();
        assert!(line("kernel.release").ends_with("6.18.0  [test]"));
        assert!(line("kernel.yama.ptrace_scope").contains("2: only with CAP_SYS_PTRACE"));
        assert!(line("kernel.unprivileged_userns_clone").contains("none: "));
        assert!(line("audit.status").contains("unknown: "));
        assert!(text.starts_with("Kernel\n") && text.ends_with('\n'));
    }

    #[test]
    fn programs_see_values() {
        let document: Value = serde_json::from_str(&json(&Host::for_tests())).unwrap();
        assert_eq!(
            (document["version"].as_u64(), document["kind"].as_str()),
            (Some(1), Some("ringfence.host"))
        );
        let fact = |id: &str| {
            let facts = document["facts"].as_array().unwrap();
            facts.iter().find(|fact| fact["id"] == id).unwrap().clone()
        };
        assert_eq!(fact("landlock.abi")["value"], 7);
        assert_eq!(
            (&fact("landlock.abi_7")["value"], &fact("landlock.abi_8")["value"]),
            (&true.into(), &false.into())
        );
        assert_eq!(fact("lsm.active")["value"][2], "landlock");
        assert_eq!(fact("gate.x32")["state"], "absent");
        assert_eq!(fact("caller.uid")["value"], 1000);
    }

    #[test]
    fn the_same_host_gives_the_same_bytes() {
        assert_eq!(json(&Host::for_tests()), json(&Host::for_tests()));
    }

    #[test]
    fn this_host_can_be_shown() {
        let text = human(&Host::live());
        assert!(text.lines().count() > 60, "{text}");
    }
}
