//! The launch's own calls through the filter: execve(2) where the filter does not allow it, and the
//! sendmsg(2) that gives the listener of the filter's notifications to the launcher.
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
pub(super) const EXECVE: u32 = 59;
/// `__NR_sendmsg` of x86_64.
pub(super) const SENDMSG: u32 = 46;
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

/// The program with instructions before it that allow these calls with the token: nine, and one more
/// for each further call; `None` where the kernel would not take so many. Three calls at most.
pub(super) fn with_token(program: &Program, token: u64, calls: &[u32]) -> Option<Program> {
    debug_assert_eq!(table::by_number(Abi::X86_64, EXECVE).map(|call| call.name), Some("execve"));
    let (low, high) = (token as u32, (token >> 32) as u32);
    let count = u8::try_from(calls.len()).ok().filter(|count| (1..=3).contains(count))?;
    let mut insns = vec![
        Insn::stmt(code::LD_ABS, ARCH),
        Insn::jump(code::JEQ, AUDIT_ARCH_X86_64, 0, 6 + count),
        Insn::stmt(code::LD_ABS, NR),
    ];
    for (call, after) in calls.iter().zip((0..count).rev()) {
        // To the token's test where it is this one; past everything where it was the last.
        insns.push(Insn::jump(code::JEQ, *call, after, if after == 0 { 5 } else { 0 }));
    }
    insns.extend([
        Insn::stmt(code::LD_ABS, FOURTH),
        Insn::jump(code::JEQ, low, 0, 3),
        Insn::stmt(code::LD_ABS, FOURTH + 4),
        Insn::jump(code::JEQ, high, 0, 1),
        Insn::stmt(code::RET, Action::Allow.value()),
    ]);
    insns.extend_from_slice(program.insns());
    (insns.len() <= MAX_INSNS).then(|| Program::new(insns))
}
