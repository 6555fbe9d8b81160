//! libseccomp, by a small C program that is compiled when it is first needed.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use ringfence_bpf::filter::Action;
use ringfence_bpf::program::Program;

/// A filter in the words of `libseccomp.c`.
#[derive(Clone)]
pub(super) struct Script(pub(super) String);

/// What libseccomp made of a script.
pub(super) enum Made {
    /// The program, the names that it did not know, and those that it did not know for an ABI:
    /// `x32 map_shadow_stack`.
    Program(Program, Vec<String>, Vec<String>),
    /// The errno of the rule that it refused.
    Refused(i32),
}

impl Script {
    pub(super) fn new(default: Action) -> Script {
        Script(format!("init {}\n", default.value()))
    }

    pub(super) fn say(&mut self, words: std::fmt::Arguments<'_>) {
        self.0.write_fmt(words).unwrap();
        self.0.push('\n');
    }
}

/// The oracle; `None`, with word of it, where there is no C compiler or libseccomp.
pub(super) fn oracle(test: &str) -> Option<&'static PathBuf> {
    static ORACLE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let oracle = ORACLE.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/exchange/libseccomp.c");
        let target = super::scratch("libseccomp");
        let made = Command::new("cc").args(["-O1", "-o"]).arg(&target).args([source, "-lseccomp"]).output();
        made.is_ok_and(|made| made.status.success()).then_some(target)
    });
    if oracle.is_none() {
        super::skip(test, "needs a C compiler and libseccomp's headers");
    }
    oracle.as_ref()
}

pub(super) fn run(oracle: &PathBuf, script: &Script) -> Made {
    let mut child = Command::new(oracle)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let text = script.0.clone();
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().ok();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let status = output.status.code().unwrap();
    assert_ne!(status, 99, "the oracle does not understand: {}", script.0);
    if status != 0 {
        return Made::Refused(status);
    }
    let lines = |prefix| said.lines().filter_map(move |line| line.strip_prefix(prefix)).map(str::to_owned);
    Made::Program(super::program(&output.stdout), lines("unknown ").collect(), lines("absent ").collect())
}
