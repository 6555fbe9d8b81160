//! What a filter answers, as rules that a person can read and a policy can have.
//!
//! Every rule is checked before it is listed: the rules of an ABI become a specification, the
//! specification a diagram, and each call whose function there is not the very function of the
//! filter is taken out of the rules and listed as it is ([`Rules::other`]). So what is listed is
//! never wrong, and [`Listing::spec`] exists only where it is the whole filter.

mod condition;
mod name;

use std::collections::BTreeMap;

use crate::diagram::{Cube, Diagram, Error, Set, Space};
use crate::filter::{AbiSet, Action, FilterSpec};
use crate::program::{Insn, Program, code};
use crate::rule::{self, Rule};
use crate::table::{self, Abi, CallId, X32_BIT};

/// A filter as rules, ABI by ABI.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listing {
    /// The three, in the order of [`Abi::ALL`].
    pub abis: [Answers; 3],
    /// What architectures that are none of x86 get; `None` where that differs between inputs.
    pub foreign: Option<Action>,
    /// What negative numbers of `AUDIT_ARCH_X86_64` get where that is one answer, and not the one
    /// that other unknown numbers get: many filters take all from bit 30 on for x32. No kernel has
    /// such a call, and no specification can say it.
    pub negative: Option<Action>,
    /// One specification for the whole filter, proven equal to it, over every input but those that
    /// [`Self::negative`] is about; `None` where there is none in the language of rules.
    pub spec: Option<FilterSpec>,
}

/// What a filter does with one ABI.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answers {
    /// The same answer to everything.
    Always(Action),
    /// Rules.
    Rules(Rules),
}

/// The rules of one ABI, with the meaning of [`FilterSpec`]: deny first, then allow, then `on_deny`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rules {
    /// Texts of deny rules.
    pub deny: Vec<String>,
    /// Texts of allow rules.
    pub allow: Vec<String>,
    /// What known calls get that no rule names.
    pub on_deny: Action,
    /// What numbers get that the table does not have; `None` where they differ ([`Self::other`] says).
    pub unknown: Option<Action>,
    /// What no rule can say: conditions beyond the language, in the words of diagrams.
    pub other: Vec<Other>,
}

/// Answers that no rule can say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Other {
    /// The first number, as in the table of the ABI.
    pub first: u32,
    /// The last number.
    pub last: u32,
    /// Each answer, in the order of actions.
    pub answers: Vec<Answer>,
}

/// An action, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The action.
    pub action: Action,
    /// Conditions on arguments and instruction pointer, any of them; `None` where they are too many
    /// to list.
    pub conditions: Option<Vec<Cube>>,
}

/// The most cubes that one action of one call has in a list.
const CUBES: usize = 128;
/// The most ranges of numbers.
const RANGES: usize = 4096;

/// The rules of a filter.
///
/// # Errors
///
/// [`Error::TooComplex`].
pub fn decompile(space: &mut Space, filter: Diagram) -> Result<Listing, Error> {
    let filter = space.alone(filter)?;
    let mut of = |abi| answers(space, filter, abi);
    let abis = [of(Abi::X86_64)?, of(Abi::I386)?, of(Abi::X32)?];
    let foreign = foreign(space, filter)?;
    let negative = negative(space, filter, &abis[0])?;
    let spec = whole(space, filter, &abis, foreign, negative)?;
    Ok(Listing { abis, foreign, negative, spec })
}

/// The one answer of a function of a filter alone; `None` where it has several.
fn constant(space: &Space, function: Diagram) -> Option<Action> {
    space.only_action(function)
}

/// The numbers of an ABI, as in `seccomp_data.nr`; negative ones of x86_64 are apart.
const fn range(abi: Abi) -> (u32, u32) {
    match abi {
        Abi::X86_64 => (0, X32_BIT - 1),
        Abi::I386 => (0, u32::MAX),
        Abi::X32 => (X32_BIT, (X32_BIT << 1) - 1),
    }
}

/// The one answer to negative numbers where other unknown ones get another.
fn negative(space: &mut Space, filter: Diagram, native: &Answers) -> Result<Option<Action>, Error> {
    let filter = space.at_arch(filter, table::AUDIT_ARCH_X86_64);
    let mut answers = Vec::new();
    for part in space.numbers(filter, RANGES)? {
        if part.last > i32::MAX as u32 {
            answers.extend(space.actions(part.rest)?);
        }
    }
    answers.sort_unstable();
    answers.dedup();
    let other = match native {
        Answers::Always(action) => Some(*action),
        Answers::Rules(rules) => rules.unknown,
    };
    Ok(answers.first().copied().filter(|action| answers.len() == 1 && Some(*action) != other))
}

fn foreign(space: &mut Space, filter: Diagram) -> Result<Option<Action>, Error> {
    let known = [table::AUDIT_ARCH_X86_64, table::AUDIT_ARCH_I386];
    let mut answers = Vec::new();
    for part in space.archs(filter, RANGES)? {
        let only_known = part.first == part.last && known.contains(&part.first);
        if !only_known {
            answers.extend(space.actions(part.rest)?);
        }
    }
    answers.sort_unstable();
    answers.dedup();
    Ok(if let [action] = answers[..] { Some(action) } else { None })
}

fn answers(space: &mut Space, filter: Diagram, abi: Abi) -> Result<Answers, Error> {
    let native = space.at_arch(filter, abi.audit_arch());
    let mut unknown: BTreeMap<Action, u64> = BTreeMap::new();
    let mut odd = Vec::new();
    let mut all = Vec::new();
    for part in space.numbers(native, RANGES)? {
        let (first, last) = (part.first.max(range(abi).0), part.last.min(range(abi).1));
        if first > last {
            continue;
        }
        all.extend(space.actions(part.rest)?);
        for (first, last) in gaps(abi, first, last) {
            if let Some(action) = constant(space, part.rest) {
                *unknown.entry(action).or_default() += u64::from(last - first) + 1;
            }
            odd.push((first, last, part.rest));
        }
    }
    all.sort_unstable();
    all.dedup();
    if let [action] = all[..] {
        return Ok(Answers::Always(action));
    }
    let most = unknown.iter().max_by_key(|(_, count)| **count).map(|(action, _)| *action);
    let mut rules = known(space, filter, abi, most.unwrap_or(Action::Errno(38)))?;
    rules.unknown = most;
    for (first, last, rest) in odd {
        if constant(space, rest) != most {
            let bit = abi.bit();
            rules.other.push(Other { first: first & !bit, last: last & !bit, answers: list(space, rest)? });
        }
    }
    verify(space, filter, abi, &mut rules)?;
    Ok(Answers::Rules(rules))
}

/// The parts of a range of numbers that the table of an ABI does not have.
fn gaps(abi: Abi, first: u32, last: u32) -> Vec<(u32, u32)> {
    let mut gaps = Vec::new();
    let mut next = Some(first);
    let bit = abi.bit();
    for number in table::prototypes(abi).iter().map(|prototype| prototype.number | bit) {
        let Some(from) = next.filter(|_| (first..=last).contains(&number)) else { continue };
        if from < number {
            gaps.push((from, number - 1));
        }
        next = number.checked_add(1).filter(|next| *next <= last);
    }
    gaps.extend(next.map(|from| (from, last)));
    gaps
}

/// One rule, and the call that it is about.
type Listed = Vec<String>;

/// The rules of the calls that the table has.
fn known(space: &mut Space, filter: Diagram, abi: Abi, fallback: Action) -> Result<Rules, Error> {
    let mut functions = Vec::new();
    let mut denials: BTreeMap<Action, usize> = BTreeMap::new();
    let mut allowed = 0;
    for prototype in table::prototypes(abi) {
        let Some(call) = table::call(prototype.name) else { continue };
        let function = space.at_call(filter, abi, prototype.number);
        match constant(space, function) {
            Some(Action::Allow) => allowed += 1,
            Some(action) => *denials.entry(action).or_default() += 1,
            None => {}
        }
        functions.push((call, function));
    }
    let on_deny = denials.iter().max_by_key(|(_, count)| **count).map_or(fallback, |(action, _)| *action);
    let on_deny = if on_deny == Action::Allow { Action::Errno(1) } else { on_deny };
    // Whichever names fewer calls.
    let all_but = allowed * 2 > functions.len();
    let (mut deny, mut allow): (Listed, Listed) = (Vec::new(), Vec::new());
    if all_but {
        allow.push("@known".into());
    }
    let mut other = Vec::new();
    for (call, function) in functions {
        let rules = match constant(space, function) {
            Some(Action::Allow) if all_but => Some((Vec::new(), Vec::new())),
            Some(Action::Allow) => Some((Vec::new(), vec![call.name().to_owned()])),
            Some(action) if action == on_deny && !all_but => Some((Vec::new(), Vec::new())),
            Some(action) => Some((vec![with_action(call.name().to_owned(), action, on_deny)], Vec::new())),
            None => conditional(space, function, abi, call, on_deny, all_but)?,
        };
        match rules {
            Some((denied, allowed)) => {
                deny.extend(denied);
                allow.extend(allowed);
            }
            None => {
                let number = call.number(abi).unwrap_or_default();
                other.push(Other { first: number, last: number, answers: list(space, function)? });
            }
        }
    }
    Ok(Rules { deny, allow, on_deny, unknown: None, other })
}

fn with_action(text: String, action: Action, on_deny: Action) -> String {
    match action_name(action) {
        _ if action == on_deny => text,
        Some(name) => format!("{text} -> {name}"),
        // Data that no rule can name; the check takes the call out.
        None => text,
    }
}

/// An action as rules name it; `None` where they cannot (data of trap and trace, unnamed errno).
fn action_name(action: Action) -> Option<String> {
    let name = match action {
        Action::KillProcess => "kill",
        Action::KillThread => "kill-thread",
        Action::Trap(0) => "trap",
        Action::Trace(0) => "trace",
        Action::Log => "log",
        Action::UserNotif => "notify",
        Action::Errno(number) => return table::errno_name(number).map(str::to_owned),
        Action::Trap(_) | Action::Trace(_) | Action::Allow => return None,
    };
    Some(name.to_owned())
}

/// Deny and allow rules of a call whose answer depends on its arguments; `None` where the language
/// cannot say it.
fn conditional(
    space: &mut Space,
    function: Diagram,
    abi: Abi,
    call: CallId,
    on_deny: Action,
    all_but: bool,
) -> Result<Option<(Listed, Listed)>, Error> {
    let (mut deny, mut allow) = (Vec::new(), Vec::new());
    for action in space.actions(function)? {
        let allowed = action == Action::Allow;
        if (allowed && all_but) || (action == on_deny && !all_but) {
            continue;
        }
        if !allowed && action != on_deny && action_name(action).is_none() {
            return Ok(None);
        }
        let set = space.set(function, |other| other == action)?;
        let Some(texts) = texts(space, set, abi, call) else { return Ok(None) };
        for text in texts {
            if allowed {
                allow.push(text);
            } else {
                deny.push(with_action(text, action, on_deny));
            }
        }
    }
    Ok(Some((deny, allow)))
}

/// A set of arguments of a call (see [`Space::at_call`]) as rules without action, any of which
/// matches exactly there; `None` where the language cannot say it, or needs too many.
pub fn texts(space: &Space, set: Set, abi: Abi, call: CallId) -> Option<Vec<String>> {
    let cubes = space.cubes(set, CUBES).ok()?;
    cubes.iter().map(|cube| condition::text(cube, abi, call)).collect()
}

/// A function as actions with conditions.
fn list(space: &mut Space, function: Diagram) -> Result<Vec<Answer>, Error> {
    let mut answers = Vec::new();
    for action in space.actions(function)? {
        let set = space.set(function, |other| other == action)?;
        answers.push(Answer { action, conditions: space.cubes(set, CUBES).ok() });
    }
    Ok(answers)
}

/// Takes out of the rules every call for which they do not mean exactly what the filter answers.
fn verify(space: &mut Space, filter: Diagram, abi: Abi, rules: &mut Rules) -> Result<(), Error> {
    let spec = specification(AbiSet::NONE.with(abi), rules, rules.unknown.unwrap_or(Action::Errno(38)));
    let meant = match &spec {
        Some(spec) => Some(space.spec(spec)?),
        None => None,
    };
    for prototype in table::prototypes(abi) {
        let function = space.at_call(filter, abi, prototype.number);
        let right = meant.is_some_and(|meant| space.at_call(meant, abi, prototype.number) == function);
        let listed = rules.other.iter().any(|other| other.first == prototype.number);
        if right && !listed {
            continue;
        }
        let about = |text: &String| {
            let end = text.find(['(', ' ']).unwrap_or(text.len());
            text[..end] == *prototype.name
        };
        rules.deny.retain(|text| !about(text));
        rules.allow.retain(|text| !about(text));
        if !listed {
            let number = prototype.number;
            rules.other.push(Other { first: number, last: number, answers: list(space, function)? });
        }
    }
    rules.other.sort_by_key(|other| other.first);
    Ok(())
}

/// The specification of rules; `None` where one of them is none.
fn specification(abis: AbiSet, rules: &Rules, unknown: Action) -> Option<FilterSpec> {
    let parse =
        |texts: &[String]| -> Option<Vec<Rule>> { texts.iter().map(|text| rule::parse(text).ok()).collect() };
    let (deny, allow) = (parse(&rules.deny)?, parse(&rules.allow)?);
    Some(FilterSpec { abis, deny, allow, on_deny: rules.on_deny, unknown, bad_abi: Action::KillProcess })
}

/// One specification for all ABIs: those whose answers are rules are its `abis`, and their rules
/// together must mean the whole filter.
fn whole(
    space: &mut Space,
    filter: Diagram,
    abis: &[Answers],
    foreign: Option<Action>,
    negative: Option<Action>,
) -> Result<Option<FilterSpec>, Error> {
    let Some(bad_abi) = foreign else { return Ok(None) };
    let mut listed: Vec<(Abi, &Rules)> = Vec::new();
    for (abi, answers) in Abi::ALL.into_iter().zip(abis) {
        match answers {
            Answers::Always(action) if *action == bad_abi => {}
            Answers::Rules(rules) if rules.other.is_empty() => listed.push((abi, rules)),
            _ => return Ok(None),
        }
    }
    let Some((_, first)) = listed.first() else { return Ok(None) };
    let (on_deny, unknown) = (first.on_deny, first.unknown);
    let Some(unknown) = unknown else { return Ok(None) };
    let abis: AbiSet = listed.iter().map(|(abi, _)| *abi).collect();
    let mut together =
        Rules { deny: Vec::new(), allow: Vec::new(), on_deny, unknown: None, other: Vec::new() };
    for (_, rules) in &listed {
        for (from, to) in [(&rules.deny, &mut together.deny), (&rules.allow, &mut together.allow)] {
            for text in from {
                if !to.contains(text) {
                    to.push(text.clone());
                }
            }
        }
    }
    let Some(mut spec) = specification(abis, &together, unknown) else { return Ok(None) };
    spec.bad_abi = bad_abi;
    let mut meant = space.spec(&spec)?;
    if let Some(action) = negative {
        let numbers = space.program(&negative_numbers())?;
        let numbers = space.set(numbers, |action| action == Action::Allow)?;
        let answer = space.constant(action);
        meant = space.choose(numbers, answer, meant)?;
    }
    Ok((space.alone(meant)? == filter).then_some(spec))
}

/// Allows the negative numbers of `AUDIT_ARCH_X86_64` and nothing else.
fn negative_numbers() -> Program {
    Program::new(vec![
        Insn::stmt(code::LD_ABS, 4),
        Insn::jump(code::JEQ, table::AUDIT_ARCH_X86_64, 0, 3),
        Insn::stmt(code::LD_ABS, 0),
        Insn::jump(code::JSET, 1 << 31, 0, 1),
        Insn::stmt(code::RET, Action::Allow.value()),
        Insn::stmt(code::RET, Action::KillThread.value()),
    ])
}
