//! `ringfence syscalls check`: what is wrong with a filter, each with a witness.

use ringfence::exchange::gate::Failure;
use ringfence::report::gate::{Subject, finding};
use ringfence_bpf::diagram::{Limits, Space};
use ringfence_bpf::finding::{Severity, check as find};

use super::{FAILS, HOLDS, Reading, input, print};
use crate::check::Format;

pub(super) fn check(
    name: &str,
    fail_on: Option<Severity>,
    reading: &Reading,
    format: Format,
) -> Result<i32, Failure> {
    let imported = input::read(name, reading)?;
    let mut found = Vec::new();
    for gate in &imported.gates {
        let mut space = Space::new(Limits::default());
        let meaning = gate.diagram(&mut space)?;
        // Only what was imported as instructions can have instructions too many.
        let programs = gate.stack.iter().filter_map(|filter| match &filter.meaning {
            ringfence::exchange::Meaning::Program(program) => Some(program),
            _ => None,
        });
        let programs: Vec<_> = programs.collect();
        found.push((gate.name.clone(), find(&mut space, meaning, &programs)?));
    }
    let subject = Subject { name, imported: &imported };
    let text = match format {
        Format::Human => finding::human(&subject, &found),
        Format::Json => finding::json(&subject, &found),
    };
    print(text.as_bytes());
    let mut all = found.iter().flat_map(|(_, findings)| findings);
    let fails = fail_on.is_some_and(|least| all.any(|finding| finding.severity >= least));
    Ok(if fails { FAILS } else { HOLDS })
}
