//! Inputs that the kernel cannot tell apart and the filter can: CVE-2019-7303, CVE-2019-10063.
//!
//! For each argument of which the kernel reads fewer bits than the register has: is there a value
//! that the filter denies in the form that programs use, and lets run with other bits where the
//! kernel does not look? That opens what the filter means to deny. The reverse closes more than it
//! means to, which breaks nobody who writes clean registers.

use super::gate::{Gate, Place, add, words_of};
use super::{Finding, Id, Severity, Witness};
use crate::diagram::{Error, Set};
use crate::table::{self, Abi, Argument};

/// One argument, and the forms of its values.
struct Subject {
    place: Place,
    at: usize,
    argument: &'static Argument,
    /// The bits that the kernel does not read.
    unread: u64,
}

pub(super) fn find(gate: &mut Gate<'_>, findings: &mut Vec<Finding>) -> Result<(), Error> {
    for abi in Abi::ALL {
        for prototype in table::prototypes(abi).iter().filter(|prototype| prototype.entry().is_some()) {
            let place = gate.at(prototype);
            if place.runs == Set::FULL || place.runs == Set::EMPTY {
                continue;
            }
            for (at, argument) in prototype.args.iter().enumerate() {
                let unread = !(u64::MAX >> (64 - u32::from(argument.width)));
                if unread == 0 {
                    continue;
                }
                let forgotten = gate.forget(place.runs, at, unread)?;
                if forgotten != place.runs {
                    one(gate, &Subject { place, at, argument, unread }, findings)?;
                }
            }
        }
    }
    Ok(())
}

fn one(gate: &mut Gate<'_>, subject: &Subject, findings: &mut Vec<Finding>) -> Result<(), Error> {
    let Subject { place, at, unread, .. } = *subject;
    let denied = gate.space.not(place.runs)?;
    let (bypass, overblock) = {
        let clean = denied_clean(gate, subject, denied)?;
        let may_run = gate.forget(place.runs, at, unread)?;
        let may_fail = gate.forget(denied, at, unread)?;
        (gate.space.and(clean, may_run)?, gate.space.minus(may_fail, clean)?)
    };
    let name = place.prototype.name;
    let shown =
        if subject.argument.alias.is_empty() { subject.argument.name } else { subject.argument.alias };
    let width = subject.argument.width;
    let finding = |id, severity, message, witnesses, fix| Finding {
        id,
        severity,
        call: table::call(name),
        abis: vec![place.abi],
        message,
        witnesses,
        instructions: Vec::new(),
        fix,
    };
    if let Some([denied, runs]) = pair(gate, subject, bypass, denied, place.runs)? {
        add(
            findings,
            finding(
                Id::TruncationBypass,
                Severity::High,
                format!(
                    "the kernel reads {width} bits of `{shown}` of {name}, the filter compares more: a denied value passes with other bits above"
                ),
                vec![denied, runs],
                format!("compare the low {width} bits: a condition of a rule, `{name}({shown}: …)`, does so"),
            ),
        );
    }
    if let Some([runs, denied]) = pair(gate, subject, overblock, place.runs, denied)? {
        add(
            findings,
            finding(
                Id::TruncationOverblock,
                Severity::Note,
                format!(
                    "the kernel reads {width} bits of `{shown}` of {name}, the filter compares more: a permitted value fails with other bits above"
                ),
                vec![denied, runs],
                format!("compare the low {width} bits: a condition of a rule, `{name}({shown}: …)`, does so"),
            ),
        );
    }
    Ok(())
}

/// The read bits (and other arguments) for which the filter denies every clean form of a value: the
/// unread bits zero, or, for a negative number of a signed type, copies of the sign.
fn denied_clean(gate: &mut Gate<'_>, subject: &Subject, denied: Set) -> Result<Set, Error> {
    let Subject { at, unread, .. } = *subject;
    let zero = gate.argument(at, unread, 0)?;
    let zero_extended = form(gate, subject, denied, zero)?;
    if !subject.argument.signed {
        return Ok(zero_extended);
    }
    let sign = !unread & !(!unread >> 1);
    let negative = gate.argument(at, sign, sign)?;
    let ones = gate.argument(at, unread, unread)?;
    let sign_extended = form(gate, subject, denied, ones)?;
    let positive = gate.space.not(negative)?;
    let either = gate.space.or(positive, sign_extended)?;
    gate.space.and(zero_extended, either)
}

/// The read bits for which an input of this form is in a set.
fn form(gate: &mut Gate<'_>, subject: &Subject, set: Set, form: Set) -> Result<Set, Error> {
    let both = gate.space.and(set, form)?;
    gate.forget(both, subject.at, subject.unread)
}

/// Two inputs that differ in the unread bits alone, from `first` (a clean form where there is one)
/// and from `second`; `None` where `values` is empty.
fn pair(
    gate: &mut Gate<'_>,
    subject: &Subject,
    values: Set,
    first: Set,
    second: Set,
) -> Result<Option<[Witness; 2]>, Error> {
    let Some(data) = gate.space.arguments(values) else { return Ok(None) };
    let mut tests = Vec::new();
    for (at, value) in data.args.iter().enumerate() {
        let mask = if at == subject.at { !subject.unread } else { u64::MAX };
        tests.extend(words_of(at, mask, value & mask));
    }
    let ip = data.instruction_pointer;
    tests.extend([(8, u32::MAX, ip as u32), (12, u32::MAX, (ip >> 32) as u32)]);
    let alike = gate.words(&tests)?;
    let (first, second) = (gate.space.and(alike, first)?, gate.space.and(alike, second)?);
    let clean = gate.argument(subject.at, subject.unread, 0)?;
    let cleaner = gate.space.and(first, clean)?;
    let first = if cleaner.is_empty() { first } else { cleaner };
    let witnesses = (gate.witness(subject.place, first), gate.witness(subject.place, second));
    Ok(match witnesses {
        (Some(first), Some(second)) => Some([first, second]),
        _ => None,
    })
}
