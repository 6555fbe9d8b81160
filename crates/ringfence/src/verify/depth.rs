//! Depth: which controls deny an operation, each alone.
//!
//! A control cannot always stand alone: mounts need a user namespace, filters need no_new_privs.
//! It counts where it denies together with what it needs, and what it needs does not by itself; or does,
//! and the control takes away the object besides, which the caller sees.

use super::ask::{Unasked, probes_of};
use super::containment::{Ablation, ablated, outside};
use super::run::{Answer, Ground, settled};
use super::{Claim, Test, Verdict};
use crate::control::Control;
use crate::control::judge::{Intent, judge};
use crate::control::seccomp::judge::Gate;
use crate::control::trial::{Outcome, Trial};
use crate::launch::attempt::{Bench, Containment};
use crate::plan::Plan;

/// The controls of a plan that may deny something.
const CONTROLS: [Control; 9] = [
    Control::Seccomp,
    Control::Namespace,
    Control::Mount,
    Control::Net,
    Control::Credential,
    Control::Landlock,
    Control::BpfLsm,
    Control::Limit,
    Control::Launch,
];

/// A control with what it needs, and what it needs.
pub(super) struct Alone<'g> {
    control: Control,
    alone: Containment<'g>,
    needs: Containment<'g>,
}

/// The controls of which a plan has something, in their order.
pub(super) fn each<'g>(plan: &Plan<'g>) -> Vec<Alone<'g>> {
    let nothing = ablated(plan, Ablation::Only(&[]));
    let of = |control| {
        let alone = ablated(plan, Ablation::Only(&[control]));
        let needs = match control {
            Control::Launch => outside(),
            Control::Namespace => nothing.clone(),
            _ => needs(&alone, &nothing),
        };
        Alone { control, alone, needs }
    };
    CONTROLS.into_iter().map(of).filter(|of| of.alone != of.needs).collect()
}

/// The controls that deny a claim's operation, each alone, and the number of attempts; `None` where
/// it cannot be told.
pub(super) fn holding(
    ground: &Ground<'_>,
    bench: &mut Bench,
    number: usize,
    claim: &Claim,
) -> (Option<Vec<Control>>, usize) {
    let gates: Vec<Answer> = ground.answers.of(number).collect();
    of_test(ground, bench, &claim.test, &gates)
}

fn of_test(
    ground: &Ground<'_>,
    bench: &mut Bench,
    test: &Test,
    gates: &[Answer],
) -> (Option<Vec<Control>>, usize) {
    match test {
        Test::Not(_) | Test::Run { .. } => (None, 0),
        // A question to the gate is about the filter alone.
        Test::Gate(_) => (Some(vec![Control::Seccomp]), 0),
        Test::Chain(steps) => of_chain(ground, bench, steps, gates),
        Test::Calls(cases) => {
            let denied = |gate: &Answer| match gate {
                Ok(gate) => *gate != Gate::Through,
                Err(unasked) => *unasked == Unasked::NoEntry,
            };
            let mut holding = Vec::new();
            if gates.iter().all(denied) && gates.iter().any(Result::is_ok) {
                holding.push(Control::Seccomp);
            }
            let trials: Option<Vec<&Trial>> = cases.iter().map(|case| case.trial.as_ref()).collect();
            let Some(trials) = trials else { return (Some(holding), 0) };
            let others = ground.alone.iter().filter(|alone| alone.control != Control::Seccomp);
            let attempts = deny_all(ground, bench, others, &trials, &mut holding);
            (Some(holding), attempts)
        }
        Test::Trial { trial, .. } => {
            let mut holding = Vec::new();
            let attempts = deny_all(ground, bench, ground.alone.iter(), &[trial], &mut holding);
            (Some(holding), attempts)
        }
    }
}

/// A control holds a chain where it denies one step in all its ways.
fn of_chain(
    ground: &Ground<'_>,
    bench: &mut Bench,
    steps: &[Vec<Test>],
    gates: &[Answer],
) -> (Option<Vec<Control>>, usize) {
    let (mut all, mut attempts, mut rest) = (Vec::new(), 0, gates);
    for ways in steps {
        let mut step: Option<Vec<Control>> = None;
        for test in ways {
            let (own, others) = rest.split_at(probes_of(test).len().min(rest.len()));
            rest = others;
            let (holding, more) = of_test(ground, bench, test, own);
            attempts += more;
            let holding = holding.unwrap_or_default();
            step = Some(match step {
                None => holding,
                Some(step) => step.into_iter().filter(|control| holding.contains(control)).collect(),
            });
        }
        all.extend(step.unwrap_or_default());
    }
    // In the order of the controls, each once.
    (Some(CONTROLS.into_iter().filter(|control| all.contains(control)).collect()), attempts)
}

/// Adds the controls that deny all trials, each alone; the number of attempts.
fn deny_all<'c, 'g: 'c>(
    ground: &Ground<'g>,
    bench: &mut Bench,
    controls: impl Iterator<Item = &'c Alone<'g>>,
    trials: &[&Trial],
    holding: &mut Vec<Control>,
) -> usize {
    let mut tries: Vec<Tries<'_, '_>> = trials.iter().map(|trial| Tries::of(ground, trial)).collect();
    for alone in controls {
        if !tries.is_empty() && tries.iter_mut().all(|tries| tries.denied(bench, alone)) {
            holding.push(alone.control);
        }
    }
    tries.iter().map(|tries| tries.attempts).sum()
}

/// One trial, tried with one control after the other.
struct Tries<'t, 'g> {
    ground: &'t Ground<'g>,
    trial: &'t Trial,
    /// Outcomes of what controls need.
    needs: Vec<(Containment<'g>, Outcome)>,
    attempts: usize,
}

impl<'t, 'g> Tries<'t, 'g> {
    const fn of(ground: &'t Ground<'g>, trial: &'t Trial) -> Self {
        Self { ground, trial, needs: Vec::new(), attempts: 0 }
    }

    fn attempt(&mut self, bench: &mut Bench, containment: &Containment<'_>) -> Outcome {
        let (outcome, attempts) = settled(&self.ground.inside, bench, containment, self.trial);
        self.attempts += attempts;
        outcome
    }

    /// Whether a control denies what the same without it lets through.
    fn denied(&mut self, bench: &mut Bench, Alone { alone, needs, .. }: &Alone<'g>) -> bool {
        let inside = self.attempt(bench, alone);
        let passed = self.trial.passes.has(&inside);
        // What it lets through needs no comparison, but for what was reached.
        if passed && object(&inside).is_none() {
            return false;
        }
        let base = match self.known(needs) {
            Some(base) if passed => base.clone(),
            // After the denial, so that what the attempt itself has left behind is none.
            _ => self.remembered(bench, needs),
        };
        if judge(Intent::Deny, self.trial, &inside, std::slice::from_ref(&base)) != Verdict::Held {
            return false;
        }
        if object(&base).is_none() || *needs == self.ground.outside {
            return true;
        }
        // Where what it needs reaches something else than one does without, that has denied it already.
        let outside = match self.known(&self.ground.outside) {
            Some(outside) => outside.clone(),
            None => self.remembered(bench, &self.ground.outside),
        };
        judge(Intent::Deny, self.trial, &base, &[outside]) != Verdict::Held
    }

    fn known(&self, needs: &Containment<'_>) -> Option<&Outcome> {
        self.needs.iter().find(|(known, _)| known == needs).map(|(_, outcome)| outcome)
    }

    fn remembered(&mut self, bench: &mut Bench, needs: &Containment<'g>) -> Outcome {
        let outcome = self.attempt(bench, needs);
        self.needs.retain(|(known, _)| known != needs);
        self.needs.push((needs.clone(), outcome.clone()));
        outcome
    }
}

/// Device and inode of what was reached.
fn object(outcome: &Outcome) -> Option<(u64, u64)> {
    match outcome {
        Outcome::Answered { object, .. } => *object,
        _ => None,
    }
}

/// The same containment with nothing but what the control needs: its user namespace and id maps,
/// and no_new_privs.
fn needs<'a>(alone: &Containment<'a>, nothing: &Containment<'a>) -> Containment<'a> {
    // `CLONE_NEWNS` and `CLONE_NEWNET`: what the rooms themselves ask for.
    let own = 0x0002_0000 | 0x4000_0000;
    let extra = alone.steps.iter().filter(|step| {
        super::containment::is_id_map(step) || matches!(step, ringfence_sys::step::Step::NoNewPrivs)
    });
    let mut steps = nothing.steps.clone();
    // Where the launcher waits for id maps, that step is among the launcher's own already.
    let missing: Vec<_> = extra.filter(|step| !nothing.steps.contains(step)).copied().collect();
    steps.splice(0..0, missing);
    Containment { steps, namespaces: alone.namespaces & !own }
}
