//! Answers that surprise: errno values, unknown actions, addresses.

use super::gate::{Gate, add};
use super::{Finding, Id, Severity};
use crate::decode::{Operation, decode};
use crate::diagram::{Error, Field, Set};
use crate::filter::Action;
use crate::program::Program;
use crate::table::{self, Abi};

/// Calls for which programs and libraries have an older way, and take it after ENOSYS only.
const FALL_BACK: [(&str, &str, Severity, &str); 7] = [
    ("clone3", "clone", Severity::Medium, "glibc 2.34 and later start no thread"),
    ("faccessat2", "faccessat", Severity::Low, "faccessat(3) with flags fails in glibc 2.33 and later"),
    (
        "fchmodat2",
        "fchmodat",
        Severity::Low,
        "fchmodat(3) with AT_SYMLINK_NOFOLLOW fails in glibc 2.39 and later",
    ),
    ("openat2", "openat", Severity::Low, "programs that probe for it do not go on with openat"),
    ("statx", "newfstatat", Severity::Low, "stat(3) fails where the C library calls statx first"),
    ("pselect6_time64", "pselect6", Severity::Low, "the C library does not go on with the older call"),
    ("futex_time64", "futex", Severity::Low, "the C library does not go on with the older call"),
];

pub(super) fn find(
    gate: &mut Gate<'_>,
    programs: &[&Program],
    findings: &mut Vec<Finding>,
) -> Result<(), Error> {
    fall_back(gate, findings);
    let blind = gate.forget_pointer(gate.runs)?;
    if blind != gate.runs {
        let denied = gate.space.not(gate.runs)?;
        let may_fail = gate.forget_pointer(denied)?;
        let both = gate.space.and(blind, may_fail)?;
        let witness = gate.space.witness(both).map(|data| gate.answered(data));
        findings.push(Finding {
            id: Id::InstructionPointer,
            severity: Severity::Low,
            call: None,
            abis: Vec::new(),
            message: "the answer depends on the instruction pointer, which the caller chooses: code elsewhere can jump to a permitted one".into(),
            witnesses: witness.into_iter().collect(),
            instructions: Vec::new(),
            fix: "decide by number and arguments".into(),
        });
    }
    pointers(gate, findings)?;
    for (at, program) in programs.iter().enumerate() {
        let name = if programs.len() > 1 { format!("filter {at}: ") } else { String::new() };
        unknown_action(program, &name, findings);
    }
    Ok(())
}

impl Gate<'_> {
    fn forget_pointer(&mut self, set: Set) -> Result<Set, Error> {
        self.space.forget(set, Field::InstructionPointer, u64::MAX)
    }
}

fn fall_back(gate: &Gate<'_>, findings: &mut Vec<Finding>) {
    let enosys = table::errno("ENOSYS");
    for (new, old, severity, effect) in FALL_BACK {
        let (Some(call), Some(older)) = (table::call(new), table::call(old)) else { continue };
        for abi in Abi::ALL {
            let (Some(place), Some(older)) = (gate.place(abi, call), gate.place(abi, older)) else {
                continue;
            };
            let all = gate.witness(place, Set::FULL);
            let Some(witness) = all.filter(|_| place.runs == Set::EMPTY && older.runs != Set::EMPTY) else {
                continue;
            };
            if !matches!(witness.action, Action::Errno(errno) if Some(errno) != enosys) {
                continue;
            }
            add(
                findings,
                Finding {
                    id: Id::EpermWhereEnosys,
                    severity,
                    call: Some(call),
                    abis: vec![abi],
                    message: format!("{new} fails otherwise than with ENOSYS while {old} is open: {effect}"),
                    witnesses: vec![witness],
                    instructions: Vec::new(),
                    fix: format!("`{new} -> ENOSYS` among the deny rules"),
                },
            );
        }
    }
}

/// Addresses decide nothing: the caller puts what it wants at any address.
fn pointers(gate: &mut Gate<'_>, findings: &mut Vec<Finding>) -> Result<(), Error> {
    for abi in Abi::ALL {
        for prototype in table::prototypes(abi) {
            let place = gate.at(prototype);
            if place.runs == Set::FULL || place.runs == Set::EMPTY {
                continue;
            }
            for (at, argument) in prototype.args.iter().enumerate().filter(|(_, argument)| argument.pointer) {
                let read = u64::MAX >> (64 - u32::from(argument.width));
                // A comparison with the null pointer is a fair question.
                let null = gate.argument(at, read, 0)?;
                let not_null = gate.space.minus(place.runs, null)?;
                let blind = gate.forget(not_null, at, read)?;
                let denied = gate.space.not(place.runs)?;
                let denied = gate.space.minus(denied, null)?;
                let may_fail = gate.forget(denied, at, read)?;
                let both = gate.space.and(blind, may_fail)?;
                if both.is_empty() {
                    continue;
                }
                let decides = gate.space.and(both, not_null)?;
                let name = prototype.name;
                add(
                    findings,
                    Finding {
                        id: Id::PointerCompared,
                        severity: Severity::Low,
                        call: table::call(name),
                        abis: vec![abi],
                        message: format!(
                            "the answer depends on the address `{}` of {name}: a filter sees no memory, and the caller chooses where to put things",
                            argument.name
                        ),
                        witnesses: gate.witness(place, decides).into_iter().collect(),
                        instructions: Vec::new(),
                        fix: "compare other arguments; what is behind a pointer is Landlock's to decide"
                            .into(),
                    },
                );
            }
        }
    }
    Ok(())
}

/// Returned words that the kernel does not know: it kills the process.
fn unknown_action(program: &Program, name: &str, findings: &mut Vec<Finding>) {
    let unknown = |value: u32| {
        Action::from_value(value) == Action::KillProcess && value & 0xffff_0000 != Action::KillProcess.value()
    };
    let returns = program.insns().iter().enumerate();
    let places: Vec<usize> = returns
        .filter(|(_, insn)| matches!(decode(**insn), Some(Operation::Return(value)) if unknown(value)))
        .map(|(at, _)| at)
        .collect();
    let Some(first) = places.first() else { return };
    findings.push(Finding {
        id: Id::UnknownAction,
        severity: Severity::Low,
        call: None,
        abis: Vec::new(),
        message: format!(
            "{name}instruction {first} answers {:#x}, which is no action: the kernel kills the process, and kernels before 4.14 the thread",
            program.insns()[*first].k
        ),
        witnesses: Vec::new(),
        instructions: places,
        fix: "return one of the SECCOMP_RET_* values".into(),
    });
}
