//! What AppArmor, SELinux and ringfence's own BPF LSM program really deny on a row, with the policy line
//! that each denial was attributed to: tests that do it, beside the same operation without the label,
//! and what they were told.

use super::verdict::{self, Count, JobSeen};

/// An LSM whose denial is asked for: a test of a binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    /// How the table calls it.
    pub(super) name: &'static str,
    /// The test binary.
    pub(super) binary: &'static str,
    /// The test in it.
    pub(super) test: &'static str,
}

pub(super) const ASKED: [Asked; 4] = [
    Asked {
        name: "AppArmor, a profile by name",
        binary: "label",
        test: "events::a_denial_of_a_named_profile_has_the_line_that_names_it",
    },
    Asked {
        name: "AppArmor, a profile made from the policy",
        binary: "label",
        test: "events::a_denial_of_a_generated_profile_has_the_line_it_was_made_from",
    },
    Asked {
        name: "SELinux, a context",
        binary: "label",
        test: "events::a_denial_of_a_context_has_the_line_that_names_it",
    },
    Asked { name: "BPF LSM, ringfence's program", binary: "guard", test: "tell::denials_name_their_line" },
];

/// How a test begins a line that has a denial as it was told.
const TOLD: &str = "told: ";

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// Denied and attributed; as it was told.
    Told(Vec<String>),
    /// Not tried, and why.
    Skipped(String),
    /// Not seen: why.
    Wrong(String),
}

impl Seen {
    /// What a job said. A skip is no denial, and nor is a test that passed without a word.
    pub(super) fn read(job: &JobSeen) -> Self {
        let skipped = |line: &String| {
            let (_, rest) = line.split_once("skipped: ")?;
            Some(rest.split_once(": ").map_or(rest, |(_, why)| why).to_owned())
        };
        match verdict::count(job) {
            Err(why) => Self::Wrong(why),
            Ok(Count { passed: 1, failed: 0, skipped: 0 }) => {
                let told = job.lines.iter().filter_map(|line| line.strip_prefix(TOLD));
                let told: Vec<String> = told.map(str::to_owned).collect();
                if told.is_empty() { Self::Wrong("nothing was told".to_owned()) } else { Self::Told(told) }
            }
            Ok(Count { passed: 1, failed: 0, .. }) => {
                let why = job.lines.iter().find_map(skipped);
                Self::Skipped(why.unwrap_or_else(|| "no reason given".to_owned()))
            }
            Ok(count) => Self::Wrong(format!("{count:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_matrix::frame::End;

    fn job(lines: &[&str], status: u8) -> JobSeen {
        let all = ["running 1 test"].iter().chain(lines);
        let lines = all.map(|line| (*line).to_owned()).collect();
        JobSeen { lines, end: Some(End::Exited(status.into())) }
    }

    const OK: [&str; 2] = ["test a ... ok", "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured"];

    #[test]
    fn only_a_denial_that_was_told_counts() {
        let told = job(&["told: open = EACCES", OK[0], OK[1]], 0);
        assert_eq!(Seen::read(&told), Seen::Told(vec!["open = EACCES".to_owned()]));
        let skipped = job(&["skipped: label::a: needs root", "told: open", OK[0], OK[1]], 0);
        assert_eq!(Seen::read(&skipped), Seen::Skipped("needs root".to_owned()));
        for wrong in [
            job(&OK, 0),
            job(&["told: open", OK[0], OK[1]], 101),
            job(
                &[
                    "told: open",
                    "test a ... FAILED",
                    "test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured",
                ],
                101,
            ),
            job(&["told: open"], 0),
        ] {
            assert!(matches!(Seen::read(&wrong), Seen::Wrong(_)), "{wrong:?}");
        }
    }
}
