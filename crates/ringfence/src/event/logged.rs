//! Whether a denial leaves a record in the kernel's audit facility: a decision tree over facts of
//! the host. Pure.
//!
//! Source: kernel/seccomp.c (`seccomp_log`), kernel/audit.c (`audit_log_start`, `audit_enabled`),
//! security/landlock/audit.c (`landlock_log_denial`), Linux 6.18; and
//! `Documentation/userspace-api/seccomp_filter.rst`.

use crate::host::{Host, Reading};

/// A seccomp action, by what decides whether it is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The process or thread is killed.
    Kill,
    /// `SECCOMP_RET_LOG`: it runs.
    Log,
    /// An errno.
    Errno,
    /// SIGSYS.
    Trap,
    /// The tracer decides.
    Trace,
    /// The supervisor decides.
    Notify,
    /// It runs.
    Allow,
}

/// Whether there will be a record, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Whether; `None` where a fact is not known to this caller.
    pub recorded: Option<bool>,
    /// The fact that decides.
    pub because: String,
}

impl Action {
    /// All of them, the strongest first.
    pub const ALL: [Self; 7] =
        [Self::Kill, Self::Trap, Self::Errno, Self::Notify, Self::Trace, Self::Log, Self::Allow];

    /// Its word in `actions_logged`; killing has two.
    #[must_use]
    pub const fn words(self) -> &'static [&'static str] {
        match self {
            Self::Kill => &["kill_process", "kill_thread"],
            Self::Log => &["log"],
            Self::Errno => &["errno"],
            Self::Trap => &["trap"],
            Self::Trace => &["trace"],
            Self::Notify => &["user_notif"],
            Self::Allow => &["allow"],
        }
    }
}

/// Whether seccomp's action is recorded, with the filter's `SECCOMP_FILTER_FLAG_LOG` or without.
#[must_use]
pub fn seccomp(action: Action, flag: bool, host: &Host) -> Logged {
    let no = |because: &str| Logged { recorded: Some(false), because: because.to_owned() };
    if action == Action::Allow {
        return no("what is allowed is never recorded");
    }
    if !host.audit().value.present {
        return no("the kernel has no audit facility");
    }
    if !flag && !matches!(action, Action::Kill | Action::Log) {
        return no("the filter has no SECCOMP_FILTER_FLAG_LOG: audit.events = \"denials\" sets it");
    }
    let listed = match &host.seccomp().value.logged {
        Reading::Known(listed) => listed,
        Reading::Absent(why) => return no(why),
        Reading::Unknown(why) => return Logged { recorded: None, because: why.clone() },
    };
    match action.words().iter().find(|word| !listed.iter().any(|known| known == *word)) {
        Some(word) => no(&format!("/proc/sys/kernel/seccomp/actions_logged does not list {word}")),
        None => Logged { recorded: Some(true), because: condition(action).to_owned() },
    }
}

/// What must be true at the time as well.
const fn condition(action: Action) -> &'static str {
    match action {
        Action::Notify => "as record 1326, where the supervisor denies; auditing need not be on",
        Action::Trace => "as record 1326, where no tracer is there; auditing need not be on",
        _ => "as record 1326; auditing need not be on",
    }
}

/// Whether Landlock's denials are recorded, of a domain that asks for it or not.
#[must_use]
pub fn landlock(flag: bool, host: &Host) -> Logged {
    const SINCE: u32 = 7;
    let no = |because: String| Logged { recorded: Some(false), because };
    let abi = host.landlock().value.abi;
    if abi == 0 {
        return no("the kernel has no Landlock".to_owned());
    }
    if abi < SINCE {
        return no(format!(
            "the kernel records Landlock's denials from ABI {SINCE} on (Linux 6.15); this is ABI {abi}"
        ));
    }
    if !flag {
        return no("after execve(2) a domain is silent without LANDLOCK_RESTRICT_SELF_LOG_NEW_EXEC_ON: \
                   audit.events = \"denials\" sets it"
            .to_owned());
    }
    let audit = &host.audit().value;
    match audit.status.known() {
        Some(status) if status.enabled == 0 => no("auditing is off: `auditctl -e 1` turns it on".to_owned()),
        Some(_) => Logged {
            recorded: Some(true),
            because: "as records 1423 and 1424, while auditing is on".to_owned(),
        },
        None if !audit.present => no("the kernel has no audit facility".to_owned()),
        None => {
            Logged { recorded: None, because: "whether auditing is on is known to root alone".to_owned() }
        }
    }
}

/// One branch of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Which one.
    pub case: Case,
    /// What the facts say of it.
    pub logged: Logged,
}

/// What a branch is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// An action, with the filter's log flag or without.
    Seccomp(Action, bool),
    /// Landlock, by each of its flags.
    Landlock(Domains),
    /// An explicit `deny` of AppArmor.
    AppArmor,
}

/// Who is denied by a Landlock domain, and with which of its three flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domains {
    /// The program that restricted itself.
    Same,
    /// The same, with `LANDLOCK_RESTRICT_SELF_LOG_SAME_EXEC_OFF`.
    SameOff,
    /// A program that it executes.
    Executed,
    /// The same, with `LANDLOCK_RESTRICT_SELF_LOG_NEW_EXEC_ON`.
    ExecutedOn,
    /// By a domain inside another.
    Nested,
    /// The same, with `LANDLOCK_RESTRICT_SELF_LOG_SUBDOMAINS_OFF` on the outer one.
    NestedOff,
}

impl Domains {
    /// All of them, each flag after the case without it.
    pub const ALL: [Self; 6] =
        [Self::Same, Self::SameOff, Self::Executed, Self::ExecutedOn, Self::Nested, Self::NestedOff];

    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Same => "denial, same program",
            Self::SameOff => "denial, same program, LOG_SAME_EXEC_OFF",
            Self::Executed => "denial, after execve",
            Self::ExecutedOn => "denial, after execve, LOG_NEW_EXEC_ON",
            Self::Nested => "denial, nested domain",
            Self::NestedOff => "denial, nested domain, LOG_SUBDOMAINS_OFF",
        }
    }
}

/// The whole tree of a host.
#[must_use]
pub fn branches(host: &Host) -> Vec<Branch> {
    let of_action = |action| {
        [true, false]
            .map(|flag| Branch { case: Case::Seccomp(action, flag), logged: seccomp(action, flag, host) })
    };
    let of_domain = |domains| Branch { case: Case::Landlock(domains), logged: domain(domains, host) };
    let mut all: Vec<Branch> = Action::ALL.into_iter().flat_map(of_action).collect();
    all.extend(Domains::ALL.map(of_domain));
    all.push(Branch { case: Case::AppArmor, logged: apparmor_deny(host) });
    all
}

/// Whether a denial of Landlock is recorded, by who is denied and each flag.
fn domain(domains: Domains, host: &Host) -> Logged {
    let usual = landlock(true, host);
    let silent = match domains {
        Domains::Same | Domains::ExecutedOn | Domains::Nested => return usual,
        Domains::SameOff => "LANDLOCK_RESTRICT_SELF_LOG_SAME_EXEC_OFF silences who restricted itself",
        Domains::Executed => {
            "after execve(2) a domain is silent without LANDLOCK_RESTRICT_SELF_LOG_NEW_EXEC_ON"
        }
        Domains::NestedOff => "LANDLOCK_RESTRICT_SELF_LOG_SUBDOMAINS_OFF silences domains inside",
    };
    match usual.recorded {
        Some(true) => Logged { recorded: Some(false), because: silent.to_owned() },
        _ => usual,
    }
}

/// Whether AppArmor's explicit `deny` rules are recorded: they are quiet unless its `audit`
/// parameter says `noquiet`.
#[must_use]
pub fn apparmor_deny(host: &Host) -> Logged {
    let active = match &host.lsms().value {
        Reading::Known(list) => list.iter().any(|lsm| lsm == "apparmor"),
        Reading::Absent(_) => false,
        Reading::Unknown(why) => return Logged { recorded: None, because: why.clone() },
    };
    if !active {
        return Logged { recorded: Some(false), because: "AppArmor is not active".to_owned() };
    }
    Logged {
        recorded: None,
        because: "only with `noquiet` in /sys/module/apparmor/parameters/audit, which this does not read"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::audit::Status;

    fn status(enabled: u32) -> Host {
        let host = Host::for_tests();
        let status =
            Status { enabled, failure: 1, pid: 0, rate_limit: 0, backlog_limit: 64, lost: 0, backlog: 0 };
        let audit = crate::host::Audit { status: Reading::Known(status), ..host.audit().value.clone() };
        host.with_audit(audit)
    }

    fn logged(host: Host, words: &[&str]) -> Host {
        let mut seccomp = host.seccomp().value.clone();
        seccomp.logged = Reading::Known(words.iter().map(|word| (*word).to_owned()).collect());
        host.with_seccomp(seccomp)
    }

    #[test]
    fn each_action_needs_what_the_kernel_asks() {
        let host = status(0);
        let recorded = |action, flag| seccomp(action, flag, &host).recorded;
        for action in [Action::Kill, Action::Log] {
            assert_eq!(recorded(action, false), Some(true), "{action:?}");
        }
        for action in [Action::Errno, Action::Trap, Action::Notify, Action::Trace] {
            assert_eq!(recorded(action, false), Some(false), "{action:?}");
            assert_eq!(recorded(action, true), Some(true), "{action:?}");
        }
        assert_eq!(recorded(Action::Allow, true), Some(false));
    }

    #[test]
    fn the_list_of_the_host_silences_everything() {
        let host = logged(status(1), &[]);
        for action in Action::ALL {
            assert_eq!(seccomp(action, true, &host).recorded, Some(false), "{action:?}");
        }
        let host = logged(status(1), &["errno"]);
        assert_eq!(seccomp(Action::Errno, true, &host).recorded, Some(true));
        assert!(seccomp(Action::Kill, true, &host).because.contains("kill_process"));
    }

    #[test]
    fn landlock_needs_its_flag_its_abi_and_auditing() {
        assert_eq!(landlock(true, &status(1)).recorded, Some(true));
        assert_eq!(landlock(true, &status(2)).recorded, Some(true));
        assert_eq!(landlock(true, &status(0)).recorded, Some(false));
        assert_eq!(landlock(false, &status(1)).recorded, Some(false));
        assert_eq!(landlock(true, &Host::for_tests()).recorded, None);
    }
}
