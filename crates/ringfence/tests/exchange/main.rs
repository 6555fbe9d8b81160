//! What other tools' filters mean, by their own compilers and by ours: each pair of programs is
//! compared over every input.

mod answers;
mod bad;
mod corpus;
mod firecracker;
mod libseccomp;
mod live;
mod oci;
mod roundtrip;

use std::io::Write as _;
use std::path::PathBuf;

use ringfence::exchange::{self, Conditions, Filter, Imported, Language, Meaning, Options};
use ringfence_bpf::diagram::{Diagram, Limits, Space};
use ringfence_bpf::program::{Insn, Program};

/// Says that a test, or a part of it, did not run: `.ci/run` counts these.
fn skip(test: &str, what: &str) {
    let text = format!("skipped: exchange::{test}: {what}\n");
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Where this test may write: below the target directory, or where everybody may.
fn scratch(name: &str) -> PathBuf {
    let name = format!("exchange-{name}-{}", std::process::id());
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(&name);
    match std::fs::File::create(&target) {
        Ok(_) => target,
        Err(_) => std::env::temp_dir().join(name),
    }
}

fn options<'a>(conditions: Conditions, loader: &'a dyn Fn(&str) -> std::io::Result<Vec<u8>>) -> Options<'a> {
    Options { conditions, loader }
}

fn no_files(path: &str) -> std::io::Result<Vec<u8>> {
    Err(std::io::Error::other(format!("{path} is not to be read")))
}

fn import(text: &str, language: Language) -> Result<Imported, exchange::Error> {
    exchange::import(text.as_bytes(), "test", language, &options(Conditions::default(), &no_files))
}

/// What a filter answers, by the way that its form offers.
fn diagram(space: &mut Space, filter: &Filter) -> Diagram {
    match &filter.meaning {
        Meaning::Spec(spec) => space.spec(spec).unwrap(),
        Meaning::Program(program) => space.program(program).unwrap(),
        Meaning::Listing(listing) => space.program(&listing.program().unwrap()).unwrap(),
    }
}

fn program(bytes: &[u8]) -> Program {
    let insn = |b: &[u8]| Insn {
        code: u16::from_ne_bytes([b[0], b[1]]),
        jt: b[2],
        jf: b[3],
        k: u32::from_ne_bytes([b[4], b[5], b[6], b[7]]),
    };
    Program::new(bytes.chunks_exact(8).map(insn).collect())
}

/// Fails where two programs differ, with an input for which they do.
fn same(what: &str, space: &mut Space, ours: Diagram, theirs: Diagram) {
    let differ = space.unequal(ours, theirs).unwrap();
    if let Some(data) = space.witness(differ) {
        let (ours, theirs) = (space.eval(ours, &data), space.eval(theirs, &data));
        panic!("{what}: {data:x?}: ours {ours:?}, theirs {theirs:?}");
    }
}

fn space() -> Space {
    Space::new(Limits::default())
}
