//! A committed result, and what has changed since: the regression test of a containment.

use std::collections::BTreeMap;

use super::{Intent, Report, Verdict};

/// What is kept of a report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Baseline {
    /// Facts of the host that bear on containment, by id.
    pub host: BTreeMap<String, String>,
    /// What was found about each claim, by id.
    pub claims: BTreeMap<String, State>,
}

/// What was found about one claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The verdict without its reason.
    pub verdict: Word,
    /// The controls that held it, each alone; `None` where depth was not asked for.
    pub controls: Option<Vec<String>>,
}

/// A verdict in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Word {
    Held,
    Broken,
    Unverifiable,
    Reachable,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It held, or was not known to be broken, and is broken now.
    Broken(String, String),
    /// It was denied, and is reachable now; nothing was claimed.
    Opened(String),
    /// It held or was broken, and cannot be verified any more.
    Lost(String, Word, String),
    /// It is not among the claims any more, and this had been found.
    Gone(String, Word),
    /// Fewer controls hold it: these no longer do.
    Shallower(String, Vec<String>),
    /// More controls hold it: these as well.
    Deeper(String, Vec<String>),
    /// For so many claims the baseline has a depth, and this report has none.
    Unmeasured(usize),
    /// It was broken or not known, and holds now.
    Repaired(String),
    /// It is new, and this was found.
    New(String, Word),
    /// A fact of the host: its id, what it was, what it is.
    Host(String, String, String),
}

/// How much a change means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// For information.
    Note,
    /// Something that was known is not known any more.
    Unknown,
    /// The containment is weaker.
    Regression,
}

impl Word {
    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Broken => "broken",
            Self::Unverifiable => "unverifiable",
            Self::Reachable => "reachable",
        }
    }

    /// The word that is written so.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Held, Self::Broken, Self::Unverifiable, Self::Reachable]
            .into_iter()
            .find(|word| word.name() == text)
    }

    /// The word of a verdict.
    #[must_use]
    pub const fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Held => Self::Held,
            Verdict::Broken(_) => Self::Broken,
            Verdict::Unverifiable(_) => Self::Unverifiable,
            Verdict::Reachable(_) => Self::Reachable,
        }
    }
}

impl Baseline {
    /// What is kept of a report.
    #[must_use]
    pub fn of(report: &Report, host: BTreeMap<String, String>) -> Self {
        let claims = report.findings.iter().map(|finding| {
            let controls = finding
                .holding
                .as_ref()
                .map(|list| list.iter().map(|control| control.name().to_owned()).collect());
            (finding.id.clone(), State { verdict: Word::of(&finding.verdict), controls })
        });
        Self { host, claims: claims.collect() }
    }

    /// What has changed from this baseline to a report, the host first, then by id.
    #[must_use]
    pub fn compare(&self, report: &Report, host: &BTreeMap<String, String>) -> Vec<Change> {
        let mut changes = Vec::new();
        for id in self.host.keys().chain(host.keys()).collect::<std::collections::BTreeSet<_>>() {
            let text =
                |facts: &BTreeMap<String, String>| facts.get(id).cloned().unwrap_or_else(|| "absent".into());
            let (before, after) = (text(&self.host), text(host));
            if before != after {
                changes.push(Change::Host(id.clone(), before, after));
            }
        }
        let now = Self::of(report, BTreeMap::new());
        let mut unmeasured = 0;
        for finding in &report.findings {
            let (id, after) = (&finding.id, &now.claims[&finding.id]);
            let why = match &finding.verdict {
                Verdict::Held => String::new(),
                Verdict::Broken(why) | Verdict::Unverifiable(why) | Verdict::Reachable(why) => why.clone(),
            };
            match self.claims.get(id) {
                None if finding.intent == Intent::Tell => {}
                None => changes.push(Change::New(id.clone(), after.verdict)),
                Some(before) => {
                    let measured = before.verdict == Word::Held && before.controls.is_some();
                    unmeasured +=
                        usize::from(measured && after.verdict == Word::Held && after.controls.is_none());
                    changes.extend(change(id, before, after, why));
                }
            }
        }
        let gone = self.claims.iter().filter(|(id, _)| !now.claims.contains_key(*id));
        changes.extend(gone.map(|(id, state)| Change::Gone(id.clone(), state.verdict)));
        changes.extend((unmeasured > 0).then_some(Change::Unmeasured(unmeasured)));
        changes
    }
}

fn change(id: &str, before: &State, after: &State, why: String) -> Vec<Change> {
    let id = id.to_owned();
    match (before.verdict, after.verdict) {
        (Word::Broken, Word::Broken) => Vec::new(),
        (_, Word::Broken) => vec![Change::Broken(id, why)],
        (Word::Held | Word::Broken, Word::Unverifiable) => vec![Change::Lost(id, before.verdict, why)],
        (Word::Held, Word::Reachable) => vec![Change::Opened(id)],
        (Word::Held, Word::Held) => {
            let (Some(before), Some(after)) = (&before.controls, &after.controls) else { return Vec::new() };
            let only = |some: &[String], other: &[String]| -> Vec<String> {
                some.iter().filter(|control| !other.contains(control)).cloned().collect()
            };
            let (lost, more) = (only(before, after), only(after, before));
            let lost = (!lost.is_empty()).then(|| Change::Shallower(id.clone(), lost));
            let more = (!more.is_empty()).then_some(Change::Deeper(id, more));
            lost.into_iter().chain(more).collect()
        }
        (_, Word::Held) => vec![Change::Repaired(id)],
        _ => Vec::new(),
    }
}

impl Change {
    /// How much it means.
    #[must_use]
    pub const fn weight(&self) -> Weight {
        match self {
            Self::Broken(..) | Self::Shallower(..) | Self::Opened(_) | Self::New(_, Word::Broken) => {
                Weight::Regression
            }
            Self::Gone(_, Word::Held) => Weight::Regression,
            Self::Lost(..) | Self::Unmeasured(_) | Self::New(_, Word::Unverifiable) => Weight::Unknown,
            Self::Repaired(_) | Self::Deeper(..) | Self::Gone(..) | Self::New(..) | Self::Host(..) => {
                Weight::Note
            }
        }
    }

    /// The claim, or the fact of the host, that it is about; empty where it is about many.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Broken(id, _)
            | Self::Opened(id)
            | Self::Lost(id, ..)
            | Self::Gone(id, _)
            | Self::Shallower(id, _)
            | Self::Deeper(id, _)
            | Self::Repaired(id)
            | Self::New(id, _)
            | Self::Host(id, ..) => id,
            Self::Unmeasured(_) => "",
        }
    }

    /// In one stable word, for programs.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Broken(..) => "broken",
            Self::Opened(_) => "opened",
            Self::Lost(..) => "unverifiable",
            Self::Gone(..) => "gone",
            Self::Shallower(..) => "shallower",
            Self::Deeper(..) => "deeper",
            Self::Unmeasured(_) => "unmeasured",
            Self::Repaired(_) => "repaired",
            Self::New(..) => "new",
            Self::Host(..) => "host changed",
        }
    }

    /// In words, for a person.
    #[must_use]
    pub fn words(&self) -> String {
        let about = match self {
            Self::Broken(id, why) => format!("{id}: {why}"),
            Self::Opened(id) => format!("{id}: was denied, is reachable"),
            Self::Lost(id, before, why) => format!("{id}: was {}, and now {why}", before.name()),
            Self::Gone(id, before) => format!("{id}: was {}, and is claimed no more", before.name()),
            Self::Shallower(id, lost) => format!("{id}: no longer by {}", lost.join(", ")),
            Self::Deeper(id, more) => format!("{id}: also by {}", more.join(", ")),
            Self::Unmeasured(claims) => {
                format!("the depth of {claims} claims was measured then, and is not now: give --depth")
            }
            Self::Repaired(id) => id.clone(),
            Self::New(id, word) => format!("{id}: {}", word.name()),
            Self::Host(id, before, after) => format!("{id}: {before} -> {after} ({})", bears(id)),
        };
        format!("{:<13} {about}", self.kind())
    }
}

/// What a fact of the host has to do with containment.
fn bears(fact: &str) -> &'static str {
    const MEANING: [(&str, &str); 12] = [
        ("kernel.", "another kernel: other calls, rights and defects"),
        ("cpu.", "another processor: other instructions trap, other entries exist"),
        ("gate.", "other ways into the kernel"),
        ("seccomp.", "what filters can do"),
        ("namespaces.", "how many namespaces there may be, and who may make them"),
        ("lsm.", "which security modules decide"),
        ("landlock.", "which rights Landlock knows"),
        ("user.", "who verifies, and with which ids"),
        ("launcher", "another sandbox"),
        ("policy", "another policy: claims come and go with it"),
        ("ringfence", "another version: claims come and go with it"),
        ("", "a setting of the kernel"),
    ];
    MEANING.iter().find(|(prefix, _)| fact.starts_with(prefix)).map_or("", |(_, meaning)| meaning)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::{Finding, Part};

    fn finding(id: &str, verdict: Verdict, controls: Option<&[crate::control::Control]>) -> Finding {
        Finding {
            id: id.into(),
            part: Part::File,
            intent: Intent::Deny,
            operation: String::new(),
            route: String::new(),
            place: None,
            reason: String::new(),
            references: Vec::new(),
            verdict,
            holding: controls.map(<[_]>::to_vec),
            seen: None,
            attempts: 1,
        }
    }

    fn report(findings: Vec<Finding>) -> Report {
        Report { findings, notes: Vec::new(), milliseconds: 0, lsms: Vec::new() }
    }

    #[test]
    fn every_kind_of_change_is_told_and_weighed() {
        use crate::control::Control::{Landlock, Mount};
        let none = BTreeMap::new();
        let before = report(vec![
            finding("a", Verdict::Held, None),
            finding("b", Verdict::Held, None),
            finding("c", Verdict::Broken("x".into()), None),
            finding("d", Verdict::Held, Some(&[Mount, Landlock])),
            finding("e", Verdict::Held, None),
            finding("g", Verdict::Held, Some(&[Mount])),
            finding("h", Verdict::Unverifiable("x".into()), None),
            finding("i", Verdict::Broken("x".into()), None),
            finding("j", Verdict::Held, Some(&[Landlock])),
            finding("same", Verdict::Broken("x".into()), None),
        ]);
        let base = Baseline::of(&before, BTreeMap::from([("kernel.release".into(), "6.1".into())]));
        let after = report(vec![
            finding("a", Verdict::Broken("open".into()), None),
            finding("b", Verdict::Unverifiable("why".into()), None),
            finding("c", Verdict::Held, None),
            finding("d", Verdict::Held, Some(&[Landlock])),
            finding("f", Verdict::Held, None),
            finding("g", Verdict::Held, None),
            finding("i", Verdict::Unverifiable("why".into()), None),
            finding("j", Verdict::Held, Some(&[Mount, Landlock])),
            finding("same", Verdict::Broken("x".into()), None),
        ]);
        let host = BTreeMap::from([("kernel.release".into(), "6.18".into())]);
        let changes = base.compare(&after, &host);
        let expected = [
            Change::Host("kernel.release".into(), "6.1".into(), "6.18".into()),
            Change::Broken("a".into(), "open".into()),
            Change::Lost("b".into(), Word::Held, "why".into()),
            Change::Repaired("c".into()),
            Change::Shallower("d".into(), vec!["mount".into()]),
            Change::New("f".into(), Word::Held),
            Change::Lost("i".into(), Word::Broken, "why".into()),
            Change::Deeper("j".into(), vec!["mount".into()]),
            Change::Gone("e".into(), Word::Held),
            Change::Gone("h".into(), Word::Unverifiable),
            Change::Unmeasured(1),
        ];
        assert_eq!(changes, expected);
        let heavy = changes.iter().filter(|change| change.weight() == Weight::Regression).count();
        assert_eq!(heavy, 3);
        let unknown = changes.iter().filter(|change| change.weight() == Weight::Unknown).count();
        assert_eq!(unknown, 3);
        assert!(
            base.compare(&before, &base.host).is_empty()
                && Baseline::default().compare(&report(vec![]), &none).is_empty()
        );
    }
}
