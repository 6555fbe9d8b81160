//! A minijail policy for `compile_seccomp_policy`.

use std::fmt::Write as _;

use ringfence_bpf::diagram::{Diagram, Space};
use ringfence_bpf::filter::Action;
use ringfence_bpf::table::Abi;

use super::super::Error;
use super::super::gate::Failure;
use super::call::{self, Answers, Compare, How, Width};

pub(super) fn write(space: &mut Space, meaning: Diagram) -> Result<String, Failure> {
    let default = call::unknown(space, meaning, Abi::X86_64)?;
    let word = match default {
        Some(Action::KillProcess) => "kill-process",
        Some(Action::KillThread) => "kill-thread",
        Some(Action::Trap(0)) => "trap",
        Some(Action::UserNotif) => "user-notify",
        _ => {
            let message =
                "a minijail policy answers calls that it does not name by kill, trap or user-notify only";
            return Err(Error::new(message).into());
        }
    };
    let default = default.unwrap_or(Action::KillThread);
    let mut text = format!("@default {word}\n");
    for call in call::calls(space, meaning, Abi::X86_64, (default, Width::Register), |_| true)? {
        let body = match call.answers {
            Answers::Always(action) => action_word(action)?,
            Answers::By(answers) => expression(call.name, &answers)?,
        };
        let _ = writeln!(text, "{}: {body}", call.name);
    }
    Ok(text)
}

/// Alternatives of the one action that an expression can give: allow.
fn expression(name: &str, answers: &[(Action, Vec<Vec<Compare>>)]) -> Result<String, Failure> {
    let [(Action::Allow, ways)] = answers else {
        let message = format!("{name}: a minijail policy can only allow under conditions");
        return Err(Error::new(message).into());
    };
    let clause = |way: &Vec<Compare>| way.iter().map(atom).collect::<Vec<_>>().join(" && ");
    Ok(ways.iter().map(clause).collect::<Vec<_>>().join(" || "))
}

fn atom(compare: &Compare) -> String {
    let argument = format!("arg{}", compare.argument);
    match compare.how {
        How::Equal(value) => format!("{argument} == {value:#x}"),
        How::NotEqual(value) => format!("{argument} != {value:#x}"),
        How::AtMost(value) => format!("{argument} <= {value:#x}"),
        How::AtLeast(value) => format!("{argument} >= {value:#x}"),
        How::Any(bits) => format!("{argument} & {bits:#x}"),
        How::Masked(mask, value) => {
            // Every bit that is to be there, and none that is not.
            let bits = (0..64).map(|bit| 1_u64 << bit).filter(|bit| value & bit != 0);
            let mut atoms: Vec<String> = bits.map(|bit| format!("{argument} & {bit:#x}")).collect();
            if mask & !value != 0 {
                atoms.push(format!("{argument} in {:#x}", !(mask & !value)));
            }
            atoms.join(" && ")
        }
    }
}

fn action_word(action: Action) -> Result<String, Failure> {
    Ok(match action {
        Action::KillProcess => "kill-process".to_owned(),
        Action::KillThread => "kill-thread".to_owned(),
        Action::Trap(0) => "trap".to_owned(),
        Action::Errno(errno) => format!("return {errno}"),
        Action::UserNotif => "user-notify".to_owned(),
        Action::Trace(0) => "trace".to_owned(),
        Action::Log => "log".to_owned(),
        Action::Allow => "1".to_owned(),
        Action::Trap(_) | Action::Trace(_) => {
            return Err(Error::new("a minijail policy has no trap or trace with data").into());
        }
    })
}
