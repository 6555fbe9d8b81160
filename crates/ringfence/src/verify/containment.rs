//! Plans with parts left out: what a claim is tried in, and what it is compared with.

use bumpalo::Bump;
use ringfence_bpf::program::code;
use ringfence_sys::abi::SockFilter;
use ringfence_sys::attempt::addresses;
use ringfence_sys::step::Step;

use crate::control::Control;
use crate::launch::attempt::Containment;
use crate::plan::Plan;

/// The errno that stands for "the policy's filter lets it through": no kernel gives it
/// (`MAX_ERRNO` is 4095, the highest in use 133; `ERESTART*` are 512 to 516).
pub(super) const MAGIC: u16 = 4001;

// include/uapi/linux/sched.h
const NEWUSER: u64 = 0x1000_0000;
const NEWNS: u64 = 0x0002_0000;
const NEWNET: u64 = 0x4000_0000;

/// Which controls of a plan are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ablation<'c> {
    /// All.
    None,
    /// All but these.
    Without(&'c [Control]),
    /// These alone, and what they cannot do without.
    Only(&'c [Control]),
}

/// Nothing contained.
pub(super) const fn outside<'a>() -> Containment<'a> {
    Containment { steps: Vec::new(), namespaces: 0 }
}

/// The plan's credentials alone, in place: no id but the caller's, and no capability to change it.
pub(super) fn plain_user<'a>(plan: &Plan<'a>) -> Containment<'a> {
    let credentials = plan.steps.iter().map(|planned| planned.step);
    let steps = credentials.filter(|step| matches!(step, Step::Capset { .. } | Step::NoNewPrivs)).collect();
    Containment { steps, namespaces: 0 }
}

/// A plan with controls left out.
pub(super) fn ablated<'a>(plan: &Plan<'a>, ablation: Ablation<'_>) -> Containment<'a> {
    let keeps = |control: Control| match ablation {
        Ablation::None => true,
        Ablation::Without(list) => !list.contains(&control),
        Ablation::Only(list) => list.contains(&control),
    };
    let guarded = plan.guard.is_some() && keeps(Control::BpfLsm);
    let needs = Needs::of(&keeps, guarded);
    let steps = plan.steps.iter().filter(|planned| {
        planned.control == Control::Launch
            || keeps(planned.control)
            || needs.user && is_id_map(&planned.step)
            || needs.no_new_privs && matches!(planned.step, Step::NoNewPrivs)
    });
    let steps = steps.map(|planned| planned.step);
    let steps: Vec<_> = steps
        .filter(|step| match step {
            // Without a view of its own, the directory may be another one.
            Step::Chdir(_) => keeps(Control::Mount),
            Step::Exec { .. } => false,
            _ => true,
        })
        .collect();
    Containment { steps, namespaces: flags(plan.clone_flags, &keeps, &needs) }
}

/// What a control cannot do without.
struct Needs {
    user: bool,
    no_new_privs: bool,
    /// A new procfs needs an own pid namespace, a new mqueue an own ipc namespace; a BPF LSM program knows
    /// its tasks by theirs.
    namespaces: bool,
}

impl Needs {
    fn of(keeps: &impl Fn(Control) -> bool, guarded: bool) -> Self {
        let namespaces = [Control::Namespace, Control::Mount, Control::Net];
        Self {
            user: namespaces.into_iter().any(keeps) || guarded,
            no_new_privs: [Control::Seccomp, Control::Landlock].into_iter().any(keeps),
            namespaces: keeps(Control::Mount) || guarded,
        }
    }
}

/// Whether a step makes id maps, or waits for those that are made outside.
pub(super) fn is_id_map(step: &Step<'_>) -> bool {
    matches!(step, Step::Sync)
        || matches!(step, Step::WriteFile { path, .. }
            if matches!(path.to_bytes(), b"/proc/self/uid_map" | b"/proc/self/gid_map" | b"/proc/self/setgroups"))
}

fn flags(all: u64, keeps: &impl Fn(Control) -> bool, needs: &Needs) -> u64 {
    let mut flags = 0;
    if keeps(Control::Namespace) || needs.namespaces {
        flags |= all & !(NEWNS | NEWNET);
    }
    if keeps(Control::Mount) {
        flags |= all & NEWNS;
    }
    if keeps(Control::Net) {
        flags |= all & NEWNET;
    }
    if needs.user {
        flags |= all & NEWUSER;
    }
    flags
}

/// The same with a filter below the plan's own, which answers [`MAGIC`] to whatever an attempt asks
/// and the plan's filter lets through: of equal actions the youngest filter's data win, and a filter
/// that denies otherwise is stricter (`seccomp_run_filters`). So the answer is the filter's alone,
/// and no call is made.
pub(super) fn questioned<'a>(containment: &Containment<'a>, arena: &'a Bump) -> Containment<'a> {
    let at = containment
        .steps
        .iter()
        .position(|step| matches!(step, Step::SeccompFilter { .. }))
        .unwrap_or(containment.steps.len());
    let program = arena.alloc_slice_copy(&question_filter());
    let mut steps = containment.steps.clone();
    steps.insert(at, Step::SeccompFilter { flags: 0, program });
    Containment { steps, namespaces: containment.namespaces }
}

/// Answers by the instruction pointer (`seccomp_data` offset 8), which tells attempts from the rest.
pub(super) fn question_filter() -> Vec<SockFilter> {
    let at = addresses();
    let insn = |code, k, jt, jf| SockFilter { code, jt, jf, k };
    let halves = |address: u64| (address as u32, (address >> 32) as u32);
    let (syscall, syscall_high) = halves(at.syscall);
    let (int80, int80_high) = halves(at.int80);
    let (fast, fast_end) = (at.fast.0 as u32, at.fast.1 as u32);
    vec![
        insn(code::LD_ABS, 12, 0, 0),
        insn(code::JEQ, syscall_high, 0, 2),
        insn(code::LD_ABS, 8, 0, 0),
        insn(code::JEQ, syscall, 9, 0),
        insn(code::LD_ABS, 12, 0, 0),
        insn(code::JEQ, int80_high, 0, 2),
        insn(code::LD_ABS, 8, 0, 0),
        insn(code::JEQ, int80, 5, 0),
        insn(code::LD_ABS, 12, 0, 0),
        insn(code::JEQ, 0, 0, 4),
        insn(code::LD_ABS, 8, 0, 0),
        insn(code::JGE, fast, 0, 2),
        insn(code::JGE, fast_end, 1, 0),
        insn(code::RET, 0x0005_0000 | u32::from(MAGIC), 0, 0),
        insn(code::RET, 0x7fff_0000, 0, 0),
    ]
}
