//! Filters as Firecracker and seccompiler read them: one default, one answer for what the rules match.

use std::collections::BTreeSet;

use ringfence_bpf::diagram::{Diagram, Space};
use ringfence_bpf::disassemble;
use ringfence_bpf::filter::Action;
use ringfence_bpf::table::Abi;
use serde_json::{Map, Value, json};

use super::super::Error;
use super::super::gate::Failure;
use super::call::{self, Answers, Compare, How, Width};

/// The name of the thread, where the gate has none.
const THREAD: &str = "main";

pub(super) fn write(space: &mut Space, meaning: Diagram, name: &str) -> Result<String, Failure> {
    let Some(default) = call::unknown(space, meaning, Abi::X86_64)? else {
        let message = "numbers that no table has get several answers: a thread has one default";
        return Err(Error::new(message).into());
    };
    let calls = call::calls(space, meaning, Abi::X86_64, (default, Width::Either), |_| true)?;
    let mut rules = Vec::new();
    let mut actions = BTreeSet::new();
    for call in calls {
        match call.answers {
            Answers::Always(action) => {
                actions.insert(action);
                rules.push(json!({ "syscall": call.name }));
            }
            Answers::By(answers) => {
                for (action, ways) in answers {
                    actions.insert(action);
                    for way in ways.iter().flat_map(|way| single(way)) {
                        let args: Vec<Value> = way.iter().map(argument).collect();
                        rules.push(json!({ "syscall": call.name, "args": args }));
                    }
                }
            }
        }
    }
    let matched = match actions.into_iter().collect::<Vec<_>>()[..] {
        [] if default == Action::Allow => Action::Trap(0),
        [] => Action::Allow,
        [action] => action,
        [first, second, ..] => {
            let (first, second) = (disassemble::action(first), disassemble::action(second));
            let message = format!(
                "a thread has one answer beside its default {}, and this filter has {first} and {second}",
                disassemble::action(default)
            );
            return Err(Error::new(message)
                .help("nothing was written; `--to bpf` can express every filter")
                .into());
        }
    };
    let thread =
        json!({ "default_action": answer(default)?, "filter_action": answer(matched)?, "filter": rules });
    let name = if name.is_empty() { THREAD } else { name };
    let file = Value::Object(Map::from_iter([(name.to_owned(), thread)]));
    Ok(format!("{file:#}\n"))
}

/// Any of several bits: a rule for each.
fn single(way: &[Compare]) -> Vec<Vec<Compare>> {
    let mut rules: Vec<Vec<Compare>> = vec![Vec::new()];
    for compare in way {
        let hows: Vec<How> = match compare.how {
            How::Any(bits) => {
                let each = (0..64).map(|bit| 1_u64 << bit).filter(|bit| bits & bit != 0);
                each.map(|bit| How::Masked(bit, bit)).collect()
            }
            how => vec![how],
        };
        let with = |rule: &Vec<Compare>| -> Vec<Vec<Compare>> {
            let one = |how: &How| rule.iter().copied().chain([Compare { how: *how, ..*compare }]).collect();
            hows.iter().map(one).collect()
        };
        rules = rules.iter().flat_map(with).collect();
    }
    rules
}

fn argument(compare: &Compare) -> Value {
    let (op, value) = match compare.how {
        How::Equal(value) => (json!("eq"), value),
        How::NotEqual(value) => (json!("ne"), value),
        How::AtMost(value) => (json!("le"), value),
        How::AtLeast(value) => (json!("ge"), value),
        How::Masked(mask, value) => (json!({ "masked_eq": mask }), value),
        // `single` made each bit a rule.
        How::Any(bits) => (json!({ "masked_eq": bits }), bits),
    };
    let width = if compare.half { "dword" } else { "qword" };
    json!({ "index": compare.argument, "type": width, "op": op, "val": value })
}

fn answer(action: Action) -> Result<Value, Failure> {
    Ok(match action {
        Action::Allow => json!("allow"),
        Action::Errno(errno) => json!({ "errno": errno }),
        Action::KillThread => json!("kill_thread"),
        Action::KillProcess => json!("kill_process"),
        Action::Log => json!("log"),
        Action::Trace(data) => json!({ "trace": data }),
        Action::Trap(0) => json!("trap"),
        Action::Trap(_) | Action::UserNotif => {
            let message = format!("seccompiler has no {}", disassemble::action(action));
            return Err(Error::new(message).into());
        }
    })
}
