//! Rules from anyone: what is accepted as rules is compiled, and the program, its diagram and the
//! shortest program answer every call as the rules say, one after the other and without the compiler.
//! A line is a rule; those before a line `-` deny, the others allow. The first byte chooses ABIs and
//! answers. `cargo +nightly fuzz run rules -- -max_total_time=60`
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringfence_bpf::compile::{self, compile, proven};
use ringfence_bpf::diagram::{Error, Limits, Space};
use ringfence_bpf::filter::{AbiSet, Action, FilterSpec};
use ringfence_bpf::program::SeccompData;
use ringfence_bpf::rule::{self, Rule, Test};
use ringfence_bpf::table::{AUDIT_ARCH_I386, AUDIT_ARCH_X86_64, Abi};
use ringfence_bpf::{decode, eval};

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, text)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let Some(spec) = specification(*choice, text) else { return };
    let program = match compile(&spec) {
        Ok(program) => program,
        Err(compile::Error::TooLong { .. } | compile::Error::ActionOnAllow { .. }) => return,
        Err(other) => panic!("{other}"),
    };
    decode::check(program.insns()).unwrap();
    let mut space = Space::new(Limits { nodes: 1 << 17, steps: 1 << 19, ..Limits::default() });
    let diagram = match space.spec(&spec) {
        Ok(diagram) => Some(diagram),
        Err(Error::TooComplex(_)) => None,
        Err(other) => panic!("{other}"),
    };
    if let Some(diagram) = diagram {
        match space.program(&program) {
            Ok(made) => assert_eq!(made, diagram, "{spec:#?}"),
            Err(Error::TooComplex(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
    let short = match proven(&spec) {
        Ok(short) => short,
        Err(compile::Error::Diagram(Error::TooComplex(_)) | compile::Error::TooLong { .. }) => program.clone(),
        Err(other) => panic!("{other}"),
    };
    assert!(short.len() <= program.len());
    for data in inputs(&spec, *choice) {
        let meant = rule::meaning(&spec, &data);
        for program in [&program, &short] {
            assert_eq!(eval::action(program.insns(), &data), Ok(meant), "{data:x?} by {spec:#?}");
        }
        if let Some(diagram) = diagram {
            assert_eq!(space.eval(diagram, &data), meant, "{data:x?} by {spec:#?}");
        }
    }
});

fn specification(choice: u8, text: &str) -> Option<FilterSpec> {
    let (mut deny, mut allow): (Vec<Rule>, Vec<Rule>) = (Vec::new(), Vec::new());
    let mut denies = true;
    for line in text.lines().take(24) {
        match line {
            "-" => denies = false,
            _ if denies => deny.push(rule::parse(line).ok()?),
            _ => allow.push(rule::parse_allow(line).ok()?),
        }
    }
    let abis = Abi::ALL.into_iter().enumerate().filter(|(at, _)| choice >> at & 1 == 1).map(|(_, abi)| abi);
    let unknown = if choice & 8 == 0 { Action::Errno(38) } else { Action::KillProcess };
    Some(FilterSpec {
        abis: abis.collect::<AbiSet>(),
        deny,
        allow,
        on_deny: if choice & 16 == 0 { Action::Errno(1) } else { Action::Trap(0) },
        unknown,
        bad_abi: if choice & 32 == 0 { Action::KillProcess } else { unknown },
    })
}

/// Calls that the rules name, with values around those of their conditions.
fn inputs(spec: &FilterSpec, choice: u8) -> Vec<SeccompData> {
    let mut values = vec![0, 1, u64::MAX, 1 << 32, u64::from(u32::MAX), 1 << 31, 1 << 63];
    let mut numbers = vec![0, 101, 0x4000_0000, u32::MAX];
    for rule in spec.deny.iter().chain(&spec.allow) {
        for call in rule.target.calls().take(8) {
            numbers.extend(Abi::ALL.iter().filter_map(|abi| Some(abi.bit() | call.number(*abi)?)));
        }
        for test in rule.conditions.iter().flat_map(|condition| &condition.tests) {
            let around = match *test {
                Test::Equal(value) | Test::NotEqual(value) => [value, value],
                Test::Range(from, to) => [from, to],
                Test::Masked { mask, value } => [mask.into(), value.into()],
            };
            values.extend(around.iter().flat_map(|value| [value.wrapping_sub(1), *value, value.wrapping_add(1)]).map(|value| value as u64));
        }
    }
    values.truncate(64);
    numbers.truncate(64);
    let mut inputs = Vec::new();
    for (at, nr) in numbers.iter().enumerate() {
        for arch in [AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, u32::from(choice)] {
            for round in 0..values.len() {
                let args = std::array::from_fn(|arg| values[(round * (arg + 1) + at * arg) % values.len()]);
                inputs.push(SeccompData { nr: *nr, arch, instruction_pointer: 0, args });
            }
        }
    }
    inputs
}
