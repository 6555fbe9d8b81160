//! What the tests of the command share: who runs it, from where, what came of it, what stayed.
//!
//! A test that needs what the machine lacks prints `skipped: TEST: WHAT` past the capture of
//! libtest, where `.ci/run` counts it against `skips.txt`.

#![allow(dead_code, reason = "each test binary uses its part")]

pub(crate) mod audit;
pub(crate) mod ground;
pub(crate) mod leftover;
pub(crate) mod pty;
pub(crate) mod run;
pub(crate) mod stage;

use std::io::Write as _;

/// Says that a test, or a part of it, was left out.
pub(crate) fn skip(test: &str, what: &str) {
    // Not eprintln: a captured line would not be counted.
    let _ = std::io::stderr().lock().write_all(format!("skipped: {test}: {what}\n").as_bytes());
}

/// Makes two tests of each function: one as root, one as an ordinary user.
#[allow(unused_macros, reason = "each test binary uses its part")]
macro_rules! both {
    ($($(#[$meta:meta])* fn $name:ident($ground:ident: &Ground) $body:block)*) => { $(
        $(#[$meta])*
        mod $name {
            #[test]
            fn as_root() {
                let who = crate::harness::ground::Who::Root;
                crate::harness::ground::stand(who, concat!(module_path!(), "::as_root"), super::$name);
            }

            #[test]
            fn as_user() {
                let who = crate::harness::ground::Who::User;
                crate::harness::ground::stand(who, concat!(module_path!(), "::as_user"), super::$name);
            }
        }

        fn $name($ground: &crate::harness::ground::Ground) $body
    )* };
}
#[allow(unused_imports, reason = "each test binary uses its part")]
pub(crate) use both;

/// Process ids of this name whose parent is this process.
pub(crate) fn children(parent: u32, name: &str) -> Vec<i32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        let Some((head, tail)) = stat.rsplit_once(')') else { continue };
        let of = tail.split_whitespace().nth(1).and_then(|of| of.parse::<u32>().ok());
        if of == Some(parent) && head.ends_with(name) {
            found.push(pid);
        }
    }
    found
}
