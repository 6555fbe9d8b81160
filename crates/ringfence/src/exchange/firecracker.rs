//! Firecracker's filters for each kind of thread, and seccompiler's files: JSON.
//!
//! Source: Firecracker's `docs/seccompiler.md`, and the crate seccompiler. A call is matched where
//! any of its rules holds; a rule holds where all its `args` do. A `dword` looks at the low 32 bits
//! of the register and of the value. The filter is for x86_64: any other architecture kills the
//! process, while x32 is not told apart and gets the default. A rule without `args` beside one that
//! has some says nothing: seccompiler keeps the conditions.

use std::collections::BTreeMap;

use ringfence_bpf::filter::Action;
use ringfence_bpf::table::{self, Abi, CallId};
use serde::Deserialize;

use super::compare::{above, all, below, equal, not_equal};
use super::listing::{Arch, Clause, Listing, Op, Test};
use super::recognise::malformed;
use super::{Error, Filter, Gate, Imported, Language, Note};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Thread {
    #[serde(alias = "mismatch_action")]
    default_action: Answer,
    #[serde(alias = "match_action")]
    filter_action: Answer,
    filter: Vec<Rule>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Allow,
    Errno(u32),
    KillThread,
    KillProcess,
    Log,
    Trace(u32),
    Trap,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    syscall: String,
    args: Option<Vec<Condition>>,
    #[serde(default, rename = "comment")]
    _comment: Option<String>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Compare {
    Eq,
    Ge,
    Gt,
    Le,
    Lt,
    MaskedEq(u64),
    Ne,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Width {
    Dword,
    Qword,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Condition {
    index: u8,
    #[serde(rename = "type")]
    width: Width,
    op: Compare,
    val: u64,
    #[serde(default, rename = "comment")]
    _comment: Option<String>,
}

pub(super) fn import(text: &str, name: &str) -> Result<Imported, Error> {
    let threads: BTreeMap<String, Thread> =
        serde_json::from_str(text).map_err(|error| malformed(&error, name))?;
    let mut notes = Vec::new();
    let mut gates = Vec::new();
    for (thread, said) in threads {
        let listing = listing(&said, &format!("{name}: {thread}"), &mut notes)?;
        gates.push(Gate { name: thread, stack: vec![Filter::listing("", listing)] });
    }
    if gates.is_empty() {
        return Err(Error::new("no thread has a filter").at(name));
    }
    Ok(Imported { language: Language::Firecracker, gates, notes })
}

fn listing(thread: &Thread, place: &str, notes: &mut Vec<Note>) -> Result<Listing, Error> {
    let (default, matched) = (action(thread.default_action, place)?, action(thread.filter_action, place)?);
    if default == matched {
        let message = "default_action and filter_action are the same, so that no rule says anything";
        return Err(Error::new(message).at(place));
    }
    let mut numbers: BTreeMap<u32, Vec<Clause>> = BTreeMap::new();
    let mut origins = Vec::new();
    for (index, rule) in thread.filter.iter().enumerate() {
        let place = format!("{place}.filter[{index}]");
        let Some(prototype) = table::by_name(Abi::X86_64, &rule.syscall) else {
            return Err(
                Error::unknown("system call", &rule.syscall, table::names().map(CallId::name)).at(place)
            );
        };
        origins.push(format!("filter[{index}]"));
        let clauses = numbers.entry(prototype.number).or_default();
        let Some(conditions) = &rule.args else { continue };
        if conditions.is_empty() {
            return Err(Error::new("`args` is an empty list")
                .at(place)
                .help("leave it out for any arguments"));
        }
        let mut tests = vec![Vec::new()];
        for condition in conditions {
            if condition.index > 5 {
                let message = format!("a system call has arguments 0 to 5, not {}", condition.index);
                return Err(Error::new(message).at(place));
            }
            tests = all(&tests, &ways(condition)).map_err(|error| error.at(&place))?;
        }
        clauses.extend(tests.into_iter().map(|tests| Clause { tests, action: matched, origin: index }));
    }
    for (index, rule) in thread.filter.iter().enumerate().filter(|(_, rule)| rule.args.is_none()) {
        let number = table::by_name(Abi::X86_64, &rule.syscall).map_or(0, |prototype| prototype.number);
        let clauses = numbers.entry(number).or_default();
        if clauses.is_empty() {
            clauses.push(Clause { tests: Vec::new(), action: matched, origin: index });
        } else if clauses.iter().any(|clause| !clause.tests.is_empty()) {
            let text = format!(
                "{place}.filter[{index}] says nothing: seccompiler ignores a rule without `args` where {} has others",
                rule.syscall
            );
            notes.push(Note::new(text));
        }
    }
    let arch = Arch { audit: table::AUDIT_ARCH_X86_64, regions: vec![(0, default)], numbers };
    Ok(Listing { arches: vec![arch], other: Action::KillProcess, origins })
}

fn action(answer: Answer, place: &str) -> Result<Action, Error> {
    let data = |value: u32| {
        u16::try_from(value).map_err(|_| Error::new(format!("{value} has more than 16 bits")).at(place))
    };
    Ok(match answer {
        Answer::Allow => Action::Allow,
        Answer::Errno(errno) => Action::Errno(data(errno)?),
        Answer::KillThread => Action::KillThread,
        Answer::KillProcess => Action::KillProcess,
        Answer::Log => Action::Log,
        Answer::Trace(value) => Action::Trace(data(value)?),
        Answer::Trap => Action::Trap(0),
    })
}

/// A condition as alternatives of tests.
fn ways(condition: &Condition) -> Vec<Vec<Test>> {
    let (argument, value) = (condition.index, condition.val);
    let wide = condition.width == Width::Qword;
    match condition.op {
        Compare::Eq => equal(argument, u64::MAX, value, wide),
        Compare::MaskedEq(mask) => equal(argument, mask, value, wide),
        Compare::Ne => not_equal(argument, value, wide),
        Compare::Gt => above(argument, Op::Greater, value, wide),
        Compare::Ge => above(argument, Op::AtLeast, value, wide),
        Compare::Le => below(argument, Op::Greater, value, wide),
        Compare::Lt => below(argument, Op::AtLeast, value, wide),
    }
}
