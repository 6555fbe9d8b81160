//! Rules that the seccomp mode makes meaningless, and rules that cancel each other.

use super::contradiction;
use crate::policy::diagnostic::{Diagnostic, quote};
use crate::policy::model::{Policy, SyscallMode};
use crate::policy::source::Origin;

/// Adds what contradicts about system calls.
pub(super) fn check(policy: &Policy, wrong: &mut Vec<Diagnostic>) {
    match policy.syscalls.mode.value {
        SyscallMode::Filter => filter(policy, wrong),
        SyscallMode::Strict => without_filter(policy, "strict has its own fixed list", wrong),
        SyscallMode::Off => without_filter(policy, "no seccomp", wrong),
    }
}

fn filter(policy: &Policy, wrong: &mut Vec<Diagnostic>) {
    let syscalls = &policy.syscalls;
    if syscalls.allow.is_empty() {
        let diagnostic = contradiction("the filter allows no system call, so nothing can start");
        let help = "write allow = [\"@system-service\"], or extend a built-in policy";
        wrong.push(diagnostic.at(syscalls.mode.at).help(help));
    }
    if syscalls.abis.is_empty() {
        let diagnostic = contradiction("no way through the gate is open, so nothing can start");
        wrong.push(diagnostic.at(syscalls.mode.at).help("write abis = [\"x86_64\"]"));
    }
    for allow in &syscalls.allow {
        let same = |deny: &&crate::policy::At<ringfence_bpf::rule::Rule>| {
            let rule = &deny.value;
            rule.target == allow.value.target && rule.conditions == allow.value.conditions
        };
        let Some(deny) = syscalls.deny.iter().find(same) else { continue };
        // A deny above is what deny is for.
        if deny.at.source <= allow.at.source {
            let rule = quote(policy.place(allow.at).text.trim());
            let diagnostic = contradiction(format!("a rule that is allowed and denied: {rule}"));
            let help =
                "take it out of syscalls.allow or syscalls.deny; an empty list above drops what a base gave";
            wrong.push(diagnostic.at(allow.at).note(deny.at, "denied").help(help));
        }
    }
}

fn without_filter(policy: &Policy, why: &str, wrong: &mut Vec<Diagnostic>) {
    let syscalls = &policy.syscalls;
    let mode = syscalls.mode.at;
    // Bases and defaults may say them for when there is a filter.
    let said_here = |at: Option<Origin>| at.filter(|at| at.source >= mode.source);
    let said = [
        syscalls.allow.first().map(|rule| rule.at),
        syscalls.deny.first().map(|rule| rule.at),
        said_here(syscalls.abis.first().map(|abi| abi.at)),
        said_here(Some(syscalls.on_deny.at)),
        said_here(Some(syscalls.unknown.at)),
    ];
    for at in said.into_iter().flatten() {
        let diagnostic = contradiction("this says something about a filter, and there is none");
        wrong.push(diagnostic.at(at).note(mode, why).help("leave it out, or write mode = \"filter\""));
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::policy::testing::{policy, wrong};

    #[test]
    fn strict_takes_no_rules() {
        expect![[r#"
            error[contradiction]: this says something about a filter, and there is none
             --> box.toml:4:10
              |
            4 | allow = ["read"]
              |          ^^^^^^
             ::: box.toml:3:8
              |
            3 | mode = "strict"
              |        ^^^^^^^^ strict has its own fixed list
              = help: leave it out, or write mode = "filter"

            error[contradiction]: this says something about a filter, and there is none
             --> box.toml:5:11
              |
            5 | on_deny = "kill"
              |           ^^^^^^
             ::: box.toml:3:8
              |
            3 | mode = "strict"
              |        ^^^^^^^^ strict has its own fixed list
              = help: leave it out, or write mode = "filter""#]]
        .assert_eq(&wrong("", "[syscalls]\nmode = \"strict\"\nallow = [\"read\"]\non_deny = \"kill\"\n"));
        policy("builtin:offline", "[syscalls]\nmode = \"strict\"\n").unwrap();
    }

    #[test]
    fn a_filter_that_allows_nothing_is_a_mistake() {
        assert!(wrong("", "").contains("the filter allows no system call"));
        let shown = wrong("builtin:offline", "[syscalls]\nabis = []\n");
        assert!(shown.contains("no way through the gate is open"), "{shown}");
    }

    #[test]
    fn the_same_rule_twice_is_a_contradiction_unless_the_deny_is_above() {
        let shown = wrong("", "[syscalls]\nallow = [\"@default\", \"read\"]\ndeny = [\"read\"]\n");
        assert!(shown.contains("allowed and denied"), "{shown}");
        let base = "[syscalls]\nallow = [\"ptrace\"]\ndeny = [\"ptrace\"]\n";
        assert!(wrong("builtin:compute", base).contains("allowed and denied"));
        policy("builtin:offline", "[syscalls]\ndeny = [\"@file-system\"]\n").unwrap();
    }
}
