//! Directives of a systemd unit: names only, no conditions.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use ringfence_bpf::diagram::{Diagram, Space};
use ringfence_bpf::disassemble;
use ringfence_bpf::filter::Action;
use ringfence_bpf::table::{self, Abi};

use super::super::Error;
use super::super::gate::Failure;
use super::call::{self, Answers, Call, Width};

/// systemd's own word for the end of the process.
const KILL: &str = "kill";

pub(super) fn write(space: &mut Space, meaning: Diagram) -> Result<String, Failure> {
    let default = call::unknown(space, meaning, Abi::X86_64)?;
    let mut text = String::from("[Service]\n");
    let foreign = space.at_arch(meaning, 0);
    let killed = space.constant(Action::KillThread);
    if foreign == killed {
        let closed = |abi: Abi| {
            let mut numbers = table::prototypes(abi).iter();
            numbers.all(|call| space.at_call(meaning, abi, call.number) == killed)
        };
        let names = [(Abi::X86_64, "x86-64"), (Abi::I386, "x86"), (Abi::X32, "x32")];
        let open: Vec<&str> = names
            .iter()
            .filter(|(abi, _)| *abi == Abi::X86_64 || !closed(*abi))
            .map(|(_, name)| *name)
            .collect();
        let _ = writeln!(text, "SystemCallArchitectures={}", open.join(" "));
    }
    match default {
        Some(Action::Allow) => {
            let calls =
                plain(call::calls(space, meaning, Abi::X86_64, (Action::Allow, Width::Register), |_| true)?)?;
            let mut words = Vec::new();
            for (name, action) in calls {
                words.push(format!("{name}:{}", number(action)?));
            }
            list(&mut text, "~", &words);
        }
        Some(denied) => {
            let _ = writeln!(text, "SystemCallErrorNumber={}", number(denied)?);
            let calls =
                plain(call::calls(space, meaning, Abi::X86_64, (denied, Width::Register), |_| true)?)?;
            let allowed: BTreeSet<&str> =
                calls.iter().filter(|(_, action)| *action == Action::Allow).map(|(name, _)| *name).collect();
            let words: Vec<String> = allowed.iter().map(|name| (*name).to_owned()).collect();
            list(&mut text, "", &words);
            // An allow list has the members of @default without being asked.
            let default = table::group("@default").map(|group| group.members()).into_iter().flatten();
            let unwanted: Vec<String> = default
                .map(|call| call.name())
                .filter(|name| !allowed.contains(name))
                .map(str::to_owned)
                .collect();
            list(&mut text, "~", &unwanted);
            let mut others = Vec::new();
            for (name, action) in calls.into_iter().filter(|(_, action)| *action != Action::Allow) {
                others.push(format!("{name}:{}", number(action)?));
            }
            list(&mut text, "~", &others);
        }
        None => {
            let message =
                "numbers that no table has get several answers: a unit has one for what it does not name";
            return Err(Error::new(message).into());
        }
    }
    Ok(text)
}

fn list(text: &mut String, sign: &str, words: &[String]) {
    for words in words.chunks(12) {
        let _ = writeln!(text, "SystemCallFilter={sign}{}", words.join(" "));
    }
}

fn plain(calls: Vec<Call>) -> Result<Vec<(&'static str, Action)>, Failure> {
    calls
        .into_iter()
        .map(|call| match call.answers {
            Answers::Always(action) => Ok((call.name, action)),
            Answers::By(_) => {
                let message =
                    format!("{} depends on its arguments, which SystemCallFilter= cannot say", call.name);
                Err(Error::new(message)
                    .help("nothing was written; `--to bpf` can express every filter")
                    .into())
            }
        })
        .collect()
}

fn number(action: Action) -> Result<String, Failure> {
    match action {
        Action::KillProcess => Ok(KILL.to_owned()),
        Action::Errno(errno) => Ok(table::errno_name(errno).map_or(errno.to_string(), str::to_owned)),
        other => {
            let message = format!("SystemCallFilter= has no {}", disassemble::action(other));
            Err(Error::new(message).into())
        }
    }
}
