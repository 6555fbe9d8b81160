//! The cgroups that a containment needs: which directories, and what is written to them.
//! cgroups(7); memory, pids and cpu controllers of both versions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::host::Process;
use crate::host::cgroup::{Controller, Place};
use crate::policy::Origin;

/// The cgroups of one containment, for the launcher: one for each hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// In the order in which they are made.
    pub groups: Vec<Group>,
}

/// One cgroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its directory: it does not exist yet, its parent does.
    pub path: PathBuf,
    /// Whether it is version 2, so that clone3(2) puts the child into it. Of version 1, the child
    /// enters by a step.
    pub v2: bool,
    /// What is written to it, in this order.
    pub settings: Vec<Setting>,
}

/// One file of a cgroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub file: &'static str,
    /// Its content.
    pub value: String,
    /// Whether it may be absent: kernels without swap accounting have no file for swap.
    pub optional: bool,
    /// The policy line.
    pub at: Origin,
}

impl Request {
    /// The cgroup of version 2, where there is one.
    #[must_use]
    pub fn v2(&self) -> Option<&Group> {
        self.groups.iter().find(|group| group.v2)
    }

    /// The files to which the child writes `0` to enter the cgroups of version 1.
    pub fn tasks(&self) -> impl Iterator<Item = (PathBuf, Option<Origin>)> {
        let v1 = self.groups.iter().filter(|group| !group.v2);
        v1.map(|group| (group.path.join("tasks"), group.settings.first().map(|setting| setting.at)))
    }
}

/// What begins the name of every cgroup of ringfence.
pub const PREFIX: &str = "ringfence-";

/// The name of a cgroup: whose it is, so that another ringfence knows when it is nobody's.
#[must_use]
pub fn name(process: Process, number: u32) -> String {
    let Process { pid, start, pid_namespace } = process;
    format!("{PREFIX}{pid}-{start}-{pid_namespace}-{number}")
}

/// Takes a name apart again; `None`: not one of ringfence.
#[must_use]
pub fn owner(name: &str) -> Option<Process> {
    let mut parts = name.strip_prefix(PREFIX)?.split('-');
    let process = Process {
        pid: parts.next()?.parse().ok()?,
        start: parts.next()?.parse().ok()?,
        pid_namespace: parts.next()?.parse().ok()?,
    };
    parts.next()?.parse::<u32>().ok()?;
    parts.next().is_none().then_some(process)
}

/// The groups for what was asked and found a place.
#[must_use]
pub(super) fn groups(wanted: &[(Controller, u64, Origin, Place)], name: &str) -> Vec<Group> {
    let mut by_parent: BTreeMap<(bool, &Path), Vec<Setting>> = BTreeMap::new();
    for (controller, amount, at, place) in wanted {
        let settings = by_parent.entry((place.v2, &place.parent)).or_default();
        settings.extend(settings_of(*controller, *amount, place.v2, *at));
    }
    by_parent
        .into_iter()
        .map(|((v2, parent), settings)| Group { path: parent.join(name), v2, settings })
        .collect()
}

fn settings_of(controller: Controller, amount: u64, v2: bool, at: Origin) -> Vec<Setting> {
    let setting = |file, value: String| Setting { file, value, optional: false, at };
    let optional = |file, value: String| Setting { file, value, optional: true, at };
    match (controller, v2) {
        // Swap is memory too: without the second line, what exceeds the limit is swapped out.
        (Controller::Memory, true) => vec![
            setting("memory.max", amount.to_string()),
            optional("memory.swap.max", "0".to_owned()),
            optional("memory.oom.group", "1".to_owned()),
        ],
        // Memory and swap together; it cannot be below the first.
        (Controller::Memory, false) => vec![
            setting("memory.limit_in_bytes", amount.to_string()),
            optional("memory.memsw.limit_in_bytes", amount.to_string()),
        ],
        (Controller::Pids, _) => vec![setting("pids.max", amount.to_string())],
        (Controller::Cpu, v2) => {
            let (quota, period) = bandwidth(amount);
            if v2 {
                vec![setting("cpu.max", format!("{quota} {period}"))]
            } else {
                vec![
                    setting("cpu.cfs_period_us", period.to_string()),
                    setting("cpu.cfs_quota_us", quota.to_string()),
                ]
            }
        }
    }
}

/// Microseconds of processor time in each period, from thousandths of a processor. The kernel takes
/// no quota below 1 ms and no period above 1 s (kernel/sched/core.c, `min_cfs_quota_period`,
/// `max_cfs_quota_period`).
fn bandwidth(milli: u64) -> (u64, u64) {
    let period = if milli < 10 { 1_000_000 } else { 100_000 };
    ((milli.saturating_mul(period) / 1000).max(1000), period)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_whose_they_are() {
        let process = Process { pid: 12, start: 345, pid_namespace: 6 };
        assert_eq!(name(process, 7), "ringfence-12-345-6-7");
        assert_eq!(owner("ringfence-12-345-6-7"), Some(process));
        for other in
            ["ringfence-12-345-6", "ringfence-12-345-6-7-8", "ringfence-x-1-1-1", "user.slice", "ringfence-"]
        {
            assert_eq!(owner(other), None, "{other}");
        }
    }

    #[test]
    fn bandwidth_stays_within_what_the_kernel_takes() {
        assert_eq!(bandwidth(1500), (150_000, 100_000));
        assert_eq!(bandwidth(10), (1000, 100_000));
        assert_eq!(bandwidth(9), (9000, 1_000_000));
        assert_eq!(bandwidth(1), (1000, 1_000_000));
        assert_eq!(bandwidth(0), (1000, 1_000_000));
    }
}
