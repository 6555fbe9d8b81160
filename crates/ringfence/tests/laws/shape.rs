//! What every file looks like.

use super::source::{Source, closing, tokens};

/// Lines of a file that a person writes.
const FILE: usize = 500;
/// Lines of a function: a screen.
const FUNCTION: usize = 70;

/// Generated files: tables, and policies read beforehand.
const GENERATED: [&str; 6] = [
    "crates/ringfence-bpf/src/table/calls.rs",
    "crates/ringfence-bpf/src/table/constants.rs",
    "crates/ringfence-bpf/src/table/entries.rs",
    "crates/ringfence-bpf/src/table/groups.rs",
    "crates/ringfence-bpf/src/table/names.rs",
    "crates/ringfence/src/policy/builtin/statements.rs",
];

pub(super) fn header(tree: &[Source]) -> Vec<String> {
    let without = tree.iter().filter(|source| !source.text.starts_with("//! "));
    without.map(|source| source.at(1, "does not begin with `//!`")).collect()
}

pub(super) fn file_length(tree: &[Source]) -> Vec<String> {
    let written = tree.iter().filter(|source| !GENERATED.contains(&source.path.as_str()));
    let lines = written.map(|source| (source, source.text.lines().count()));
    lines.filter(|(_, lines)| *lines > FILE).map(|(source, lines)| source.at(lines, "lines")).collect()
}

pub(super) fn function_length(tree: &[Source]) -> Vec<String> {
    tree.iter().flat_map(long_functions).collect()
}

fn long_functions(source: &Source) -> Vec<String> {
    let tokens = tokens(&source.code);
    let mut long = Vec::new();
    for (n, token) in tokens.iter().enumerate().filter(|(_, token)| token.word == "fn") {
        let Some(name) = tokens.get(n + 1).filter(|name| name.word != "(") else { continue };
        let mut at = n + 2;
        // Past the signature: `[u8; 4]` in it is no end.
        while at < tokens.len() && !matches!(tokens[at].word, "{" | ";") {
            at = if matches!(tokens[at].word, "(" | "[") { closing(&tokens, at) } else { at + 1 };
        }
        if tokens.get(at).is_some_and(|token| token.word == "{") {
            // Lines of a snapshot are no code: only those with a token count.
            let mut lines: Vec<_> = tokens[n..closing(&tokens, at)].iter().map(|token| token.line).collect();
            lines.dedup();
            let lines = lines.len();
            if lines > FUNCTION {
                long.push(source.at(token.line, &format!("{} has {lines} lines", name.word)));
            }
        }
    }
    long
}

pub(super) fn finished(tree: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for source in tree {
        let tokens = tokens(&source.code);
        let calls = tokens.windows(2).filter(|pair| pair[1].word == "!");
        let open = calls.filter(|pair| ["todo", "unimplemented", "dbg"].contains(&pair[0].word));
        broken.extend(open.map(|pair| source.at(pair[0].line, &format!("{}!", pair[0].word))));
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict;

    const PATH: &str = "crates/ringfence/src/a.rs";

    #[test]
    fn a_file_without_a_header_is_seen() {
        assert_eq!(verdict(header, PATH, "use a;\n//! late\n").len(), 1);
        assert!(verdict(header, PATH, "//! For a.\n").is_empty());
    }

    #[test]
    fn a_long_file_is_seen() {
        assert_eq!(verdict(file_length, PATH, &"\n".repeat(501)), [format!("{PATH}:501: lines")]);
        assert!(verdict(file_length, PATH, &"\n".repeat(500)).is_empty());
        assert!(verdict(file_length, GENERATED[0], &"\n".repeat(9000)).is_empty());
    }

    #[test]
    fn a_long_function_is_seen() {
        let function = |lines| {
            format!(
                "impl A {{\n    fn f(a: [u8; 4]) -> [u8; 4]\n    where\n        A: B,\n    {{\n{}    }}\n}}\nfn g() {{}}\n",
                "        x();\n".repeat(lines)
            )
        };
        assert_eq!(verdict(function_length, PATH, &function(66)).len(), 1);
        assert!(verdict(function_length, PATH, &function(65)).is_empty());
        assert!(
            verdict(function_length, PATH, &format!("trait T {{ fn f(); }}{}", "\n".repeat(80))).is_empty()
        );
    }

    #[test]
    fn what_is_left_to_do_is_seen() {
        assert_eq!(verdict(finished, PATH, "fn f() { todo!() }").len(), 1);
        assert_eq!(verdict(finished, PATH, "dbg!(x); unimplemented!()").len(), 2);
        assert!(verdict(finished, PATH, "// todo!\nlet todo = \"dbg!\";").is_empty());
    }
}
