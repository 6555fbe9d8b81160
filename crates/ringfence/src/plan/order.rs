//! The one table of order.
//!
//! Why this order: id maps before anything that needs an owner; what is opened before what hides
//! it; the view before Landlock rules, which name paths of the view; credentials after everything
//! that needs a capability; `PR_SET_PDEATHSIG` again after credentials, which clear it; the init
//! splits off as early as it owns nothing any more; the terminal before Landlock, which would deny
//! to open it, and the file that takes a label; seccomp last but for execve, since a filter may deny any of the calls before.

use crate::control::{Planned, Stage};

/// Every stage, in the order in which it runs.
pub(super) const ORDER: [Stage; 23] = [
    Stage::Birth,
    Stage::Unshare,
    Stage::IdMap,
    Stage::ViewOpen,
    Stage::View,
    Stage::ViewCover,
    Stage::ViewSwitch,
    Stage::Names,
    Stage::Limits,
    Stage::LandlockRules,
    Stage::Credentials,
    Stage::NoNewPrivs,
    Stage::Rebirth,
    Stage::Supervise,
    Stage::Session,
    Stage::Label,
    Stage::LandlockRestrict,
    Stage::Cwd,
    Stage::Descriptors,
    Stage::Signals,
    Stage::LandlockRecorded,
    Stage::Seccomp,
    Stage::Exec,
];

/// Sorts by stage; within a stage a room's own order stays.
pub(super) fn sort(steps: &mut [Planned<'_>]) {
    steps.sort_by_cached_key(|planned| rank(planned.stage));
}

fn rank(stage: Stage) -> usize {
    ORDER.iter().position(|s| *s == stage).unwrap_or(ORDER.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_rights_away_comes_after_what_needs_them() {
        let before = |a, b| assert!(rank(a) < rank(b), "{a:?} must come before {b:?}");
        before(Stage::ViewOpen, Stage::View);
        before(Stage::ViewSwitch, Stage::LandlockRules);
        before(Stage::LandlockRules, Stage::LandlockRestrict);
        before(Stage::NoNewPrivs, Stage::LandlockRestrict);
        before(Stage::Credentials, Stage::Rebirth);
        before(Stage::Session, Stage::LandlockRestrict);
        before(Stage::Supervise, Stage::Label);
        before(Stage::Credentials, Stage::Label);
        before(Stage::Label, Stage::LandlockRestrict);
        before(Stage::LandlockRestrict, Stage::Seccomp);
        before(Stage::LandlockRestrict, Stage::LandlockRecorded);
        before(Stage::Signals, Stage::LandlockRecorded);
        before(Stage::LandlockRecorded, Stage::Seccomp);
        before(Stage::Descriptors, Stage::Seccomp);
        before(Stage::Seccomp, Stage::Exec);
        assert_eq!(ORDER[ORDER.len() - 1], Stage::Exec);
    }
}
