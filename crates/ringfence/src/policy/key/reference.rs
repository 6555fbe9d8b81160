//! The reference of the language, `docs/policy.md`, made from the table of keys.

use std::fmt::Write as _;

use super::{Key, Slot, keys};
use crate::policy::builtin::BUILTINS;
use crate::policy::value::path::VARIABLES;

/// What comes before the keys.
const INTRODUCTION: &str = include_str!("reference.md");

/// The whole text of `docs/policy.md`.
pub fn reference() -> String {
    let variables: Vec<String> = VARIABLES.iter().map(|name| format!("`${name}`")).collect();
    let mut out = INTRODUCTION.replace("{variables}", &variables.join(", "));
    out.push_str("\n## Built-in policies\n\n| name | for |\n|---|---|\n");
    for (name, _, what) in BUILTINS {
        let _ = writeln!(out, "| `builtin:{name}` | {what} |");
    }
    out.push_str("\n## Keys\n");
    let mut section = None;
    for key in keys() {
        if section != Some(key.section()) {
            section = Some(key.section());
            let _ = match key.section() {
                "" => writeln!(out, "\n### At the top"),
                "expect" => writeln!(out, "\n### `[[expect]]`"),
                other => writeln!(out, "\n### `[{other}]`"),
            };
        }
        describe(key, &mut out);
    }
    out
}

fn describe(key: &Key, out: &mut String) {
    let _ = writeln!(out, "\n#### `{}`\n\n{}. {}", key.path, key.help, key.more);
    out.truncate(out.trim_end().len());
    let merge = match key.slot {
        Slot::Version | Slot::Extends | Slot::Expect(_) => None,
        Slot::Scalar(_) => Some("a higher layer replaces it"),
        Slot::Adds { .. } => Some("layers add to it"),
        Slot::Whole { .. } => Some("a higher layer replaces the whole list"),
        Slot::Map(_) => Some("layers merge by name"),
    };
    let _ = write!(out, "\n\n- In a file: `{} = {}`", key.name(), key.example);
    if let Some(flag) = key.flag() {
        let _ = write!(out, "\n- As a flag: `{flag} {}`", key.value);
        if key.repeats() {
            out.push_str(", repeatable");
        }
    }
    if !key.default.is_empty() {
        let _ = write!(out, "\n- Where nobody says it: `{}`", key.default);
    }
    if let Some(merge) = merge {
        let _ = write!(out, "\n- Layers: {merge}");
    }
    out.push('\n');
    let words = (key.words)();
    if !words.is_empty() {
        out.push_str("\n| word | meaning |\n|---|---|\n");
        for (word, meaning) in words {
            let _ = writeln!(out, "| `{word}` | {meaning} |");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `UPDATE_EXPECT=1 cargo test` writes the page, as for snapshots.
    #[test]
    fn the_page_is_current() {
        expect_test::expect_file!["../../../../../docs/policy.md"].assert_eq(&reference());
    }
}
