//! Asks the gate, for all claims at once: no call is made, so that nothing stands between one
//! question and the next.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::containment::MAGIC;
use super::run::workers;
use super::{Claim, Test};
use crate::control::seccomp::judge::Gate;
use crate::control::trial::{Probe, errno};
use crate::launch::Error;
use crate::launch::attempt::{Bench, Containment, Said, Site};

/// Questions of one containment: enough that a launch costs nothing beside them.
const CHUNK: usize = 1024;

/// What the gate said, by claim.
#[derive(Debug)]
pub(super) struct Answers {
    said: Vec<(Said, Said)>,
    /// Where the answers of a claim begin.
    starts: Vec<usize>,
}

/// Why the gate's answer is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unasked {
    /// This processor or kernel does not have the entry.
    NoEntry,
    /// Something else.
    Unknown(String),
}

impl Unasked {
    pub(super) fn words(self) -> String {
        match self {
            Self::NoEntry => "this processor or kernel does not have the entry".into(),
            Self::Unknown(why) => why,
        }
    }
}

impl Answers {
    /// Asks everything, with the plan's filter and without it.
    pub(super) fn ask(
        claims: &[Claim],
        site: &Site<'_>,
        with: &Containment<'_>,
        without: &Containment<'_>,
    ) -> Result<Self, Error> {
        let (mut probes, mut starts) = (Vec::new(), Vec::with_capacity(claims.len()));
        for claim in claims {
            starts.push(probes.len());
            probes.extend(probes_of(&claim.test));
        }
        let chunks: Vec<&[Probe]> = probes.chunks(CHUNK).collect();
        let next = AtomicUsize::new(0);
        let answers: Mutex<Vec<Vec<(Said, Said)>>> = Mutex::new(vec![Vec::new(); chunks.len()]);
        let failed: Mutex<Option<Error>> = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..workers(chunks.len()) {
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
                        let Some(chunk) = chunks.get(number) else { return };
                        let control = site.sweep(&mut bench, without, chunk);
                        let said = site.sweep(&mut bench, with, chunk);
                        let both = said.into_iter().zip(control).collect();
                        answers.lock().unwrap_or_else(PoisonError::into_inner)[number] = both;
                    }
                });
            }
        });
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => {
                let said = answers.into_inner().unwrap_or_else(PoisonError::into_inner).concat();
                Ok(Self { said, starts })
            }
        }
    }

    /// The answers to the questions of a claim, in their order.
    pub(super) fn of(&self, number: usize) -> impl Iterator<Item = Result<Gate, Unasked>> {
        let start = self.starts.get(number).copied().unwrap_or(self.said.len());
        let end = self.starts.get(number + 1).copied().unwrap_or(self.said.len());
        self.said.get(start..end).unwrap_or_default().iter().map(|(said, control)| gate(*said, *control))
    }
}

/// The questions of a test, in the order in which answers are given out.
pub(super) fn probes_of(test: &Test) -> Vec<Probe> {
    match test {
        Test::Chain(steps) => steps.iter().flatten().flat_map(probes_of).collect(),
        Test::Gate(question) => question.probes.clone(),
        Test::Calls(cases) => cases.iter().map(|case| case.probe).collect(),
        Test::Trial { .. } | Test::Run { .. } | Test::Not(_) => Vec::new(),
    }
}

/// What the filter said, where the same question without it was let through.
fn gate(said: Said, control: Said) -> Result<Gate, Unasked> {
    match control {
        Said::Answer(answer) if is_magic(answer) => {}
        Said::Faulted(_) => return Err(Unasked::NoEntry),
        other => return Err(Unasked::Unknown(format!("without the filter the gate said {other:?}"))),
    }
    match said {
        Said::Answer(answer) if is_magic(answer) => Ok(Gate::Through),
        Said::Answer(answer) => match errno(answer) {
            Some(errno) => Ok(Gate::Errno(errno.0)),
            // `SECCOMP_RET_ERRNO` with 0: the call is not made, and 0 is answered.
            None if answer == 0 => Ok(Gate::Errno(0)),
            None => Err(Unasked::Unknown(format!("the gate answered {answer}"))),
        },
        Said::Trapped(data) => Ok(Gate::Trap(data)),
        Said::Killed => Ok(Gate::Killed),
        Said::Faulted(signal) => Err(Unasked::Unknown(format!("signal {signal} inside"))),
        Said::Silent => Err(Unasked::Unknown("no answer inside".into())),
    }
}

fn is_magic(answer: i64) -> bool {
    errno(answer).is_some_and(|errno| errno.0 == MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    const THROUGH: Said = Said::Answer(-(MAGIC as i64));

    #[test]
    fn an_answer_counts_only_where_the_question_passes_without_the_filter() {
        assert_eq!(gate(Said::Answer(-1), THROUGH), Ok(Gate::Errno(1)));
        assert_eq!(gate(Said::Answer(-38), THROUGH), Ok(Gate::Errno(38)));
        assert_eq!(gate(THROUGH, THROUGH), Ok(Gate::Through));
        assert_eq!(gate(Said::Killed, THROUGH), Ok(Gate::Killed));
        assert_eq!(gate(Said::Answer(-1), Said::Faulted(4)), Err(Unasked::NoEntry));
        for control in [Said::Answer(-1), Said::Killed, Said::Silent, Said::Answer(5)] {
            assert!(matches!(gate(Said::Answer(-1), control), Err(Unasked::Unknown(_))), "{control:?}");
        }
        assert!(matches!(gate(Said::Answer(7), THROUGH), Err(Unasked::Unknown(_))));
    }
}
