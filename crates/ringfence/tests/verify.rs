//! The verifier notices what is weakened: the same claims against plans with one thing missing.
//! `cargo xtask mutants-of-policy` does so for every step and every list.

// What is skipped is said where a person sees it.
#![allow(clippy::print_stdout)]

use bumpalo::Bump;
use ringfence::host::Host;
use ringfence::host::path::Surroundings;
use ringfence::launch::witness::{self, Witnesses};
use ringfence::plan::{self, Plan};
use ringfence::policy::{self, Flag, Policy};
use ringfence::verify::claims::{Scene, claims};
use ringfence::verify::{Options, Report, Subject, Verdict, verify};
use ringfence_sys::step::Step;

fn load(flags: &[(&str, &str)]) -> Policy {
    let flags: Vec<Flag> =
        flags.iter().map(|(name, value)| Flag { name: (*name).into(), value: (*value).into() }).collect();
    let loader = |_: &str| Err(std::io::Error::other("no files"));
    policy::load(&policy::Request { policies: &[], flags: &flags, loader: &loader }).unwrap()
}

/// Verifies the default policy's claims of some ids against a weakened plan.
fn weakened(flags: &[(&str, &str)], ids: &[&str], weaken: impl FnOnce(&mut Plan<'_>)) -> Option<Report> {
    let (policy, other) = (load(&[]), load(flags));
    let (arena, host, surroundings) = (Bump::new(), Host::live(), Surroundings::live());
    let witnesses = Witnesses::put_up().unwrap();
    let scene = Scene {
        entries: witness::entries().unwrap(),
        process: std::process::id(),
        umip: false,
        descriptor: witnesses.descriptor(),
        port: witnesses.port(),
        abstract_name: witnesses.name().map(str::to_owned),
        user: host.caller().value.euid,
        permitted: host.caller().value.permitted,
        landlock: host.landlock().value.abi,
    };
    let request = plan::Request {
        policy: &other,
        command: &[],
        environment: &[],
        surroundings: &surroundings,
        terminal: 0,
        watched: false,
        traced: false,
    };
    let Ok(mut plan) = plan::compile(&request, &host, &arena) else {
        println!("skipped: verify: this machine cannot carry the default policy out");
        return None;
    };
    weaken(&mut plan);
    let subject = Subject { policy: &policy, plan: &plan, surroundings: &surroundings };
    let all = claims(&subject, &scene).unwrap();
    let some: Vec<_> =
        all.into_iter().filter(|claim| ids.iter().any(|id| claim.id.starts_with(id))).collect();
    assert!(!some.is_empty(), "{ids:?}");
    Some(verify(subject, &some, Vec::new(), Options::default(), &|_, _| {}).unwrap())
}

fn broken(report: &Report) -> usize {
    report.count(|verdict| matches!(verdict, Verdict::Broken(_)))
}

#[test]
fn an_unweakened_plan_breaks_nothing() {
    let ids = ["gate/x86_64", "expect", "namespace", "credential", "limit"];
    if let Some(report) = weakened(&[], &ids, |_| {}) {
        let wrong: Vec<_> =
            report.findings.iter().filter(|finding| matches!(finding.verdict, Verdict::Broken(_))).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

#[test]
fn a_plan_without_a_filter_is_noticed() {
    let drop_filter = |plan: &mut Plan<'_>| {
        plan.steps.retain(|planned| !matches!(planned.step, Step::SeccompFilter { .. }));
    };
    let ids = ["gate/x86_64/syscall/ptrace", "gate/i386", "expect/deny/ptrace"];
    let Some(report) = weakened(&[], &ids, drop_filter) else { return };
    assert_eq!(broken(&report), report.findings.len(), "{report:#?}");
}

#[test]
fn one_call_more_is_noticed_and_nothing_else() {
    let flags = [("--syscalls-allow", "ptrace")];
    let Some(report) = weakened(&flags, &["gate/x86_64/syscall/"], |_| {}) else { return };
    let found = report.findings.iter().filter(|finding| matches!(finding.verdict, Verdict::Broken(_)));
    assert_eq!(found.map(|finding| finding.id.as_str()).collect::<Vec<_>>(), ["gate/x86_64/syscall/ptrace"]);
}

#[test]
fn a_call_less_is_over_blocking() {
    let flags = [("--syscalls-deny", "getpid")];
    let Some(report) = weakened(&flags, &["gate/x86_64/syscall/getpid"], |_| {}) else { return };
    assert!(broken(&report) >= 1, "{report:#?}");
}

#[test]
fn an_open_abi_is_noticed() {
    let flags = [("--syscalls-abis", "x86_64"), ("--syscalls-abis", "x32")];
    let Some(report) = weakened(&flags, &["gate/x32/"], |_| {}) else { return };
    assert!(broken(&report) > 300, "{}", broken(&report));
}

#[test]
fn a_shared_namespace_a_kept_capability_and_a_raised_limit_are_noticed() {
    let share = |plan: &mut Plan<'_>| plan.clone_flags &= !0x0800_0000;
    if let Some(report) = weakened(&[], &["namespace/own/ipc"], share) {
        assert_eq!(broken(&report), 1, "{report:#?}");
    }
    let flags = [("--process-capabilities", "CAP_SYS_ADMIN")];
    if let Some(report) = weakened(&flags, &["credential/permitted/CAP_SYS_ADMIN"], |_| {}) {
        assert_eq!(broken(&report), 1, "{report:#?}");
    }
    let drop_limits =
        |plan: &mut Plan<'_>| plan.steps.retain(|planned| !matches!(planned.step, Step::Rlimit { .. }));
    if let Some(report) = weakened(&[], &["limit/core"], drop_limits) {
        // Where the caller's own hard limit is no higher, raising it fails outside as well.
        assert_eq!(broken(&report) + report.count(|verdict| matches!(verdict, Verdict::Unverifiable(_))), 1);
    }
}

#[test]
fn a_plan_that_cannot_be_carried_out_is_an_error_and_not_held() {
    let (policy, arena, host, surroundings) = (load(&[]), Bump::new(), Host::live(), Surroundings::live());
    let request = plan::Request {
        policy: &policy,
        command: &[],
        environment: &[],
        surroundings: &surroundings,
        terminal: 0,
        watched: false,
        traced: false,
    };
    let Ok(mut plan) = plan::compile(&request, &host, &arena) else { return };
    let at = plan.steps.len() - 1;
    plan.steps[at].step = Step::Chdir(c"/nowhere/at/all");
    let subject = Subject { policy: &policy, plan: &plan, surroundings: &surroundings };
    assert!(verify(subject, &[], Vec::new(), Options::default(), &|_, _| {}).is_err());
}

#[test]
fn an_open_channel_is_noticed() {
    let share = |plan: &mut Plan<'_>| plan.clone_flags &= !0x0800_0000;
    let ids = ["channel/sysv-shm", "channel/sysv-msg", "channel/sysv-sem"];
    let Some(report) = weakened(&[], &ids, share) else { return };
    for finding in report.findings.iter().filter(|finding| !finding.id.ends_with("/together")) {
        assert!(matches!(finding.verdict, Verdict::Broken(_)), "{finding:#?}");
    }
    if let Some(report) = weakened(&[], &ids, |_| {}) {
        assert_eq!(broken(&report), 0, "{report:#?}");
    }
}

#[test]
fn a_descriptor_that_survives_execve_is_noticed() {
    let leak = |plan: &mut Plan<'_>| {
        plan.steps.retain(|planned| !matches!(planned.step, Step::CloseRange { .. }));
    };
    // What lies below it is held by Landlock as well.
    let Some(report) = weakened(&[], &["exec/descriptor"], leak) else { return };
    assert_eq!(broken(&report), 1, "{report:#?}");
}

#[test]
fn a_dumpable_init_and_a_missing_one_are_noticed() {
    let dumpable = |plan: &mut Plan<'_>| {
        plan.steps.retain(|planned| !matches!(planned.step, Step::Dumpable(false)));
    };
    if let Some(report) = weakened(&[], &["namespace/init/memory"], dumpable) {
        assert_eq!(broken(&report), 1, "{report:#?}");
    }
    let alone = |plan: &mut Plan<'_>| plan.steps.retain(|planned| !matches!(planned.step, Step::Supervise));
    if let Some(report) = weakened(&[], &["namespace/child-of-init"], alone) {
        assert_eq!(broken(&report), 1, "{report:#?}");
    }
}

#[test]
fn landlock_alone_is_noticed_where_it_is_missing() {
    let without = |plan: &mut Plan<'_>| {
        plan.steps.retain(|planned| !matches!(planned.step, Step::LandlockRestrict { .. }));
    };
    let Some(report) = weakened(&[], &["lsm/landlock/fs", "lsm/landlock/scope"], without) else { return };
    assert_eq!(broken(&report), report.findings.len(), "{report:#?}");
}

/// Programs that are attached and told of no containment hold nobody.
#[test]
fn bpf_lsm_programs_that_hold_nobody_are_noticed() {
    if let Err(why) = &Host::live().bpf_lsm().value {
        println!("skipped: verify: a BPF LSM program: {why}");
        return;
    }
    let flags = [("--lsm-bpf", "require")];
    if let Some(report) = weakened(&flags, &["lsm/bpf/"], |_| {}) {
        assert_eq!(broken(&report), 0, "{report:#?}");
        let held = report.count(|verdict| *verdict == Verdict::Held);
        assert!(held > 10 && held == report.findings.len(), "{report:#?}");
    }
    let nobody = |plan: &mut Plan<'_>| {
        plan.steps.retain(|planned| !matches!(planned.step, Step::ShowPlace { .. }));
    };
    if let Some(report) = weakened(&flags, &["lsm/bpf/"], nobody) {
        assert_eq!(broken(&report), report.findings.len(), "{report:#?}");
    }
    // One holding less.
    let fewer = |plan: &mut Plan<'_>| {
        plan.guard.as_mut().unwrap().holdings &= !2;
    };
    if let Some(report) = weakened(&flags, &["lsm/bpf/chmod", "lsm/bpf/exec/"], fewer) {
        assert_eq!(broken(&report), 1, "{report:#?}");
    }
}

/// A containment that lies: it answers what says nothing about a control.
#[test]
fn an_answer_that_is_not_a_denial_is_never_held() {
    use ringfence_sys::abi::SockFilter;
    // ENOMEM, EMFILE, EINTR, ENFILE and ENOSPC to openat(2), whatever is asked.
    for errno in [12, 24, 4, 23, 28] {
        let insn = |code, jt, jf, k| SockFilter { code, jt, jf, k };
        let lie: &'static [SockFilter] = Box::leak(Box::new([
            insn(0x20, 0, 0, 0),
            insn(0x15, 0, 1, 257),
            insn(0x06, 0, 0, 0x0005_0000 | errno),
            insn(0x06, 0, 0, 0x7fff_0000),
        ]));
        let lying = |plan: &mut Plan<'_>| {
            let at = plan.steps.iter().position(|planned| matches!(planned.step, Step::SeccompFilter { .. }));
            let at = at.unwrap();
            let own = plan.steps[at];
            plan.steps.insert(at + 1, own);
            plan.steps[at + 1].step = Step::SeccompFilter { flags: 0, program: lie };
            // The policy's own filter would be the second one: the stricter action is the same.
            plan.steps.swap(at, at + 1);
        };
        // Only these are tried by openat.
        let ids = ["file/deny/read/etc/shadow", "expect/deny/read /etc/shadow"];
        let Some(report) = weakened(&[], &ids, lying) else { return };
        let tried = report.findings.iter().filter(|finding| {
            !finding.route.contains("i386") && finding.route != "open" && finding.route != "openat2"
        });
        for finding in tried {
            assert_ne!(finding.verdict, Verdict::Held, "errno {errno}: {finding:#?}");
        }
    }
}
