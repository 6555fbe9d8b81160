//! `ringfence syscalls optimise`: a shorter program, proven equal before it is written.

use ringfence::exchange::export::bytes;
use ringfence::exchange::gate::{Failure, cost};
use ringfence::report::gate::{Subject, answer};
use ringfence_bpf::diagram::{Limits, Space};

use super::{HOLDS, Reading, input, print};
use crate::check::Format;

pub(super) fn optimise(name: &str, output: &str, reading: &Reading, format: Format) -> Result<i32, Failure> {
    let imported = input::read(name, reading)?;
    let gate = input::single(name, &imported)?;
    let mut space = Space::new(Limits::default());
    let program = gate.optimised(&mut space)?;
    let before = gate.programs()?.iter().map(cost).collect();
    super::export::write(output, &bytes(&program))?;
    let done = answer::Optimised {
        gate: gate.name.clone(),
        before,
        after: cost(&program),
        output: output.to_owned(),
    };
    let subject = Subject { name, imported: &imported };
    let text = match format {
        Format::Human => answer::optimised_human(&subject, &[done]),
        Format::Json => answer::optimised_json(&subject, &[done]),
    };
    print(text.as_bytes());
    Ok(HOLDS)
}
