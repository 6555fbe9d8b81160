//! Attempts in pairs: outside, where the kernel shows what it does without ringfence, and inside.

use crate::harness::ground::Ground;
use crate::harness::run::Outcome;

/// The name of an outcome that nothing is known about: it depends on the machine.
pub(crate) const ANY: &str = "*";
/// The attempt succeeded.
pub(crate) const DONE: &str = "done";

/// A program that attempts, in the ground's working directory.
pub(crate) struct Attacker<'g> {
    pub(crate) ground: &'g Ground,
}

impl<'g> Attacker<'g> {
    /// `None`, with a skip, without a compiler; `RINGFENCE_ATTACK` names attack.c compiled beforehand,
    /// for a machine that has none.
    pub(crate) fn new(ground: &'g Ground) -> Option<Self> {
        if let Some(compiled) = std::env::var_os("RINGFENCE_ATTACK") {
            ground.plain(&["/bin/cp", compiled.to_str().unwrap(), "attack"]).go().passes();
            return Some(Self { ground });
        }
        if !ground.has(&["gcc"]) {
            return None;
        }
        let source = ground.file("home/work/attack.c", include_str!("attack.c"));
        let compile = ["/usr/bin/gcc", "-O1", "-o", "attack", source.to_str().unwrap()];
        ground.plain(&compile).go().passes();
        Some(Self { ground })
    }

    /// What an attempt gives without ringfence: `done`, or the name of an errno.
    pub(crate) fn outside(&self, words: &str) -> String {
        let words: Vec<&str> = words.split_whitespace().collect();
        answer(&self.ground.plain(&[&["./attack"], &words[..]].concat()).go())
    }

    /// What it gives inside.
    pub(crate) fn inside(&self, flags: &str, words: &str) -> String {
        let words: Vec<&str> = words.split_whitespace().collect();
        answer(&self.ground.ringfence(flags, &[&["./attack"], &words[..]].concat()).go())
    }

    /// Each attempt gives the first answer outside, and one of the others inside.
    #[track_caller]
    pub(crate) fn table(&self, flags: &str, rows: &[(&str, &str, &[&str])]) {
        let mut wrong = Vec::new();
        for (words, outside, inside) in rows {
            let found = self.outside(words);
            if *outside != ANY && found != *outside {
                wrong.push(format!("{words}: {found} outside, not {outside}"));
            }
            let found = self.inside(flags, words);
            if !inside.contains(&found.as_str()) {
                wrong.push(format!("{words}: {found} inside, not {inside:?}"));
            }
        }
        assert!(wrong.is_empty(), "{flags}\n{}", wrong.join("\n"));
    }

    /// The same inside only: for what would touch the machine outside, or cannot be said there.
    #[track_caller]
    pub(crate) fn refused(&self, flags: &str, rows: &[(&str, &[&str])]) {
        let found = rows.iter().map(|(words, answers)| (words, self.inside(flags, words), answers));
        let wrong: Vec<_> = found
            .filter(|(_, found, answers)| !answers.contains(&found.as_str()))
            .map(|(words, found, answers)| format!("{words}: {found}, not {answers:?}"))
            .collect();
        assert!(wrong.is_empty(), "{flags}\n{}", wrong.join("\n"));
    }
}

#[track_caller]
fn answer(outcome: &Outcome) -> String {
    let line = outcome.out.lines().last();
    line.and_then(|line| line.split_once(": ")).unwrap_or_else(|| panic!("{outcome}")).1.to_owned()
}
