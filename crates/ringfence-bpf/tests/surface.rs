//! What a filter leaves reachable, against the interpreter.

use ringfence_bpf::compile::compile;
use ringfence_bpf::diagram::Space;
use ringfence_bpf::disassemble::assemble;
use ringfence_bpf::eval;
use ringfence_bpf::filter::{AbiSet, Action, FilterSpec};
use ringfence_bpf::program::{Program, SeccompData};
use ringfence_bpf::surface::{Surface, surface};
use ringfence_bpf::table::{self, Abi};

fn of(program: &Program) -> Surface {
    let mut space = Space::default();
    let filter = space.program(program).unwrap();
    surface(&mut space, filter).unwrap()
}

#[test]
fn calls_and_conditions() {
    let parse = |text: &str| ringfence_bpf::rule::parse(text).unwrap();
    let spec = FilterSpec {
        abis: AbiSet::X86_64.with(Abi::I386),
        deny: Vec::new(),
        allow: ["read", "write", "socket(AF_UNIX)", "clone(flags: !& CLONE_NEWUSER)"].map(parse).to_vec(),
        on_deny: Action::Errno(1),
        unknown: Action::Errno(38),
        bad_abi: Action::KillProcess,
    };
    let program = compile(&spec).unwrap();
    let found = of(&program);
    for reach in &found.abis {
        let names: Vec<&str> = reach.calls.iter().map(|call| call.prototype.name).collect();
        let open: Vec<&str> = reach.open().map(|call| call.prototype.name).collect();
        match reach.abi {
            Abi::X86_64 => assert_eq!(names, ["read", "write", "socket", "clone"]),
            Abi::I386 => assert_eq!(names, ["read", "write", "clone", "socket"]),
            Abi::X32 => assert_eq!(names, [""; 0]),
        }
        assert_eq!(open.len(), names.len() / 2);
        assert!(reach.unknown.is_empty() && reach.of > 300);
        for (call, conditions) in reach.conditional() {
            let rules = conditions.rules.as_ref().unwrap();
            match call.prototype.name {
                "socket" => {
                    assert_eq!(rules, &["socket(domain: AF_UNIX)"]);
                    assert_eq!(conditions.inputs.log2(), 448.0 - 32.0);
                }
                _ => {
                    assert_eq!(rules, &["clone(clone_flags: !& CLONE_NEWUSER)"]);
                    assert_eq!(conditions.inputs.log2(), 447.0);
                }
            }
        }
        // The second path: the interpreter, on every number.
        for number in 0..=table::highest(reach.abi) + 3 {
            let data = SeccompData {
                nr: number | reach.abi.bit(),
                arch: reach.abi.audit_arch(),
                ..SeccompData::default()
            };
            let runs = eval::action(program.insns(), &data).unwrap() == Action::Allow;
            let listed = reach.open().any(|call| call.prototype.number == number)
                || reach
                    .conditional()
                    .any(|(call, _)| call.prototype.number == number && call.prototype.name != "socket");
            assert_eq!(runs, listed, "{:?} {number}", reach.abi);
        }
    }
}

#[test]
fn everything() {
    let found = of(&assemble("ret LOG").unwrap());
    assert_eq!(found.inputs.log2(), 512.0);
    for reach in &found.abis {
        assert_eq!(reach.open().count(), reach.of);
        let high = if reach.abi == Abi::I386 { i32::MAX as u32 } else { table::X32_BIT - 1 };
        assert_eq!(reach.unknown.last(), Some(&(table::highest(reach.abi) + 1, high)));
    }
}

#[test]
fn nothing() {
    let found = of(&assemble("ret KILL_PROCESS").unwrap());
    assert!(
        found.inputs.is_zero()
            && found.abis.iter().all(|reach| reach.calls.is_empty() && reach.unknown.is_empty())
    );
}
