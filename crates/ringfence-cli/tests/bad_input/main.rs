//! Bad input and bad surroundings: a clear error that says what to do, exit status 125 (126 and
//! 127 for the command), nothing started, nothing left behind.

#[path = "../harness/mod.rs"]
mod harness;

mod command;
mod descriptor;
mod kill;
mod machine;
mod policy;

use expect_test::Expect;

use harness::ground::Ground;
use harness::run::Outcome;

/// The complaint, with the ground's place and the machine's kernel out of it, as expected.
#[track_caller]
fn complaint(ground: &Ground, outcome: &Outcome, status: i32, expected: &Expect) {
    outcome.exits(status);
    assert_eq!(outcome.out, "", "{outcome}");
    let text = outcome.err.replace(ground.root().to_str().unwrap(), "[ROOT]");
    // How many steps come before depends on what the machine has installed.
    let text = match text.split_once("step ") {
        Some((before, after)) => {
            format!("{before}step N{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        None => text,
    };
    expected.assert_eq(&text);
}
