//! Makes `statements.rs` from the TOML of the built-in policies. A test: it runs when they change.

use std::fmt::Write as _;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{BUILTINS, DEFAULTS};
use crate::policy::key;

/// `UPDATE_EXPECT=1 cargo test` writes the statements and the defaults, as for snapshots.
#[test]
fn the_statements_are_current() {
    expect_test::expect_file!["./default.toml"].assert_eq(&key::defaults());
    let mut out = String::from(
        "//! Where the values of the built-in policies stand. Made by a test of `flatten`; do not edit.\n\n\
         use super::Statement;\n\n\
         const fn says(path: &'static str, value: (u32, u32), items: &'static [(u32, u32)]) -> Statement {\n    \
         Statement { path, value, items }\n}\n\n\
         /// By name.\n#[rustfmt::skip]\npub(super) const ALL: &[(&str, &[Statement])] = &[\n",
    );
    for (name, text, _) in BUILTINS {
        let _ = writeln!(out, "    (\"{name}\", &[\n{}    ]),", statements(text));
    }
    let _ = write!(
        out,
        "];\n\n/// Of `default.toml`.\n#[rustfmt::skip]\npub(super) const DEFAULT: &[Statement] = &[\n{}];\n",
        statements(DEFAULTS.text)
    );
    expect_test::expect_file!["./statements.rs"].assert_eq(&out);
}

/// The other way to the same: what the statements say is what the TOML parser reads.
#[test]
fn the_statements_say_what_the_texts_say() {
    for (name, text, _) in BUILTINS.iter().chain(&[("default", DEFAULTS.text, "")]) {
        let mut wrong = Vec::new();
        let document = crate::policy::syntax::Document::parse(text).unwrap_or_else(|_| panic!("{name}"));
        let builtin = super::find(name).unwrap_or(DEFAULTS);
        // Too long to print.
        assert!(builtin.layer(3, &mut wrong) == document.layer(3, &mut wrong), "{name}");
        let bases: Vec<_> = document.bases().into_iter().map(|base| (base.name, base.range)).collect();
        let said: Vec<_> = builtin.bases().map(|(name, range)| (name.to_owned(), range)).collect();
        assert_eq!(said, bases, "{name}");
        assert_eq!(wrong, []);
    }
}

fn statements(text: &str) -> String {
    let mut out = String::new();
    table("", &DeTable::parse(text).unwrap().into_inner(), &mut out);
    out
}

fn table(path: &str, table: &DeTable<'_>, out: &mut String) {
    for (name, value) in table {
        let name = name.get_ref();
        let path = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
        if path == "expect" {
            for claim in value.get_ref().as_array().unwrap() {
                expectation(claim.get_ref().as_table().unwrap(), out);
            }
        } else if let Some(key) = key::find(&path) {
            statement(&path, key.maps(), value, out);
        } else {
            self::table(&path, value.get_ref().as_table().unwrap(), out);
        }
    }
}

fn expectation(claim: &DeTable<'_>, out: &mut String) {
    for name in ["allow", "deny", "because", "depth"] {
        if let Some(value) = claim.get(name) {
            statement(&format!("expect.{name}"), false, value, out);
        }
    }
}

fn statement(path: &str, map: bool, value: &Spanned<DeValue<'_>>, out: &mut String) {
    let items: Vec<Range<usize>> = match value.get_ref() {
        DeValue::Array(list) => list.iter().map(Spanned::span).collect(),
        DeValue::Table(table) if map => {
            table.iter().flat_map(|(name, value)| [name.span(), value.span()]).collect()
        }
        _ => vec![value.span()],
    };
    let span = |range: &Range<usize>| format!("({}, {})", range.start, range.len());
    let items: Vec<String> = items.iter().map(span).collect();
    let _ = writeln!(out, "        says(\"{path}\", {}, &[{}]),", span(&value.span()), items.join(", "));
}
