//! Findings about a filter, the worst first.

use ringfence_bpf::finding::Finding;
use ringfence_bpf::table::{Abi, CallId};
use serde_json::{Value, json};

use super::{Subject, document};

/// The findings about each gate, by its name.
pub type Found = Vec<(String, Vec<Finding>)>;

/// For people.
#[must_use]
pub fn human(subject: &Subject<'_>, found: &Found) -> String {
    let mut text = subject.head();
    for (gate, findings) in found {
        text.push_str(&format!("\n{}: {} findings\n", subject.gate(gate), findings.len()));
        for finding in findings {
            let abis: Vec<&str> = finding.abis.iter().copied().map(Abi::name).collect();
            let abis = if abis.is_empty() { String::new() } else { format!(" [{}]", abis.join(", ")) };
            text.push_str(&format!(
                "  {:<7}{}{abis}: {}\n",
                finding.severity.name(),
                finding.id,
                finding.message
            ));
            for witness in &finding.witnesses {
                text.push_str(&format!("         {witness}\n"));
            }
            text.push_str(&format!("         fix: {}\n", finding.fix));
        }
    }
    text
}

/// For programs.
#[must_use]
pub fn json(subject: &Subject<'_>, found: &Found) -> String {
    let gate = |(name, findings): &(String, Vec<Finding>)| json!({ "name": name, "findings": findings.iter().map(finding).collect::<Vec<_>>() });
    let gates: Vec<Value> = found.iter().map(gate).collect();
    document("syscalls.check", json!({ "subject": subject.json(), "gates": gates }))
}

fn finding(finding: &Finding) -> Value {
    json!({
        "id": finding.id.code(),
        "name": finding.id.name(),
        "severity": finding.severity.name(),
        "call": finding.call.map(CallId::name),
        "abis": finding.abis.iter().copied().map(Abi::name).collect::<Vec<_>>(),
        "message": finding.message,
        "witnesses": finding.witnesses.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "instructions": finding.instructions,
        "fix": finding.fix,
    })
}
