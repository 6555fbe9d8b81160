//! What a filter answers to one call, and what a shorter program costs.

use ringfence_bpf::disassemble::action;
use ringfence_bpf::filter::Action;
use ringfence_bpf::finding::describe;
use ringfence_bpf::program::SeccompData;
use serde_json::{Value, json};

use super::{Subject, document};
use crate::exchange::gate::Cost;

/// One gate's answer to a call.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The gate's name; empty where there is one only.
    pub gate: String,
    /// The answer.
    pub action: Action,
    /// Each filter of the stack: its label, its answer, and the rule or instruction that gave it.
    pub filters: Vec<(String, Action, Option<String>)>,
}

/// One gate, made shorter.
#[derive(Debug, Clone)]
pub struct Optimised {
    /// The gate's name.
    pub gate: String,
    /// What the programs of the stack cost.
    pub before: Vec<Cost>,
    /// What the one program costs.
    pub after: Cost,
    /// Where it was written.
    pub output: String,
}

/// For people.
#[must_use]
pub fn human(subject: &Subject<'_>, data: &SeccompData, answers: &[Answered]) -> String {
    let mut text = subject.head();
    for answer in answers {
        text.push_str(&format!(
            "\n{}: {} -> {}\n",
            subject.gate(&answer.gate),
            describe(data),
            action(answer.action)
        ));
        for (label, answered, reason) in &answer.filters {
            let label = if label.is_empty() { "the filter" } else { label };
            let reason = reason.as_deref().unwrap_or("what no rule names");
            text.push_str(&format!("  {label}: {} by {reason}\n", action(*answered)));
        }
    }
    text
}

/// For programs.
#[must_use]
pub fn json(subject: &Subject<'_>, data: &SeccompData, answers: &[Answered]) -> String {
    let filter = |(label, answered, reason): &(String, Action, Option<String>)| json!({ "label": label, "action": action(*answered), "by": reason });
    let gate = |answer: &Answered| {
        json!({
            "name": answer.gate,
            "action": action(answer.action),
            "filters": answer.filters.iter().map(filter).collect::<Vec<_>>(),
        })
    };
    let gates: Vec<Value> = answers.iter().map(gate).collect();
    document("syscalls.eval", json!({ "subject": subject.json(), "call": describe(data), "gates": gates }))
}

fn total(costs: &[Cost]) -> Cost {
    let zero = Cost { length: 0, worst: 0, typical: 0.0 };
    costs.iter().fold(zero, |sum, cost| Cost {
        length: sum.length + cost.length,
        worst: sum.worst + cost.worst,
        typical: sum.typical + cost.typical,
    })
}

/// For people.
#[must_use]
pub fn optimised_human(subject: &Subject<'_>, done: &[Optimised]) -> String {
    let mut text = subject.head();
    for one in done {
        let (before, after) = (total(&one.before), one.after);
        text.push_str(&format!("\n{}: proven equal for every input\n", subject.gate(&one.gate)));
        if subject.imported.language.name() != "bpf" {
            text.push_str(
                "  before: the rules one after the other, not what another compiler makes of them\n",
            );
        }
        text.push_str("                       before      after\n");
        let rows = [
            ("instructions", before.length as f64, after.length as f64, 0),
            ("longest way", before.worst as f64, after.worst as f64, 0),
            ("mean of x86_64 calls", before.typical, after.typical, 1),
        ];
        for (what, before, after, digits) in rows {
            text.push_str(&format!("  {what:<20}{before:>9.digits$}  {after:>9.digits$}\n"));
        }
        text.push_str(&format!("  written: {}\n", one.output));
    }
    text
}

/// For programs.
#[must_use]
pub fn optimised_json(subject: &Subject<'_>, done: &[Optimised]) -> String {
    let cost =
        |cost: Cost| json!({ "instructions": cost.length, "longest": cost.worst, "mean": cost.typical });
    let gate = |one: &Optimised| {
        json!({
            "name": one.gate,
            "equal": true,
            "before": cost(total(&one.before)),
            "after": cost(one.after),
            "output": one.output,
        })
    };
    let gates: Vec<Value> = done.iter().map(gate).collect();
    document("syscalls.optimise", json!({ "subject": subject.json(), "gates": gates }))
}
