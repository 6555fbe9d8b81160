//! The laws of DESIGN.md section 3 and the rules of the house that a reader of source can keep.
//!
//! Each law is a function from source files to violations; it is held against the tree, and
//! against a few lines that break it, so that a law that cannot fail is noticed.

mod law;
mod promise;
mod shape;
mod source;

use source::{Source, tree};

type Law = fn(&[Source]) -> Vec<String>;

/// Every law with its name.
const LAWS: &[(&str, Law)] = &[
    ("unsafe stands in ringfence-sys only", law::unsafe_in_sys),
    ("rooms never import each other", law::rooms_apart),
    ("rooms never import plan, verify or launch", law::rooms_below),
    ("policy never sees plan, launch or sys", law::policy_first),
    ("observe and judge never import compile or plan", law::witness_independent),
    ("report sees results only", law::report_last),
    ("serde stands in policy/syntax, exchange and report only", law::serde_at_the_edge),
    ("anyhow stands in ringfence-cli and xtask only", law::anyhow_on_top),
    ("input and output stand in observe, host, ebpf, event, launch and the CLI only", law::io_by_name),
    ("every promise may be let pass by name, or never", promise::named),
    ("every file begins with what it is for", shape::header),
    ("files are at most 500 lines", shape::file_length),
    ("functions fit a screen", shape::function_length),
    ("nothing is left to do", shape::finished),
];

#[test]
fn the_tree_keeps_every_law() {
    let tree = tree();
    assert!(tree.len() > 100, "only {} files found", tree.len());
    let broken: Vec<String> = LAWS
        .iter()
        .flat_map(|(name, law)| law(&tree).into_iter().map(move |violation| format!("{name}: {violation}")))
        .collect();
    assert!(broken.is_empty(), "{} violations\n{}", broken.len(), broken.join("\n"));
}

/// What a law says about one file of this path and text.
#[cfg(test)]
fn verdict(law: Law, path: &str, text: &str) -> Vec<String> {
    law(&[Source::new(path, text)])
}
