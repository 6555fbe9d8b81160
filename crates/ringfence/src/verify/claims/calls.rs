//! Operations that are system calls: from a rule to calls that it matches, as harmless as they can
//! be made: what the rule leaves open is a bad descriptor, a null pointer or 0.

use ringfence_bpf::rule::{Rule, Test as Value, value_bits};
use ringfence_bpf::table::{Abi, Argument, CallId};

use crate::control::trial::{Deed, Entry, Passes, Probe, Trial, Word};
use crate::verify::Case;

/// The most calls of one rule that are tried: a group has hundreds.
const MOST: usize = 64;

/// Calls whose every argument does something, or that never come back: asked at the gate only.
const NEVER: [&str; 22] = [
    "exit",
    "exit_group",
    "rt_sigreturn",
    "sigreturn",
    "pause",
    "vhangup",
    "sync",
    "reboot",
    "kexec_load",
    "kexec_file_load",
    "sethostname",
    "setdomainname",
    "acct",
    "swapoff",
    "swapon",
    "rt_sigsuspend",
    "sigsuspend",
    "restart_syscall",
    "msgget",
    "syslog",
    "settimeofday",
    "stime",
];

/// How a rule is tried through one ABI; empty where the ABI has none of its calls.
pub(super) fn cases(rule: &Rule, abi: Abi, entries: &[Entry]) -> Vec<Case> {
    let mut cases = Vec::new();
    let ways: Vec<Entry> = entries.iter().copied().filter(|way| same_abi(*way, abi)).collect();
    for call in rule.target.calls().take(MOST) {
        let Some(number) = call.number(abi) else { continue };
        for args in vectors(rule, call, abi) {
            cases.extend(ways.iter().map(|way| {
                let probe = Probe { entry: *way, number: number | abi.bit(), args };
                Case { probe, trial: (!NEVER.contains(&call.name())).then(|| trial(call, &probe)) }
            }));
        }
    }
    cases
}

/// Whether an entry leads to an ABI.
fn same_abi(way: Entry, abi: Abi) -> bool {
    (way == Entry::Syscall) == (abi != Abi::I386)
}

fn trial(call: CallId, probe: &Probe) -> Trial {
    let splits = matches!(call.name(), "fork" | "vfork" | "clone" | "clone3");
    let args = probe.args.iter().map(|arg| Word::Value(*arg)).collect();
    let deed = Deed::Call { entry: probe.entry, number: probe.number, args, splits };
    // Whatever it answers outside, but a refusal, shows that it was let through.
    Trial::of(vec![deed]).passing(Passes::NotRefused)
}

/// Arguments that match: each alternative of each condition, the open ones harmless, and once more
/// with the bits set that the kernel does not read.
fn vectors(rule: &Rule, call: CallId, abi: Abi) -> Vec<[u64; 6]> {
    let Some(prototype) = call.prototype(abi) else { return Vec::new() };
    let mut base = [0u64; 6];
    for (word, argument) in base.iter_mut().zip(prototype.args) {
        *word = harmless(argument);
    }
    if !rule.expressible(call, abi) {
        return vec![base];
    }
    let places: Vec<_> = rule
        .conditions
        .iter()
        .filter_map(|condition| Some((condition.argument(call, abi)?, condition)))
        .collect();
    for ((place, argument), condition) in &places {
        if let Some(test) = condition.tests.first() {
            base[*place] = holding(*test, value_bits(call, argument));
        }
    }
    let mut vectors = vec![base];
    for ((place, argument), condition) in &places {
        for test in &condition.tests {
            let mut args = base;
            args[*place] = holding(*test, value_bits(call, argument));
            vectors.push(args);
            if argument.width < 64 && abi != Abi::I386 {
                args[*place] |= 1 << argument.width;
                vectors.push(args);
            }
        }
    }
    vectors.dedup();
    vectors
}

fn harmless(argument: &Argument) -> u64 {
    let is_descriptor = matches!(argument.name, "fd" | "dfd" | "sockfd" | "fildes" | "pidfd")
        || argument.name.ends_with("fd");
    if is_descriptor && !argument.pointer { u64::from(u32::MAX) } else { 0 }
}

fn holding(test: Value, bits: u64) -> u64 {
    match test {
        Value::Equal(value) => value as u64 & bits,
        Value::NotEqual(value) => (value as u64 ^ 1) & bits,
        Value::Range(low, _) => low as u64 & bits,
        Value::Masked { value, .. } => value,
    }
}
