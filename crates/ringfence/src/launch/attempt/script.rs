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
    fresh: u16,
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
            Word::Fresh(bytes, at) => {
                let own = self.arena.alloc_slice_copy(bytes);
                let at = usize::from(*at);
                if let Some(place) = own.get_mut(at..at + 2) {
                    place.copy_from_slice(&letters(self.fresh));
                }
                Arg::Bytes(own)
            }
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

/// The last two of a number in base 26: good in names and in addresses.
fn letters(number: u16) -> [u8; 2] {
    let letter = |digit: u16| b'a' + (digit % 26) as u8;
    [letter(number / 26), letter(number)]
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
/// `fresh`: its own number.
pub(super) fn tried<'a>(trial: &Trial, known: Option<&Known<'_>>, fresh: u16, arena: &'a Bump) -> Script<'a> {
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
    let lower = Lower { arena, own: &own, peer: &peers, process, fresh };
    // Among themselves these are numbered from the beginning.
    let first = |deed: usize| deed;
    let before_them = Lower { arena, own: &first, peer: &peers, process, fresh };
    let outside = trial.before.iter().map(|deed| before_them.deed(deed));
    let mut deeds = Vec::with_capacity(MAX_DEEDS);
    if let (Some(peer), Some(numbers)) = (together, numbers) {
        let its = |deed: usize| numbers.of(deed);
        let its = Lower { arena, own: &its, peer: &peers, process, fresh };
        deeds.extend(Deed::call(Abi::X86_64, "getpid", Vec::new()).iter().map(|deed| its.deed(deed)));
        deeds.extend(peer.deeds.iter().map(|deed| its.deed(deed)));
        deeds.push(sys::Deed::Branch(numbers.after));
    }
    deeds.extend(trial.deeds.iter().chain(&trial.after).map(|deed| lower.deed(deed)));
    if let (Some(peer), Some(numbers)) = (together, numbers) {
        let its = |deed: usize| numbers.of(deed);
        let its = Lower { arena, own: &its, peer: &peers, process, fresh };
        deeds.extend(peer.after.iter().map(|deed| its.deed(deed)));
    }
    Script {
        before: arena.alloc_slice_fill_iter(outside.collect::<Vec<_>>()),
        deeds: arena.alloc_slice_copy(&deeds),
        own: own_first,
        peer: numbers,
    }
}

/// The deeds of a peer in a process of its maker's. `fresh`: the attempt's own number.
pub(super) fn peer<'a>(peer: &Peer, fresh: u16, arena: &'a Bump) -> (&'a [sys::Deed<'a>], Numbers) {
    let numbers = Numbers { first: 0, count: peer.deeds.len(), after: peer.deeds.len() + 1 };
    let own = |deed: usize| numbers.of(deed);
    let none = |_: usize| Arg::Value(u64::MAX);
    let lower = Lower { arena, own: &own, peer: &none, process: Arg::Value(i32::MAX as u64), fresh };
    let mut deeds: Vec<_> = peer.deeds.iter().map(|deed| lower.deed(deed)).collect();
    deeds.push(sys::Deed::Hold);
    deeds.extend(peer.after.iter().map(|deed| lower.deed(deed)));
    (arena.alloc_slice_copy(&deeds), numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_have_letters_of_their_own_and_both_sides_the_same() {
        let name = || Word::Fresh(b"/tmp/aa-x\0".to_vec(), 5);
        let peer_deed = Deed::of("unlinkat", vec![name()]);
        let other = Peer { place: Place::Outside, deeds: vec![peer_deed], after: Vec::new(), evidence: None };
        let trial = Trial::of(vec![Deed::of("openat", vec![name()])]);
        let arena = Bump::new();
        let bytes = |deeds: &[sys::Deed<'_>]| match deeds[0] {
            sys::Deed::Call { args: [Arg::Bytes(bytes), ..], .. } => bytes.to_vec(),
            _ => panic!("no bytes"),
        };
        let both = |fresh| {
            let own = bytes(tried(&trial, None, fresh, &arena).deeds);
            assert_eq!(own, bytes(peer(&other, fresh, &arena).0));
            own
        };
        assert_eq!(both(27), b"/tmp/bb-x\0");
        assert_ne!(both(1), both(2));
        assert_eq!(letters(u16::MAX).map(|letter| letter.is_ascii_lowercase()), [true; 2]);
    }

    #[test]
    fn letters_beyond_the_bytes_change_nothing() {
        let arena = Bump::new();
        let trial = Trial::of(vec![Deed::of("openat", vec![Word::Fresh(b"x\0".to_vec(), 9)])]);
        let script = tried(&trial, None, 3, &arena);
        assert!(matches!(script.deeds[0], sys::Deed::Call { args: [Arg::Bytes(b"x\0"), ..], .. }));
    }
}
