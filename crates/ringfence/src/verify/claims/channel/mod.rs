//! The communication matrix: over every channel between two processes, a contained one and one on
//! the host, one in another containment of the same policy, and one in the same containment. Each
//! peer is made for the trial, waits, and says afterwards what reached it.
//!
//! A channel is claimed to be closed where the policy closes it: by a namespace of its own, by a rule
//! of its filter about a call that the channel needs, or by a section that says so. What it does not
//! close is told, not claimed.

mod files;
mod processes;
mod sockets;
mod terminal;

use ringfence_bpf::table::Abi;

use super::{Claim, ESCAPE, Scene, Test};
use crate::control::seccomp::judge::{Expected, Law};
use crate::control::trial::{Deed, Passes, Peer, Place, Probe, Trial, Word};
use crate::policy::model::{DevView, Namespace, NetMode};
use crate::policy::{Origin, Policy};
use crate::verify::{Intent, Part, Reference, Subject};

/// A channel between two processes.
pub(super) struct Channel {
    /// Its word in ids: `sysv-shm`.
    name: &'static str,
    /// What is tried, in words.
    words: &'static str,
    /// Man page.
    page: &'static str,
    /// What ends it at a border.
    border: Border,
    /// What the peer does at first.
    peer: Vec<Deed>,
    /// What is tried.
    deeds: Vec<Deed>,
    /// What the peer does afterwards; the first one is the evidence where `seen` says so.
    after: Vec<Deed>,
    /// How the peer sees that it was reached; `None`: the last deed's success is enough.
    seen: Option<Passes>,
}

/// What ends a channel at the border of a containment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Border {
    /// A namespace of its own.
    Own(Namespace),
    /// A network other than the host's, or a scope of Landlock.
    Net,
    /// A private directory in this place.
    Private(&'static str),
    /// No section but the filter.
    Filter,
}

/// Names of one claim's own.
struct Names {
    /// Of this process and claim.
    unique: String,
    number: u32,
}

const PLACES: [(Place, &str, &str); 3] = [
    (Place::Outside, "host", "a process of the host"),
    (Place::Apart, "apart", "a process of another containment of this policy"),
    (Place::Together, "together", "another process of the same containment"),
];

pub(super) fn claims(subject: &Subject<'_>, scene: &Scene) -> Vec<Claim> {
    let law = Law::of(&subject.policy.syscalls);
    let mut all = terminal::claims(subject, law.as_ref());
    for (place, word, whom) in PLACES {
        let mut number = 0;
        let names = |number: &mut u32| {
            *number += 1;
            Names {
                unique: format!("ringfence-{}-{word}-{number}", scene.process),
                number: scene.process.wrapping_mul(256) + place as u32 * 64 + *number,
            }
        };
        let mut channels = processes::all();
        channels.extend(files::all(&mut || names(&mut number), directories(subject)));
        channels.extend(sockets::all(&mut || names(&mut number), directories(subject).first().copied()));
        all.extend(channels.into_iter().map(|channel| {
            let name = channel.name;
            claim(subject.policy, law.as_ref(), channel, (place, whom)).route(format!("{name}, {whom}"))
        }));
    }
    all
}

/// Private directories that both sides can write.
fn directories(subject: &Subject<'_>) -> Vec<&'static str> {
    let tmp = subject.policy.fs.tmp.iter();
    let has = |path: &str| tmp.clone().any(|spec| spec.value.text == path);
    ["/tmp", "/dev/shm"].into_iter().filter(|path| *path == "/dev/shm" || has(path)).collect()
}

fn claim(policy: &Policy, law: Option<&Law>, channel: Channel, (place, whom): (Place, &str)) -> Claim {
    let word = PLACES.iter().find(|(known, ..)| *known == place).map_or("", |(_, word, _)| word);
    let closed = closed(policy, law, &channel, place);
    let Channel { name, words, page, peer, deeds, after, seen, .. } = channel;
    let evidence = seen.is_some().then_some(0);
    let trial = Trial::of(deeds).with(Peer { place, deeds: peer, after, evidence });
    let trial = match seen {
        Some(passes) => trial.passing(passes),
        None => trial,
    };
    let controls = vec![Reference::Outside, Reference::Namespaces];
    let test = Test::Trial { trial: trial.into(), without: Vec::new(), controls };
    let (intent, reason, at) = match closed {
        Some((reason, at)) => (Intent::Deny, reason, Some(at)),
        None => (Intent::Tell, "no key of the policy closes it".to_owned(), None),
    };
    let operation = format!("{words} {whom}");
    let claim = Claim::new(Part::Channel, intent, format!("{name}/{word}"), operation, test);
    let claim = claim.because(reason).see(&[page]);
    let claim = if intent == Intent::Deny && place != Place::Together { claim.see(&[ESCAPE]) } else { claim };
    match at {
        Some(at) => claim.at(at),
        None => claim,
    }
}

/// Why a channel is closed, and the line that says so; `None` where the policy leaves it open.
fn closed(policy: &Policy, law: Option<&Law>, channel: &Channel, place: Place) -> Option<(String, Origin)> {
    if place != Place::Together {
        let own = |namespace: Namespace| policy.namespaces.unshare.contains(&namespace);
        let at = policy.namespaces.unshare_at;
        match channel.border {
            Border::Own(namespace) if own(namespace) => {
                return Some((format!("namespaces.unshare has {}", namespace.name()), at));
            }
            Border::Net if policy.net.mode.value != NetMode::Host => {
                return Some(("net.mode is not the host's".into(), policy.net.mode.at));
            }
            Border::Private("/dev/shm") if policy.fs.dev.value != DevView::Minimal => {}
            Border::Private(path) if own(Namespace::Mnt) => {
                let tmp = policy.fs.tmp.iter().find(|spec| spec.value.text == path);
                let at = tmp.map_or(policy.fs.dev.at, |spec| spec.at);
                return Some((format!("{path} is private"), at));
            }
            _ => {}
        }
    }
    // What a peer on the host does passes no filter.
    let peers = if place == Place::Outside { &[][..] } else { &channel.peer };
    let denied = channel.deeds.iter().chain(peers).find_map(|deed| denied(law?, deed))?;
    Some((format!("no rule of syscalls.allow has {denied}"), policy.syscalls.on_deny.at))
}

/// The name of the call where the policy's filter denies it with any argument that is not known yet.
fn denied(law: &Law, deed: &Deed) -> Option<&'static str> {
    let Deed::Call { entry, number, args, .. } = deed else { return None };
    let mut words = [0u64; 6];
    for (to, from) in words.iter_mut().zip(args) {
        if let Word::Value(value) = from {
            *to = *value;
        }
    }
    let said = law.says(&Probe { entry: *entry, number: *number, args: words });
    let name = ringfence_bpf::table::by_number(Abi::X86_64, *number)?.name;
    matches!(said, Expected::Denied(_) | Expected::DeniedSomehow).then_some(name)
}

fn v(value: u64) -> Word {
    Word::Value(value)
}

fn n(value: i64) -> Word {
    Word::number(value)
}

fn channel(name: &'static str, words: &'static str, page: &'static str, border: Border) -> Channel {
    let (peer, deeds, after) = (Vec::new(), Vec::new(), Vec::new());
    Channel { name, words, page, border, peer, deeds, after, seen: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_of_every_channel_is_in_the_table() {
        let mut number = 0;
        let mut names = || {
            number += 1;
            Names { unique: format!("ringfence-{number}"), number }
        };
        let mut all = processes::all();
        all.extend(files::all(&mut names, vec!["/tmp", "/dev/shm"]));
        all.extend(sockets::all(&mut names, Some("/tmp")));
        assert!(all.len() >= 24, "{}", all.len());
        for channel in &all {
            for deed in channel.peer.iter().chain(&channel.deeds).chain(&channel.after) {
                let Deed::Call { number, .. } = deed else { panic!("{}: {deed:?}", channel.name) };
                let known = ringfence_bpf::table::by_number(Abi::X86_64, *number);
                assert!(known.is_some(), "{}: {number}", channel.name);
            }
        }
    }
}
