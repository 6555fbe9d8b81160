//! Broken policies by the thousand, always the same ones: whatever the text, an answer comes, in
//! bounded time and size, and without a panic. `fuzz/` goes further.

use std::time::{Duration, Instant};

use super::builtin::BUILTINS;
use super::diagnostic::LIMIT;
use super::key::keys;
use super::testing::load_with;

/// Pieces that a parser may stumble over.
const PIECES: &[&str] = &[
    "\"",
    "'",
    "\"\"\"",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    ",",
    ".",
    "#",
    "\n",
    "\r\n",
    "\r",
    "\\",
    "\\u0000",
    "\\ud800",
    "\0",
    "\u{1b}[2J",
    "\u{202e}",
    "ä",
    "💥",
    "-",
    "~",
    "$",
    "$HOME",
    "*",
    "->",
    "(",
    ")",
    "|",
    "!&",
    "&",
    "==",
    "..=",
    "0x",
    "1e999",
    "-0",
    "99999999999999999999999999",
    "nan",
    "inf",
    "1979-05-27",
    "true",
    "version",
    "extends",
    "builtin:",
    "builtin:offline",
    "fs.read",
    "[fs]",
    "[[expect]]",
    "@",
    "@default",
    "tcp:",
    "unlimited",
];

/// xorshift64: the same numbers everywhere.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }

    /// A position between characters.
    fn place(&mut self, text: &str) -> usize {
        let mut place = self.below(text.len() + 1);
        while !text.is_char_boundary(place) {
            place -= 1;
        }
        place
    }

    fn mutate(&mut self, text: &mut String) {
        let (a, b) = (self.place(text), self.place(text));
        let (from, to) = (a.min(b), a.max(b));
        match self.below(6) {
            0 => text.replace_range(from..text.ceil_char_boundary((from + 8).min(to)), ""),
            1 => text.insert_str(from, PIECES[self.below(PIECES.len())]),
            2 => {
                let copy = text[from..text.ceil_char_boundary((from + 200).min(to))].to_owned();
                let place = self.place(text);
                text.insert_str(place, &copy);
            }
            3 => text.truncate(to),
            4 => text.insert(from, char::from_u32(self.below(0x11_0000) as u32).unwrap_or('?')),
            _ => {
                let many = PIECES[self.below(PIECES.len())].repeat(self.below(200));
                text.insert_str(from, &many);
            }
        }
    }
}

/// A policy with every key.
fn every_key() -> String {
    let mut text = String::from("version = 1\n");
    for key in keys().filter(|key| key.flag().is_some() && key.section() != "expect") {
        text.extend([key.path, " = ", key.example, "\n"]);
    }
    text + "[[expect]]\ndeny = \"x\"\nbecause = \"y\"\ndepth = 1\n"
}

fn survive(text: &str) {
    let started = Instant::now();
    let result = load_with(&["a.toml"], &[("a.toml", text)], &[]);
    if let Err(wrong) = result {
        let shown = wrong.to_string();
        assert!(!wrong.is_empty() && wrong.iter().count() <= LIMIT, "{text:?}");
        assert!(shown.len() < 64 << 10, "{} bytes about {text:?}", shown.len());
        assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
        assert_eq!(wrong.records().count(), wrong.iter().count());
    }
    // Generous: a debug build on a busy machine.
    assert!(started.elapsed() < Duration::from_secs(120), "{} bytes: {:.60?}", text.len(), text);
}

#[test]
fn no_mutation_is_without_an_answer() {
    let mut texts: Vec<String> = BUILTINS.iter().map(|(_, text, _)| text.to_string()).collect();
    texts.push(every_key());
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for round in 0..4000 {
        let mut text = texts[round % texts.len()].clone();
        for _ in 0..=numbers.below(6) {
            numbers.mutate(&mut text);
        }
        survive(&text);
    }
}

#[test]
fn mutated_flags_have_an_answer_too() {
    let mut numbers = Numbers(42);
    for key in keys().filter_map(|key| Some((key, key.flag()?))) {
        for _ in 0..40 {
            let mut value = key.0.example.trim_matches(['[', ']', '"']).to_owned();
            numbers.mutate(&mut value);
            let _ = load_with(&[], &[], &[&format!("{}={value}", key.1)]).map_err(|wrong| wrong.to_string());
        }
    }
}

#[test]
fn depth_and_length_have_an_end() {
    survive(&format!("version = 1\nx = {}", "[".repeat(100_000)));
    survive(&format!("version = 1\nx = {}", "{a=".repeat(100_000)));
    survive(&format!("version = 1\n{} = 1", "a.".repeat(100_000)));
    survive(&"[a]\n".repeat(200_000));
    survive(&"a = 1\n".repeat(150_000));
    survive(&format!("version = 1\n[fs]\nread = [{}]", "\"$X\",".repeat(150_000)));
    survive(&format!("version = 1\n[syscalls]\nallow = [\"{}\"]", "(".repeat(900_000)));
    survive(&format!(
        "version = 1\n[syscalls]\nallow = [\"socket(domain: {})\"]",
        "AF_UNIX | ".repeat(90_000)
    ));
}
