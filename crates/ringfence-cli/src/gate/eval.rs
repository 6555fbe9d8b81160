//! `ringfence syscalls eval`: what a filter answers to one call, by two ways that must agree.

use ringfence::exchange::gate::{Failure, last_instruction};
use ringfence::exchange::{Filter, Meaning, call};
use ringfence::report::gate::{Subject, answer};
use ringfence_bpf::diagram::{Limits, Space};
use ringfence_bpf::program::SeccompData;

use super::{HOLDS, Reading, input, print};
use crate::check::Format;

pub(super) fn eval(name: &str, text: &str, reading: &Reading, format: Format) -> Result<i32, Failure> {
    let data = call::parse(text)?;
    let imported = input::read(name, reading)?;
    let mut answers = Vec::new();
    for gate in &imported.gates {
        let mut space = Space::new(Limits::default());
        let mut filters = Vec::new();
        for filter in &gate.stack {
            let diagram = filter.diagram(&mut space)?;
            let (action, reason) = filter.answer(&data);
            if space.eval(diagram, &data) != action {
                let message = format!("interpreter and diagram disagree about {text}: this is a defect");
                return Err(Failure::Unverifiable(message));
            }
            let reason = reason.map(str::to_owned).or_else(|| instruction(filter, &data));
            filters.push((filter.label.clone(), action, reason));
        }
        let meaning = gate.diagram(&mut space)?;
        let action = space.eval(meaning, &data);
        answers.push(answer::Answered { gate: gate.name.clone(), action, filters });
    }
    let subject = Subject { name, imported: &imported };
    let text = match format {
        Format::Human => answer::human(&subject, &data, &answers),
        Format::Json => answer::json(&subject, &data, &answers),
    };
    print(text.as_bytes());
    Ok(HOLDS)
}

/// The instruction of a program, or the rule of a policy, that answers.
fn instruction(filter: &Filter, data: &SeccompData) -> Option<String> {
    match &filter.meaning {
        Meaning::Program(program) => Some(format!("instruction {}", last_instruction(program, data)?)),
        _ => None,
    }
}
