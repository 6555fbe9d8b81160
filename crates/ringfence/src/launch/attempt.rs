//! Carries trials out: each in a containment of its own, or in none, with what the launcher does
//! around a child (id maps, cgroups, placeholders of denied paths).

use std::time::Duration;

use ringfence_sys::Errno;
use ringfence_sys::abi::SockFilter;
use ringfence_sys::attempt::{self as sys, Arg, Attempt, Page, Record, Tried};
use ringfence_sys::signal::Blocked;
use ringfence_sys::spawn::Ended;
use ringfence_sys::step::Step;

use super::leftover::Leftovers;
use super::{Error, around, idmap};
use crate::control::trial::{Deed, Identity, Outcome, Probe, Trial, Word, errno, errno_name};
use crate::plan::Plan;

/// How long one trial may take: a hundred times what a loaded machine needs for a launch.
pub const LIMIT: Duration = Duration::from_secs(3);

/// `ENOSYS`, as a call answers it.
const NOSYS: i64 = -38;

/// What trials of one plan have in common on the host: cgroups, and placeholders of denied paths.
/// Removed when dropped.
#[derive(Debug)]
pub struct Site<'p> {
    plan: Option<&'p Plan<'p>>,
    leftovers: Leftovers,
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

/// One thread's means: its shared page.
#[derive(Debug)]
pub struct Bench {
    page: Page,
    _blocked: Blocked,
}

impl Bench {
    /// # Errors
    /// Those of mmap(2) and sigprocmask(2).
    pub fn new() -> Result<Self, Error> {
        let page = Page::new().map_err(|errno| around("map a page for results", errno))?;
        let blocked = Blocked::all().map_err(|errno| around("block signals", errno))?;
        Ok(Self { page, _blocked: blocked })
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
                Leftovers::make(cgroup, &plan.placeholders, false)?
            }
        };
        Ok(Self { plan, leftovers, vdso: vdso() })
    }

    /// Tries one thing in a fresh containment.
    pub fn attempt(&self, bench: &mut Bench, containment: &Containment<'_>, trial: &Trial) -> Outcome {
        let all: Vec<&Deed> = trial.deeds.iter().chain(&trial.after).collect();
        let deeds: Vec<sys::Deed<'_>> = all.iter().map(|deed| borrowed(deed)).collect();
        if deeds.is_empty() || deeds.len() > sys::MAX_DEEDS {
            return Outcome::Unmade(format!("{} deeds; 1 to {} make a trial", deeds.len(), sys::MAX_DEEDS));
        }
        let compat = all.iter().any(|deed| {
            matches!(deed, Deed::Call { entry: sys::Entry::Syscall32 | sys::Entry::Sysenter, .. })
        });
        let tried = self.spawn(bench, containment, &Attempt::Deeds(&deeds), compat);
        match tried {
            Err(why) => Outcome::Unmade(why),
            Ok(tried) => outcome(&bench.page, &tried, trial),
        }
    }

    /// Asks the gate, in one containment as long as the asker lives, then in the next.
    pub fn sweep(&self, bench: &mut Bench, containment: &Containment<'_>, probes: &[Probe]) -> Vec<Said> {
        let mut said = Vec::with_capacity(probes.len());
        let compat =
            probes.iter().any(|probe| matches!(probe.entry, sys::Entry::Syscall32 | sys::Entry::Sysenter));
        while said.len() < probes.len() {
            let rest = &probes[said.len()..];
            let part = &rest[..rest.len().min(sys::MAX_PROBES)];
            let tried = self.spawn(bench, containment, &Attempt::Sweep(part), compat);
            let record = bench.page.record();
            let done = record.done.min(part.len());
            said.extend((0..done).map(|at| bench.page.answer(at).map_or(Said::Silent, Said::Answer)));
            if done == part.len() {
                continue;
            }
            said.push(match (tried, record.signal) {
                (Ok(tried), _) if tried.late => Said::Silent,
                (Ok(_), Some(signal)) if signal.number == 31 => Said::Trapped(signal.data as u16),
                (Ok(_), Some(signal)) => Said::Faulted(signal.number),
                (Ok(_), None) if record.begun > done => Said::Killed,
                (Ok(_), None) | (Err(_), _) => Said::Silent,
            });
        }
        said
    }

    /// Asks the gate that stands already, whatever made it, in one child as long as that lives, then
    /// in the next: `listening` and `tracing` as [`sys::ask`] takes them. What is let through is
    /// answered with `magic`.
    ///
    /// # Errors
    /// Why it cannot be asked.
    pub fn ask(
        &self,
        bench: &mut Bench,
        listening: &[SockFilter],
        tracing: &[SockFilter],
        magic: u16,
        probes: &[Probe],
    ) -> Result<Vec<Said>, String> {
        let mut said = Vec::with_capacity(probes.len());
        while said.len() < probes.len() {
            let rest = &probes[said.len()..];
            let part = &rest[..rest.len().min(sys::MAX_PROBES)];
            let (asked, tried) =
                sys::ask(part, listening, tracing, Errno(magic), self.vdso, LIMIT, &mut bench.page)
                    .map_err(|errno| around("clone", errno).to_string())?;
            let exact = match asked {
                sys::Asked::Exactly(_) => true,
                sys::Asked::Roughly => false,
                sys::Asked::Not(errno) => {
                    return Err(format!("a filter cannot be asked: seccomp: {}", errno_name(errno.0)));
                }
            };
            let record = bench.page.record();
            let done = record.done.min(part.len());
            said.extend((0..done).map(|at| match bench.page.answer(at) {
                // The kernel's own answer to a call without a tracer, and perhaps a filter's.
                Some(answer) if !exact && answer == NOSYS => Said::Silent,
                Some(answer) => Said::Answer(answer),
                None => Said::Silent,
            }));
            if done < part.len() {
                said.push(broken_off(&record, tried.late, done));
            }
        }
        Ok(said)
    }

    /// Why a containment cannot be made at all; `None` where it can.
    pub fn obstacle(&self, bench: &mut Bench, containment: &Containment<'_>) -> Option<String> {
        let nothing = [sys::Deed::Instruction(sys::Instruction::Nop)];
        match self.spawn(bench, containment, &Attempt::Deeds(&nothing), false) {
            Err(why) => Some(why),
            Ok(tried) => {
                match outcome(&bench.page, &tried, &Trial::of(vec![Deed::Instruction(sys::Instruction::Nop)]))
                {
                    Outcome::Answered { .. } => None,
                    Outcome::Unmade(why) => Some(why),
                    other => Some(format!("{other:?}")),
                }
            }
        }
    }

    fn spawn(
        &self,
        bench: &mut Bench,
        containment: &Containment<'_>,
        attempt: &Attempt<'_>,
        compat: bool,
    ) -> Result<Tried, String> {
        let request = sys::Request {
            namespaces: containment.namespaces,
            cgroup: self.leftovers.cgroup(),
            vdso: if compat { self.vdso } else { None },
            limit: LIMIT,
        };
        let mut failed = None;
        let mut waiting = |child: &sys::Child<'_>| {
            let done = self
                .beside(child.pid)
                .and_then(|()| child.go_on().map_err(|errno| around("let the child go on", errno)));
            failed = done.err().map(|error| error.to_string());
            failed.is_none()
        };
        let tried = sys::attempt(&containment.steps, &request, attempt, &mut bench.page, &mut waiting)
            .map_err(|errno| around("clone3", errno).to_string())?;
        failed.map_or(Ok(tried), Err)
    }

    /// What is done outside while the child waits. The janitor is told of no init: it removes
    /// placeholders as soon as this process is gone, and the child dies with it.
    fn beside(&self, pid: i32) -> Result<(), Error> {
        self.plan.map_or(Ok(()), |plan| idmap::write(plan, pid))
    }
}

/// What the gate said to the question that was the asker's last.
fn broken_off(record: &Record, late: bool, done: usize) -> Said {
    match record.signal {
        _ if late => Said::Silent,
        Some(signal) if signal.number == 31 => Said::Trapped(signal.data as u16),
        Some(signal) => Said::Faulted(signal.number),
        None if record.begun > done => Said::Killed,
        None => Said::Silent,
    }
}

fn borrowed(deed: &Deed) -> sys::Deed<'_> {
    match deed {
        Deed::Instruction(instruction) => sys::Deed::Instruction(*instruction),
        Deed::Call { entry, number, args, splits } => {
            let mut words = [Arg::Value(0); 6];
            for (to, from) in words.iter_mut().zip(args) {
                *to = match from {
                    Word::Value(value) => Arg::Value(*value),
                    Word::Bytes(bytes) => Arg::Bytes(bytes),
                    Word::Answer(deed) => Arg::Answer(*deed),
                    Word::Scratch(at) => Arg::Scratch(*at),
                };
            }
            sys::Deed::Call { entry: *entry, number: *number, args: words, splits: *splits }
        }
    }
}

fn outcome(page: &Page, tried: &Tried, trial: &Trial) -> Outcome {
    let record = page.record();
    if let Some(failure) = record.failed {
        return Outcome::Unmade(format!("step {}: errno {}", failure.step, failure.errno.0));
    }
    let answers: Vec<i64> = (0..record.done).map_while(|at| page.answer(at)).collect();
    let deciding = trial.deeds.len() - 1;
    let decided = answers.iter().take(deciding + 1).position(|answer| errno(*answer).is_some());
    let deed = decided.unwrap_or(deciding);
    if let Some(&answer) = answers.get(deed) {
        let object = (!trial.after.is_empty())
            .then(|| object(page, trial.identity))
            .filter(|object| *object != (0, 0));
        return Outcome::Answered { deed, answer, object };
    }
    let deed = record.begun.saturating_sub(1).min(deciding);
    match (record.signal, tried.ended) {
        (Some(signal), _) => Outcome::Signalled { deed, signal },
        _ if tried.late && record.begun == 0 => Outcome::Unmade("no attempt within the time limit".into()),
        _ if tried.late => Outcome::Late { deed },
        (None, ended) if record.begun == 0 => {
            Outcome::Unmade(format!("the child ended before the attempt ({ended:?})"))
        }
        (None, Ended::Exited(status)) => Outcome::Ended { deed, status },
        (None, Ended::Signaled(signal)) => Outcome::Ended { deed, status: 128 + signal },
    }
}

/// The first two words of `struct stat` of x86-64: device and inode.
fn object(page: &Page, identity: Identity) -> (u64, u64) {
    let mut bytes = [0u8; 16];
    page.scratch(&mut bytes);
    let word = |at: usize| bytes[at..at + 8].iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    match identity {
        Identity::Object => (word(0), word(8)),
        Identity::Inode => (0, word(8)),
    }
}

/// Address and length of this process' vDSO: proc_pid_maps(5).
fn vdso() -> Option<(usize, usize)> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let range = maps.lines().find(|line| line.ends_with("[vdso]"))?.split_whitespace().next()?;
    let (from, to) = range.split_once('-')?;
    let number = |text| usize::from_str_radix(text, 16).ok();
    Some((number(from)?, number(to)? - number(from)?))
}
