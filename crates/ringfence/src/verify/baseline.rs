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
    /// It held, and cannot be verified any more.
    Lost(String, String),
    /// It held, and is not among the claims any more.
    Gone(String),
    /// Fewer controls hold it: these no longer do.
    Shallower(String, Vec<String>),
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
                .map(|list| list.iter().map(|control| format!("{control:?}").to_lowercase()).collect());
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
        for finding in &report.findings {
            let (id, after) = (&finding.id, &now.claims[&finding.id]);
            let why = match &finding.verdict {
                Verdict::Held => String::new(),
                Verdict::Broken(why) | Verdict::Unverifiable(why) | Verdict::Reachable(why) => why.clone(),
            };
            changes.extend(match self.claims.get(id) {
                None if finding.intent == Intent::Tell => None,
                None => Some(Change::New(id.clone(), after.verdict)),
                Some(before) => change(id, before, after, why),
            });
        }
        let gone = self
            .claims
            .iter()
            .filter(|(id, state)| state.verdict == Word::Held && !now.claims.contains_key(*id));
        changes.extend(gone.map(|(id, _)| Change::Gone(id.clone())));
        changes
    }
}

fn change(id: &str, before: &State, after: &State, why: String) -> Option<Change> {
    let id = id.to_owned();
    match (before.verdict, after.verdict) {
        (Word::Broken, Word::Broken) => None,
        (_, Word::Broken) => Some(Change::Broken(id, why)),
        (Word::Held, Word::Unverifiable) => Some(Change::Lost(id, why)),
        (Word::Held, Word::Reachable) => Some(Change::Opened(id)),
        (Word::Held, Word::Held) => {
            let (Some(before), Some(after)) = (&before.controls, &after.controls) else { return None };
            let lost: Vec<String> =
                before.iter().filter(|control| !after.contains(control)).cloned().collect();
            (!lost.is_empty()).then_some(Change::Shallower(id, lost))
        }
        (_, Word::Held) => Some(Change::Repaired(id)),
        _ => None,
    }
}

impl Change {
    /// How much it means.
    #[must_use]
    pub const fn weight(&self) -> Weight {
        match self {
            Self::Broken(..) | Self::Shallower(..) | Self::Gone(_) | Self::Opened(_) => Weight::Regression,
            Self::Lost(..) => Weight::Unknown,
            Self::New(_, Word::Broken) => Weight::Regression,
            Self::New(_, Word::Unverifiable) => Weight::Unknown,
            Self::Repaired(_) | Self::New(..) | Self::Host(..) => Weight::Note,
        }
    }

    /// In words, for a person.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Broken(id, why) => format!("broken        {id}: {why}"),
            Self::Opened(id) => format!("opened        {id}: was denied, is reachable"),
            Self::Lost(id, why) => format!("unverifiable  {id}: {why}"),
            Self::Gone(id) => format!("gone          {id}: held before, and is claimed no more"),
            Self::Shallower(id, lost) => format!("shallower     {id}: no longer by {}", lost.join(", ")),
            Self::Repaired(id) => format!("repaired      {id}"),
            Self::New(id, word) => format!("new           {id}: {}", format!("{word:?}").to_lowercase()),
            Self::Host(id, before, after) => format!("host changed  {id}: {before} -> {after}"),
        }
    }
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
            attempts: 1,
        }
    }

    fn report(findings: Vec<Finding>) -> Report {
        Report { findings, notes: Vec::new(), milliseconds: 0 }
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
            finding("same", Verdict::Broken("x".into()), None),
        ]);
        let base = Baseline::of(&before, BTreeMap::from([("kernel.release".into(), "6.1".into())]));
        let after = report(vec![
            finding("a", Verdict::Broken("open".into()), None),
            finding("b", Verdict::Unverifiable("why".into()), None),
            finding("c", Verdict::Held, None),
            finding("d", Verdict::Held, Some(&[Landlock])),
            finding("f", Verdict::Held, None),
            finding("same", Verdict::Broken("x".into()), None),
        ]);
        let host = BTreeMap::from([("kernel.release".into(), "6.18".into())]);
        let changes = base.compare(&after, &host);
        let expected = [
            Change::Host("kernel.release".into(), "6.1".into(), "6.18".into()),
            Change::Broken("a".into(), "open".into()),
            Change::Lost("b".into(), "why".into()),
            Change::Repaired("c".into()),
            Change::Shallower("d".into(), vec!["mount".into()]),
            Change::New("f".into(), Word::Held),
            Change::Gone("e".into()),
        ];
        assert_eq!(changes, expected);
        let heavy = changes.iter().filter(|change| change.weight() == Weight::Regression).count();
        assert_eq!(heavy, 3);
        assert!(
            base.compare(&before, &base.host).is_empty()
                && Baseline::default().compare(&report(vec![]), &none).is_empty()
        );
    }
}
