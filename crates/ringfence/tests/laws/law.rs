//! Which part may name which.

use super::source::{Source, Token, closing, tokens};

/// Names of the rooms that the tree has.
fn rooms(tree: &[Source]) -> Vec<String> {
    let room = |source: &Source| {
        let (room, _) = source.within("ringfence")?.strip_prefix("control/")?.split_once('/')?;
        Some(room.to_owned())
    };
    let mut rooms: Vec<_> = tree.iter().filter_map(room).collect();
    rooms.dedup();
    rooms
}

/// Paths that code names, `use` groups spread out: `use a::{b, c::d}` names `a::b` and `a::c::d`.
fn paths(code: &str) -> Vec<(Vec<String>, usize)> {
    let tokens = tokens(code);
    let (mut found, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        let before = at.checked_sub(1).map_or("", |n| tokens[n].word);
        let begins = is_word(tokens[at].word) && before != "::";
        at = if begins { path(&tokens, at, &[], &mut found) } else { at + 1 };
    }
    found
}

/// One path from `at`, after `head`; gives where to go on.
fn path(
    tokens: &[Token<'_>],
    mut at: usize,
    head: &[String],
    found: &mut Vec<(Vec<String>, usize)>,
) -> usize {
    let mut path = head.to_vec();
    let line = tokens[at].line;
    while at < tokens.len() && is_word(tokens[at].word) {
        path.push(tokens[at].word.to_owned());
        at += 1;
        if tokens.get(at).is_none_or(|token| token.word != "::") {
            break;
        }
        at += 1;
        if tokens.get(at).is_some_and(|token| token.word == "{") {
            let end = closing(tokens, at);
            at += 1;
            while at + 1 < end {
                at = if is_word(tokens[at].word) { self::path(tokens, at, &path, found) } else { at + 1 };
            }
            return end;
        }
    }
    found.push((path, line));
    at
}

fn is_word(word: &str) -> bool {
    word.starts_with(|c: char| c == '_' || c.is_alphabetic())
}

/// Shipped paths of a file, from the crate's root where they are relative, that a test calls wrong.
fn wrong<'a>(
    source: &'a Source,
    is_wrong: impl Fn(&[&str]) -> bool + 'a,
) -> impl Iterator<Item = String> + 'a {
    paths(&source.shipped).into_iter().filter_map(move |(path, line)| {
        let path = absolute(source, &path);
        let words: Vec<&str> = path.iter().map(String::as_str).collect();
        is_wrong(&words).then(|| source.at(line, &path.join("::")))
    })
}

/// `super::model` in control/net/compile.rs is `crate::control::net::model`.
fn absolute(source: &Source, path: &[String]) -> Vec<String> {
    let supers = path.iter().take_while(|word| *word == "super").count();
    let file = source.path.split_once("/src/").map_or("", |(_, file)| file.trim_end_matches(".rs"));
    let mut module: Vec<String> = file.split('/').filter(|part| *part != "mod").map(str::to_owned).collect();
    if supers == 0 {
        return path.to_vec();
    }
    module.truncate(module.len().saturating_sub(supers));
    module.insert(0, "crate".to_owned());
    module.extend_from_slice(&path[supers..]);
    module
}

fn begins(path: &[&str], head: &[&str]) -> bool {
    path.starts_with(head)
}

pub(super) fn unsafe_in_sys(tree: &[Source]) -> Vec<String> {
    let elsewhere = tree.iter().filter(|source| !source.path.starts_with("crates/ringfence-sys/"));
    let uses = |source: &Source| {
        let found: Vec<_> = tokens(&source.code).into_iter().filter(|token| token.word == "unsafe").collect();
        found.iter().map(|token| source.at(token.line, "unsafe")).collect::<Vec<_>>()
    };
    elsewhere.flat_map(uses).collect()
}

pub(super) fn rooms_apart(tree: &[Source]) -> Vec<String> {
    let rooms = rooms(tree);
    let mut broken = Vec::new();
    for source in tree {
        let Some((own, _)) =
            source.within("ringfence").and_then(|path| path.strip_prefix("control/")?.split_once('/'))
        else {
            continue;
        };
        let other = |word: &str| word != own && rooms.iter().any(|room| room == word);
        broken.extend(wrong(source, |path| {
            let named = path.iter().position(|word| *word == "control").map(|n| n + 1);
            named.and_then(|n| path.get(n)).is_some_and(|word| other(word))
        }));
    }
    broken
}

pub(super) fn rooms_below(tree: &[Source]) -> Vec<String> {
    let rooms = tree.iter().filter(|source| within(source, &["control/"]));
    rooms.flat_map(|source| wrong(source, |path| names_module(path, &["plan", "verify", "launch"]))).collect()
}

pub(super) fn policy_first(tree: &[Source]) -> Vec<String> {
    let policy = tree.iter().filter(|source| within(source, &["policy/"]));
    let later = |path: &[&str]| names_module(path, &["plan", "launch"]) || path[0] == "ringfence_sys";
    policy.flat_map(|source| wrong(source, later)).collect()
}

pub(super) fn witness_independent(tree: &[Source]) -> Vec<String> {
    let witness = |source: &&Source| {
        let path = source.within("ringfence").unwrap_or("");
        let name = path.strip_suffix(".rs").unwrap_or(path);
        path.starts_with("control/") && name.split('/').any(|part| part == "observe" || part == "judge")
    };
    let accused =
        |path: &[&str]| path.len() > 1 && path.iter().any(|word| *word == "compile" || *word == "plan");
    tree.iter().filter(witness).flat_map(|source| wrong(source, accused)).collect()
}

/// A plan is a result as well, for the one file that writes it as JSON; so is an imported filter.
pub(super) fn report_last(tree: &[Source]) -> Vec<String> {
    const RESULTS: [&str; 5] = ["report", "host", "verify", "event", "inspect"];
    const OF_PLANS: [&str; 3] = ["plan", "control", "policy"];
    let report = tree.iter().filter(|source| within(source, &["report/"]));
    let broken = |source: &'_ Source| -> Vec<String> {
        let plans = within(source, &["report/plan"]);
        let gates = within(source, &["report/gate"]);
        let seen = |module: &str| {
            RESULTS.contains(&module)
                || (plans && OF_PLANS.contains(&module))
                || (gates && module == "exchange")
        };
        wrong(source, |path| path[0] == "crate" && path.get(1).is_some_and(|module| !seen(module))).collect()
    };
    report.flat_map(broken).collect()
}

pub(super) fn serde_at_the_edge(tree: &[Source]) -> Vec<String> {
    let inside = tree.iter().filter(|source| !within(source, &["policy/syntax", "exchange", "report"]));
    let inside = inside.filter(|source| source.path.starts_with("crates/"));
    let serde = |path: &[&str]| matches!(path[0], "serde" | "serde_json" | "Serialize" | "Deserialize");
    inside.flat_map(|source| wrong(source, serde)).collect()
}

pub(super) fn anyhow_on_top(tree: &[Source]) -> Vec<String> {
    let below = tree.iter().filter(|source| {
        !source.path.starts_with("crates/ringfence-cli/") && !source.path.starts_with("xtask/")
    });
    below.flat_map(|source| wrong(source, |path| path[0] == "anyhow")).collect()
}

/// `plan` draws eight random bytes for a token; that one call is named here.
pub(super) fn io_by_name(tree: &[Source]) -> Vec<String> {
    let pure = |source: &&Source| {
        let bpf = source.within("ringfence-bpf").is_some();
        let io = within(source, &["ebpf", "host", "event", "launch"]);
        let observe = source.path.ends_with("/observe.rs") || source.path.contains("/observe/");
        let attempt = source.path.ends_with("/attempt.rs");
        bpf || (source.within("ringfence").is_some() && !io && !observe && !attempt)
    };
    let io = |path: &[&str]| {
        let random = begins(path, &["rustix", "rand", "getrandom"])
            || begins(path, &["rustix", "rand", "GetRandomFlags"]);
        let errno = begins(path, &["rustix", "io", "Errno"]);
        let std =
            path[0] == "std" && path.get(1).is_some_and(|module| ["fs", "net", "process"].contains(module));
        std || path[0] == "aya" || (path[0] == "rustix" && !random && !errno)
    };
    let random_elsewhere = |source: &Source, path: &[&str]| {
        begins(path, &["rustix", "rand"]) && source.within("ringfence") != Some("plan/build.rs")
    };
    let broken = |source: &'_ Source| -> Vec<String> {
        wrong(source, |path| io(path) || random_elsewhere(source, path)).collect()
    };
    tree.iter().filter(pure).flat_map(broken).collect()
}

/// Whether a file of crates/ringfence lies in one of these modules.
fn within(source: &Source, modules: &[&str]) -> bool {
    let path = source.within("ringfence").unwrap_or("");
    modules.iter().any(|module| {
        let module = module.trim_end_matches('/');
        path.strip_prefix(module).is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
    })
}

/// `crate::plan` and all below it.
fn names_module(path: &[&str], modules: &[&str]) -> bool {
    path[0] == "crate" && path.get(1).is_some_and(|module| modules.contains(module))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict;

    #[test]
    fn paths_are_spread_out() {
        let found = paths("use a::{b, c::{d, self}};\nlet x = e::f(g::h);");
        let found: Vec<_> = found.into_iter().map(|(path, line)| (path.join("::"), line)).collect();
        for expected in [("a::b", 1), ("a::c::d", 1), ("a::c::self", 1), ("e::f", 2), ("g::h", 2)] {
            assert!(found.contains(&(expected.0.to_owned(), expected.1)), "{expected:?} in {found:?}");
        }
    }

    #[test]
    fn unsafe_elsewhere_is_seen() {
        let text = "//! x\nfn f() {\n    unsafe { g() }\n}\n";
        assert_eq!(
            verdict(unsafe_in_sys, "crates/ringfence/src/a.rs", text),
            ["crates/ringfence/src/a.rs:3: unsafe"]
        );
        assert!(verdict(unsafe_in_sys, "crates/ringfence-sys/src/a.rs", text).is_empty());
        assert!(
            verdict(unsafe_in_sys, "crates/ringfence/src/a.rs", "// unsafe\n#![forbid(unsafe_code)]")
                .is_empty()
        );
    }

    #[test]
    fn rooms_that_meet_are_seen() {
        let room = |text| {
            let other = Source::new("crates/ringfence/src/control/mount/mod.rs", "");
            rooms_apart(&[other, Source::new("crates/ringfence/src/control/net/compile.rs", text)])
        };
        assert_eq!(room("use crate::control::{Control, mount};").len(), 1);
        assert_eq!(room("use super::super::mount::model;").len(), 1);
        assert_eq!(room("fn f() { crate::control::mount::model() }").len(), 1);
        assert!(room("use crate::control::{Control, net};\nuse super::model;\nlet mount = 1;").is_empty());
        assert!(room("#[cfg(test)]\nmod tests { use crate::control::mount; }").is_empty());
    }

    #[test]
    fn rooms_that_look_up_are_seen() {
        let path = "crates/ringfence/src/control/net/compile.rs";
        assert_eq!(verdict(rooms_below, path, "use crate::launch::Error;").len(), 1);
        assert_eq!(verdict(rooms_below, path, "use crate::{host::Host, plan::Plan};").len(), 1);
        assert_eq!(verdict(rooms_below, path, "use super::super::super::verify::Claim;").len(), 1);
        assert!(verdict(rooms_below, path, "use crate::policy::At;\nlet plan = 1;").is_empty());
    }

    #[test]
    fn a_policy_that_looks_ahead_is_seen() {
        let path = "crates/ringfence/src/policy/load.rs";
        assert_eq!(verdict(policy_first, path, "use ringfence_sys::step::Step;").len(), 1);
        assert_eq!(verdict(policy_first, path, "fn f() { crate::plan::compile() }").len(), 1);
        assert!(verdict(policy_first, path, "use crate::policy::At;").is_empty());
    }

    #[test]
    fn a_witness_that_knows_the_accused_is_seen() {
        let path = "crates/ringfence/src/control/net/observe.rs";
        assert_eq!(verdict(witness_independent, path, "use super::compile::ports;").len(), 1);
        assert_eq!(verdict(witness_independent, path, "use crate::plan::Plan;").len(), 1);
        assert!(verdict(witness_independent, path, "use super::model::Model;\nfn compile() {}").is_empty());
    }

    #[test]
    fn a_report_that_computes_is_seen() {
        let path = "crates/ringfence/src/report/human.rs";
        assert_eq!(verdict(report_last, path, "use crate::policy::Policy;").len(), 1);
        assert!(verdict(report_last, path, "use crate::host::Host;\nuse serde::Serialize;").is_empty());
    }

    #[test]
    fn formats_in_the_middle_are_seen() {
        let text = "use serde::Deserialize;";
        assert_eq!(verdict(serde_at_the_edge, "crates/ringfence/src/policy/model.rs", text).len(), 1);
        assert!(verdict(serde_at_the_edge, "crates/ringfence/src/policy/syntax/mod.rs", text).is_empty());
        assert_eq!(verdict(anyhow_on_top, "crates/ringfence/src/lib.rs", "use anyhow::Context;").len(), 1);
        assert!(
            verdict(anyhow_on_top, "crates/ringfence-cli/src/main.rs", "use anyhow::Context;").is_empty()
        );
    }

    #[test]
    fn io_in_the_middle_is_seen() {
        let path = "crates/ringfence/src/control/net/compile.rs";
        for text in
            ["std::fs::read(p)", "use std::{net, fmt};", "use rustix::fs::open;", "rustix::rand::getrandom()"]
        {
            assert_eq!(verdict(io_by_name, path, text).len(), 1, "{text}");
        }
        assert!(verdict(io_by_name, path, "use rustix::io::Errno;\nuse std::path::Path;").is_empty());
        assert!(
            verdict(io_by_name, "crates/ringfence/src/control/net/observe.rs", "std::fs::read(p)").is_empty()
        );
        assert!(
            verdict(io_by_name, "crates/ringfence/src/plan/build.rs", "rustix::rand::getrandom()").is_empty()
        );
        assert_eq!(verdict(io_by_name, "crates/ringfence-bpf/src/a.rs", "std::fs::read(p)").len(), 1);
    }
}
