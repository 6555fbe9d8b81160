//! A script in stages, so that a right taken away can be shown to fail where it is needed, and
//! not elsewhere.

use super::ground::Ground;
use super::run::Outcome;

/// The exit status of a script whose stage failed.
const FAILED: i32 = 99;
/// What heads a stage in both streams.
const MARK: &str = "==> ";
/// What a refusal looks like in the words of the C library.
const REFUSALS: [&str; 5] =
    ["Permission denied", "Operation not permitted", "Read-only file system", "EACCES", "EPERM"];

/// A script that ran, cut where its stages began.
#[derive(Debug)]
#[must_use]
pub(crate) struct Stages {
    outcome: Outcome,
    names: Vec<String>,
}

impl Ground {
    /// Runs named shell commands one after the other, until one fails.
    pub(crate) fn stages(&self, flags: &str, stages: &[(&str, &str)]) -> Stages {
        let mut script = String::new();
        for (name, command) in stages {
            script += &format!(
                "echo '{MARK}{name}'; echo '{MARK}{name}' >&2\n( set -e\n{command}\n)\n[ $? = 0 ] || exit {FAILED}\n"
            );
        }
        script += &format!("echo '{MARK}end'\n");
        let names = stages.iter().map(|(name, _)| (*name).to_owned()).collect();
        Stages { outcome: self.shell(flags, &script).go(), names }
    }
}

impl Stages {
    /// All stages ended well.
    #[track_caller]
    pub(crate) fn pass(&self) -> &Outcome {
        self.outcome.passes();
        assert!(self.outcome.out.ends_with(&format!("{MARK}end\n")), "{}", self.outcome);
        &self.outcome
    }

    /// The stages before `name` ended well, and it failed with these words.
    #[track_caller]
    pub(crate) fn fail_at(&self, name: &str, words: &str) {
        let outcome = self.outcome.exits(FAILED);
        let last = outcome.out.rsplit(MARK).next().and_then(|rest| rest.lines().next());
        assert_eq!(last, Some(name), "failed elsewhere: {outcome}");
        assert!(self.names.iter().any(|known| known == name));
        let head = format!("{MARK}{name}\n");
        let split = |text: &str| text.split_once(&head).map(|(a, b)| (a.to_owned(), b.to_owned()));
        let (before, there) = split(&outcome.err).expect("a stage heads both streams");
        let there = there + &split(&outcome.out).expect("a stage heads both streams").1;
        assert!(there.contains(words), "`{words}` is not what `{name}` failed with: {outcome}");
        let refused = REFUSALS.iter().find(|words| before.contains(**words));
        assert!(refused.is_none(), "{refused:?} before `{name}`: {outcome}");
    }
}
