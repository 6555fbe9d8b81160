//! Has tasks done by a launcher: many in one launch, each in a child of its own. What a launch was
//! interrupted in is done again in a launch of its own; what is left goes into the next one.

use super::{Answer, Launcher, Reply, Stance, Task};
use crate::control::trial::Deed;

/// Weight of the tasks of one launch: the words of a command line have to hold them.
const MOST: usize = 60_000;
/// Launches in a row that may answer nothing.
const FRUITLESS: usize = 2;

/// A launcher, and what is known of it.
pub(super) struct Carrier<'l> {
    launcher: &'l mut dyn Launcher,
    stance: Option<Stance>,
    /// Why no launch ever says anything.
    mute: Option<String>,
    /// Why nothing that it said can be believed.
    pub(super) torn: Option<String>,
}

impl<'l> Carrier<'l> {
    pub(super) fn new(launcher: &'l mut dyn Launcher) -> Self {
        Self { launcher, stance: None, mute: None, torn: None }
    }

    /// The answer to each task, or why there is none.
    pub(super) fn carry(&mut self, tasks: &[Task], progress: &dyn Fn(usize)) -> Vec<Result<Answer, String>> {
        let mut done: Vec<Option<Result<Answer, String>>> = tasks.iter().map(|_| None).collect();
        let mut alone: Vec<usize> = (0..tasks.len()).filter(|n| disturbs(&tasks[*n])).collect();
        let mut fruitless = 0;
        if let (None, Some(why)) = (&self.torn, &self.mute) {
            return tasks.iter().map(|_| Err(why.clone())).collect();
        }
        while self.torn.is_none() {
            let batch = next(tasks, &done, &mut alone);
            if batch.is_empty() {
                break;
            }
            let numbered: Vec<(u32, &Task)> = batch.iter().map(|n| (*n as u32, &tasks[*n])).collect();
            let reply = self.launcher.launch(&numbered);
            let answered = self.take(&batch, &reply, &mut done);
            match reply.interrupted.map(|number| number as usize).filter(|n| batch.contains(n)) {
                Some(number) if batch.len() == 1 && done[number].is_none() => {
                    done[number] = Some(Err(format!("the launch ended during this attempt: {}", reply.why)));
                }
                Some(number) if done[number].is_none() => alone.push(number),
                _ if answered == 0 => fruitless += 1,
                _ => fruitless = 0,
            }
            if fruitless >= FRUITLESS {
                for one in done.iter_mut().filter(|one| one.is_none()) {
                    *one = Some(Err(reply.why.clone()));
                }
                // No prober has ever spoken: nor will one when there is something else to do.
                self.mute = self.stance.is_none().then_some(reply.why);
            }
            progress(done.iter().flatten().count());
        }
        let torn = self.torn.clone().unwrap_or_default();
        done.into_iter().map(|one| one.unwrap_or_else(|| Err(torn.clone()))).collect()
    }

    /// How many of a batch were answered.
    fn take(&mut self, batch: &[usize], reply: &Reply, done: &mut [Option<Result<Answer, String>>]) -> usize {
        if let Some(why) = &reply.torn {
            self.torn = Some(why.clone());
            return 0;
        }
        match (&self.stance, &reply.stance) {
            (_, None) => return 0,
            (None, Some(stance)) => self.stance = Some(stance.clone()),
            (Some(known), Some(stance)) => {
                if let Some(difference) = difference(known, stance) {
                    self.torn = Some(format!("two launches were contained differently: {difference}"));
                    return 0;
                }
            }
        }
        let mut answered = 0;
        for number in batch {
            if let Some(answer) = reply.answers.get(&(*number as u32)) {
                done[*number] = Some(Ok(answer.clone()));
                answered += 1;
            }
        }
        answered
    }
}

/// What goes into the next launch.
fn next(tasks: &[Task], done: &[Option<Result<Answer, String>>], alone: &mut Vec<usize>) -> Vec<usize> {
    let (mut batch, mut sum) = (Vec::new(), 0);
    for (number, task) in tasks.iter().enumerate() {
        if done[number].is_some() || alone.contains(&number) {
            continue;
        }
        sum += weight(task);
        if sum > MOST && !batch.is_empty() {
            break;
        }
        batch.push(number);
    }
    if batch.is_empty() {
        batch.extend(alone.pop().filter(|number| done[*number].is_none()));
    }
    batch
}

/// About as many bytes as it has.
fn weight(task: &Task) -> usize {
    match task {
        Task::Sweep(probes) => {
            let args =
                |args: &[u64; 6]| args.iter().filter(|arg| !matches!(**arg, 0 | u64::MAX)).count() * 10;
            probes.iter().map(|probe| 6 + args(&probe.args)).sum()
        }
        Task::Trial(trial) => {
            let words = trial.deeds.iter().chain(&trial.after).map(|deed| match deed {
                Deed::Call { args, .. } => 8 + args.iter().map(|word| size_of_val(word) + 12).sum::<usize>(),
                _ => 4,
            });
            words.sum::<usize>() + text(trial)
        }
    }
}

fn text(trial: &crate::control::trial::Trial) -> usize {
    use crate::control::trial::Word;
    let of = |deed: &Deed| match deed {
        Deed::Call { args, .. } => args
            .iter()
            .map(|word| match word {
                Word::Bytes(bytes) => bytes.len(),
                _ => 0,
            })
            .sum(),
        _ => 0usize,
    };
    trial.deeds.iter().chain(&trial.after).map(of).sum()
}

/// A process that is made by an attempt outlives it where the attempt goes wrong.
fn disturbs(task: &Task) -> bool {
    match task {
        Task::Sweep(_) => false,
        Task::Trial(trial) => trial.deeds.iter().any(|deed| matches!(deed, Deed::Call { splits: true, .. })),
    }
}

fn difference(known: &Stance, stance: &Stance) -> Option<String> {
    let names = known.facts.keys().chain(stance.facts.keys());
    names.into_iter().find_map(|name| {
        let fact = |stance: &Stance| stance.facts.get(name).cloned().unwrap_or_else(|| "unknown".into());
        let (before, after) = (fact(known), fact(stance));
        (before != after).then(|| format!("{name} was {before}, and then {after}"))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::control::trial::{Outcome, Trial};

    /// Answers everything but what it dies in; stands differently from some launch on.
    struct Fake {
        dies_in: Vec<u32>,
        launches: usize,
        changes_at: usize,
        silent: bool,
    }

    impl Launcher for Fake {
        fn launch(&mut self, tasks: &[(u32, &Task)]) -> Reply {
            self.launches += 1;
            let seccomp = if self.launches >= self.changes_at { "0" } else { "2" };
            let mut reply = Reply { why: "exit status 7".into(), ..Reply::default() };
            if self.silent {
                return reply;
            }
            reply.stance = Some(Stance { facts: BTreeMap::from([("seccomp".into(), seccomp.into())]) });
            for (number, _) in tasks {
                if self.dies_in.contains(number) {
                    reply.interrupted = Some(*number);
                    return reply;
                }
                let outcome = Outcome::Answered { deed: 0, answer: i64::from(*number), object: None };
                reply.answers.insert(*number, Answer::Outcome(outcome));
            }
            reply
        }

        fn has_outside(&self) -> bool {
            true
        }
    }

    fn tasks() -> Vec<Task> {
        (0..6).map(|_| Task::Trial(Box::new(Trial::of(Vec::new())))).collect()
    }

    fn fake() -> Fake {
        Fake { dies_in: Vec::new(), launches: 0, changes_at: usize::MAX, silent: false }
    }

    #[test]
    fn an_attempt_that_ends_its_launch_is_made_again_alone_and_costs_no_other() {
        let mut fake = Fake { dies_in: vec![1, 4], ..fake() };
        let done = Carrier::new(&mut fake).carry(&tasks(), &|_| {});
        let failed: Vec<usize> = (0..6).filter(|n| done[*n].is_err()).collect();
        assert_eq!(failed, [1, 4]);
        assert!(done[1].as_ref().is_err_and(|why| why.contains("exit status 7")), "{done:?}");
        assert_eq!(fake.launches, 5);
    }

    #[test]
    fn a_launcher_that_says_nothing_is_given_up() {
        let mut fake = Fake { silent: true, ..fake() };
        let mut carrier = Carrier::new(&mut fake);
        for _ in 0..2 {
            let done = carrier.carry(&tasks(), &|_| {});
            assert!(done.iter().all(|one| one.as_ref().is_err_and(|why| why == "exit status 7")));
        }
        assert_eq!(fake.launches, FRUITLESS, "what never spoke is not asked again");
    }

    #[test]
    fn two_launches_that_stand_differently_make_all_of_it_unbelievable() {
        let mut fake = Fake { dies_in: vec![3], changes_at: 2, ..fake() };
        let mut carrier = Carrier::new(&mut fake);
        let _ = carrier.carry(&tasks(), &|_| {});
        let torn = carrier.torn.expect("a difference");
        assert!(torn.contains("seccomp was 2, and then 0"), "{torn}");
    }
}
