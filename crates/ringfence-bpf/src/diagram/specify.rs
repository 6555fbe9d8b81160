//! A specification as a function of the input, straight from its rules: without the compiler, and
//! without any program.

use super::apply::Test as WordTest;
use super::order::{ARGS, NR, WORD};
use super::store::{Ref, Store};
use super::{Error, answer};
use crate::filter::{Action, FilterSpec};
use crate::rule::{Rule, Test, value_bits};
use crate::table::{self, Abi, CallId};

/// The function of a specification.
pub(super) fn specify(store: &mut Store, spec: &FilterSpec) -> Result<Ref, Error> {
    let bad = answer::terminal(store, spec.bad_abi.value());
    let mut outcomes = Vec::new();
    for abi in [Abi::X86_64, Abi::X32] {
        outcomes.push(if spec.abis.contains(abi) { numbers(store, spec, abi)? } else { vec![bad] });
    }
    // 0..=0x3fffffff is x86_64, then x32, then unknown numbers of x86_64.
    let native = trie(store, &outcomes[0], NR + 2)?;
    let x32 = trie(store, &outcomes[1], NR + 2)?;
    let negative = match spec.abis.contains(Abi::X86_64) {
        true => answer::terminal(store, spec.unknown.value()),
        false => bad,
    };
    let positive = store.make(NR + 1, native, x32)?;
    let x86_64 = store.make(NR, positive, negative)?;
    let i386 = match spec.abis.contains(Abi::I386) {
        true => numbers(store, spec, Abi::I386)?,
        false => vec![bad],
    };
    let i386 = trie(store, &i386, NR)?;
    let is = |arch| WordTest::Masked { mask: u32::MAX, value: arch };
    let other = store.test(0, is(table::AUDIT_ARCH_I386), i386, bad)?;
    store.test(0, is(table::AUDIT_ARCH_X86_64), x86_64, other)
}

/// The function of each number up to the highest, and once more for all that follow.
fn numbers(store: &mut Store, spec: &FilterSpec, abi: Abi) -> Result<Vec<Ref>, Error> {
    let unknown = answer::terminal(store, spec.unknown.value());
    let on_deny = answer::terminal(store, spec.on_deny.value());
    let mut outcomes = vec![unknown; table::highest(abi) as usize + 2];
    for prototype in table::prototypes(abi) {
        outcomes[prototype.number as usize] = on_deny;
    }
    // What decides first comes last.
    for rule in spec.allow.iter().rev() {
        apply(store, rule, Action::Allow, abi, false, &mut outcomes)?;
    }
    for rule in spec.deny.iter().rev() {
        apply(store, rule, rule.action.unwrap_or(spec.on_deny), abi, true, &mut outcomes)?;
    }
    Ok(outcomes)
}

fn apply(
    store: &mut Store,
    rule: &Rule,
    action: Action,
    abi: Abi,
    deny: bool,
    outcomes: &mut [Ref],
) -> Result<(), Error> {
    let action = answer::terminal(store, action.value());
    for call in rule.target.calls() {
        let Some(number) = call.number(abi) else { continue };
        let outcome = &mut outcomes[number as usize];
        *outcome = match arguments(store, rule, call, abi)? {
            Some(set) => store.ite(set, action, *outcome)?,
            None if deny => action,
            None => *outcome,
        };
    }
    Ok(())
}

/// The arguments that a rule matches; `None` where the ABI cannot express that.
fn arguments(store: &mut Store, rule: &Rule, call: CallId, abi: Abi) -> Result<Option<Ref>, Error> {
    let mut all = Ref::TRUE;
    for condition in &rule.conditions {
        let Some((position, argument)) = condition.argument(call, abi) else { return Ok(None) };
        let base = ARGS + 64 * position as u32;
        let width = u32::from(argument.width);
        let bits = value_bits(call, argument).count_ones();
        let mut any = Ref::FALSE;
        for test in &condition.tests {
            let set = match *test {
                Test::Equal(number) => stands_for(store, base, bits, number, number)?,
                Test::NotEqual(number) => {
                    let equal = stands_for(store, base, bits, number, number)?;
                    store.not(equal)?
                }
                Test::Range(low, high) => stands_for(store, base, bits, low, high)?,
                Test::Masked { mask, value } => {
                    masked(store, base, mask & (u64::MAX >> (64 - width)), value)?
                }
            };
            any = store.or(any, set)?;
        }
        all = store.and(all, any)?;
    }
    Ok(Some(all))
}

/// The lowest `bits` bits, as an unsigned or a signed number, lie between two numbers.
fn stands_for(store: &mut Store, base: u32, bits: u32, low: i128, high: i128) -> Result<Ref, Error> {
    let size = 1_i128 << bits;
    let unsigned = between(store, base, bits, low.max(0), high.min(size - 1))?;
    let signed = between(store, base, bits, low.max(-size / 2) + size, high.min(-1) + size)?;
    store.or(unsigned, signed)
}

/// The lowest `bits` bits lie between two numbers; empty where `low > high`.
fn between(store: &mut Store, base: u32, bits: u32, low: i128, high: i128) -> Result<Ref, Error> {
    if low > high {
        return Ok(Ref::FALSE);
    }
    let from = at_least(store, base, bits, low)?;
    let beyond = at_least(store, base, bits, high + 1)?;
    store.ite(beyond, Ref::FALSE, from)
}

/// The lowest `bits` bits are a number of at least `least`, from the lowest bit to the highest.
fn at_least(store: &mut Store, base: u32, bits: u32, least: i128) -> Result<Ref, Error> {
    if least >> bits != 0 {
        return Ok(Ref::FALSE);
    }
    let mut holds = Ref::TRUE;
    for at in 0..bits {
        let level = base + 2 * WORD - 1 - at;
        holds = match least >> at & 1 {
            1 => store.make(level, Ref::FALSE, holds)?,
            _ => store.make(level, holds, Ref::TRUE)?,
        };
    }
    Ok(holds)
}

fn masked(store: &mut Store, base: u32, mask: u64, value: u64) -> Result<Ref, Error> {
    if value & !mask != 0 {
        return Ok(Ref::FALSE);
    }
    let mut holds = Ref::TRUE;
    for at in (0..64).filter(|at| mask >> at & 1 == 1) {
        let level = base + 2 * WORD - 1 - at;
        holds = match value >> at & 1 {
            1 => store.make(level, Ref::FALSE, holds)?,
            _ => store.make(level, holds, Ref::FALSE)?,
        };
    }
    Ok(holds)
}

/// Decides by number, from the level of its highest bit that is looked at: an outcome for each
/// number from zero, the last one also for all that follow.
fn trie(store: &mut Store, outcomes: &[Ref], from: u32) -> Result<Ref, Error> {
    let Some(rest) = outcomes.last() else { return Ok(Ref::FALSE) };
    let mut layer = outcomes.to_vec();
    for level in (from..NR + WORD).rev() {
        let pairs = layer.chunks(2);
        let next: Result<Vec<Ref>, Error> =
            pairs.map(|pair| store.make(level, pair[0], *pair.get(1).unwrap_or(rest))).collect();
        layer = next?;
        // The numbers beyond the last one have one outcome all the way up.
        if layer.len() == 1 && level > from {
            layer.push(*rest);
        }
    }
    Ok(layer[0])
}
