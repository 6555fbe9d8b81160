//! Verifying what somebody else contains: the same claims, attempted by a prober that another
//! launcher runs (`--via`), or from where this process stands (`--here`).
//!
//! Nothing can be left out of such a containment, so there is no depth; and a control that masks the
//! one that is meant makes a claim unverifiable rather than held. What is trusted of a launcher is in
//! SECURITY.md.

mod ask;
mod base64;
mod carry;
mod containment;
pub mod frame;
mod here;
mod judge;
pub mod prober;
mod wire;

use std::collections::BTreeMap;
use std::time::Instant;

use bumpalo::Bump;
use ringfence_sys::attempt::Probe;

use super::containment::{MAGIC, outside, questioned};
use super::{Claim, Finding, Report, Test, Verdict};
use crate::control::judge::words;
use crate::control::seccomp::judge::Law;
use crate::control::trial::{Deed, Instruction, Outcome, Trial};
use crate::launch::Error;
use crate::launch::attempt::{Bench, Containment, Said, Site};
use crate::policy::Policy;

pub use here::{InPlace, adapted};

/// One thing for a prober to do. Each is done in a child of its own.
#[derive(Debug, Clone, PartialEq)]
pub enum Task {
    /// Questions to the gate.
    Sweep(Vec<Probe>),
    /// A trial without what comes before its containment.
    Trial(Box<Trial>),
}

/// What came of a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// What the gate said.
    Said(Vec<Said>),
    /// The gate could not be asked; why.
    Unasked(String),
    /// What the trial showed.
    Outcome(Outcome),
}

/// How a prober stands: what of it another launch of the same sandbox shares, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stance {
    /// Ids, capability sets, seccomp mode, which namespaces are the verifier's.
    pub facts: BTreeMap<String, String>,
}

/// What one launch came to.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// How the prober stood, if it said so.
    pub stance: Option<Stance>,
    /// What it answered, by task.
    pub answers: BTreeMap<u32, Answer>,
    /// The task that was begun and not done.
    pub interrupted: Option<u32>,
    /// Everything was said to the end.
    pub whole: bool,
    /// What the launcher did, in words, for a verdict that has to say why.
    pub why: String,
    /// Why nothing that came from this launcher can be believed.
    pub torn: Option<String>,
}

/// What runs tasks where the claims are to hold.
pub trait Launcher {
    /// Runs tasks once.
    fn launch(&mut self, tasks: &[(u32, &Task)]) -> Reply;

    /// Whether it is outside of what is verified, so that a trial can be let through elsewhere.
    fn has_outside(&self) -> bool;
}

/// What is verified, and against what.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'s> {
    /// The statement of what should hold.
    pub policy: &'s Policy,
    /// User and group of whoever verifies.
    pub ids: (u32, u32),
    /// What decides about some claims by id.
    pub in_place: &'s BTreeMap<String, InPlace>,
}

/// Everything that judging one claim needs.
struct Ground<'g> {
    law: Option<Law>,
    in_place: &'g BTreeMap<String, InPlace>,
    outside: Option<Controls<'g>>,
    /// Also in place, where a user namespace can be made.
    namespaces: Containment<'g>,
    nowhere: Site<'g>,
}

/// Where a trial is let through for a denial to count.
struct Controls<'g> {
    free: Containment<'g>,
    plain_user: Containment<'g>,
}

/// Verifies claims by a launcher.
///
/// # Errors
/// Nothing could be attempted outside either.
pub fn verify(
    subject: Subject<'_>,
    claims: &[Claim],
    notes: Vec<String>,
    launcher: &mut dyn Launcher,
    progress: &dyn Fn(usize, usize),
) -> Result<Report, Error> {
    let start = Instant::now();
    let arena = Bump::new();
    let has_outside = launcher.has_outside();
    let controls = || Controls { free: outside(), plain_user: containment::without_privileges() };
    let ground = Ground {
        law: Law::of(&subject.policy.syscalls),
        in_place: subject.in_place,
        outside: has_outside.then(controls),
        namespaces: containment::own_namespaces(&arena, subject.ids),
        nowhere: Site::prepare(None)?,
    };
    let mut sheet = ask::Sheet::of(claims);
    // In place nothing can be asked without the filters that stand already; each entry is one that
    // has answered.
    sheet.control = match has_outside {
        true => ground.nowhere.sweep(
            &mut Bench::new()?,
            &questioned(&containment::unfiltered(), &arena),
            sheet.probes(),
        ),
        false => vec![Said::Answer(-i64::from(MAGIC)); sheet.probes().len()],
    };
    // No bench meanwhile, which blocks signals: whoever waits for a launcher can be told to end.
    let torn = carried(&mut sheet, claims, launcher, progress);
    let mut bench = Bench::new()?;
    let findings = claims.iter().enumerate().map(|(number, claim)| {
        progress(claims.len() / 2 + number / 2, claims.len());
        let (verdict, attempts) = match &torn {
            Some(why) => (Verdict::Unverifiable(why.clone()), 0),
            None => ground.verdict(&mut bench, &sheet, number, claim),
        };
        let seen = match claim.test.only() {
            Test::Trial { .. } if attempts > 0 => Some(words(&sheet.outcome(number, 0))),
            _ => None,
        };
        Finding { seen, ..finding(subject.policy, claim, verdict, attempts) }
    });
    let findings = findings.collect();
    Ok(Report { findings, notes, milliseconds: start.elapsed().as_millis() as u64, lsms: Vec::new() })
}

/// Has everything done; why nothing of it can be believed.
fn carried(
    sheet: &mut ask::Sheet,
    claims: &[Claim],
    launcher: &mut dyn Launcher,
    progress: &dyn Fn(usize, usize),
) -> Option<String> {
    let mut carrier = carry::Carrier::new(launcher);
    // The gate first: what it denies need not be tried. Each is a quarter of all that there is to do.
    let quarter = claims.len() / 4;
    for first in [true, false] {
        let (tasks, places) = if first { sheet.questions() } else { sheet.trials(claims) };
        let begun = if first { 0 } else { quarter };
        let shown = |done: usize| progress(begun + quarter * done / tasks.len().max(1), claims.len());
        let done = carrier.carry(&tasks, &shown);
        sheet.take(&places, done);
    }
    carrier.torn.take()
}

fn finding(policy: &Policy, claim: &Claim, verdict: Verdict, attempts: usize) -> Finding {
    // A denial by anything is one control's at least; more cannot be told.
    let verdict = match (verdict, claim.depth) {
        (Verdict::Held, Some(depth)) if depth > 1 => Verdict::Unverifiable(format!(
            "it is denied, and whether by {depth} controls cannot be told of a sandbox that is not ringfence's own"
        )),
        (verdict, _) => verdict,
    };
    claim.found(policy, verdict, attempts)
}

/// An instruction that is not privileged.
fn plain() -> Trial {
    Trial::of(vec![Deed::Instruction(Instruction::Nop)])
}
