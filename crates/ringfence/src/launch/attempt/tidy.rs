//! Takes away what a peer has made on the host and could not remove itself: a control that is tried alone
//! may deny the removal, or kill it before.

use ringfence_bpf::table::{self, Abi};

use super::{Bench, Containment, Site};
use crate::control::trial::{Deed, Peer, Trial, Word};

/// `CLONE_NEWIPC`, sched.h: numbers and names of such objects are another namespace's then.
const NEWIPC: u64 = 0x0800_0000;

impl Site<'_> {
    /// `answers`: to what the peer did at first, and to what it did afterwards.
    pub(super) fn tidy(
        &self,
        bench: &mut Bench,
        around: &Containment<'_>,
        peer: &Peer,
        answers: &[Option<i64>],
    ) {
        if around.namespaces & NEWIPC != 0 {
            return;
        }
        let left = left(peer, answers);
        if !left.is_empty() {
            let outside = Containment { steps: Vec::new(), namespaces: 0 };
            // What is not there any more is not there.
            let _ = self.attempt(bench, &outside, &Trial::of(left));
        }
    }
}

/// The removals that have not succeeded, with the numbers that the peer knew.
fn left(peer: &Peer, answers: &[Option<i64>]) -> Vec<Deed> {
    let deeds = peer.deeds.iter().chain(&peer.after).enumerate();
    let done = |at: usize| answers.get(at).copied().flatten().filter(|answer| *answer >= 0);
    deeds
        .filter(|(at, _)| done(*at).is_none())
        .filter_map(|(_, deed)| {
            let Deed::Call { entry, number, args, splits } = deed else { return None };
            let args: Option<Vec<Word>> = args
                .iter()
                .map(|word| match word {
                    // Of an object that was never made there is no number.
                    Word::Answer(made) => done(usize::from(*made)).map(|answer| Word::Value(answer as u64)),
                    other => Some(other.clone()),
                })
                .collect();
            let args = args.filter(|args| removes(*number, args))?;
            Some(Deed::Call { entry: *entry, number: *number, args, splits: *splits })
        })
        .collect()
}

/// Whether a call of x86_64 removes an object by its number or its name.
fn removes(number: u32, args: &[Word]) -> bool {
    const IPC_RMID: Word = Word::Value(0);
    match table::by_number(Abi::X86_64, number).map(|call| call.name) {
        Some("mq_unlink" | "unlinkat") => true,
        Some("shmctl" | "msgctl") => args.get(1) == Some(&IPC_RMID),
        Some("semctl") => args.get(2) == Some(&IPC_RMID),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::trial::Place;

    fn semaphore() -> Peer {
        let v = Word::Value;
        let control = |command| Deed::of("semctl", vec![Word::Answer(0), v(0), v(command), v(0)]);
        let deeds = vec![Deed::of("semget", vec![v(0), v(1), v(0o1600)])];
        Peer { place: Place::Together, deeds, after: vec![control(12), control(0)], evidence: Some(0) }
    }

    #[test]
    fn what_was_made_and_not_removed_is_removed_by_its_number() {
        let removal = [Deed::of("semctl", [7, 0, 0, 0].map(Word::Value).to_vec())];
        assert_eq!(left(&semaphore(), &[Some(7), Some(1), Some(-1)]), removal);
        assert_eq!(left(&semaphore(), &[Some(7), None, None]), removal, "killed before");
    }

    #[test]
    fn nothing_is_removed_that_is_gone_or_was_never_made() {
        assert_eq!(left(&semaphore(), &[Some(7), Some(1), Some(0)]), []);
        assert_eq!(left(&semaphore(), &[Some(-13), Some(-22), Some(-22)]), []);
        assert_eq!(left(&semaphore(), &[]), []);
    }

    #[test]
    fn a_name_is_removed_whether_it_was_made_or_not() {
        let unlink = || Deed::of("mq_unlink", vec![Word::text(b"ringfence-1")]);
        let open = Deed::of("mq_open", vec![Word::text(b"ringfence-1")]);
        let queue = Peer { place: Place::Together, deeds: vec![open], after: vec![unlink()], evidence: None };
        // A control may deny the opening of what has been made already.
        assert_eq!(left(&queue, &[Some(-13), None]), [unlink()]);
        assert_eq!(left(&queue, &[Some(-13), Some(0)]), []);
    }
}
