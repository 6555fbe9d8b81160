//! What a trial shows: pure, and ignorant of how anything is compiled or planned.
//!
//! A denial counts only where the same trial is let through elsewhere (the control): a failure by
//! itself proves nothing.

use super::trial::{Deed, Identity, Outcome, Passes, Trial, errno, errno_name};

/// Whether a claim says that an operation is denied, or that it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Intent {
    /// It must not be let through.
    Deny,
    /// It must be let through: over-blocking is a defect too.
    Allow,
    /// Nothing is claimed: whether it is reachable is told for information.
    Tell,
}

/// What was found about a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It holds.
    Held,
    /// It does not hold; what was seen.
    Broken(String),
    /// Nothing is known; why. Never counted as held.
    Unverifiable(String),
    /// For [`Intent::Tell`]: it is reachable; what was seen.
    Reachable(String),
}

/// Errors that say more about the machine than about a control: EINTR, ENOMEM, ENFILE, EMFILE,
/// ETXTBSY (a program that runs; checked before the mount, `do_dentry_open`), ENOSPC. A trial that
/// ends in one shows nothing.
const OF_THE_MACHINE: [u16; 6] = [4, 12, 23, 24, 26, 28];

/// Judges what was seen inside by what the same trial gives elsewhere.
pub fn judge(intent: Intent, trial: &Trial, inside: &Outcome, controls: &[Outcome]) -> Verdict {
    if let Outcome::Unmade(why) = inside {
        return Verdict::Unverifiable(format!("no attempt was made: {why}"));
    }
    let passed = trial.passes.has(inside);
    let control = controls.iter().find(|control| trial.passes.has(control));
    let shown = words(inside);
    match (intent, control) {
        (Intent::Allow, Some(control)) if passed && other_object(inside, control) => {
            Verdict::Broken("something else is there inside".into())
        }
        (Intent::Allow, _) if passed => Verdict::Held,
        (Intent::Allow, Some(_)) => {
            by_machine(trial, inside).unwrap_or_else(|| Verdict::Broken(format!("denied inside: {shown}")))
        }
        (Intent::Deny | Intent::Tell, Some(control)) if passed => {
            if other_object(inside, control) {
                Verdict::Held
            } else if intent == Intent::Tell {
                Verdict::Reachable(shown)
            } else {
                Verdict::Broken(format!("let through inside: {shown}"))
            }
        }
        (Intent::Deny | Intent::Tell, Some(_)) if trial.limited => by_limit(inside),
        (Intent::Deny | Intent::Tell, Some(_)) => {
            by_machine(trial, inside).or_else(|| by_accident(trial, inside)).unwrap_or(Verdict::Held)
        }
        // The caller sees the object, and may not open it. Inside there is another one, or none.
        (Intent::Deny | Intent::Tell, None) if elsewhere(trial, inside, controls) => Verdict::Held,
        // Let through inside and not outside: the trial does not mean what it should.
        (Intent::Deny, None) if passed => {
            Verdict::Broken(format!("let through inside: {shown}, and not outside: {}", seen(controls)))
        }
        (Intent::Tell, None) if passed => Verdict::Reachable(shown),
        // It could be asked, and the answer is another one: that needs no control.
        (Intent::Allow, None) if asked(trial, inside) => Verdict::Broken(format!("not so inside: {shown}")),
        (_, None) => Verdict::Unverifiable(format!("it does not work outside either: {}", missed(controls))),
    }
}

fn asked(trial: &Trial, inside: &Outcome) -> bool {
    let answered = matches!(inside, Outcome::Answered { answer, .. } if errno(*answer).is_none());
    answered && matches!(trial.passes, Passes::Answer(_))
}

/// EAGAIN of clone(2), ENOMEM, EMFILE, EFBIG; SIGKILL, SIGXCPU and SIGXFSZ: what a limit answers. Without
/// the limits the same was let through.
fn by_limit(inside: &Outcome) -> Verdict {
    const ERRORS: [u16; 4] = [11, 12, 24, 27];
    let limit = match inside {
        Outcome::Answered { answer, .. } => errno(*answer).is_some_and(|errno| ERRORS.contains(&errno.0)),
        Outcome::Ended { status, .. } => [9, 24, 25].contains(&(status - 128)),
        _ => false,
    };
    if limit {
        Verdict::Held
    } else {
        Verdict::Unverifiable(format!("{} is no answer of a limit", words(inside)))
    }
}

/// EAGAIN: there is no more of something now, as of timers, processes or locked memory. From a peer it
/// says that nothing came, which is an answer.
const NO_MORE: u16 = 11;
/// EEXIST and EADDRINUSE where a peer makes an object for the trial: one of an earlier attempt, which ends.
const STILL_THERE: [u16; 2] = [17, 98];
/// EBADF of dup2(2) to a number that is free: it is beyond the limit of open files.
const DUP2: u32 = 33;
const BAD_NUMBER: u16 = 9;

/// Whether what was seen may be gone when the trial is made once more: nothing was tried, or not in time;
/// what was sent had not come yet; what an earlier attempt has made was still there.
#[must_use]
pub fn passing(trial: &Trial, outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Unmade(_) | Outcome::Late { .. } => true,
        Outcome::Answered { answer, .. } if trial.peer.is_some() => {
            errno(*answer).is_some_and(|errno| errno.0 == NO_MORE || STILL_THERE.contains(&errno.0))
        }
        _ => false,
    }
}

fn by_machine(trial: &Trial, inside: &Outcome) -> Option<Verdict> {
    let why = match inside {
        Outcome::Late { .. } => "it did not come back in time".to_owned(),
        Outcome::Answered { answer, deed, .. } => {
            let beyond = matches!(trial.deeds.get(*deed), Some(Deed::Call { number: DUP2, .. }));
            let of_machine = |errno: u16| {
                OF_THE_MACHINE.contains(&errno)
                    || errno == NO_MORE && trial.peer.is_none()
                    || STILL_THERE.contains(&errno) && trial.peer.is_some()
                    || errno == BAD_NUMBER && beyond
            };
            let errno = errno(*answer).filter(|errno| of_machine(errno.0))?;
            format!("{} says nothing about a control", errno_name(errno.0))
        }
        _ => return None,
    };
    Some(Verdict::Unverifiable(why))
}

/// ENOENT and ENOTDIR: the way to the object ends where a name is missing. EROFS: what is there is
/// mounted read-only. Neither comes of permission bits.
const NOT_BITS: [u16; 3] = [2, 20, 30];

fn elsewhere(trial: &Trial, inside: &Outcome, controls: &[Outcome]) -> bool {
    let said = |outcome: &Outcome| match outcome {
        Outcome::Answered { answer, .. } => errno(*answer),
        _ => None,
    };
    let (Some(known), Outcome::Answered { answer, object, .. }) = (trial.known, inside) else { return false };
    match (errno(*answer), object) {
        (Some(errno), _) => {
            NOT_BITS.contains(&errno.0) && controls.iter().all(|outside| said(outside) != Some(errno))
        }
        (None, Some((device, inode))) => match trial.identity {
            Identity::Object => (*device, *inode) != known,
            Identity::Inode => *inode != known.1,
        },
        (None, None) => false,
    }
}

/// `SYS_SECCOMP` and `SI_KERNEL` of siginfo(5)'s `si_code`.
const OF_SECCOMP: i32 = 1;
const OF_KERNEL: i32 = 0x80;

/// What ended the attempt though no control answers so: it says nothing. A filter raises SIGSYS, a
/// privileged instruction SIGSEGV by the kernel or SIGILL, a limit SIGXCPU or SIGXFSZ.
fn by_accident(trial: &Trial, inside: &Outcome) -> Option<Verdict> {
    let denied = match inside {
        Outcome::Signalled { signal, .. } => match (signal.number, &trial.passes) {
            (31, _) => signal.code == OF_SECCOMP,
            (11, Passes::NoSignal) => signal.code == OF_KERNEL,
            (number, Passes::NoSignal) => number == 4,
            _ => false,
        },
        Outcome::Ended { status, .. } => [24, 25, 31].contains(&(status - 128)),
        _ => true,
    };
    (!denied).then(|| Verdict::Unverifiable(format!("{} is no answer of a control", words(inside))))
}

fn other_object(inside: &Outcome, control: &Outcome) -> bool {
    match (inside, control) {
        (Outcome::Answered { object: Some(a), .. }, Outcome::Answered { object: Some(b), .. }) => a != b,
        _ => false,
    }
}

fn seen(outcomes: &[Outcome]) -> String {
    let mut words: Vec<String> = outcomes.iter().map(words).collect();
    words.dedup();
    if words.is_empty() { "not tried".into() } else { words.join(", ") }
}

/// The same of outcomes that were not as they should be: a success that is none has another answer.
fn missed(outcomes: &[Outcome]) -> String {
    match outcomes {
        [Outcome::Answered { answer, .. }] if errno(*answer).is_none() => {
            format!("it gets another answer, {answer}")
        }
        _ => seen(outcomes),
    }
}

/// An outcome in words.
#[must_use]
pub fn words(outcome: &Outcome) -> String {
    let at = |deed: usize| if deed == 0 { String::new() } else { format!(" (deed {})", deed + 1) };
    match outcome {
        Outcome::Answered { answer, deed, .. } => match errno(*answer) {
            Some(errno) => errno_name(errno.0) + &at(*deed),
            None => "success".into(),
        },
        Outcome::Signalled { signal, deed } if signal.number == 31 => format!("SIGSYS{}", at(*deed)),
        Outcome::Signalled { signal, deed } if signal.number == 11 => format!("SIGSEGV{}", at(*deed)),
        Outcome::Signalled { signal, deed } => format!("signal {}{}", signal.number, at(*deed)),
        Outcome::Ended { status, deed } if *status > 128 => {
            format!("killed by signal {}{}", status - 128, at(*deed))
        }
        Outcome::Ended { status, .. } => format!("the process ended with status {status}"),
        Outcome::Late { .. } => "no answer in time".into(),
        Outcome::Unmade(why) => format!("not tried ({why})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::trial::{Instruction, Peer, Place, Word};

    const PERM: i64 = -1;

    fn trial() -> Trial {
        Trial::of(vec![Deed::Instruction(Instruction::Nop)])
    }

    fn answered(answer: i64) -> Outcome {
        Outcome::Answered { deed: 0, answer, object: None }
    }

    fn reached(object: (u64, u64)) -> Outcome {
        Outcome::Answered { deed: 0, answer: 0, object: Some(object) }
    }

    #[test]
    fn a_denial_counts_only_beside_a_control_that_passes() {
        let deny = |inside, controls: &[Outcome]| judge(Intent::Deny, &trial(), &inside, controls);
        assert_eq!(deny(answered(PERM), &[answered(0)]), Verdict::Held);
        assert!(matches!(deny(answered(PERM), &[answered(PERM)]), Verdict::Unverifiable(_)));
        assert!(matches!(deny(answered(PERM), &[]), Verdict::Unverifiable(_)));
        assert_eq!(deny(answered(PERM), &[answered(-2), answered(0)]), Verdict::Held);
        assert!(matches!(deny(answered(0), &[answered(0)]), Verdict::Broken(_)));
        assert!(matches!(deny(answered(0), &[answered(PERM)]), Verdict::Broken(_)));
    }

    #[test]
    fn what_the_caller_sees_and_may_not_open_is_denied_where_it_is_not_there() {
        let of = |known| trial().about(known);
        let judge = |known, inside| judge(Intent::Deny, &of(known), &inside, &[answered(-13)]);
        assert_eq!(judge(Some((1, 1)), answered(-2)), Verdict::Held);
        assert_eq!(judge(Some((1, 1)), answered(-30)), Verdict::Held);
        assert_eq!(judge(Some((1, 1)), reached((1, 2))), Verdict::Held);
        let same = super::judge(Intent::Deny, &of(Some((1, 1))), &answered(-2), &[answered(-2)]);
        assert!(matches!(same, Verdict::Unverifiable(_)), "it is missing outside as well");
        assert!(matches!(judge(Some((1, 1)), reached((1, 1))), Verdict::Broken(_)));
        assert!(matches!(judge(Some((1, 1)), answered(-13)), Verdict::Unverifiable(_)), "bits alone");
        assert!(matches!(judge(None, answered(-2)), Verdict::Unverifiable(_)), "nothing was there to see");
        assert!(matches!(judge(Some((1, 1)), answered(0)), Verdict::Broken(_)));
    }

    #[test]
    fn another_object_is_not_the_one_that_is_denied() {
        let judge = |intent, inside| judge(intent, &trial(), &inside, &[reached((1, 1))]);
        assert_eq!(judge(Intent::Deny, reached((1, 2))), Verdict::Held);
        assert!(matches!(judge(Intent::Deny, reached((1, 1))), Verdict::Broken(_)));
        assert!(matches!(judge(Intent::Allow, reached((1, 2))), Verdict::Broken(_)));
        assert!(matches!(judge(Intent::Deny, answered(0)), Verdict::Broken(_)), "no evidence is no excuse");
    }

    #[test]
    fn what_the_machine_lacks_is_not_a_denial() {
        for outcome in [answered(-24), answered(-12), Outcome::Late { deed: 0 }, Outcome::Unmade("x".into())]
        {
            let verdict = judge(Intent::Deny, &trial(), &outcome, &[answered(0)]);
            assert!(matches!(verdict, Verdict::Unverifiable(_)), "{outcome:?}: {verdict:?}");
        }
    }

    #[test]
    fn what_a_limit_gives_in_passing_is_not_a_denial() {
        let dup2 = Deed::of("dup2", vec![Word::Value(0), Word::Value(60)]);
        let of = |deeds: Vec<Deed>| Trial::of(deeds);
        let deny = |trial: &Trial, answer| judge(Intent::Deny, trial, &answered(answer), &[answered(0)]);
        assert!(matches!(deny(&of(vec![dup2]), -9), Verdict::Unverifiable(_)));
        let fcntl = Deed::of("fcntl", vec![Word::Value(60), Word::Value(1)]);
        assert_eq!(deny(&of(vec![fcntl]), -9), Verdict::Held, "a descriptor that is not there");
        assert!(matches!(deny(&trial(), -11), Verdict::Unverifiable(_)));
        let peer = Peer { place: Place::Outside, deeds: Vec::new(), after: Vec::new(), evidence: Some(0) };
        assert_eq!(deny(&trial().with(peer.clone()), -11), Verdict::Held, "nothing came");
        for errno in [-17, -98] {
            let verdict = deny(&trial().with(peer.clone()), errno);
            assert!(matches!(verdict, Verdict::Unverifiable(_)), "{errno}: an earlier attempt's");
            assert!(passing(&trial().with(peer.clone()), &answered(errno)));
            assert!(!passing(&trial(), &answered(errno)), "a placeholder is there for good");
        }
        assert!(passing(&trial().with(peer.clone()), &answered(-11)) && !passing(&trial(), &answered(-11)));
        assert!(!passing(&trial().with(peer), &answered(PERM)));
    }

    #[test]
    fn an_attempt_that_dies_of_something_else_shows_nothing() {
        let signalled = |number, code| Outcome::Signalled {
            deed: 0,
            signal: crate::control::trial::Signal { number, code, address: 0, call: 0, arch: 0, data: 0 },
        };
        let call = |inside: &Outcome| judge(Intent::Deny, &trial(), inside, &[answered(0)]);
        let instruction = trial().passing(Passes::NoSignal);
        let cpu = |inside: &Outcome| judge(Intent::Deny, &instruction, inside, &[answered(0)]);
        assert_eq!(call(&signalled(31, 1)), Verdict::Held);
        assert_eq!(cpu(&signalled(11, 0x80)), Verdict::Held);
        assert_eq!(cpu(&signalled(4, 2)), Verdict::Held);
        for (unknown, name) in [
            (call(&signalled(31, 0)), "a SIGSYS that somebody sent"),
            (call(&signalled(11, 1)), "a crash"),
            (call(&Outcome::Ended { deed: 0, status: 137 }), "killed from outside, or out of memory"),
            (call(&Outcome::Ended { deed: 0, status: 0 }), "ended by itself"),
            (cpu(&signalled(11, 1)), "a page that is not there"),
            (cpu(&signalled(7, 0x80)), "a bus error"),
        ] {
            assert!(matches!(unknown, Verdict::Unverifiable(_)), "{name}: {unknown:?}");
        }
    }

    #[test]
    fn over_blocking_is_broken_and_a_kill_is_a_denial() {
        let killed = Outcome::Ended { deed: 0, status: 159 };
        assert!(matches!(judge(Intent::Allow, &trial(), &killed, &[answered(0)]), Verdict::Broken(_)));
        assert_eq!(judge(Intent::Deny, &trial(), &killed, &[answered(0)]), Verdict::Held);
        assert_eq!(judge(Intent::Allow, &trial(), &answered(3), &[]), Verdict::Held);
        assert!(matches!(judge(Intent::Tell, &trial(), &answered(0), &[answered(0)]), Verdict::Reachable(_)));
    }

    #[test]
    fn a_question_that_has_another_answer_is_broken_and_one_that_is_refused_is_not_known() {
        let trial = trial().passing(Passes::Answer(1));
        let judge = |inside| judge(Intent::Allow, &trial, &inside, &[]);
        assert_eq!(judge(answered(1)), Verdict::Held);
        assert!(matches!(judge(answered(0)), Verdict::Broken(_)));
        assert!(matches!(judge(answered(-2)), Verdict::Unverifiable(_)));
    }

    #[test]
    fn the_last_check_counts_as_being_let_through() {
        let trial = trial().passing(Passes::SuccessOr(vec![14]));
        let verdict = judge(Intent::Deny, &trial, &answered(-14), &[answered(-14)]);
        assert!(matches!(verdict, Verdict::Broken(_)), "{verdict:?}");
        assert_eq!(judge(Intent::Deny, &trial, &answered(PERM), &[answered(-14)]), Verdict::Held);
    }
}
