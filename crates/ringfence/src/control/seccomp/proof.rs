//! That the filter of a plan answers as the rules say, over every input. The rules become a diagram
//! without the compiler, and the program as it will be loaded becomes another: equal functions are equal
//! numbers. `check` and `verify` ask; `run` does not, since it takes some milliseconds.

use ringfence_bpf::diagram::{Diagram, Error, Limits, Space};
use ringfence_bpf::disassemble::action;
use ringfence_bpf::filter::Action;
use ringfence_bpf::finding::describe;
use ringfence_bpf::program::{Insn, Program, code};
use ringfence_bpf::table::AUDIT_ARCH_X86_64;
use ringfence_sys::step::Step;

use super::launch::{EXECVE, SENDMSG};
use super::model::Model;
use super::specify;
use crate::control::Refusal;

/// What was found out about a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// It answers every input as the rules say.
    Equal {
        /// Its length.
        instructions: usize,
    },
    /// An exact answer needs more than the bounds allow.
    TooComplex {
        /// Its length.
        instructions: usize,
        /// The bound.
        why: String,
    },
}

/// Compares the filter of a step with the rules of its model; `None` where the step loads none.
///
/// # Errors
/// An input that the two answer differently: a defect of the compiler.
pub fn prove(model: &Model, step: &Step<'_>) -> Result<Option<Proof>, Refusal> {
    let (program, token) = match step {
        Step::SeccompFilter { program, .. } => (*program, None),
        Step::SeccompListen { program, token, .. } => (*program, Some(*token)),
        _ => return Ok(None),
    };
    let Some(specified) = specify(model)? else { return Ok(None) };
    let insns = program.iter().map(|i| Insn { code: i.code, jt: i.jt, jf: i.jf, k: i.k });
    let program = Program::new(insns.collect());
    let instructions = program.len();
    let mut calls = Vec::new();
    if let Some(token) = model.token.filter(|_| specified.needs_token) {
        calls.push((EXECVE, token));
    }
    calls.extend(token.map(|token| (SENDMSG, token)));
    let mut space = Space::new(Limits::default());
    let mut compare = || -> Result<(Diagram, Diagram), Error> {
        let mut meant = space.spec(&specified.spec)?;
        if token.is_some() {
            meant = space.map(meant, |answer| match answer {
                Action::Errno(_) => Action::UserNotif,
                answer => answer,
            })?;
        }
        for (call, token) in &calls {
            let own = space.program(&only(*call, *token))?;
            let own = space.set(own, |answer| answer == Action::Allow)?;
            let allow = space.constant(Action::Allow);
            meant = space.choose(own, allow, meant)?;
        }
        Ok((meant, space.program(&program)?))
    };
    match compare() {
        Err(Error::TooComplex(bound)) => Ok(Some(Proof::TooComplex { instructions, why: bound.to_string() })),
        Err(error) => Err(defect(model, &error.to_string())),
        Ok((meant, loaded)) if meant == loaded => Ok(Some(Proof::Equal { instructions })),
        Ok((meant, loaded)) => {
            let witness = space.unequal(meant, loaded).ok().and_then(|differ| space.witness(differ));
            let shown = witness.map_or_else(String::new, |data| {
                let [meant, loaded] = [meant, loaded].map(|side| action(space.eval(side, &data)));
                format!("{} is {meant} by the rules, and {loaded} by the filter", describe(&data))
            });
            Err(defect(model, &shown))
        }
    }
}

fn defect(model: &Model, shown: &str) -> Refusal {
    Refusal {
        message: format!("the filter was compiled to something else than its rules say: {shown}"),
        help: "this is a defect of ringfence, and nothing was started: report it with the policy".to_owned(),
        at: model.mode_at,
    }
}

/// A program that allows one call with the token in its fourth argument, and nothing else.
fn only(call: u32, token: u64) -> Program {
    let words = [(4, AUDIT_ARCH_X86_64), (0, call), (40, token as u32), (44, (token >> 32) as u32)];
    let mut insns = Vec::new();
    for (left, (at, value)) in (0u8..4).rev().zip(words) {
        insns.push(Insn::stmt(code::LD_ABS, at));
        // Past what is left of the tests, two instructions each, and the answer where all hold.
        insns.push(Insn::jump(code::JEQ, value, 0, 2 * left + 1));
    }
    insns.push(Insn::stmt(code::RET, Action::Allow.value()));
    insns.push(Insn::stmt(code::RET, Action::KillProcess.value()));
    Program::new(insns)
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;
    use ringfence_bpf::eval;
    use ringfence_bpf::program::SeccompData;
    use ringfence_bpf::table::AUDIT_ARCH_I386;
    use ringfence_sys::abi::SockFilter;

    use super::*;
    use crate::control::seccomp::{compile, tests};
    use crate::host::Host;

    fn step<'a>(model: &Model, arena: &'a Bump) -> Step<'a> {
        compile(model, &Host::live(), arena).unwrap().steps.remove(0).step
    }

    #[test]
    fn filters_with_and_without_calls_of_the_launch_are_equal_to_their_rules() {
        let plain = tests::model();
        let token = Some(0x1234_5678_9abc_def0);
        let strict = Model { mode: crate::policy::model::SyscallMode::Strict, token, ..plain.clone() };
        let told = Model { notify: true, token, ..plain.clone() };
        for model in [plain, strict, told] {
            let arena = Bump::new();
            let step = step(&model, &arena);
            let proof = prove(&model, &step).unwrap();
            assert!(matches!(proof, Some(Proof::Equal { instructions: 5.. })), "{proof:?}");
        }
    }

    /// Changes of one instruction: each is found, or means the same for the interpreter as well.
    #[test]
    fn each_instruction_that_is_changed_is_found() {
        let model = tests::model();
        let arena = Bump::new();
        let Step::SeccompFilter { flags, program } = step(&model, &arena) else { panic!() };
        let mut found = 0;
        for at in 0..program.len() {
            let mut changed: Vec<SockFilter> = program.to_vec();
            // A number, an answer, or an offset within seccomp_data.
            changed[at].k ^= 4;
            match prove(&model, &Step::SeccompFilter { flags, program: &changed }) {
                Err(refusal) => {
                    assert!(refusal.help.contains("defect"), "{}", refusal.message);
                    found += 1;
                }
                Ok(Some(Proof::Equal { .. })) => {
                    let differ = inputs().find(|data| answer(program, data) != answer(&changed, data));
                    assert_eq!(differ, None, "instruction {at}: {:?}", program[at]);
                }
                other => panic!("instruction {at}: {other:?}"),
            }
        }
        assert!(found > program.len() * 3 / 4, "{found} of {}", program.len());
    }

    fn answer(program: &[SockFilter], data: &SeccompData) -> Action {
        let insns: Vec<_> =
            program.iter().map(|i| Insn { code: i.code, jt: i.jt, jf: i.jf, k: i.k }).collect();
        eval::action(&insns, data).unwrap()
    }

    fn inputs() -> impl Iterator<Item = SeccompData> {
        let of = |arch, nr| [0, 1, 2, 5, 0x1_0000_0001].map(|arg| (arch, nr, arg));
        let calls = (0..600).flat_map(|nr| {
            [(AUDIT_ARCH_X86_64, nr), (AUDIT_ARCH_X86_64, nr | 1 << 30), (AUDIT_ARCH_I386, nr)]
        });
        calls.flat_map(move |(arch, nr)| of(arch, nr)).map(|(arch, nr, arg)| SeccompData {
            nr,
            arch,
            instruction_pointer: 0,
            args: [arg; 6],
        })
    }

    #[test]
    fn another_token_or_another_call_is_found() {
        let token = Some(7);
        let model = Model { mode: crate::policy::model::SyscallMode::Strict, token, ..tests::model() };
        let arena = Bump::new();
        let step = step(&model, &arena);
        for other in
            [Model { token: Some(8), ..model.clone() }, Model { token: Some(7 << 32), ..model.clone() }]
        {
            let refusal = prove(&other, &step).unwrap_err();
            assert!(refusal.message.contains("execve"), "{}", refusal.message);
        }
    }
}
