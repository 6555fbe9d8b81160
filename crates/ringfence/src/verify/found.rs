//! What attempts come to, whoever made them: one verdict of several, and a claim's finding.

use super::run::arguments;
use super::{Case, Claim, Finding, Verdict};
use crate::plan;
use crate::policy::Policy;

impl Claim {
    /// Its finding, without depth.
    pub(super) fn found(&self, policy: &Policy, verdict: Verdict, attempts: usize) -> Finding {
        Finding {
            id: self.id.clone(),
            part: self.part,
            intent: self.intent,
            operation: self.operation.clone(),
            route: self.route.clone(),
            place: self.at.map(|at| plan::place(at, policy)),
            reason: self.reason.clone(),
            references: self.references.clone(),
            verdict,
            holding: None,
            seen: None,
            attempts,
        }
    }
}

impl Case {
    /// The verdict of all cases, where this one's is enough for that; the reason of one that is not
    /// known goes to `unknown`.
    pub(super) fn decides(&self, verdict: Verdict, unknown: &mut Option<String>) -> Option<Verdict> {
        match verdict {
            Verdict::Held => None,
            Verdict::Unverifiable(why) => {
                *unknown = Some(why);
                None
            }
            Verdict::Broken(why) => Some(Verdict::Broken(format!("with {}: {why}", arguments(&self.probe)))),
            Verdict::Reachable(why) => Some(Verdict::Reachable(why)),
        }
    }
}
