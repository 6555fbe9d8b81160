//! `[syscalls]` of a ringfence policy.

use std::fmt::Write as _;

use ringfence_bpf::decompile::{Answers, Listing, Other, decompile};
use ringfence_bpf::diagram::{Diagram, Space};
use ringfence_bpf::filter::{AbiSet, Action, FilterSpec};
use ringfence_bpf::relate::{self, Calls};
use ringfence_bpf::table::{self, Abi};
use ringfence_bpf::{disassemble, finding};

use super::super::gate::Failure;
use super::super::{Error, policy};
use super::Exported;

/// What a policy answers through an ABI that it does not name.
const BAD_ABI: Action = Action::Errno(38);

pub(super) fn write(space: &mut Space, meaning: Diagram) -> Result<Exported, Failure> {
    let listing = decompile(space, meaning)?;
    let text = text(&listing)?;
    let mut notes = vec![
        "[syscalls] alone: the other sections of a policy withhold more at the gate (sockets, user namespaces)".to_owned(),
    ];
    prove(space, meaning, &text, &mut notes)?;
    Ok(Exported { bytes: text.into_bytes(), notes })
}

fn text(listing: &Listing) -> Result<String, Failure> {
    let mut abis = Vec::new();
    let mut answers: Option<(Action, Action)> = None;
    let (mut allow, mut deny): (Vec<&String>, Vec<&String>) = (Vec::new(), Vec::new());
    for (abi, said) in Abi::ALL.into_iter().zip(&listing.abis) {
        let rules = match said {
            Answers::Always(action) if runs(*action) => {
                return Err(Error::new(format!(
                    "every call through {} runs: a policy has no word for that",
                    abi.name()
                ))
                .into());
            }
            Answers::Always(_) => continue,
            Answers::Rules(rules) => rules,
        };
        if let Some(other) = rules.other.first() {
            return Err(beyond(abi, other));
        }
        let unknown = rules.unknown.unwrap_or(rules.on_deny);
        if answers.is_some_and(|answers| answers != (rules.on_deny, unknown)) {
            let message =
                format!("calls through {} fail otherwise than through the ABIs before it", abi.name());
            return Err(Error::new(message).help("a policy has one on_deny and one unknown for all").into());
        }
        answers = Some((rules.on_deny, unknown));
        abis.push(abi);
        allow.extend(&rules.allow);
        deny.extend(&rules.deny);
    }
    let Some((on_deny, unknown)) = answers else {
        return Err(Error::new("no ABI has any rule").help("write `abis = []` in [syscalls]").into());
    };
    let mut text = String::from("version = 1\n\n[syscalls]\n");
    let names: Vec<String> = abis.iter().map(|abi| format!("\"{}\"", abi.name())).collect();
    let _ = writeln!(text, "abis = [{}]", names.join(", "));
    for (key, mut rules) in [("allow", allow), ("deny", deny)] {
        let mut seen = std::collections::BTreeSet::new();
        rules.retain(|rule| seen.insert(*rule));
        // What lower layers say is dropped by the empty string.
        let _ = writeln!(text, "{key} = [\n    \"\",");
        for rule in rules {
            let _ = writeln!(text, "    \"{rule}\",");
        }
        text.push_str("]\n");
    }
    let _ = writeln!(text, "on_deny = \"{}\"\nunknown = \"{}\"", word(on_deny)?, word(unknown)?);
    Ok(text)
}

fn runs(action: Action) -> bool {
    relate::strictness(action) > 0
}

fn beyond(abi: Abi, other: &Other) -> Failure {
    let name = |number| table::by_number(abi, number).map_or(number.to_string(), |call| call.name.to_owned());
    let calls = match (other.first, other.last) {
        (first, last) if first == last => name(first),
        (first, last) => format!("{first} to {last}"),
    };
    let message = format!(
        "no rule says what `{calls}` through {} gets: rules compare what the kernel reads",
        abi.name()
    );
    let mut ways = Vec::new();
    for answer in &other.answers {
        let cubes = answer.conditions.iter().flatten().take(3).map(ToString::to_string);
        let cubes: Vec<String> = cubes.collect();
        ways.push(format!("{} where {}", disassemble::action(answer.action), cubes.join(" or ")));
    }
    let help =
        format!("it is {}; with --as-read, bits that the kernel does not read do not count", ways.join("; "));
    Error::new(message).help(help).into()
}

/// An action as `on_deny` and `unknown` write it.
fn word(action: Action) -> Result<String, Failure> {
    Ok(match action {
        Action::KillProcess => "kill".to_owned(),
        Action::KillThread => "kill-thread".to_owned(),
        Action::Trap(0) => "trap".to_owned(),
        Action::Log => "log".to_owned(),
        Action::Errno(errno) if table::errno_name(errno).is_some() => {
            table::errno_name(errno).unwrap_or_default().to_owned()
        }
        other => {
            let message = format!(
                "a policy cannot answer {} to all that it does not allow",
                disassemble::action(other)
            );
            return Err(Error::new(message).into());
        }
    })
}

/// Reads the text as a policy, and compares its rules with the source, over every input. Two things
/// may differ, both denied and both said: other ABIs, and negative numbers, which no kernel has.
fn prove(space: &mut Space, meaning: Diagram, text: &str, notes: &mut Vec<String>) -> Result<(), Failure> {
    let loader = |_: &str| Ok(text.as_bytes().to_vec());
    let policy = policy::load("the result", &loader)?;
    let rules = |list: &[crate::policy::At<ringfence_bpf::rule::Rule>]| -> Vec<_> {
        list.iter().map(|rule| rule.value.clone()).collect()
    };
    let calls = &policy.syscalls;
    let spec = FilterSpec {
        abis: calls.abis.iter().fold(AbiSet::NONE, |set, abi| set.with(abi.value)),
        deny: rules(&calls.deny),
        allow: rules(&calls.allow),
        on_deny: calls.on_deny.value,
        unknown: calls.unknown.value,
        bad_abi: BAD_ABI,
    };
    let again = space.spec(&spec)?;
    for difference in relate::difference(space, meaning, again)? {
        let outside = match difference.calls {
            Calls::Known(abi, _) => !spec.abis.contains(abi),
            Calls::Foreign { .. } => true,
            Calls::Unknown { arch: table::AUDIT_ARCH_X86_64, first, .. } if first >= 0x8000_0000 => true,
            Calls::Unknown { arch, first, .. } => {
                let data = ringfence_bpf::program::SeccompData { arch, nr: first, ..Default::default() };
                Abi::of(&data).is_none_or(|(abi, _)| !spec.abis.contains(abi))
            }
        };
        let (old, new) = (disassemble::action(difference.old), disassemble::action(difference.new));
        if !outside || runs(difference.old) || runs(difference.new) {
            let message = format!(
                "not expressible exactly: {} is {old}, and would be {new}",
                finding::describe(&difference.witness)
            );
            return Err(Error::new(message).help("nothing was written").into());
        }
        let note =
            format!("denied both, but otherwise: other ABIs or negative numbers were {old}, and are {new}");
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    Ok(())
}
