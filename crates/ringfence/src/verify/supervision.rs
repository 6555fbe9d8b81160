//! Programs that misbehave, each in a real run of the policy: what is left of them, and when they end.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Claim, Subject, Test, Verdict};
use crate::launch::attempt::supervised::{Ran, run};

/// How a program misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// It leaves a daemon behind.
    Orphan,
    /// It blocks every signal that can be blocked.
    Deaf,
    /// It writes without end where nobody reads.
    Flood,
}

/// In place of the policy's wall limit, which may be long.
pub(super) const WALL: Duration = Duration::from_millis(300);
/// Between SIGTERM and SIGKILL, and for a busy machine: the programs end by themselves after that.
pub(super) const PATIENCE: Duration = Duration::from_millis(4500);

/// Carries out what takes a whole run, one after the other, before anything else has threads or
/// cgroups; the verdicts by the number of the claim.
pub(super) fn verdicts(subject: Subject<'_>, claims: &[Claim]) -> BTreeMap<usize, Verdict> {
    let runs = claims.iter().enumerate().filter_map(|(number, claim)| match &claim.test {
        Test::Run { deeds, habit } => {
            let wall = (*habit != Habit::Orphan).then_some(WALL);
            Some((number, verdict(*habit, run(subject.plan, wall, deeds))))
        }
        _ => None,
    });
    runs.collect()
}

/// 128 and SIGKILL or SIGTERM: what the launcher ends a program with at the wall limit.
const KILLED: [i32; 2] = [137, 143];

fn verdict(habit: Habit, ran: Result<Ran, String>) -> Verdict {
    let ran = match ran {
        Ok(ran) if ran.begun > 0 => ran,
        Ok(ran) => return Verdict::Unverifiable(format!("the program did not begin: status {}", ran.status)),
        Err(why) => return Verdict::Unverifiable(format!("no attempt was made: {why}")),
    };
    if ran.left {
        return Verdict::Broken("a process is left after the end of the run".into());
    }
    if habit == Habit::Orphan {
        return Verdict::Held;
    }
    let took = ran.took.as_millis();
    match KILLED.contains(&ran.status) {
        true if ran.took < WALL => Verdict::Unverifiable(format!("it was killed after {took} ms, too early")),
        true if ran.took <= WALL + PATIENCE => Verdict::Held,
        _ => Verdict::Broken(format!("it ran on: status {} after {took} ms", ran.status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_end_at_the_limit_is_one() {
        let ran = |status, milliseconds, left, begun| {
            Ok(Ran { status, took: Duration::from_millis(milliseconds), left, begun })
        };
        assert_eq!(verdict(Habit::Deaf, ran(137, 2400, false, 2)), Verdict::Held);
        assert_eq!(verdict(Habit::Orphan, ran(0, 5, false, 1)), Verdict::Held);
        assert!(matches!(verdict(Habit::Orphan, ran(0, 5, true, 1)), Verdict::Broken(_)));
        assert!(matches!(verdict(Habit::Deaf, ran(0, 6000, false, 2)), Verdict::Broken(_)));
        for unknown in [ran(137, 10, false, 2), ran(159, 10, false, 0), Err("no memory".into())] {
            assert!(matches!(verdict(Habit::Deaf, unknown), Verdict::Unverifiable(_)));
        }
    }
}
