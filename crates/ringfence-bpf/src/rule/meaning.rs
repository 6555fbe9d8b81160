//! What a specification answers, straight from its definition and without any program.
//!
//! Slow and plain on purpose: it shares no code with [`crate::compile`], so that the two can be
//! compared.

use super::{Condition, Rule, Test, value_bits};
use crate::filter::{Action, FilterSpec};
use crate::program::SeccompData;
use crate::table::{self, Abi, Argument, CallId};

/// What decides about a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// The ABI is not open: [`FilterSpec::bad_abi`].
    ClosedAbi,
    /// The number is not in the table: [`FilterSpec::unknown`].
    Unknown,
    /// This rule of [`FilterSpec::deny`] matches first.
    Denied(usize),
    /// This rule of [`FilterSpec::allow`] matches first.
    Allowed(usize),
    /// No rule matches: [`FilterSpec::on_deny`].
    NotAllowed,
}

/// The action that a specification gives to a call.
pub fn meaning(spec: &FilterSpec, data: &SeccompData) -> Action {
    match decide(spec, data) {
        Decision::ClosedAbi => spec.bad_abi,
        Decision::Unknown => spec.unknown,
        Decision::Denied(rule) => spec.deny[rule].action.unwrap_or(spec.on_deny),
        Decision::Allowed(_) => Action::Allow,
        Decision::NotAllowed => spec.on_deny,
    }
}

/// What of a specification decides about a call.
pub fn decide(spec: &FilterSpec, data: &SeccompData) -> Decision {
    let Some((abi, number)) = Abi::of(data).filter(|(abi, _)| spec.abis.contains(*abi)) else {
        return Decision::ClosedAbi;
    };
    let Some(prototype) = table::by_number(abi, number) else { return Decision::Unknown };
    let args = prototype.args;
    let first = |rules: &[Rule], inexpressible| {
        rules.iter().position(|rule| matches(rule, abi, number, args, data, inexpressible))
    };
    match (first(&spec.deny, true), first(&spec.allow, false)) {
        (Some(rule), _) => Decision::Denied(rule),
        (None, Some(rule)) => Decision::Allowed(rule),
        (None, None) => Decision::NotAllowed,
    }
}

/// Whether a rule matches; `inexpressible` is the answer where its conditions name an argument
/// that the ABI does not have.
fn matches(
    rule: &Rule,
    abi: Abi,
    number: u32,
    args: &[Argument],
    data: &SeccompData,
    inexpressible: bool,
) -> bool {
    let Some(call) = rule.target.calls().find(|call| call.number(abi) == Some(number)) else {
        return false;
    };
    if !rule.expressible(call, abi) {
        return inexpressible;
    }
    rule.conditions.iter().all(|condition| holds(condition, call, abi, args, data))
}

fn holds(condition: &Condition, call: CallId, abi: Abi, args: &[Argument], data: &SeccompData) -> bool {
    let position = condition.positions[abi as usize].map_or(0, usize::from);
    let argument = &args[position];
    let register = i128::from(data.args[position]);
    let read = register % (1_i128 << argument.width);
    let bits = value_bits(call, argument).count_ones();
    let value = register % (1_i128 << bits);
    condition.tests.iter().any(|test| match *test {
        Test::Equal(number) => stands_for(number, number, value, bits),
        Test::NotEqual(number) => !stands_for(number, number, value, bits),
        Test::Range(low, high) => stands_for(low, high, value, bits),
        Test::Masked { mask, value } => read & i128::from(mask) == i128::from(value),
    })
}

/// Whether a register value is one of the numbers of a range, read as unsigned or as signed.
fn stands_for(low: i128, high: i128, value: i128, bits: u32) -> bool {
    let negative = value - (1_i128 << bits);
    let signed = negative >= -(1_i128 << (bits - 1)) && (low..=high).contains(&negative);
    (low..=high).contains(&value) || signed
}
