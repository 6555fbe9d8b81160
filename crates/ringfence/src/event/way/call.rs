//! System calls that a rule names, through each ABI that has them; and capabilities.

use ringfence_bpf::program::SeccompData;
use ringfence_bpf::rule::{Condition, Rule, Test};
use ringfence_bpf::table::{Abi, CallId};

use super::{Answer, Model, Stop, Way};
use crate::event::call::{Memory, decode};
use crate::event::errno::EPERM;
use crate::event::{Cause, Control, Known, Remedy, Setting};
use crate::policy::model::{Capability, Namespace};

/// More calls than a person reads; a group has some tens.
const MOST: usize = 300;

pub(super) fn ways(model: &Model, rule: &Rule) -> Vec<Way> {
    let Some(gate) = model.gate() else {
        let stop = Stop::new(Control::Seccomp, Answer::Allows, "syscalls.mode = \"off\": there is no filter");
        return vec![Way {
            what: "every call".to_owned(),
            abi: Abi::X86_64,
            calls: Vec::new(),
            stops: vec![stop],
        }];
    };
    let mut ways = Vec::new();
    for call in rule.target.calls() {
        for abi in Abi::ALL {
            let Some(data) = witness(rule, call, abi) else { continue };
            if ways.len() == MOST {
                return ways;
            }
            let what = decode(&data, &Nowhere).to_string();
            let mut stops = vec![model.judged(gate, &data, call.name())];
            if abi != Abi::X86_64 {
                stops[0].about = format!("{} of {}", call.name(), abi.name());
            }
            if !stops[0].answer.stops() {
                let rest = "what the call checks by itself (capabilities, objects) is not modelled";
                stops.push(Stop::new(Control::Credential, Answer::Unknown, rest));
            }
            ways.push(Way { what, abi, calls: Vec::new(), stops });
        }
    }
    ways
}

/// There is no caller whose memory could be read.
struct Nowhere;

impl Memory for Nowhere {
    fn read(&self, _: u64, _: &mut [u8]) -> Result<usize, String> {
        Err("there is no caller".to_owned())
    }
}

/// Registers that the rule matches: zero where it says nothing.
fn witness(rule: &Rule, call: CallId, abi: Abi) -> Option<SeccompData> {
    let nr = call.number(abi)? | abi.bit();
    let mut data = SeccompData { nr, arch: abi.audit_arch(), ..SeccompData::default() };
    for condition in &rule.conditions {
        let (place, argument) = condition.argument(call, abi)?;
        let mask = u64::MAX >> (64 - u32::from(argument.width));
        data.args[place] = value(condition)? & mask;
    }
    Some(data)
}

fn value(condition: &Condition) -> Option<u64> {
    match *condition.tests.first()? {
        Test::Equal(number) | Test::Range(number, _) => Some(number as u64),
        Test::NotEqual(number) => Some(number.wrapping_add(1) as u64),
        Test::Masked { value, .. } => Some(value),
    }
}

/// A capability counts in the user namespace that the program is in.
pub(super) fn capability(model: &Model, capability: Capability) -> Way {
    let process = &model.policy.process;
    let kept = process.capabilities.iter().find(|kept| kept.value == capability);
    let own = model.policy.namespaces.unshare.contains(&Namespace::User);
    let name = capability.name().to_owned();
    let mut stop = match kept {
        Some(kept) => {
            let place =
                if own { "in the program's own user namespace" } else { "everywhere that the caller has it" };
            let mut stop = Stop::new(Control::Credential, Answer::Allows, format!("kept; it counts {place}"));
            stop.line = model.line(Some(kept.at));
            stop
        }
        None => {
            let mut stop = Stop::new(Control::Credential, Answer::Denies(EPERM), "in none of the five sets");
            stop.cause = Some(Cause::Capability(capability.name()));
            stop
        }
    };
    if kept.is_none() {
        let setting = Setting { key: "process.capabilities", value: name.clone(), list: true };
        stop.remedy = Some(Known::Predicted(Remedy::Settings(vec![setting])));
    }
    Way { what: format!("what {name} is needed for"), abi: Abi::X86_64, calls: Vec::new(), stops: vec![stop] }
}
