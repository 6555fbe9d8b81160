//! The prober: does one task after the other and says what came of it. It runs where the claims are
//! to hold, so everything that it cannot do is told rather than assumed.

use super::ask::filter;
use super::frame::{Job, Message, Speaker};
use super::{Answer, Stance, Task};
use crate::launch::Error;
use crate::launch::attempt::{Bench, Containment, Said, Site};
use crate::verify::containment::MAGIC;
use crate::verify::run::settled;

/// What a prober works with.
#[derive(Debug)]
pub struct Prober {
    site: Site<'static>,
    bench: Bench,
    magic: u16,
}

impl Prober {
    /// `chance`: a number that nobody knew who made the containment.
    ///
    /// # Errors
    /// Those of [`Site::prepare`] and [`Bench::new`].
    pub fn new(chance: u64) -> Result<Self, Error> {
        Ok(Self { site: Site::prepare(None)?, bench: Bench::new()?, magic: magic(chance) })
    }

    /// Does one task, in children of its own.
    pub fn answer(&mut self, task: &Task) -> Answer {
        match task {
            Task::Trial(trial) => {
                let nothing = Containment { steps: Vec::new(), namespaces: 0 };
                Answer::Outcome(settled(&self.site, &mut self.bench, &nothing, trial).0)
            }
            Task::Sweep(probes) => match self.site.ask(&mut self.bench, &filter(), self.magic, probes) {
                Ok(said) => Answer::Said(said.into_iter().map(|said| known(said, self.magic)).collect()),
                Err(why) => Answer::Unasked(why),
            },
        }
    }
}

/// The errno that stands for "let through", one of a thousand that no kernel gives: a filter that answers
/// one of them is not taken for the listener.
fn magic(chance: u64) -> u16 {
    3000 + (chance % 1000) as u16
}

/// The answer in the words of the verifier, who knows [`MAGIC`].
fn known(said: Said, magic: u16) -> Said {
    match said {
        Said::Answer(answer) if answer == -i64::from(magic) => Said::Answer(-i64::from(MAGIC)),
        // A filter's own, whatever it means by that.
        Said::Answer(answer) if answer == -i64::from(MAGIC) => Said::Answer(-i64::from(magic)),
        other => other,
    }
}

/// Does everything that a job asks for. `say` takes one line at a time.
pub fn carry_out(job: &Job, stance: Stance, say: &mut dyn FnMut(&str)) {
    let mut speaker = Speaker::new(job.key);
    say(&speaker.line(&Message::Stance(stance)));
    match Prober::new(job.key.chance()) {
        Ok(mut prober) => {
            for (number, task) in &job.tasks {
                say(&speaker.line(&Message::Begun(*number)));
                let answer = prober.answer(task);
                say(&speaker.line(&Message::Done(*number, answer)));
            }
        }
        Err(error) => {
            let why = format!("the prober can attempt nothing: {error}");
            for (number, task) in &job.tasks {
                let answer = match task {
                    Task::Sweep(_) => Answer::Unasked(why.clone()),
                    Task::Trial(_) => Answer::Outcome(crate::control::trial::Outcome::Unmade(why.clone())),
                };
                say(&speaker.line(&Message::Done(*number, answer)));
            }
        }
    }
    say(&speaker.line(&Message::End));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_answers_what_stands_for_passing_is_no_listener() {
        let (magic, own) = (magic(7), -i64::from(MAGIC));
        assert_eq!(known(Said::Answer(-i64::from(magic)), magic), Said::Answer(own));
        assert_ne!(known(Said::Answer(own), magic), Said::Answer(own));
        assert_eq!(known(Said::Answer(-1), magic), Said::Answer(-1));
        assert!((0..2000).all(|chance| super::magic(chance) < MAGIC));
    }
}
