//! What each ABI permits, as rules; and programs as instructions.

use ringfence_bpf::decompile::{Answer, Answers, Listing, Rules};
use ringfence_bpf::disassemble::{action, disassemble};
use ringfence_bpf::program::Program;
use ringfence_bpf::table::{self, Abi};
use serde_json::{Value, json};

use super::{Subject, document};

/// One gate, decompiled.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Its name; empty where there is one only.
    pub gate: String,
    /// Its rules.
    pub listing: Listing,
    /// Its programs, where they are to be shown.
    pub programs: Vec<Program>,
}

/// For people.
#[must_use]
pub fn human(subject: &Subject<'_>, shown: &[Shown]) -> String {
    let mut text = subject.head();
    for gate in shown {
        text.push_str(&format!("\n{}\n", subject.gate(&gate.gate)));
        for (abi, answers) in Abi::ALL.into_iter().zip(&gate.listing.abis) {
            match answers {
                Answers::Always(answer) => {
                    text.push_str(&format!("  {:<8}{} for every call\n", abi.name(), action(*answer)));
                }
                Answers::Rules(rules) => abi_rules(abi, rules, &mut text),
            }
        }
        let foreign = gate.listing.foreign.map_or("depends on the input".to_owned(), action);
        text.push_str(&format!("  other architectures: {foreign}\n"));
        if let Some(negative) = gate.listing.negative {
            text.push_str(&format!("  negative numbers: {}\n", action(negative)));
        }
        for (at, program) in gate.programs.iter().enumerate() {
            text.push_str(&format!("\n  program {at}, {} instructions\n", program.len()));
            for line in disassemble(program.insns()).lines() {
                text.push_str(&format!("    {line}\n"));
            }
        }
    }
    text
}

fn abi_rules(abi: Abi, rules: &Rules, text: &mut String) {
    let unknown = rules.unknown.map_or("see below".to_owned(), action);
    text.push_str(&format!(
        "  {:<8}what no rule names: {}; numbers that no table has: {unknown}\n",
        abi.name(),
        action(rules.on_deny)
    ));
    for (word, list) in [("deny", &rules.deny), ("allow", &rules.allow)] {
        if !list.is_empty() {
            text.push_str(&format!("    {word}, {} rules:\n", list.len()));
            text.push_str(&filled(list));
        }
    }
    for other in &rules.other {
        let range = calls(abi, other.first, other.last);
        text.push_str(&format!("    {range}, which no rule can say:\n"));
        for answer in &other.answers {
            text.push_str(&format!("      {} where {}\n", action(answer.action), conditions(answer)));
        }
    }
}

fn calls(abi: Abi, first: u32, last: u32) -> String {
    match table::by_number(abi, first) {
        Some(call) if first == last => call.name.to_owned(),
        _ if first == last => format!("number {first}"),
        _ => format!("numbers {first} to {last}"),
    }
}

fn conditions(answer: &Answer) -> String {
    match &answer.conditions {
        None => "too many conditions to list hold".to_owned(),
        Some(cubes) => cubes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or "),
    }
}

/// Rules in lines of at most 100 characters.
pub(super) fn filled(rules: &[String]) -> String {
    let mut text = String::new();
    let mut line = String::new();
    for rule in rules {
        if !line.is_empty() && line.len() + rule.len() + 2 > 92 {
            text.push_str(&format!("      {line},\n"));
            line.clear();
        }
        if !line.is_empty() {
            line.push_str(", ");
        }
        line.push_str(rule);
    }
    if !line.is_empty() {
        text.push_str(&format!("      {line}\n"));
    }
    text
}

/// For programs.
#[must_use]
pub fn json(subject: &Subject<'_>, shown: &[Shown]) -> String {
    let gates: Vec<Value> = shown.iter().map(gate).collect();
    document("syscalls.show", json!({ "subject": subject.json(), "gates": gates }))
}

fn gate(shown: &Shown) -> Value {
    let mut abis = serde_json::Map::new();
    for (abi, answers) in Abi::ALL.into_iter().zip(&shown.listing.abis) {
        let value = match answers {
            Answers::Always(answer) => json!({ "always": action(*answer) }),
            Answers::Rules(rules) => json!({
                "on_deny": action(rules.on_deny),
                "unknown": rules.unknown.map(action),
                "deny": rules.deny,
                "allow": rules.allow,
                "other": rules.other.iter().map(|other| json!({
                    "first": other.first,
                    "last": other.last,
                    "call": table::by_number(abi, other.first).map(|call| call.name),
                    "answers": other.answers.iter().map(|answer| json!({
                        "action": action(answer.action),
                        "conditions": answer.conditions.as_ref().map(|cubes| {
                            cubes.iter().map(ToString::to_string).collect::<Vec<_>>()
                        }),
                    })).collect::<Vec<_>>(),
                })).collect::<Vec<_>>(),
            }),
        };
        abis.insert(abi.name().to_owned(), value);
    }
    let programs: Vec<String> = shown.programs.iter().map(|program| disassemble(program.insns())).collect();
    json!({
        "name": shown.gate,
        "abis": abis,
        "foreign": shown.listing.foreign.map(action),
        "negative": shown.listing.negative.map(action),
        "programs": programs,
    })
}
