//! What a policy's seccomp program is, for the floor and for peers that take one.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use bumpalo::Bump;
use ringfence::host::Host;
use ringfence::policy::Policy;
use ringfence_bpf::table::Abi;
use ringfence_sys::step::Step;

use crate::job::Job;

/// Writes the program as an array of `struct sock_filter`, and a name and a number a line.
pub(crate) fn write(policy: &str, program: &Path, names: &Path) -> Result<()> {
    let job = Job::new(Some(policy));
    let (policy, arena) = (job.load()?, Bump::new());
    let plan = job.plan(&policy, &Host::live(), &arena)?;
    let mut bytes = Vec::new();
    for planned in &plan.steps {
        if let Step::SeccompFilter { program, .. } = planned.step {
            for insn in program {
                bytes.extend(insn.code.to_ne_bytes());
                bytes.extend([insn.jt, insn.jf]);
                bytes.extend(insn.k.to_ne_bytes());
            }
        }
    }
    fs::write(program, bytes).with_context(|| program.display().to_string())?;
    let names_text: String =
        allowed(&policy).into_iter().map(|(name, number)| format!("{name} {number}\n")).collect();
    fs::write(names, names_text).with_context(|| names.display().to_string())
}

/// Every call of x86_64 that some rule allows and no rule of `deny` mentions.
fn allowed(policy: &Policy) -> BTreeSet<(&'static str, u32)> {
    let calls = |rules: &[ringfence::policy::At<ringfence_bpf::rule::Rule>]| -> BTreeSet<_> {
        let calls = rules.iter().flat_map(|rule| rule.value.target.calls().collect::<Vec<_>>());
        calls.filter_map(|call| Some((call.name(), call.number(Abi::X86_64)?))).collect()
    };
    &calls(&policy.syscalls.allow) - &calls(&policy.syscalls.deny)
}
