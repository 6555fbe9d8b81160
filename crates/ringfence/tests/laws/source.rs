//! Source files, and their code without comments, literals and test modules.

use std::fs;
use std::path::{Path, PathBuf};

/// One Rust file.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// Relative to the workspace.
    pub(crate) path: String,
    /// As it is.
    pub(crate) text: String,
    /// The same lines, with everything blanked that is no code.
    pub(crate) code: String,
    /// The same again, without `#[cfg(test)]` items; empty in files of tests.
    pub(crate) shipped: String,
}

/// A word or sign of code, and the line it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) word: &'a str,
    pub(crate) line: usize,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let code = blank(text);
        let name = path.rsplit('/').next().unwrap_or(path);
        let test = path.contains("/tests/")
            || path.contains("/examples/")
            || name == "tests.rs"
            || name == "testing.rs";
        let shipped = if test { String::new() } else { without_tests(&code) };
        Self { path: path.into(), text: text.into(), code, shipped }
    }

    /// The path below a crate's `src`, `plan/build.rs`, where the file is of that crate.
    pub(crate) fn within(&self, krate: &str) -> Option<&str> {
        self.path.strip_prefix("crates/")?.strip_prefix(krate)?.strip_prefix("/src/")
    }

    /// Where something stands.
    pub(crate) fn at(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path)
    }
}

/// All Rust files of the workspace.
pub(crate) fn tree() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let mut files = Vec::new();
    ["crates", "xtask", "fuzz"].iter().for_each(|directory| collect(&root.join(directory), &mut files));
    files.sort();
    let relative = |path: &PathBuf| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
    files.iter().map(|path| Source::new(&relative(path), &fs::read_to_string(path).unwrap())).collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Words and signs; `::` is one sign.
pub(crate) fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for (line, text) in code.lines().enumerate().map(|(n, text)| (n + 1, text)) {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let is_word = |c: char| c == '_' || c.is_alphanumeric();
            let length = match first {
                c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                ':' if rest.starts_with("::") => 2,
                c => c.len_utf8(),
            };
            tokens.push(Token { word: &rest[..length], line });
            rest = rest[length..].trim_start();
        }
    }
    tokens
}

/// The index after the bracket that closes the one at `open`.
pub(crate) fn closing(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0_usize;
    for (n, token) in tokens.iter().enumerate().skip(open) {
        match token.word {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => {
                depth -= 1;
                if depth == 0 {
                    return n + 1;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

/// Blanks comments, strings and characters; lines stay where they are.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let length = match rest {
            [b'/', b'/', ..] => rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
            [b'/', b'*', ..] => comment(rest),
            [b'"', ..] => 1 + quoted(&rest[1..], b'"'),
            [b'r', b'"' | b'#', ..] if !is_word_before(bytes, at) => raw(rest),
            [b'b' | b'c', b'r', b'"' | b'#', ..] if !is_word_before(bytes, at) => 1 + raw(&rest[1..]),
            [b'\'', b'\\', ..] => 1 + quoted(&rest[1..], b'\''),
            [b'\'', ..] => character(&text[at..]),
            _ => 0,
        };
        out[at..at + length].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        at += length.max(1);
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn is_word_before(bytes: &[u8], at: usize) -> bool {
    // `br"` is looked at from its `b`.
    at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_')
}

fn comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at + 1 < rest.len() {
        match &rest[at..at + 2] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" if depth == 1 => return at + 2,
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    rest.len()
}

fn quoted(rest: &[u8], end: u8) -> usize {
    let mut at = 0;
    while at < rest.len() && rest[at] != end {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

fn raw(rest: &[u8]) -> usize {
    let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return 0; // r#word
    }
    let end = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
    let start = 2 + hashes;
    rest[start..]
        .windows(end.len())
        .position(|window| window == end)
        .map_or(rest.len(), |n| start + n + end.len())
}

/// A character literal; nothing where it is a lifetime.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(2);
    match chars.next() {
        Some((at, '\'')) => at + 1,
        _ => 0,
    }
}

/// Blanks each `#[cfg(test)]` with the item that follows.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = code.to_owned();
    while let Some(start) = out.find(MARK) {
        let rest = &out[start + MARK.len()..];
        let body = rest.find(['{', ';']).unwrap_or(rest.len());
        let length = match rest.as_bytes().get(body) {
            Some(b'{') => body + matching(&rest[body..]),
            _ => body,
        };
        let end = (start + MARK.len() + length).min(out.len());
        let blanked: String = out[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        out.replace_range(start..end, &blanked);
    }
    out
}

fn matching(rest: &str) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return at + 1,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_is_left() {
        let text = "let a = \"un\\\"safe\"; // unsafe\n/* unsafe /* x */ unsafe */ b('\"', 'u', '\\'');\nfn f<'a>(c: &'a str) { r#\"unsafe \"quoted\" \"#; c\"unsafe\"; br\"unsafe\" }";
        let source = Source::new("crates/x/src/a.rs", text);
        assert!(!source.code.contains("unsafe"), "{}", source.code);
        assert!(source.code.contains("fn f<'a>(c: &'a str) {"), "{}", source.code);
        assert_eq!(source.code.lines().count(), 3);
    }

    #[test]
    fn test_items_are_not_shipped() {
        let text = "use a;\n#[cfg(test)]\nmod tests {\n    fn f() { b }\n}\n#[cfg(test)]\nuse c;\nuse d;\n";
        let source = Source::new("crates/x/src/a.rs", text);
        let words: Vec<_> = tokens(&source.shipped).iter().map(|token| (token.word, token.line)).collect();
        assert_eq!(words, [("use", 1), ("a", 1), (";", 1), (";", 7), ("use", 8), ("d", 8), (";", 8)]);
        assert_eq!(Source::new("crates/x/src/tests.rs", text).shipped, "");
    }
}
