//! The policies that come with ringfence.

/// Name, text, and what it is for in one line.
pub const BUILTINS: &[(&str, &str, &str)] = &[
    ("compute", include_str!("builtin/compute.toml"), "a pure function from standard input to output"),
    ("offline", include_str!("builtin/offline.toml"), "any program that only looks; the default of `run`"),
    (
        "build",
        include_str!("builtin/build.toml"),
        "compilers and package tools that write the working directory",
    ),
    ("service", include_str!("builtin/service.toml"), "a daemon that serves on loopback"),
    ("container", include_str!("builtin/container.toml"), "a whole system tree with its own root user"),
];

/// What names a built-in policy begins with.
pub(super) const PREFIX: &str = "builtin:";

/// The text of a built-in policy, by its name without the prefix.
pub(super) fn text(name: &str) -> Option<&'static str> {
    BUILTINS.iter().find(|(known, ..)| *known == name).map(|(_, text, _)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::model::{NetMode, ProcView};
    use crate::policy::testing::load_with;

    #[test]
    fn every_builtin_loads_and_claims_something() {
        for (name, text, _) in BUILTINS {
            let policy =
                load_with(&[&format!("{PREFIX}{name}")], &[], &[]).unwrap_or_else(|wrong| panic!("{wrong}"));
            assert!(text.contains("[[expect]]") && !policy.expect.is_empty(), "{name}");
            assert!(policy.aside.is_empty() || *name != "offline", "{name}: {:?}", policy.aside);
            assert_ne!(policy.net.mode.value, NetMode::Host, "{name}");
            assert_eq!(policy.fs.proc.value, ProcView::Masked, "{name}: root owns /proc/sys");
            let limits = &policy.limits;
            let by_cgroup = [&limits.memory, &limits.pids, &limits.cpu_milli];
            assert!(by_cgroup.iter().all(|limit| limit.is_none()), "{name}: not every host gives cgroups");
            assert!(policy.process.no_new_privs.value, "{name}");
        }
    }

    #[test]
    fn only_what_writes_by_purpose_writes() {
        for (name, writes) in [("compute", false), ("offline", false), ("build", true), ("service", true)] {
            let policy = load_with(&[&format!("{PREFIX}{name}")], &[], &[]).unwrap();
            assert_eq!(!policy.fs.write.is_empty(), writes, "{name}");
        }
    }

    /// What a dangerous call needs is one flag; a deny in the base would need its list restated.
    #[test]
    fn one_flag_adds_what_was_left_out() {
        for call in ["ptrace", "userfaultfd", "keyctl", "perf_event_open", "unshare", "mount"] {
            load_with(&["builtin:compute"], &[], &[&format!("--syscalls-allow={call}")]).unwrap();
        }
    }

    #[test]
    fn opening_the_network_takes_the_mode_and_the_port_only() {
        let flags = ["--net-mode=host", "--net-connect=tcp:443"];
        for (name, ..) in BUILTINS {
            load_with(&[&format!("{PREFIX}{name}")], &[], &flags)
                .unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
        }
    }
}
