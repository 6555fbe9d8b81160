//! How two filters compare: the calls and arguments that they answer differently.

use ringfence_bpf::disassemble::action;
use ringfence_bpf::finding::describe;
use ringfence_bpf::relate::{Calls, Difference, strictness};
use ringfence_bpf::table::{self, Abi};
use serde_json::{Value, json};

use super::rules::filled;
use super::{Subject, document};

/// Two gates of one name, and where they differ.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The name; empty where there is one gate only.
    pub gate: String,
    /// Every difference.
    pub differences: Vec<Difference>,
}

/// What two policies say beside the gate.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// Keys whose values differ.
    pub changed: Vec<String>,
    /// What was not compared.
    pub not_compared: Vec<String>,
}

/// The most changes that a person reads; what comes after is counted.
const SHOWN: usize = 200;

/// Whether the second filter permits more there.
#[must_use]
pub fn widens(difference: &Difference) -> bool {
    strictness(difference.new) > strictness(difference.old)
}

/// For people. `kind`: what is compared, in the words of the command.
#[must_use]
pub fn human(old: &Subject<'_>, new: &Subject<'_>, pairs: &[Pair], beside: &Beside) -> String {
    let mut text = format!("{}{}", old.head(), new.head());
    for pair in pairs {
        let title = if pair.gate.is_empty() { "gate".to_owned() } else { format!("gate {}", pair.gate) };
        if pair.differences.is_empty() {
            text.push_str(&format!("\n{title}: equal for every input\n"));
            continue;
        }
        let wider = pair.differences.iter().filter(|difference| widens(difference)).count();
        text.push_str(&format!("\n{title}: {} differences, {wider} of them wider\n", pair.differences.len()));
        let groups = grouped(&pair.differences);
        for group in groups.iter().take(SHOWN) {
            text.push_str(&together(group));
        }
        let more: usize = groups.iter().skip(SHOWN).map(Vec::len).sum();
        if more > 0 {
            text.push_str(&format!("  and {more} more; --format json has them all\n"));
        }
    }
    for key in &beside.changed {
        text.push_str(&format!("  {key} differs\n"));
    }
    if !beside.not_compared.is_empty() {
        text.push_str(&format!("\nnot compared: {}\n", beside.not_compared.join("; ")));
    }
    text
}

/// Differences that are the same but for the call, in the order of the first; what is wider comes first.
fn grouped(differences: &[Difference]) -> Vec<Vec<&Difference>> {
    let abi = |difference: &Difference| match difference.calls {
        Calls::Known(abi, _) if conditions(difference).is_empty() => Some(abi),
        _ => None,
    };
    let mut groups: Vec<Vec<&Difference>> = Vec::new();
    let (wider, other): (Vec<_>, Vec<_>) = differences.iter().partition(|difference| widens(difference));
    for difference in wider.into_iter().chain(other) {
        let same = |group: &&mut Vec<&Difference>| {
            let first = group[0];
            abi(first).is_some()
                && abi(first) == abi(difference)
                && (first.old, first.new) == (difference.old, difference.new)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(difference),
            None => groups.push(vec![difference]),
        }
    }
    groups
}

/// A call and what became of it; or how many calls, and their names below.
fn together(group: &[&Difference]) -> String {
    let first = group[0];
    let sign = match strictness(first.new) == strictness(first.old) {
        true => '~',
        false if widens(first) => '+',
        false => '-',
    };
    let change = format!("{} -> {}", action(first.old), action(first.new));
    let mut text = match first.calls {
        Calls::Known(abi, _) if group.len() > 1 => {
            let all = group.len() == table::prototypes(abi).len();
            let every = if all { "every one of its " } else { "" };
            format!("  {sign} {}: {change}, {every}{} calls\n", abi.name(), group.len())
                + &if all {
                    String::new()
                } else {
                    filled(&group.iter().map(|one| name(one.calls)).collect::<Vec<_>>())
                }
        }
        _ => format!("  {sign} {}: {change}{}\n", calls(first.calls), conditions(first)),
    };
    text.push_str(&format!("      as in {}\n", describe(&first.witness)));
    text
}

/// The call without its ABI.
fn name(known: Calls) -> String {
    match known {
        Calls::Known(abi, number) => {
            table::by_number(abi, number).map_or(number.to_string(), |call| call.name.to_owned())
        }
        _ => calls(known),
    }
}

/// `x86_64:openat`, `x86_64: numbers 470 to 1073741823`.
fn calls(calls: Calls) -> String {
    let range = |first: u32, last: u32| match first == last {
        true => format!("number {first}"),
        false => format!("numbers {first:#x} to {last:#x}"),
    };
    match calls {
        Calls::Known(abi, _) => format!("{}:{}", abi.name(), name(calls)),
        Calls::Unknown { arch, first, last } => {
            let data = ringfence_bpf::program::SeccompData { arch, nr: first, ..Default::default() };
            let abi = Abi::of(&data).map_or("other", |(abi, _)| abi.name());
            format!("{abi}: {}", range(first, last))
        }
        Calls::Foreign { first, last } => format!("architectures {first:#x} to {last:#x}"),
    }
}

fn conditions(difference: &Difference) -> String {
    match &difference.conditions {
        None => ", under too many conditions to list".to_owned(),
        Some(cubes) if cubes.iter().any(|cube| cube.conditions.is_empty()) => String::new(),
        Some(cubes) => {
            let cubes: Vec<String> = cubes.iter().map(ToString::to_string).collect();
            format!(", where {}", cubes.join(" or "))
        }
    }
}

/// For programs. `kind`: `diff` or `syscalls.prove`.
#[must_use]
pub fn json(kind: &str, old: &Subject<'_>, new: &Subject<'_>, pairs: &[Pair], beside: &Beside) -> String {
    let gates: Vec<Value> = pairs.iter().map(pair).collect();
    let body = json!({
        "old": old.json(),
        "new": new.json(),
        "equal": pairs.iter().all(|pair| pair.differences.is_empty()),
        "gates": gates,
        "keys_changed": beside.changed,
        "not_compared": beside.not_compared,
    });
    document(kind, body)
}

fn pair(pair: &Pair) -> Value {
    let differences = pair.differences.iter().map(|difference| {
        let (abi, call) = match difference.calls {
            Calls::Known(abi, number) => {
                (Some(abi.name()), table::by_number(abi, number).map(|call| call.name))
            }
            _ => (None, None),
        };
        json!({
            "calls": calls(difference.calls),
            "abi": abi,
            "call": call,
            "old": action(difference.old),
            "new": action(difference.new),
            "wider": widens(difference),
            "conditions": difference.conditions.as_ref().map(|cubes| {
                cubes.iter().map(ToString::to_string).collect::<Vec<_>>()
            }),
            "witness": describe(&difference.witness),
        })
    });
    json!({ "name": pair.gate, "differences": differences.collect::<Vec<_>>() })
}
