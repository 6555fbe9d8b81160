//! The prober: does one task after the other and says what came of it. It runs where the claims are
//! to hold, so everything that it cannot do is told rather than assumed.

use super::ask::filter;
use super::frame::{Job, Message, Speaker};
use super::{Answer, Stance, Task};
use crate::launch::Error;
use crate::launch::attempt::{Bench, Containment, Site};
use crate::verify::containment::MAGIC;

/// What a prober works with.
#[derive(Debug)]
pub struct Prober {
    site: Site<'static>,
    bench: Bench,
}

impl Prober {
    /// # Errors
    /// Those of [`Site::prepare`] and [`Bench::new`].
    pub fn new() -> Result<Self, Error> {
        Ok(Self { site: Site::prepare(None)?, bench: Bench::new()? })
    }

    /// Does one task, in children of its own.
    pub fn answer(&mut self, task: &Task) -> Answer {
        match task {
            Task::Trial(trial) => {
                let nothing = Containment { steps: Vec::new(), namespaces: 0 };
                Answer::Outcome(self.site.attempt(&mut self.bench, &nothing, trial))
            }
            Task::Sweep(probes) => match self.site.ask(&mut self.bench, &filter(), MAGIC, probes) {
                Ok(said) => Answer::Said(said),
                Err(why) => Answer::Unasked(why),
            },
        }
    }
}

/// Does everything that a job asks for. `say` takes one line at a time.
pub fn carry_out(job: &Job, stance: Stance, say: &mut dyn FnMut(&str)) {
    let mut speaker = Speaker::new(job.key);
    say(&speaker.line(&Message::Stance(stance)));
    match Prober::new() {
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
