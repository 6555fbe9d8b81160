//! The names of promises: each that a room writes may be let pass by `[degrade]`, or may never be,
//! and the two lists have no other names.

use std::collections::BTreeSet;

use ringfence::policy::degrade::{HELD, NAMES};

use crate::source::Source;

/// Where literals that look like `room.what` are names of promises.
const ROOMS: &str = "control/";

pub(crate) fn named(files: &[Source]) -> Vec<String> {
    let written: BTreeSet<&str> = files.iter().filter(|file| is_room(file)).flat_map(names).collect();
    let may: BTreeSet<&str> = NAMES.iter().map(|(name, _)| *name).collect();
    let held: BTreeSet<&str> = HELD.iter().copied().collect();
    let mut wrong: Vec<String> =
        may.intersection(&held).map(|name| format!("{name} is in NAMES and in HELD")).collect();
    let listed: BTreeSet<&str> = may.union(&held).copied().collect();
    wrong.extend(
        written.difference(&listed).map(|name| format!("{name} is in neither list of policy/degrade")),
    );
    wrong.extend(listed.difference(&written).map(|name| format!("{name} is promised by no room")));
    wrong
}

fn is_room(file: &Source) -> bool {
    file.within("ringfence").is_some_and(|path| path.starts_with(ROOMS)) && !file.shipped.is_empty()
}

/// Literals of two words with a dot between them, whose first word is a room.
fn names(file: &Source) -> impl Iterator<Item = &str> {
    let rooms = ["credential", "landlock", "limit", "lsm", "mount", "namespace", "net", "seccomp"];
    let word =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let is_name = move |text: &&str| {
        text.split_once('.').is_some_and(|(room, what)| rooms.contains(&room) && word(what))
    };
    file.text.split('"').filter(is_name)
}

#[test]
fn a_name_too_many_or_too_few_is_noticed() {
    let says = |text: &str| named(&[Source::new("crates/ringfence/src/control/net/compile.rs", text)]);
    let all: String = NAMES
        .iter()
        .map(|(name, _)| *name)
        .chain(HELD.iter().copied())
        .map(|name| format!("\"{name}\" "))
        .collect();
    assert!(says(&format!("const A: &[&str] = &[{all}];")).is_empty());
    let more = says(&format!("const A: &[&str] = &[{all} \"net.more\"];"));
    assert_eq!(more, ["net.more is in neither list of policy/degrade"]);
    let fewer = says(&format!("const A: &[&str] = &[{}];", all.replace("\"limit.cpu\"", "")));
    assert_eq!(fewer, ["limit.cpu is promised by no room"]);
}
