//! What the answers of a foreign containment mean for a claim.

use super::Ground;
use super::ask::{Sheet, with_object};
use crate::control::Control;
use crate::control::judge::{Intent, Verdict, judge};
use crate::control::seccomp::judge::{Expected, Gate, agrees};
use crate::control::trial::{Deed, Outcome, Trial, errno};
use crate::launch::attempt::Bench;
use crate::verify::ask::Unasked;
use crate::verify::run::{arguments, settled};
use crate::verify::{Case, Claim, Reference, Test};

const EROFS: u16 = 30;
const EFAULT: u16 = 14;

impl Ground<'_> {
    /// The verdict, and how many attempts it rests on.
    pub(super) fn verdict(
        &self,
        bench: &mut Bench,
        sheet: &Sheet,
        number: usize,
        claim: &Claim,
    ) -> (Verdict, usize) {
        if let Some(in_place) = self.in_place.get(&claim.id) {
            return (in_place.verdict(&sheet.outcome(number, 0)), 1);
        }
        match claim.test.only() {
            Test::Chain(_) => (
                Verdict::Unverifiable(
                    "it takes several steps, and those are tried by ringfence's own launches alone".into(),
                ),
                0,
            ),
            Test::Run { .. } => (Verdict::Unverifiable("a run of the policy is one by ringfence".into()), 0),
            Test::Not(why) => (Verdict::Unverifiable(why.clone()), 0),
            Test::Gate(question) => {
                let gates = sheet.gate(number);
                (self.gate(question.probes.iter().zip(gates)), 2 * question.probes.len())
            }
            Test::Calls(cases) => self.calls(bench, sheet, number, claim, cases),
            Test::Trial { trial, without, controls } => {
                let trial = &with_object(claim, trial);
                let inside = sheet.outcome(number, 0);
                let gates = sheet.gate(number);
                let seen = if decided(trial, &inside, &gates) {
                    Vec::new()
                } else {
                    self.seen(bench, sheet, trial, controls)
                };
                let attempts = 1 + seen.len() + 2 * gates.len();
                (self.trial(claim.intent, trial, without, &inside, &gates, &seen), attempts)
            }
        }
    }

    fn gate<'p>(
        &self,
        answers: impl Iterator<Item = (&'p ringfence_sys::attempt::Probe, Result<Gate, Unasked>)>,
    ) -> Verdict {
        let Some(law) = &self.law else {
            return Verdict::Unverifiable("syscalls.mode is off: there is no filter".into());
        };
        let mut unknown = None;
        for (probe, gate) in answers {
            match gate {
                Ok(gate) => {
                    // Another sandbox may deny in another way.
                    let expected = match law.says(probe) {
                        Expected::Denied(_) => Expected::DeniedSomehow,
                        expected => expected,
                    };
                    if let Err(why) = agrees(expected, gate) {
                        return Verdict::Broken(format!("with {}: {why}", arguments(probe)));
                    }
                }
                Err(why) => unknown = Some(why.words()),
            }
        }
        unknown.map_or(Verdict::Held, Verdict::Unverifiable)
    }

    fn calls(
        &self,
        bench: &mut Bench,
        sheet: &Sheet,
        number: usize,
        claim: &Claim,
        cases: &[Case],
    ) -> (Verdict, usize) {
        let mut attempts = 2 * cases.len();
        let mut unknown = None;
        for (place, (case, gate)) in cases.iter().zip(sheet.gate(number)).enumerate() {
            let verdict = match (&gate, claim.intent, &case.trial) {
                (Ok(gate), Intent::Deny | Intent::Tell, _) if *gate != Gate::Through => Verdict::Held,
                (Ok(gate), Intent::Allow, _) if *gate != Gate::Through => Verdict::Broken(gate.words()),
                (Err(Unasked::NoEntry), ..) => continue,
                (_, _, None) => Verdict::Unverifiable(
                    "no filter is known to deny it, and made for real it would do something".into(),
                ),
                (_, _, Some(trial)) => {
                    let inside = sheet.outcome(number, place);
                    let seen = self.seen(bench, sheet, trial, &[Reference::Outside]);
                    attempts += 1 + seen.len();
                    self.trial(claim.intent, trial, &[], &inside, &[], &seen)
                }
            };
            if let Some(decided) = case.decides(verdict, &mut unknown) {
                return (decided, attempts);
            }
        }
        (unknown.map_or(Verdict::Held, Verdict::Unverifiable), attempts)
    }

    /// The same trial where it should be let through, until it is.
    fn seen(&self, bench: &mut Bench, sheet: &Sheet, trial: &Trial, controls: &[Reference]) -> Vec<Outcome> {
        let mut seen = Vec::new();
        for control in controls {
            let containment = match (control, &self.outside) {
                (Reference::Outside, Some(outside)) => &outside.free,
                (Reference::PlainUser, Some(outside)) => &outside.plain_user,
                (Reference::Namespaces, _) => &self.namespaces,
                (Reference::PlainInstruction, _) => {
                    seen.push(sheet.plain.clone());
                    continue;
                }
                (Reference::Outside | Reference::PlainUser, None)
                | (Reference::DumpableInit | Reference::Unlimited, _) => continue,
            };
            seen.push(settled(&self.nowhere, bench, containment, trial).0);
            if seen.last().is_some_and(|outcome| trial.passes.has(outcome)) {
                break;
            }
        }
        seen
    }

    fn trial(
        &self,
        intent: Intent,
        trial: &Trial,
        without: &[Control],
        inside: &Outcome,
        gates: &[Result<Gate, Unasked>],
        seen: &[Outcome],
    ) -> Verdict {
        let passed = trial.passes.has(inside);
        if let (Intent::Deny, true, None, Outcome::Answered { object: Some(_), .. }) =
            (intent, passed, &self.outside, inside)
        {
            return Verdict::Unverifiable(
                "it is let through, and whether it is the host's that is reached cannot be told from here"
                    .into(),
            );
        }
        if intent == Intent::Allow || passed || matches!(inside, Outcome::Unmade(_) | Outcome::Late { .. }) {
            return judge(intent, trial, inside, seen);
        }
        let denied = gates.iter().find_map(|gate| match gate {
            Ok(gate) if *gate != Gate::Through => Some(gate.words()),
            _ => None,
        });
        let through = gates.iter().all(|gate| matches!(gate, Ok(Gate::Through)));
        // Left out where the containment is ringfence's own, since it would mask what is meant.
        if without.contains(&Control::Seccomp) {
            return match (denied, reads_state(trial, inside)) {
                (Some(words), _) => {
                    Verdict::Unverifiable(format!("{words}, which says nothing about what is behind it"))
                }
                (None, _) if !through => {
                    Verdict::Unverifiable("it is not known whether a filter denies it".into())
                }
                (None, _) if without.contains(&Control::Mount) || without.contains(&Control::Landlock) => {
                    Verdict::Unverifiable(format!(
                        "it is not seen from inside: {}",
                        crate::control::judge::words(inside)
                    ))
                }
                // The filter lets it through, so this is what the kernel itself says.
                (None, true) => Verdict::Held,
                (None, false) => self.compared(intent, trial, inside, seen),
            };
        }
        match denied {
            // Known to be a denial, with or without anything to compare with.
            Some(_) => Verdict::Held,
            None => self.compared(intent, trial, inside, seen),
        }
    }

    fn compared(&self, intent: Intent, trial: &Trial, inside: &Outcome, seen: &[Outcome]) -> Verdict {
        let verdict = judge(intent, trial, inside, seen);
        if let (Verdict::Held, Outcome::Answered { answer, .. }) = (&verdict, inside)
            && errno(*answer).is_some_and(|errno| errno.0 == EFAULT)
        {
            return Verdict::Unverifiable("EFAULT is about an argument, not said by any control".into());
        }
        match (&verdict, self.outside.is_some(), inside) {
            // No object has this error but a read-only mount.
            (Verdict::Unverifiable(_), false, Outcome::Answered { answer, .. })
                if errno(*answer).is_some_and(|errno| errno.0 == EROFS) =>
            {
                Verdict::Held
            }
            (Verdict::Unverifiable(_), false, inside) => Verdict::Unverifiable(format!(
                "{} here, and there is nothing outside to compare with",
                crate::control::judge::words(inside)
            )),
            _ => verdict,
        }
    }
}

/// What a control could not change any more.
fn decided(trial: &Trial, inside: &Outcome, gates: &[Result<Gate, Unasked>]) -> bool {
    let denied = gates.iter().any(|gate| matches!(gate, Ok(gate) if *gate != Gate::Through));
    matches!(inside, Outcome::Unmade(_)) || denied && !trial.passes.has(inside)
}

/// capset(2), prctl(2), fcntl(2) and prlimit(2) on the own process: what the kernel says is the state.
fn reads_state(trial: &Trial, inside: &Outcome) -> bool {
    const OWN: [u32; 4] = [126, 157, 72, 302];
    let own = trial.deeds.len() == 1
        && trial.deeds.iter().all(|deed| matches!(deed, Deed::Call { number, .. } if OWN.contains(number)));
    own && matches!(inside, Outcome::Answered { .. })
}
