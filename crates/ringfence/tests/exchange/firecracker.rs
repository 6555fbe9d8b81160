//! Firecracker's filters against the crate seccompiler.

use ringfence::exchange::Language;
use ringfence_bpf::program::{Insn, Program};
use seccompiler::{TargetArch, compile_from_json};

use super::{corpus, diagram, import, same, space};

fn compare(text: &str) -> usize {
    let theirs = compile_from_json(text.as_bytes(), TargetArch::x86_64).unwrap();
    let ours = import(text, Language::Firecracker).unwrap();
    assert_eq!(ours.gates.len(), theirs.len());
    for gate in &ours.gates {
        let insn = |i: &seccompiler::sock_filter| Insn { code: i.code, jt: i.jt, jf: i.jf, k: i.k };
        let program = Program::new(theirs[&gate.name].iter().map(insn).collect());
        let mut space = space();
        let ours = diagram(&mut space, &gate.stack[0]);
        let theirs = space.program(&program).unwrap();
        same(&gate.name, &mut space, ours, theirs);
    }
    ours.gates.len()
}

#[test]
fn real_filters_mean_what_seccompiler_makes_of_them() {
    let Some(path) = corpus::find("real_filters", "firecracker/x86_64.json") else { return };
    assert_eq!(compare(&std::fs::read_to_string(path).unwrap()), 3);
}

#[test]
fn every_comparison_means_what_seccompiler_makes_of_it() {
    let mut rules = Vec::new();
    let ops = ["\"eq\"", "\"ge\"", "\"gt\"", "\"le\"", "\"lt\"", "\"ne\"", "{\"masked_eq\": 4294967302}"];
    for (at, op) in ops.iter().enumerate() {
        for (width, value) in [("dword", 7_u64), ("qword", 7), ("qword", 0x1_0000_0007), ("qword", 0)] {
            for call in ["personality", "socket", "ioctl", "fcntl"] {
                let index = at % 3;
                let condition = |index, value| {
                    format!(r#"{{"index": {index}, "type": "{width}", "op": {op}, "val": {value}}}"#)
                };
                let args = format!("[{}, {}]", condition(index, value), condition(index + 1, value + 1));
                rules.push(format!(r#"{{"syscall": "{call}", "args": {args}}}"#));
            }
        }
    }
    rules.push(r#"{"syscall": "read"}"#.to_owned());
    rules.push(r#"{"syscall": "socket"}"#.to_owned());
    for chunk in rules.chunks(4) {
        let text = format!(
            r#"{{"a": {{"default_action": {{"errno": 38}}, "filter_action": "log", "filter": [{}]}}}}"#,
            chunk.join(", ")
        );
        compare(&text);
    }
}
