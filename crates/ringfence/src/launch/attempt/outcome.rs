//! From what a child wrote down to the outcome of a trial.

use ringfence_sys::attempt::{Page, Record, Tried};
use ringfence_sys::spawn::Ended;

use super::script::Script;
use crate::control::trial::{Identity, Outcome, Peer, Place, Reading, Trial, errno, errno_name};

/// What was left in the page of whoever tried, and how it ended.
pub(super) struct Seen {
    record: Record,
    answers: Vec<Option<i64>>,
    scratch: Vec<u8>,
    tried: Tried,
}

/// Enough of the scratch area for whatever is read there.
const SCRATCH: usize = 4096;

impl Seen {
    pub(super) fn of(page: &Page, tried: Tried) -> Self {
        let answers = (0..ringfence_sys::attempt::MAX_DEEDS).map(|at| page.answer(at)).collect();
        let mut scratch = vec![0; SCRATCH];
        page.scratch(&mut scratch);
        Self { record: page.record(), answers, scratch, tried }
    }

    /// `evidence`: the answer of the peer's deed that decides, where there is such a deed and the
    /// peer is another process.
    pub(super) fn outcome(
        &self,
        trial: &Trial,
        script: &Script<'_>,
        evidence: Option<Option<i64>>,
    ) -> Outcome {
        if let Some(why) = self.unmade(trial, script) {
            return why;
        }
        let answers: Vec<Option<i64>> =
            (0..trial.deeds.len()).map(|deed| self.answer(script.own + deed)).collect();
        let deciding = trial.deeds.len() - 1;
        if let (Some(Reading::Without(bytes)), None, true) =
            (&trial.reading, answers[deciding], answers[..deciding].iter().all(Option::is_some))
        {
            return self.printed(bytes, deciding);
        }
        let failed = answers.iter().position(|answer| answer.is_some_and(|answer| errno(answer).is_some()));
        let missing = answers.iter().position(Option::is_none);
        // The first that failed, unless the process was gone before.
        let deed = match (failed, missing) {
            (Some(failed), Some(missing)) if missing < failed => return self.ended(missing),
            (Some(failed), _) => failed,
            (None, Some(missing)) => return self.ended(missing),
            (None, None) => deciding,
        };
        let Some(mut answer) = answers[deed] else { return self.ended(deed) };
        if failed.is_none() {
            let evidence = evidence.or_else(|| self.together(trial, script));
            match evidence {
                Some(Some(seen)) => answer = seen,
                Some(None) => return Outcome::Unmade("the peer could not say what reached it".into()),
                None => {}
            }
            if let Some(reading) = &trial.reading {
                answer = self.read(reading);
            }
        }
        let object =
            (!trial.after.is_empty()).then(|| self.object(trial.identity)).filter(|object| *object != (0, 0));
        Outcome::Answered { deed, answer, object }
    }

    /// Why nothing was tried, or what a peer in the same containment was denied.
    fn unmade(&self, trial: &Trial, script: &Script<'_>) -> Option<Outcome> {
        let unmade = |why: String| Some(Outcome::Unmade(why));
        if let Some(failure) = self.record.failed {
            return unmade(format!("step {}: {}", failure.step, errno_name(failure.errno.0)));
        }
        let before = self.answers.iter().take(trial.before.len()).flatten();
        if let Some(failed) = before.clone().find_map(|answer| errno(*answer)) {
            return unmade(format!(
                "what is to be there beforehand cannot be made: {}",
                errno_name(failed.0)
            ));
        }
        if let Some(errno) = self.record.refused {
            return unmade(format!("execve of the attempt's program: {}", errno_name(errno.0)));
        }
        if let (Some(peer), Some(numbers)) = (&trial.peer, script.peer) {
            let answers: Vec<i64> =
                (0..peer.deeds.len()).map_while(|deed| self.answer(numbers.of(deed))).collect();
            let whole = answers.len() == peer.deeds.len();
            if let Some(denied) = denied(&answers) {
                return Some(denied);
            }
            if let Some(Some(branch)) = self.answers.get(script.own - 1)
                && let Some(errno) = errno(*branch)
            {
                return unmade(format!("there is no second process: {}", errno_name(errno.0)));
            }
            if whole && self.answers[script.own - 1].is_none() {
                return unmade("there is no second process".into());
            }
        }
        let begun = self.record.begun > trial.before.len();
        if begun && trial.executed && !self.record.executed {
            return unmade("the attempt's program did not begin".into());
        }
        match begun {
            true => None,
            false if self.tried.late => unmade("no attempt within the time limit".into()),
            false => unmade(format!("the child ended before the attempt ({:?})", self.tried.ended)),
        }
    }

    /// What a program has printed that the last deed has executed.
    fn printed(&self, bytes: &[u8], deed: usize) -> Outcome {
        match self.tried.ended {
            Ended::Exited(_) if self.scratch.iter().any(|byte| *byte != 0) => {
                Outcome::Answered { deed, answer: i64::from(!self.contains(bytes)), object: None }
            }
            ended => Outcome::Unmade(format!("the program printed nothing ({ended:?})")),
        }
    }

    /// The process was gone, or late, during this deed.
    fn ended(&self, deed: usize) -> Outcome {
        match (self.record.signal, self.tried.ended) {
            (Some(signal), _) => Outcome::Signalled { deed, signal },
            _ if self.tried.late => Outcome::Late { deed },
            (None, Ended::Exited(status)) => Outcome::Ended { deed, status },
            (None, Ended::Signaled(signal)) => Outcome::Ended { deed, status: 128 + signal },
        }
    }

    fn together(&self, trial: &Trial, script: &Script<'_>) -> Option<Option<i64>> {
        let (peer, numbers) = (trial.peer.as_ref()?, script.peer?);
        peer.evidence.map(|at| self.answer(numbers.of(peer.deeds.len() + at)))
    }

    pub(super) fn answer(&self, number: usize) -> Option<i64> {
        self.answers.get(number).copied().flatten()
    }

    fn read(&self, reading: &Reading) -> i64 {
        match reading {
            Reading::Bits { at, mask } => (self.word(*at) & mask & (u64::MAX >> 1)) as i64,
            Reading::Any(bits) => i64::from(bits.iter().any(|(at, mask)| self.word(*at) & mask != 0)),
            // Only what a program prints that has been executed.
            Reading::Without(_) => 0,
            Reading::Same(bytes) => i64::from(self.scratch.starts_with(bytes)),
            Reading::Has(bytes) => i64::from(self.contains(bytes)),
        }
    }

    fn contains(&self, bytes: &[u8]) -> bool {
        self.scratch.windows(bytes.len().max(1)).any(|window| window == bytes)
    }

    fn word(&self, at: usize) -> u64 {
        let bytes = self.scratch.get(at..at + 8).unwrap_or(&[0; 8]);
        bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
    }

    /// The first two words of `struct stat` of x86-64: device and inode.
    fn object(&self, identity: Identity) -> (u64, u64) {
        match identity {
            Identity::Object => (self.word(0), self.word(8)),
            Identity::Inode => (0, self.word(8)),
        }
    }
}

/// What a peer of its own containment was denied is as good as denied to both.
fn denied(answers: &[i64]) -> Option<Outcome> {
    let answer = answers.iter().copied().find(|answer| errno(*answer).is_some())?;
    Some(Outcome::Answered { deed: 0, answer, object: None })
}

/// What comes of a trial whose peer could not do its part; `None` where it waits, and has.
pub(super) fn of_peer(peer: &Peer, answers: &[i64], waits: bool, page: &Page) -> Option<Outcome> {
    let record = page.record();
    if let Some(failure) = record.failed {
        return Some(Outcome::Unmade(format!(
            "the peer: step {}: {}",
            failure.step,
            errno_name(failure.errno.0)
        )));
    }
    match (denied(answers), peer.place) {
        (Some(Outcome::Answered { answer, .. }), Place::Outside) => {
            let errno = errno(answer).map_or(0, |errno| errno.0);
            Some(Outcome::Unmade(format!("the peer outside: errno {errno}")))
        }
        (Some(denied), _) => Some(denied),
        (None, _) if waits && answers.len() == peer.deeds.len() => None,
        (None, Place::Apart) if record.begun > 0 && answers.len() < peer.deeds.len() => {
            Some(Outcome::Ended { deed: 0, status: 128 })
        }
        (None, _) => Some(Outcome::Unmade("the peer ended before it could wait".into())),
    }
}
