//! An OCI profile in the form of the runtime specification.

use std::collections::BTreeMap;

use ringfence_bpf::diagram::{Diagram, Space};
use ringfence_bpf::filter::Action;
use ringfence_bpf::table::{self, Abi};
use serde_json::{Value, json};

use super::super::Error;
use super::super::gate::Failure;
use super::call::{self, Answers, Compare, How, Width};

pub(super) fn write(space: &mut Space, meaning: Diagram) -> Result<String, Failure> {
    let Some(default) = call::unknown(space, meaning, Abi::X86_64)? else {
        return Err(Error::new(
            "numbers that no table has get several answers: an OCI profile has one default",
        )
        .into());
    };
    let mut profile = json!({ "defaultAction": word(default)? });
    if let Some(data) = data(default) {
        profile["defaultErrnoRet"] = json!(data);
    }
    profile["architectures"] = json!(architectures(space, meaning));
    let mut rules: BTreeMap<&'static str, Vec<Value>> = BTreeMap::new();
    let mut plain: BTreeMap<(&'static str, Option<u16>), Vec<&'static str>> = BTreeMap::new();
    for abi in open(space, meaning) {
        // x86_64 is first; a rule is about every ABI that has the name.
        let new = |name: &str| {
            let native = abi != Abi::X86_64 && table::by_name(Abi::X86_64, name).is_some();
            !native && !rules.contains_key(name) && !listed(&plain, name)
        };
        for call in call::calls(space, meaning, abi, (default, Width::Register), new)? {
            match call.answers {
                Answers::Always(action) => {
                    plain.entry((word(action)?, data(action))).or_default().push(call.name);
                }
                Answers::By(answers) => {
                    let mut entries = Vec::new();
                    for (action, ways) in answers {
                        for way in ways {
                            for way in single(call.name, &way, abi)? {
                                entries.push(entry(call.name, action, &way)?);
                            }
                        }
                    }
                    rules.insert(call.name, entries);
                }
            }
        }
    }
    let mut entries = Vec::new();
    for ((action, data), names) in plain {
        let mut entry = json!({ "names": names, "action": action });
        if let Some(data) = data {
            entry["errnoRet"] = json!(data);
        }
        entries.push(entry);
    }
    entries.extend(rules.into_values().flatten());
    profile["syscalls"] = Value::Array(entries);
    Ok(format!("{profile:#}\n"))
}

fn listed(plain: &BTreeMap<(&'static str, Option<u16>), Vec<&'static str>>, name: &str) -> bool {
    plain.values().flatten().any(|known| *known == name)
}

/// The ABIs that are not closed as a whole, x86_64 first.
fn open(space: &Space, meaning: Diagram) -> Vec<Abi> {
    // One architecture stands for all that are none of x86; a proof follows.
    let foreign = space.at(meaning, 0, 0);
    let is_open = |abi: &Abi| {
        let mut numbers = table::prototypes(*abi).iter();
        numbers.any(|prototype| space.at_call(meaning, *abi, prototype.number) != foreign)
    };
    Abi::ALL.into_iter().filter(|abi| *abi == Abi::X86_64 || is_open(abi)).collect()
}

fn architectures(space: &Space, meaning: Diagram) -> Vec<&'static str> {
    let name = |abi: &Abi| match abi {
        Abi::X86_64 => "SCMP_ARCH_X86_64",
        Abi::I386 => "SCMP_ARCH_X86",
        Abi::X32 => "SCMP_ARCH_X32",
    };
    open(space, meaning).iter().map(name).collect()
}

/// The most rules that one alternative becomes.
const RULES: usize = 1024;

/// An alternative as rules that compare each argument once: two conditions on one argument are two
/// rules for libseccomp's callers. An interval becomes blocks of a power of two, and any of several
/// bits a rule for each.
fn single(name: &str, way: &[Compare], abi: Abi) -> Result<Vec<Vec<Compare>>, Failure> {
    let full = if abi == Abi::X86_64 { u64::MAX } else { u64::from(u32::MAX) };
    let mut rules: Vec<Vec<Compare>> = vec![Vec::new()];
    let mut rest = way;
    while let Some((first, others)) = rest.split_first() {
        let (alternatives, taken) = match (first.how, others.first()) {
            (How::AtLeast(from), Some(Compare { how: How::AtMost(to), argument, .. }))
                if *argument == first.argument =>
            {
                (call::blocks((from, *to), full).into_iter().flatten().collect(), 2)
            }
            (How::Any(bits), _) => {
                let each = (0..64).map(|bit| 1_u64 << bit).filter(|bit| bits & bit != 0);
                (each.map(|bit| How::Masked(bit, bit)).collect(), 1)
            }
            (how, _) => (vec![how], 1),
        };
        let twice = rules[0].iter().any(|compare| compare.argument == first.argument);
        if twice || rules.len() * alternatives.len() > RULES {
            let what = format!("{name}: more conditions on one argument than an OCI profile can combine");
            return Err(Error::new(what)
                .help("nothing was written; `--to bpf` can express every filter")
                .into());
        }
        let with = |rule: &Vec<Compare>| -> Vec<Vec<Compare>> {
            let one = |how: &How| rule.iter().copied().chain([Compare { how: *how, ..*first }]).collect();
            alternatives.iter().map(one).collect()
        };
        rules = rules.iter().flat_map(with).collect();
        rest = &rest[taken..];
    }
    Ok(rules)
}

fn entry(name: &str, action: Action, way: &[Compare]) -> Result<Value, Failure> {
    let mut entry = json!({ "names": [name], "action": word(action)? });
    if let Some(data) = data(action) {
        entry["errnoRet"] = json!(data);
    }
    let mut args = Vec::new();
    for compare in way {
        let (op, value, two) = match compare.how {
            How::Equal(value) => ("EQ", value, 0),
            How::NotEqual(value) => ("NE", value, 0),
            How::AtMost(value) => ("LE", value, 0),
            How::AtLeast(value) => ("GE", value, 0),
            How::Masked(mask, value) => ("MASKED_EQ", mask, value),
            // `single` made each bit a rule.
            How::Any(bits) => ("MASKED_EQ", bits, bits),
        };
        let mut argument =
            json!({ "index": compare.argument, "value": value, "op": format!("SCMP_CMP_{op}") });
        if op == "MASKED_EQ" {
            argument["valueTwo"] = json!(two);
        }
        args.push(argument);
    }
    if !args.is_empty() {
        entry["args"] = Value::Array(args);
    }
    Ok(entry)
}

fn word(action: Action) -> Result<&'static str, Failure> {
    Ok(match action {
        Action::KillProcess => "SCMP_ACT_KILL_PROCESS",
        Action::KillThread => "SCMP_ACT_KILL_THREAD",
        Action::Trap(0) => "SCMP_ACT_TRAP",
        Action::Errno(_) => "SCMP_ACT_ERRNO",
        Action::UserNotif => "SCMP_ACT_NOTIFY",
        Action::Trace(_) => "SCMP_ACT_TRACE",
        Action::Log => "SCMP_ACT_LOG",
        Action::Allow => "SCMP_ACT_ALLOW",
        Action::Trap(data) => {
            return Err(
                Error::new(format!("an OCI profile has no trap with data, as in TRAP({data})")).into()
            );
        }
    })
}

fn data(action: Action) -> Option<u16> {
    match action {
        Action::Errno(data) | Action::Trace(data) => Some(data),
        _ => None,
    }
}
