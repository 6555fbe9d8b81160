//! What seccompiler makes of a program's x86_64 part: the same calls and arguments, by its rules.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use ringfence_bpf::diagram::{Condition, Cube, Field, Limits, Space, Values};
use ringfence_bpf::filter::Action;
use ringfence_bpf::program::{Insn, Program};
use ringfence_bpf::table;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

use crate::gate;

/// Writes seccompiler's program for what a program allows on x86_64, and prints its length.
pub(crate) fn seccompiler(source: &Path, target: &Path) -> Result<()> {
    let program = gate::read(source)?;
    let mut space = Space::new(Limits::default());
    let diagram = space.program(&program)?;
    let allowed = space.set(diagram, |action| action == Action::Allow)?;
    let native = space.at_arch(allowed, table::AUDIT_ARCH_X86_64);
    let mut rules = BTreeMap::new();
    for part in space.numbers(native, 4096)?.iter().filter(|part| !part.rest.is_empty() && part.last < 1024) {
        let cubes = space.cubes(part.rest, 64)?;
        for number in part.first..=part.last {
            let mut chain = Vec::new();
            for cube in cubes.iter().filter(|cube| !cube.conditions.is_empty()) {
                chain.extend(alternatives(cube)?);
            }
            rules.insert(i64::from(number), chain);
        }
    }
    let deny = space.at_call(diagram, table::Abi::X86_64, 248);
    let Some(&Action::Errno(errno)) = space.actions(deny)?.first() else { bail!("add_key is not denied") };
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Errno(u32::from(errno)),
        SeccompAction::Allow,
        TargetArch::x86_64,
    )?;
    let made: BpfProgram = filter.try_into()?;
    let insns = made.iter().map(|insn| Insn { code: insn.code, jt: insn.jt, jf: insn.jf, k: insn.k });
    let made = Program::new(insns.collect());
    let again = space.program(&made)?;
    let same = space.set(again, |action| action == Action::Allow)?;
    let same = space.at_arch(same, table::AUDIT_ARCH_X86_64);
    let known = |space: &Space, set| (0..1024).map(|number| space.at_number(set, number)).collect::<Vec<_>>();
    ensure!(known(&space, same) == known(&space, native), "seccompiler's program allows something else");
    gate::write(target, &made)?;
    println!("{}", made.len());
    Ok(())
}

/// A conjunction as seccompiler's rules: one for each choice of intervals.
fn alternatives(cube: &Cube) -> Result<Vec<SeccompRule>> {
    let mut chains: Vec<Vec<SeccompCondition>> = vec![Vec::new()];
    for condition in &cube.conditions {
        let options = options(condition)?;
        chains = chains
            .iter()
            .flat_map(|chain| options.iter().map(move |option| [chain.clone(), option.clone()].concat()))
            .collect();
    }
    chains.into_iter().map(|chain| SeccompRule::new(chain).context("a rule")).collect()
}

fn options(condition: &Condition) -> Result<Vec<Vec<SeccompCondition>>> {
    let Field::Argument(at) = condition.field else { bail!("{condition}: not an argument") };
    let test = |width, op, value| SeccompCondition::new(at, width, op, value).context("a condition");
    let (bits, intervals) = match &condition.values {
        Values::Masked { mask, value } => {
            return Ok(vec![vec![test(SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(*mask), *value)?]]);
        }
        Values::Within { bits, intervals } => (*bits, intervals),
        Values::NotMasked { .. } => bail!("{condition}: seccompiler has no such comparison"),
    };
    let width = match bits {
        u64::MAX => SeccompCmpArgLen::Qword,
        0xffff_ffff => SeccompCmpArgLen::Dword,
        _ => bail!("{condition}: seccompiler has no such width"),
    };
    let interval = |&(from, to): &(u64, u64)| -> Result<Vec<SeccompCondition>> {
        if from == to {
            return Ok(vec![test(width.clone(), SeccompCmpOp::Eq, from)?]);
        }
        let mut both = Vec::new();
        if from > 0 {
            both.push(test(width.clone(), SeccompCmpOp::Ge, from)?);
        }
        if to < bits {
            both.push(test(width.clone(), SeccompCmpOp::Le, to)?);
        }
        Ok(both)
    };
    intervals.iter().map(interval).collect()
}
