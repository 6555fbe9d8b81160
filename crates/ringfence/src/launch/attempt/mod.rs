//! Carries trials out: each in a containment of its own, or in none, with what the launcher does
//! around a child (id maps, cgroups, placeholders of denied paths).

mod ask;
mod outcome;
mod script;
pub mod supervised;
mod tidy;

use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use bumpalo::Bump;
use ringfence_sys::attempt::{self as sys, Attempt, Image, Page, Tried};
use ringfence_sys::signal::Blocked;
use ringfence_sys::step::Step;

use super::guard::Guards;
use super::leftover::Leftovers;
use super::{Error, around, idmap};
use crate::control::trial::{Deed, Outcome, Peer, Place, Probe, Trial};
use crate::plan::Plan;
use outcome::Seen;
use script::{Known, Numbers, Script};

/// How long one trial may take: a hundred times what a loaded machine needs for a launch.
pub const LIMIT: Duration = Duration::from_secs(3);

/// What trials of one plan have in common on the host: cgroups, and placeholders of denied paths.
/// Removed when dropped.
#[derive(Debug)]
pub struct Site<'p> {
    plan: Option<&'p Plan<'p>>,
    leftovers: Leftovers,
    /// BPF LSM programs, where the plan has them.
    guards: Option<Guards>,
    vdso: Option<(usize, usize)>,
}

/// The steps of one containment, and its namespaces.
#[derive(Debug, Clone, PartialEq)]
pub struct Containment<'a> {
    /// In order; no execve.
    pub steps: Vec<Step<'a>>,
    /// `CLONE_NEW*`.
    pub namespaces: u64,
}

/// What the gate said to a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// A raw answer: `-4095..0` is a negative errno.
    Answer(i64),
    /// SIGSYS of the filter's trap, with its data.
    Trapped(u16),
    /// The process was killed.
    Killed,
    /// Another signal: the entry does not exist on this processor or kernel.
    Faulted(i32),
    /// Nothing was said within the limit, or the containment could not be made.
    Silent,
}

/// One thread's means: its shared pages, and a program.
#[derive(Debug)]
pub struct Bench {
    page: Page,
    /// The peer's.
    second: Page,
    /// What attempts after execve(2) execute; why there is nothing.
    image: Result<Image, String>,
    _blocked: Blocked,
}

impl Bench {
    /// # Errors
    /// Those of mmap(2) and sigprocmask(2).
    pub fn new() -> Result<Self, Error> {
        let page = Page::new().map_err(|errno| around("map a page for results", errno))?;
        let second = Page::new().map_err(|errno| around("map a page for results", errno))?;
        let image = Image::new(&page).map_err(|errno| around("make a program", errno).to_string());
        let blocked = Blocked::all().map_err(|errno| around("block signals", errno))?;
        Ok(Self { page, second, image, _blocked: blocked })
    }
}

impl<'p> Site<'p> {
    /// Makes what the plan needs on the host. Trials of no plan need nothing.
    ///
    /// # Errors
    /// Those of [`Leftovers::make`].
    pub fn prepare(plan: Option<&'p Plan<'p>>) -> Result<Self, Error> {
        let leftovers = match plan {
            None => Leftovers::default(),
            Some(plan) => {
                let cgroup = plan.cgroup.as_ref().map(|(request, own)| (request, *own));
                let mut leftovers = Leftovers::make(cgroup, &plan.placeholders, false)?;
                if let Some(profile) = &plan.profile {
                    leftovers.load(profile)?;
                }
                leftovers
            }
        };
        let guard = plan.and_then(|plan| plan.guard.as_ref());
        let guards = guard.map(Guards::attach).transpose()?;
        Ok(Self { plan, leftovers, guards, vdso: vdso() })
    }

    /// The same without cgroups.
    ///
    /// # Errors
    /// Those of [`Leftovers::make`].
    pub fn prepare_unlimited(plan: &'p Plan<'p>) -> Result<Self, Error> {
        let leftovers = Leftovers::make(None, &plan.placeholders, false)?;
        let guards = plan.guard.as_ref().map(Guards::attach).transpose()?;
        Ok(Self { plan: Some(plan), leftovers, guards, vdso: vdso() })
    }

    /// Tries one thing in a fresh containment. A peer is outside, or in another containment of the
    /// same kind, and is made first.
    pub fn attempt(&self, bench: &mut Bench, containment: &Containment<'_>, trial: &Trial) -> Outcome {
        if let Some(why) = script::wrong(trial) {
            return Outcome::Unmade(why);
        }
        static ATTEMPTS: AtomicU16 = AtomicU16::new(0);
        let fresh = ATTEMPTS.fetch_add(1, Ordering::Relaxed);
        let arena = Bump::new();
        let apart = trial.peer.as_ref().filter(|peer| peer.place != Place::Together);
        let Some(peer) = apart else {
            let script = script::tried(trial, None, fresh, &arena);
            let seen = self.carried_out(bench, containment, trial, &script);
            if let (Ok(seen), Some(peer), Some(numbers)) = (&seen, &trial.peer, script.peer) {
                let count = peer.deeds.len() + peer.after.len();
                let answers: Vec<_> = (0..count).map(|deed| seen.answer(numbers.of(deed))).collect();
                self.tidy(bench, containment, peer, &answers);
            }
            return seen.map_or_else(Outcome::Unmade, |seen| seen.outcome(trial, &script, None));
        };
        let (deeds, numbers) = script::peer(peer, fresh, &arena);
        let outside = Containment { steps: Vec::new(), namespaces: 0 };
        let around = if peer.place == Place::Outside { &outside } else { containment };
        let held = match self.held(&mut bench.second, around, deeds) {
            Ok(held) => held,
            Err(why) => return Outcome::Unmade(format!("the peer: {why}")),
        };
        let answers: Vec<i64> = (0..peer.deeds.len()).map_while(|at| bench.second.answer(at)).collect();
        if let Some(failed) = outcome::of_peer(peer, &answers, held.is_some(), &bench.second) {
            // What it has made so far it takes away.
            let _ = held.map(|held| held.release(&bench.second, LIMIT));
            self.tidy(bench, around, peer, &answered(peer, numbers, &bench.second));
            return failed;
        }
        let Some(held) = held else { return Outcome::Unmade("the peer did not wait".into()) };
        let known = Known { pid: held.pid(), answers: &answers };
        let script = script::tried(trial, Some(&known), fresh, &arena);
        let seen = self.carried_out(bench, containment, trial, &script);
        let _ = held.release(&bench.second, LIMIT);
        let evidence = peer.evidence.map(|at| bench.second.answer(numbers.of(peer.deeds.len() + at)));
        self.tidy(bench, around, peer, &answered(peer, numbers, &bench.second));
        seen.map_or_else(Outcome::Unmade, |seen| seen.outcome(trial, &script, evidence))
    }

    fn carried_out(
        &self,
        bench: &mut Bench,
        containment: &Containment<'_>,
        trial: &Trial,
        script: &Script<'_>,
    ) -> Result<Seen, String> {
        let deeds = trial.deeds.iter().chain(&trial.after);
        let compat = deeds.into_iter().any(|deed| matches!(deed, Deed::Call { entry, .. } if fast(*entry)));
        let program = trial.executed.then(|| bench.image.as_ref().map_err(Clone::clone)).transpose()?;
        let token = self.plan.and_then(|plan| plan.gate.token).unwrap_or(0);
        let attempt = sys::Script { before: script.before, deeds: script.deeds, program, token };
        let tried = self.spawn(&mut bench.page, containment, &Attempt::Script(attempt), compat)?;
        Ok(Seen::of(&bench.page, tried))
    }

    /// A child that waits behind its first deeds; `None` where it ended before.
    fn held(
        &self,
        page: &mut Page,
        containment: &Containment<'_>,
        deeds: &[sys::Deed<'_>],
    ) -> Result<Option<sys::Held>, String> {
        let request = self.request(containment, false);
        let mut failed = None;
        let mut waiting = |child: &sys::Child<'_>| self.let_go(containment, child, &mut failed);
        let held = sys::hold(&containment.steps, &request, &Attempt::Deeds(deeds), page, &mut waiting)
            .map_err(|errno| around("clone3", errno).to_string())?;
        match held {
            _ if failed.is_some() => Err(failed.unwrap_or_default()),
            sys::Holding::Held(held) => Ok(Some(held)),
            sys::Holding::Over(_) => Ok(None),
        }
    }

    /// Asks the gate, in one containment as long as the asker lives, then in the next.
    pub fn sweep(&self, bench: &mut Bench, containment: &Containment<'_>, probes: &[Probe]) -> Vec<Said> {
        let mut said = Vec::with_capacity(probes.len());
        let compat = probes.iter().any(|probe| fast(probe.entry));
        while said.len() < probes.len() {
            let part = ask::part(&probes[said.len()..]);
            let tried = self.spawn(&mut bench.page, containment, &Attempt::Sweep(part), compat);
            said.extend(ask::heard(&bench.page, part.len(), tried.is_ok_and(|tried| !tried.late)));
        }
        said
    }

    /// Why a containment cannot be made at all; `None` where it can.
    pub fn obstacle(&self, bench: &mut Bench, containment: &Containment<'_>) -> Option<String> {
        let nothing = Trial::of(vec![Deed::Instruction(sys::Instruction::Nop)]);
        match self.attempt(bench, containment, &nothing) {
            Outcome::Answered { .. } => None,
            Outcome::Unmade(why) => Some(why),
            other => Some(format!("{other:?}")),
        }
    }

    fn spawn(
        &self,
        page: &mut Page,
        containment: &Containment<'_>,
        attempt: &Attempt<'_>,
        compat: bool,
    ) -> Result<Tried, String> {
        let request = self.request(containment, compat);
        let mut failed = None;
        let mut waiting = |child: &sys::Child<'_>| self.let_go(containment, child, &mut failed);
        let tried = sys::attempt(&containment.steps, &request, attempt, page, &mut waiting)
            .map_err(|errno| around("clone3", errno).to_string())?;
        failed.map_or(Ok(tried), Err)
    }

    fn request(&self, containment: &Containment<'_>, compat: bool) -> sys::Request<'_> {
        sys::Request {
            namespaces: containment.namespaces,
            cgroup: self.leftovers.cgroup(),
            vdso: if compat { self.vdso } else { None },
            limit: LIMIT,
        }
    }

    fn let_go(
        &self,
        containment: &Containment<'_>,
        child: &sys::Child<'_>,
        failed: &mut Option<String>,
    ) -> bool {
        let done = self
            .beside(containment, child.pid)
            .and_then(|()| child.go_on().map_err(|errno| around("let the child go on", errno)));
        *failed = done.err().map(|error| error.to_string());
        failed.is_none()
    }

    /// What is done outside while the child waits. The janitor is told of no init: it removes
    /// placeholders as soon as this process is gone, and the child dies with it.
    fn beside(&self, containment: &Containment<'_>, pid: i32) -> Result<(), Error> {
        let Some(plan) = self.plan else { return Ok(()) };
        idmap::write(plan, pid)?;
        let shows = containment.steps.iter().any(|step| matches!(step, Step::ShowPlace { .. }));
        match (&self.guards, &plan.guard) {
            (Some(guards), Some(guard)) if shows => Ok(guards.hold(guard, pid)?),
            _ => Ok(()),
        }
    }
}

/// What a peer in a process of its maker's has answered, to what it did at first and afterwards.
fn answered(peer: &Peer, numbers: Numbers, page: &Page) -> Vec<Option<i64>> {
    (0..peer.deeds.len() + peer.after.len()).map(|deed| page.answer(numbers.of(deed))).collect()
}

/// The 32-bit fast entries, which lead back through the vDSO.
fn fast(entry: sys::Entry) -> bool {
    matches!(entry, sys::Entry::Syscall32 | sys::Entry::Sysenter)
}

/// Address and length of this process' vDSO: proc_pid_maps(5).
fn vdso() -> Option<(usize, usize)> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let range = maps.lines().find(|line| line.ends_with("[vdso]"))?.split_whitespace().next()?;
    let (from, to) = range.split_once('-')?;
    let number = |text| usize::from_str_radix(text, 16).ok();
    Some((number(from)?, number(to)? - number(from)?))
}
