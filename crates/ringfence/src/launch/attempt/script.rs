//! Trials as scripts of deeds, numbered through: with the peer's deeds in between where both are in
//! one containment.

use bumpalo::Bump;
use ringfence_bpf::table::Abi;
use ringfence_sys::attempt::{self as sys, Arg, MAX_DEEDS};

use crate::control::trial::{Deed, Peer, Place, Trial, Word};

/// What a peer has answered that waits.
pub(super) struct Known<'k> {
    pub(super) pid: i32,
    pub(super) answers: &'k [i64],
}

/// A script, and where its parts are.
pub(super) struct Script<'a> {
    pub(super) before: &'a [sys::Deed<'a>],
    pub(super) deeds: &'a [sys::Deed<'a>],
    /// Number of the first of the trial's own deeds.
    pub(super) own: usize,
    /// Where the peer's deeds are, if they are in this script.
    pub(super) peer: Option<Numbers>,
}

/// The numbers of a peer's deeds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers {
    first: usize,
    count: usize,
    after: usize,
}

impl Numbers {
    /// The number of a deed, those afterwards counted on.
    pub(super) fn of(self, deed: usize) -> usize {
        if deed < self.count { self.first + deed } else { self.after + deed - self.count }
    }
}

/// How the words of one process become arguments.
struct Lower<'l, 'a> {
    arena: &'a Bump,
    own: &'l dyn Fn(usize) -> usize,
    peer: &'l dyn Fn(usize) -> Arg<'a>,
    process: Arg<'a>,
}

impl<'a> Lower<'_, 'a> {
    fn deed(&self, deed: &Deed) -> sys::Deed<'a> {
        match deed {
            Deed::Instruction(instruction) => sys::Deed::Instruction(*instruction),
            Deed::Again(times) => sys::Deed::Again(*times),
            Deed::Leave => sys::Deed::Leave,
            Deed::Call { entry, number, args, splits } => {
                let mut words = [Arg::Value(0); 6];
                for (to, from) in words.iter_mut().zip(args) {
                    *to = self.arg(from);
                }
                sys::Deed::Call { entry: *entry, number: *number, args: words, splits: *splits }
            }
        }
    }

    fn arg(&self, word: &Word) -> Arg<'a> {
        match word {
            Word::Value(value) => Arg::Value(*value),
            Word::Bytes(bytes) => Arg::Bytes(self.arena.alloc_slice_copy(bytes)),
            Word::Answer(deed) => answer((self.own)(usize::from(*deed))),
            Word::Scratch(at) => Arg::Scratch(*at),
            Word::Words(words) => {
                Arg::Words(self.arena.alloc_slice_fill_iter(words.iter().map(|word| self.arg(word))))
            }
            Word::Before(deed) => answer(usize::from(*deed)),
            Word::Peer(deed) => (self.peer)(usize::from(*deed)),
            Word::PeerProcess => self.process,
            Word::Loaded(at) => Arg::Loaded(*at),
            Word::Page => Arg::Page,
        }
    }
}

fn answer<'a>(number: usize) -> Arg<'a> {
    Arg::Answer(u8::try_from(number).unwrap_or(u8::MAX))
}

/// Why a trial is none that can be tried.
pub(super) fn wrong(trial: &Trial) -> Option<String> {
    let peer = trial.peer.as_ref().map_or(0, |peer| peer.deeds.len() + peer.after.len() + 2);
    let all = trial.before.len() + trial.deeds.len() + trial.after.len() + peer;
    let simple = trial.deeds.iter().chain(&trial.after).all(|deed| match deed {
        Deed::Call { entry, args, .. } => {
            *entry == sys::Entry::Syscall && !args.iter().any(|arg| matches!(arg, Word::Loaded(_)))
        }
        Deed::Again(_) | Deed::Leave => true,
        Deed::Instruction(_) => false,
    });
    if trial.deeds.is_empty() || all > MAX_DEEDS {
        return Some(format!("{all} deeds; 1 to {MAX_DEEDS} make a trial"));
    }
    (trial.executed && !simple).then(|| "only calls by `syscall` can be made after execve".into())
}

/// The script of whoever tries. `known`: what the peer has answered, where it is another process' child.
pub(super) fn tried<'a>(trial: &Trial, known: Option<&Known<'_>>, arena: &'a Bump) -> Script<'a> {
    let before = trial.before.len();
    let together = trial.peer.as_ref().filter(|peer| peer.place == Place::Together);
    let numbers = together.map(|peer| {
        // Its process id, its deeds, the branch, the trial's own, and what it does afterwards.
        let (first, count) = (before + 1, peer.deeds.len());
        let after = first + count + 1 + trial.deeds.len() + trial.after.len();
        Numbers { first, count, after }
    });
    let own_first = numbers.map_or(before, |numbers| numbers.first + numbers.count + 1);
    let own = |deed: usize| own_first + deed;
    let peers = |deed: usize| match (numbers, known) {
        (Some(numbers), _) => answer(numbers.of(deed)),
        (None, Some(known)) => Arg::Value(known.answers.get(deed).copied().unwrap_or(-1) as u64),
        (None, None) => Arg::Value(u64::MAX),
    };
    let process = match (numbers, known) {
        (Some(_), _) => answer(before),
        (None, Some(known)) => Arg::Value(known.pid as u64),
        // No process has this number, and no group.
        (None, None) => Arg::Value(i32::MAX as u64),
    };
    let lower = Lower { arena, own: &own, peer: &peers, process };
    let outside = trial.before.iter().map(|deed| lower.deed(deed));
    let mut deeds = Vec::with_capacity(MAX_DEEDS);
    if let (Some(peer), Some(numbers)) = (together, numbers) {
        let its = |deed: usize| numbers.of(deed);
        let its = Lower { arena, own: &its, peer: &peers, process };
        deeds.extend(Deed::call(Abi::X86_64, "getpid", Vec::new()).iter().map(|deed| its.deed(deed)));
        deeds.extend(peer.deeds.iter().map(|deed| its.deed(deed)));
        deeds.push(sys::Deed::Branch(numbers.after));
    }
    deeds.extend(trial.deeds.iter().chain(&trial.after).map(|deed| lower.deed(deed)));
    if let (Some(peer), Some(numbers)) = (together, numbers) {
        let its = |deed: usize| numbers.of(deed);
        let its = Lower { arena, own: &its, peer: &peers, process };
        deeds.extend(peer.after.iter().map(|deed| its.deed(deed)));
    }
    Script {
        before: arena.alloc_slice_fill_iter(outside.collect::<Vec<_>>()),
        deeds: arena.alloc_slice_copy(&deeds),
        own: own_first,
        peer: numbers,
    }
}

/// The deeds of a peer in a process of its maker's.
pub(super) fn peer<'a>(peer: &Peer, arena: &'a Bump) -> (&'a [sys::Deed<'a>], Numbers) {
    let numbers = Numbers { first: 0, count: peer.deeds.len(), after: peer.deeds.len() + 1 };
    let own = |deed: usize| numbers.of(deed);
    let none = |_: usize| Arg::Value(u64::MAX);
    let lower = Lower { arena, own: &own, peer: &none, process: Arg::Value(i32::MAX as u64) };
    let mut deeds: Vec<_> = peer.deeds.iter().map(|deed| lower.deed(deed)).collect();
    deeds.push(sys::Deed::Hold);
    deeds.extend(peer.after.iter().map(|deed| lower.deed(deed)));
    (arena.alloc_slice_copy(&deeds), numbers)
}
