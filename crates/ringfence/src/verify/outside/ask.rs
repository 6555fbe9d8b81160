//! What is asked for all claims together, and where its answers are.

use ringfence_bpf::program::code;
use ringfence_bpf::table::Abi;
use ringfence_sys::abi::SockFilter;
use ringfence_sys::attempt::Probe;

use super::{Answer, Task, plain};
use crate::control::seccomp::judge::Gate;
use crate::control::trial::{self, Deed, Outcome, Trial, Word};
use crate::launch::attempt::Said;
use crate::verify::ask::{Unasked, gate};
use crate::verify::containment::question_filter;
use crate::verify::{Claim, Intent, Part, Test};

/// Questions of one child.
const CHUNK: usize = 512;
/// `SECCOMP_RET_USER_NOTIF`, linux/seccomp.h.
const LISTENING: u32 = 0x7fc0_0000;

/// The filter that asks, last of all, about what comes from an attempt's instruction.
pub(super) fn filter() -> Vec<SockFilter> {
    let mut program = question_filter();
    for insn in &mut program {
        if insn.code == code::RET && insn.k != 0x7fff_0000 {
            insn.k = LISTENING;
        }
    }
    program
}

/// Everything that is asked, and what came back.
pub(super) struct Sheet {
    probes: Vec<Probe>,
    /// Where the probes of a claim begin; one more than there are claims.
    starts: Vec<usize>,
    /// What the same probes gave without any containment.
    pub(super) control: Vec<Said>,
    said: Vec<Result<Said, String>>,
    /// By claim: its trials (a rule has one for each case).
    trials: Vec<Vec<Option<Result<Outcome, String>>>>,
    all: Vec<Vec<Trial>>,
    /// An instruction that is not privileged, in the same containment.
    pub(super) plain: Outcome,
}

/// Which question a task answers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// Probes from this one on.
    Probes(usize, usize),
    /// A claim's trial.
    Trial(usize, usize),
    /// The instruction that must pass.
    Plain,
}

impl Sheet {
    pub(super) fn of(claims: &[Claim]) -> Self {
        let mut probes = Vec::new();
        let mut starts = vec![0];
        let mut all = Vec::with_capacity(claims.len());
        for claim in claims {
            let trials = match claim.test.only() {
                Test::Gate(question) => {
                    probes.extend_from_slice(&question.probes);
                    Vec::new()
                }
                Test::Calls(cases) => {
                    probes.extend(cases.iter().map(|case| case.probe));
                    cases
                        .iter()
                        .map(|case| case.trial.clone().unwrap_or_else(|| Trial::of(Vec::new())))
                        .collect()
                }
                Test::Trial { trial, .. } => {
                    probes.extend(trial.deeds.iter().filter_map(asked));
                    vec![with_object(claim, trial)]
                }
                Test::Chain(_) | Test::Run { .. } | Test::Not(_) => Vec::new(),
            };
            all.push(trials);
            starts.push(probes.len());
        }
        let trials = all.iter().map(|list: &Vec<Trial>| list.iter().map(|_| None).collect()).collect();
        Self {
            probes,
            starts,
            control: Vec::new(),
            said: Vec::new(),
            trials,
            all,
            plain: Outcome::Unmade(String::new()),
        }
    }

    pub(super) fn probes(&self) -> &[Probe] {
        &self.probes
    }

    /// Every question to the gate.
    pub(super) fn questions(&mut self) -> (Vec<Task>, Vec<Place>) {
        self.said = vec![Err("not asked".into()); self.probes.len()];
        let (mut tasks, mut places) = (Vec::new(), Vec::new());
        for (number, chunk) in self.probes.chunks(CHUNK).enumerate() {
            tasks.push(Task::Sweep(chunk.to_vec()));
            places.push(Place::Probes(number * CHUNK, chunk.len()));
        }
        (tasks, places)
    }

    /// The trials: of a rule those of the cases that the filter lets through, or about which it could
    /// not be asked.
    pub(super) fn trials(&mut self, claims: &[Claim]) -> (Vec<Task>, Vec<Place>) {
        let (mut tasks, mut places) = (vec![Task::Trial(Box::new(plain()))], vec![Place::Plain]);
        let mut never = Vec::new();
        for (number, claim) in claims.iter().enumerate() {
            for (place, trial) in self.all[number].iter().enumerate() {
                let denied = matches!(claim.test, Test::Calls(_))
                    && self
                        .gate(number)
                        .get(place)
                        .is_some_and(|gate| matches!(gate, Ok(gate) if *gate != Gate::Through));
                if let Some(why) = elsewhere(trial) {
                    never.push((number, place, why));
                } else if !trial.deeds.is_empty() && !denied {
                    tasks.push(Task::Trial(Box::new(trial.clone())));
                    places.push(Place::Trial(number, place));
                }
            }
        }
        for (claim, place, why) in never {
            self.trials[claim][place] = Some(Err(why.to_owned()));
        }
        (tasks, places)
    }

    pub(super) fn take(&mut self, places: &[Place], done: Vec<Result<Answer, String>>) {
        for (place, answer) in places.iter().zip(done) {
            match *place {
                Place::Probes(from, len) => {
                    let said: Vec<Result<Said, String>> = match answer {
                        Ok(Answer::Said(said)) if said.len() == len => said.into_iter().map(Ok).collect(),
                        Ok(Answer::Unasked(why)) | Err(why) => vec![Err(why); len],
                        Ok(_) => vec![Err("another answer than to this question".into()); len],
                    };
                    self.said.splice(from..from + len, said);
                }
                Place::Plain => {
                    if let Ok(Answer::Outcome(outcome)) = answer {
                        self.plain = outcome;
                    }
                }
                Place::Trial(claim, place) => {
                    self.trials[claim][place] = Some(match answer {
                        Ok(Answer::Outcome(outcome)) => Ok(outcome),
                        Err(why) => Err(why),
                        Ok(_) => Err("another answer than to this question".into()),
                    });
                }
            }
        }
    }

    /// What the gate said to each probe of a claim.
    pub(super) fn gate(&self, claim: usize) -> Vec<Result<Gate, Unasked>> {
        let range = self.starts[claim]..self.starts[claim + 1];
        let both = self.said[range.clone()].iter().zip(&self.control[range]);
        both.map(|(said, control)| match said {
            Ok(said) => gate(*said, *control),
            Err(why) => Err(Unasked::Unknown(why.clone())),
        })
        .collect()
    }

    /// What a claim's trial showed.
    pub(super) fn outcome(&self, claim: usize, place: usize) -> Outcome {
        match self.trials[claim].get(place) {
            Some(Some(Ok(outcome))) => outcome.clone(),
            Some(Some(Err(why))) => Outcome::Unmade(why.clone()),
            Some(None) | None => Outcome::Unmade("it was not tried".into()),
        }
    }
}

/// A trial about a file that asks afterwards what is there: what another view has in a path's place
/// is not what the policy names.
pub(super) fn with_object(claim: &Claim, trial: &Trial) -> Trial {
    const SYMLINK_NOFOLLOW: u64 = 0x100;
    let mut trial = trial.clone();
    // Another node of the same device is as good: what is allowed is the device.
    if claim.intent == Intent::Allow && claim.id.contains("/dev/") {
        return trial.anywhere();
    }
    let path = trial.deeds.first().and_then(|deed| match deed {
        Deed::Call { args, .. } => args.iter().find(|word| matches!(word, Word::Bytes(_))).cloned(),
        _ => None,
    });
    // A private place is meant to be another one.
    let meant = claim.part == Part::File && claim.intent == Intent::Deny;
    if let (true, true, Some(path)) = (meant, trial.after.is_empty(), path) {
        let args = vec![Word::number(-100), path, Word::Scratch(0), Word::Value(SYMLINK_NOFOLLOW)];
        trial.after.extend(Deed::call(Abi::X86_64, "newfstatat", args));
    }
    trial
}

/// Why a trial cannot be made by a launcher of others.
fn elsewhere(trial: &Trial) -> Option<&'static str> {
    if !trial.before.is_empty() {
        return Some(
            "it begins outside, before the containment is made, and only ringfence's own lets that be",
        );
    }
    let peer = trial.peer.as_ref().filter(|peer| peer.place != trial::Place::Together);
    peer.map(|_| "it needs a process outside of this containment that waits for it, and only ringfence's own has one")
}

/// The question whether the gate lets a deed through. A filter sees no more of a pointer than its
/// value, so any other does as well.
fn asked(deed: &Deed) -> Option<Probe> {
    let Deed::Call { entry, number, args, .. } = deed else { return None };
    let mut probe = Probe { entry: *entry, number: *number, args: [0; 6] };
    for (to, from) in probe.args.iter_mut().zip(args) {
        *to = match from {
            Word::Value(value) => *value,
            Word::Answer(_) => 3,
            // Somewhere below 4 GiB, as the prober's page is.
            _ => 0x4000_0000,
        };
    }
    Some(probe)
}
