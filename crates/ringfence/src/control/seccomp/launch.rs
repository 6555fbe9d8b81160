//! The launch's own execve(2), through a filter that does not allow execve(2).
//!
//! The filter stands before the program is started, so the call that starts it must pass, and no
//! later one may. A filter cannot count. What tells the launch from the program is knowledge: the
//! interpreter of steps puts 64 random bits, the *token*, into the fourth argument register, which
//! execve(2) does not read. The filter compares them. The program cannot learn them: the kernel
//! clears the registers at execve(2) (`ELF_PLAT_INIT`), the launcher's memory is gone then, and
//! reading a filter back takes `CAP_SYS_ADMIN` outside of every user namespace
//! (`seccomp_get_filter`).

use ringfence_bpf::filter::{Action, FilterSpec};
use ringfence_bpf::program::{Insn, MAX_INSNS, Program, code};
use ringfence_bpf::table::{self, AUDIT_ARCH_X86_64, Abi, CallId};

/// `__NR_execve` of x86_64.
const EXECVE: u32 = 59;
/// Where `struct seccomp_data` has the number, the architecture and the fourth argument.
const NR: u32 = 0;
const ARCH: u32 = 4;
const FOURTH: u32 = 40;

/// Whether every execve(2) through x86_64 runs, so that the launch needs no token.
pub(super) fn allowed(spec: &FilterSpec) -> bool {
    let is_execve = |call: CallId| call.number(Abi::X86_64) == Some(EXECVE);
    let mut denying = spec.deny.iter().filter(|rule| !runs(rule.action.unwrap_or(spec.on_deny)));
    let allowing =
        |rule: &ringfence_bpf::rule::Rule| rule.conditions.is_empty() && rule.target.calls().any(is_execve);
    spec.abis.contains(Abi::X86_64)
        && !denying.any(|rule| rule.target.calls().any(is_execve))
        && (runs(spec.on_deny) || spec.allow.iter().any(allowing))
}

/// Whether a call that gets this action is run, whatever a supervisor or tracer says.
pub(super) const fn runs(action: Action) -> bool {
    matches!(action, Action::Allow | Action::Log)
}

/// The program with nine instructions before it that allow execve(2) with the token; `None` where
/// the kernel would not take so many.
pub(super) fn with_token(program: &Program, token: u64) -> Option<Program> {
    debug_assert_eq!(table::by_number(Abi::X86_64, EXECVE).map(|call| call.name), Some("execve"));
    let (low, high) = (token as u32, (token >> 32) as u32);
    let mut insns = vec![
        Insn::stmt(code::LD_ABS, ARCH),
        Insn::jump(code::JEQ, AUDIT_ARCH_X86_64, 0, 7),
        Insn::stmt(code::LD_ABS, NR),
        Insn::jump(code::JEQ, EXECVE, 0, 5),
        Insn::stmt(code::LD_ABS, FOURTH),
        Insn::jump(code::JEQ, low, 0, 3),
        Insn::stmt(code::LD_ABS, FOURTH + 4),
        Insn::jump(code::JEQ, high, 0, 1),
        Insn::stmt(code::RET, Action::Allow.value()),
    ];
    insns.extend_from_slice(program.insns());
    (insns.len() <= MAX_INSNS).then(|| Program::new(insns))
}
