//! Carries every claim's test out, over all processors, and judges.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use bumpalo::Bump;
use ringfence_sys::step::Step;

use super::ask::{Answers, Unasked, probes_of};
use super::containment::{self, Ablation, ablated, questioned};
use super::{
    Case, Claim, Finding, Intent, Options, Reference, Report, Subject, Test, Verdict, depth, supervision,
};
use crate::control::Control;
use crate::control::judge::{judge, passing, words};
use crate::control::seccomp::attempt::Question;
use crate::control::seccomp::judge::{Gate, Law, agrees};
use crate::control::trial::{Deed, Instruction, Outcome, Probe, Trial};
use crate::launch::Error;
use crate::launch::attempt::{Bench, Containment, Site};
use crate::plan;

/// The rooms that are left out where only namespaces are to be left, with all capabilities.
const NOT_NAMESPACES: [Control; 6] =
    [Control::Seccomp, Control::Credential, Control::Landlock, Control::Lsm, Control::BpfLsm, Control::Limit];

/// Everything that trials share: the site on the host, and the containments.
pub(super) struct Ground<'g> {
    pub(super) subject: Subject<'g>,
    pub(super) inside: Site<'g>,
    pub(super) nowhere: Site<'g>,
    /// The plan's, without its cgroups.
    unlimited: Site<'g>,
    pub(super) whole: Containment<'g>,
    pub(super) outside: Containment<'g>,
    /// For the depth.
    pub(super) alone: Vec<depth::Alone<'g>>,
    namespaces: Containment<'g>,
    plain_user: Containment<'g>,
    pub(super) answers: Answers,
    law: Option<Law>,
    /// What was found in whole runs, by the number of the claim.
    runs: BTreeMap<usize, Verdict>,
}

/// What the gate said to one question.
pub(super) type Answer = std::result::Result<Gate, Unasked>;

/// What one claim came to.
struct Result {
    verdict: Verdict,
    holding: Option<Vec<Control>>,
    seen: Option<String>,
    attempts: usize,
}

/// Verifies claims, each in containments of their own.
///
/// # Errors
/// The surroundings of a containment (cgroups, placeholders) could not be made, or nothing could be
/// attempted at all.
pub fn verify(
    subject: Subject<'_>,
    claims: &[Claim],
    notes: Vec<String>,
    options: Options,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> std::result::Result<Report, Error> {
    let start = Instant::now();
    let arena = Bump::new();
    let runs = supervision::verdicts(subject, claims);
    let whole = ablated(subject.plan, Ablation::None);
    let without = ablated(subject.plan, Ablation::Without(&[Control::Seccomp]));
    let inside = Site::prepare(Some(subject.plan))?;
    let mut bench = Bench::new()?;
    if let Some(why) = inside.obstacle(&mut bench, &whole) {
        let doing = "make a containment to verify".into();
        return Err(Error::Around { doing, source: std::io::Error::other(why) });
    }
    drop(bench);
    let (with, without) = (questioned(&whole, &arena), questioned(&without, &arena));
    let answers = Answers::ask(claims, &inside, &with, &without)?;
    let ground = Ground {
        subject,
        inside,
        nowhere: Site::prepare(None)?,
        unlimited: Site::prepare_unlimited(subject.plan)?,
        answers,
        whole,
        outside: containment::outside(),
        alone: depth::each(subject.plan),
        namespaces: ablated(subject.plan, Ablation::Without(&NOT_NAMESPACES)),
        plain_user: containment::plain_user(subject.plan),
        law: Law::of(&subject.policy.syscalls),
        runs,
    };
    let findings = spread(&ground, claims, options, progress)?;
    let milliseconds = start.elapsed().as_millis() as u64;
    Ok(Report { findings, notes, milliseconds, lsms: Vec::new() })
}

/// Each worker takes the next claim until none is left.
fn spread(
    ground: &Ground<'_>,
    claims: &[Claim],
    options: Options,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> std::result::Result<Vec<Finding>, Error> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Finding)>> = Mutex::new(Vec::with_capacity(claims.len()));
    let failed: Mutex<Option<Error>> = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..workers(claims.len()) {
            scope.spawn(|| {
                let mut bench = match Bench::new() {
                    Ok(bench) => bench,
                    Err(error) => {
                        *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                        return;
                    }
                };
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(claim) = claims.get(number) else { return };
                    let finding = ground.finding(&mut bench, number, claim, options);
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    done.push((number, finding));
                    progress(done.len(), claims.len());
                }
            });
        }
    });
    if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(number, _)| *number);
    Ok(done.into_iter().map(|(_, finding)| finding).collect())
}

/// Two for each processor, since about half of the time of an attempt is waiting for the kernel to make and
/// to end namespaces; and no more than there is to do.
pub(super) fn workers(jobs: usize) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    (2 * processors).min(jobs).max(1)
}

impl Ground<'_> {
    fn finding(&self, bench: &mut Bench, number: usize, claim: &Claim, options: Options) -> Finding {
        let mut result = self.tried(bench, number, claim);
        let deep = options.depth || claim.depth.is_some();
        if deep && claim.intent != Intent::Allow && result.verdict == Verdict::Held {
            let (holding, attempts) = depth::holding(self, bench, number, claim);
            result.attempts += attempts;
            if let (Some(wanted), Some(holding)) = (claim.depth, &holding)
                && (holding.len() as u32) < wanted
            {
                let names: Vec<String> = holding.iter().map(|control| plan::control_name(*control)).collect();
                let found = format!("{} ({})", holding.len(), names.join(", "));
                result.verdict =
                    Verdict::Broken(format!("denied by fewer controls than the {wanted} expected: {found}"));
            }
            result.holding = holding;
        }
        Finding {
            holding: result.holding,
            seen: result.seen,
            ..claim.found(self.subject.policy, result.verdict, result.attempts)
        }
    }

    fn tried(&self, bench: &mut Bench, number: usize, claim: &Claim) -> Result {
        let gates: Vec<Answer> = self.answers.of(number).collect();
        let (verdict, attempts) = match (self.runs.get(&number), &claim.test) {
            (Some(verdict), _) => (verdict.clone(), 1),
            (None, Test::Trial { trial, without, controls }) => {
                let (verdict, attempts, inside) = self.trial(bench, claim.intent, trial, without, controls);
                return Result { verdict, holding: None, seen: Some(words(&inside)), attempts };
            }
            (None, test) => self.tested(bench, claim.intent, test, &gates),
        };
        Result { verdict, holding: None, seen: None, attempts }
    }

    fn tested(&self, bench: &mut Bench, intent: Intent, test: &Test, gates: &[Answer]) -> (Verdict, usize) {
        match test {
            Test::Not(why) => (Verdict::Unverifiable(why.clone()), 0),
            Test::Run { .. } => (Verdict::Unverifiable("a run is no part of another attempt".into()), 0),
            Test::Gate(question) => self.gate(question, gates),
            Test::Calls(cases) => self.calls(bench, intent, cases, gates),
            Test::Chain(steps) => self.chain(bench, intent, steps, gates),
            Test::Trial { trial, without, controls } => {
                let (verdict, attempts, _) = self.trial(bench, intent, trial, without, controls);
                (verdict, attempts)
            }
        }
    }

    /// Denied where one step is denied in all its ways; known where each step is.
    fn chain(
        &self,
        bench: &mut Bench,
        intent: Intent,
        steps: &[Vec<Test>],
        gates: &[Answer],
    ) -> (Verdict, usize) {
        let (mut attempts, mut rest) = (0, gates);
        let (mut open, mut unknown) = (None, None);
        for ways in steps {
            let mut step = Some(Verdict::Held);
            for test in ways {
                let (own, others) = rest.split_at(probes_of(test).len().min(rest.len()));
                rest = others;
                let (verdict, more) = self.tested(bench, intent, test, own);
                attempts += more;
                step = match (step, verdict) {
                    (Some(Verdict::Held), verdict) => Some(verdict),
                    (Some(Verdict::Unverifiable(_)), Verdict::Reachable(why)) => {
                        Some(Verdict::Reachable(why))
                    }
                    (Some(Verdict::Unverifiable(_)), Verdict::Broken(why)) => Some(Verdict::Broken(why)),
                    (step, _) => step,
                };
            }
            match step {
                Some(Verdict::Held) if !ways.is_empty() => return (Verdict::Held, attempts),
                Some(Verdict::Unverifiable(why)) => unknown = Some(why),
                Some(verdict) => open = Some(verdict),
                None => {}
            }
        }
        let nothing = || Verdict::Unverifiable("nothing was tried".into());
        (unknown.map(Verdict::Unverifiable).or(open).unwrap_or_else(nothing), attempts)
    }

    fn trial(
        &self,
        bench: &mut Bench,
        intent: Intent,
        trial: &Trial,
        without: &[Control],
        controls: &[Reference],
    ) -> (Verdict, usize, Outcome) {
        let mut seen = Vec::new();
        // The control first: what is made inside may change what is there outside.
        for control in controls {
            seen.push(self.control(bench, trial, *control));
            if seen.last().is_some_and(|outcome| trial.passes.has(outcome)) {
                break;
            }
        }
        let left;
        let containment = if without.is_empty() {
            &self.whole
        } else {
            left = ablated(self.subject.plan, Ablation::Without(without));
            &left
        };
        let (inside, attempts) = settled(&self.inside, bench, containment, trial);
        (judge(intent, trial, &inside, &seen), seen.len() + attempts, inside)
    }

    pub(super) fn control(&self, bench: &mut Bench, trial: &Trial, reference: Reference) -> Outcome {
        match reference {
            Reference::Outside => settled(&self.nowhere, bench, &self.outside, trial).0,
            Reference::PlainUser => settled(&self.nowhere, bench, &self.plain_user, trial).0,
            Reference::Namespaces => settled(&self.inside, bench, &self.namespaces, trial).0,
            Reference::DumpableInit => {
                // Landlock keeps the processes of a domain off those outside of it as well.
                let mut plan = ablated(self.subject.plan, Ablation::Without(&[Control::Landlock]));
                plan.steps.retain(|step| !matches!(step, Step::Dumpable(false)));
                self.inside.attempt(bench, &plan, trial)
            }
            Reference::Unlimited => {
                let plan = ablated(self.subject.plan, Ablation::Without(&[Control::Limit]));
                self.unlimited.attempt(bench, &plan, trial)
            }
            Reference::PlainInstruction => {
                let plain = Trial::of(vec![Deed::Instruction(Instruction::Nop)]);
                self.inside.attempt(bench, &self.whole, &plain)
            }
        }
    }

    fn gate(&self, question: &Question, gates: &[Answer]) -> (Verdict, usize) {
        let Some(law) = &self.law else {
            return (Verdict::Unverifiable("syscalls.mode is off: there is no filter".into()), 0);
        };
        let attempts = 2 * question.probes.len();
        if gates.len() != question.probes.len() || gates.is_empty() {
            return (Verdict::Unverifiable("the gate was not asked everything".into()), attempts);
        }
        let mut unknown = None;
        for (probe, said) in question.probes.iter().zip(gates) {
            match said {
                Ok(gate) => {
                    if let Err(why) = agrees(law.says(probe), *gate) {
                        return (Verdict::Broken(format!("with {}: {why}", arguments(probe))), attempts);
                    }
                }
                Err(why) => unknown = Some(why.clone().words()),
            }
        }
        (unknown.map_or(Verdict::Held, Verdict::Unverifiable), attempts)
    }

    fn calls(&self, bench: &mut Bench, intent: Intent, cases: &[Case], gates: &[Answer]) -> (Verdict, usize) {
        let mut attempts = 2 * cases.len();
        let mut unknown = None;
        // Where no entry leads to any of the calls, nothing has been denied.
        if gates.len() != cases.len() || gates.iter().all(|gate| *gate == Err(Unasked::NoEntry)) {
            return (Verdict::Unverifiable(Unasked::NoEntry.words()), attempts);
        }
        for (case, gate) in cases.iter().zip(gates) {
            let verdict = match (gate, intent) {
                (Ok(gate), Intent::Deny | Intent::Tell) if *gate != Gate::Through => Verdict::Held,
                (Ok(gate), Intent::Allow) if *gate != Gate::Through => Verdict::Broken(gate.words()),
                (Err(Unasked::NoEntry), _) => continue,
                _ => match &case.trial {
                    None => Verdict::Unverifiable(
                        "the filter lets it through, and made for real it would do something".into(),
                    ),
                    Some(trial) => {
                        attempts += 2;
                        self.trial(bench, intent, trial, &[], &[Reference::Outside]).0
                    }
                },
            };
            if let Some(decided) = case.decides(verdict, &mut unknown) {
                return (decided, attempts);
            }
        }
        (unknown.map_or(Verdict::Held, Verdict::Unverifiable), attempts)
    }
}

/// Tries until something is known, a few times at most: a busy machine is no reason to know nothing.
/// With the number of attempts.
pub(super) fn settled(
    site: &Site<'_>,
    bench: &mut Bench,
    containment: &Containment<'_>,
    trial: &Trial,
) -> (Outcome, usize) {
    const TRIES: usize = 3;
    let mut outcome = site.attempt(bench, containment, trial);
    let mut attempts = 1;
    while attempts < TRIES && passing(trial, &outcome) {
        outcome = site.attempt(bench, containment, trial);
        attempts += 1;
    }
    (outcome, attempts)
}

pub(super) fn arguments(probe: &Probe) -> String {
    let used = probe.args.iter().rposition(|arg| *arg != 0).map_or(1, |last| last + 1);
    let args: Vec<String> = probe.args[..used].iter().map(|arg| format!("{arg:#x}")).collect();
    format!("{:?} {:#x}({})", probe.entry, probe.number, args.join(", "))
}
