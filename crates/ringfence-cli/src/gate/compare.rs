//! `ringfence syscalls prove` and `ringfence diff`: where two filters differ, over every input.

use ringfence::exchange::gate::Failure;
use ringfence::exchange::{self, Error, Gate, Imported, Language};
use ringfence::report::gate::{Subject, compare};
use ringfence_bpf::diagram::{Limits, Space};
use ringfence_bpf::relate;

use super::{FAILS, FailOn, HOLDS, Reading, UNVERIFIABLE, input, print, say};
use crate::check::Format;

/// Exit status 0 where they are equal, or the first permits no more than the second.
pub(super) fn prove(
    names: [&String; 2],
    within: bool,
    reading: &Reading,
    format: Format,
) -> Result<i32, Failure> {
    let [a, b] = [input::read(names[0], reading)?, input::read(names[1], reading)?];
    let mut pairs = pairs(names, &a, &b)?;
    if within {
        // What matters is where the first one permits more.
        for pair in &mut pairs {
            pair.differences
                .retain(|difference| relate::strictness(difference.old) > relate::strictness(difference.new));
        }
    }
    let subjects = subjects(names, &a, &b);
    let beside = compare::Beside::default();
    report("syscalls.prove", &subjects, &pairs, &beside, format);
    let holds = pairs.iter().all(|pair| pair.differences.is_empty());
    Ok(verdict(&[&a, &b], holds))
}

pub(super) fn diff(
    names: [&String; 2],
    fail_on: FailOn,
    reading: &Reading,
    format: Format,
) -> Result<i32, Failure> {
    let [old, new] = [input::read(names[0], reading)?, input::read(names[1], reading)?];
    let pairs = pairs(names, &old, &new)?;
    let beside = beside(names, [&old, &new], reading)?;
    report("diff", &subjects(names, &old, &new), &pairs, &beside, format);
    let mut all = pairs.iter().flat_map(|pair| &pair.differences);
    let holds = match fail_on {
        FailOn::Any => all.next().is_none() && beside.changed.is_empty(),
        FailOn::Widen => !all.any(compare::widens),
    };
    Ok(verdict(&[&old, &new], holds))
}

fn verdict(inputs: &[&Imported], holds: bool) -> i32 {
    match inputs.iter().find_map(|imported| input::incomplete(imported)) {
        Some(note) => {
            say(&format!("cannot be verified: {}", note.text));
            UNVERIFIABLE
        }
        None if holds => HOLDS,
        None => FAILS,
    }
}

fn subjects<'a>(names: [&'a String; 2], a: &'a Imported, b: &'a Imported) -> [Subject<'a>; 2] {
    [Subject { name: names[0], imported: a }, Subject { name: names[1], imported: b }]
}

/// Gates of the same name; one gate on each side needs none.
fn pairs(names: [&String; 2], a: &Imported, b: &Imported) -> Result<Vec<compare::Pair>, Failure> {
    if let ([old], [new]) = (a.gates.as_slice(), b.gates.as_slice()) {
        return Ok(vec![pair(String::new(), old, new)?]);
    }
    let mut pairs = Vec::new();
    for old in &a.gates {
        let Some(new) = b.gates.iter().find(|gate| gate.name == old.name) else {
            let message = format!("{} has a gate `{}`, {} has none", names[0], old.name, names[1]);
            return Err(Error::new(message).help("compare two gates by name: FILE#GATE").into());
        };
        pairs.push(pair(old.name.clone(), old, new)?);
    }
    if let Some(gate) = b.gates.iter().find(|gate| a.gates.iter().all(|old| old.name != gate.name)) {
        let message = format!("{} has a gate `{}`, {} has none", names[1], gate.name, names[0]);
        return Err(Error::new(message).help("compare two gates by name: FILE#GATE").into());
    }
    Ok(pairs)
}

fn pair(gate: String, old: &Gate, new: &Gate) -> Result<compare::Pair, Failure> {
    let mut space = Space::new(Limits::default());
    let (old, new) = (old.diagram(&mut space)?, new.diagram(&mut space)?);
    let differences = relate::difference(&mut space, old, new)?;
    Ok(compare::Pair { gate, differences })
}

/// What policies of ringfence say beside the gate.
fn beside(
    names: [&String; 2],
    inputs: [&Imported; 2],
    reading: &Reading,
) -> Result<compare::Beside, Failure> {
    let policies = inputs.map(|imported| imported.language == Language::Ringfence);
    let mut beside = compare::Beside::default();
    match policies {
        [true, true] => {
            let loader = |path: &str| input::load(path, reading);
            beside.changed = exchange::changed_keys(names[0], names[1], &loader)?;
            beside.not_compared.push(
                "what this host makes of the policies (`ringfence check --policy` shows each plan)"
                    .to_owned(),
            );
        }
        [false, false] => {}
        _ => beside.not_compared.push("the sections of the policy other than [syscalls]".to_owned()),
    }
    Ok(beside)
}

fn report(
    kind: &str,
    [a, b]: &[Subject<'_>; 2],
    pairs: &[compare::Pair],
    beside: &compare::Beside,
    format: Format,
) {
    let text = match format {
        Format::Human => compare::human(a, b, pairs, beside),
        Format::Json => compare::json(kind, a, b, pairs, beside),
    };
    print(text.as_bytes());
}
