//! `ringfence syscalls show`: what a filter permits through each ABI.

use ringfence::exchange::gate::Failure;
use ringfence::report::gate::{Subject, rules};
use ringfence_bpf::decompile::decompile;
use ringfence_bpf::diagram::{Limits, Space};

use super::{HOLDS, Reading, input, print};
use crate::check::Format;

pub(super) fn show(name: &str, assembly: bool, reading: &Reading, format: Format) -> Result<i32, Failure> {
    let imported = input::read(name, reading)?;
    let mut shown = Vec::new();
    for gate in &imported.gates {
        let mut space = Space::new(Limits::default());
        let meaning = gate.diagram(&mut space)?;
        let listing = decompile(&mut space, meaning)?;
        let programs = if assembly { gate.programs()? } else { Vec::new() };
        shown.push(rules::Shown { gate: gate.name.clone(), listing, programs });
    }
    let subject = Subject { name, imported: &imported };
    let text = match format {
        Format::Human => rules::human(&subject, &shown),
        Format::Json => rules::json(&subject, &shown),
    };
    print(text.as_bytes());
    Ok(HOLDS)
}
