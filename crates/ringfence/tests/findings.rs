//! What is found in the built-in policies: every line of the list is true, and accepted. What is
//! found in a profile that millions of containers run under.
#![allow(clippy::print_stderr)]

use std::fmt::Write as _;

use expect_test::expect_file;
use ringfence::exchange::{self, Conditions, Language, Meaning, Options};
use ringfence::policy::builtin::BUILTINS;
use ringfence_bpf::diagram::Space;
use ringfence_bpf::finding::{self, Id};
use ringfence_bpf::{eval, rule};

#[test]
fn builtins() {
    let mut text = String::new();
    for (name, ..) in BUILTINS {
        let name = format!("builtin:{name}");
        let options = Options { conditions: Conditions::default(), loader: &|path| std::fs::read(path) };
        let imported = exchange::import(b"builtin", &name, Language::Ringfence, &options).unwrap();
        let [filter] = imported.gates[0].stack.as_slice() else { panic!("{name} has not one filter") };
        let Meaning::Spec(spec) = &filter.meaning else { panic!("{name} is no specification") };
        let mut space = Space::default();
        let diagram = space.spec(spec).unwrap();
        writeln!(text, "{name}").unwrap();
        for found in finding::check(&mut space, diagram, &[]).unwrap() {
            assert!(found.severity < finding::Severity::High, "{name}: {found:#?}");
            for witness in &found.witnesses {
                assert_eq!(rule::meaning(spec, &witness.data), witness.action, "{found:#?}");
            }
            let abis: Vec<&str> = found.abis.iter().map(|abi| abi.name()).collect();
            writeln!(text, "  {} {} [{}] {}", found.id, found.severity.name(), abis.join(" "), found.message)
                .unwrap();
        }
    }
    expect_file!["findings.txt"].assert_eq(&text);
}

/// Docker's profile before and after it blocked io_uring, and what both leave open.
#[test]
fn docker() {
    let folder = std::env::var("RINGFENCE_CORPUS")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpus").to_owned());
    let of = |file: &str| {
        let path = format!("{folder}/docker/{file}");
        let Ok(bytes) = std::fs::read(&path) else {
            eprintln!("skipped: findings::docker: {path}");
            return None;
        };
        let options = Options { conditions: Conditions::default(), loader: &|path| std::fs::read(path) };
        let imported = exchange::import(&bytes, file, Language::Oci, &options).unwrap();
        let Meaning::Listing(listing) = &imported.gates[0].stack[0].meaning else { panic!("no listing") };
        let program = listing.program().unwrap();
        let mut space = Space::default();
        let diagram = space.program(&program).unwrap();
        let found = finding::check(&mut space, diagram, &[]).unwrap();
        for found in &found {
            for witness in &found.witnesses {
                assert_eq!(eval::action(program.insns(), &witness.data), Ok(witness.action), "{found:#?}");
            }
        }
        Some(found)
    };
    let (Some(before), Some(after)) =
        (of("2023-10-io_uring-allowed.json"), of("2023-11-io_uring-blocked.json"))
    else {
        return;
    };
    let has = |found: &[finding::Finding], id| found.iter().any(|found| found.id == id);
    assert!(has(&before, Id::IoUringOpen) && !has(&after, Id::IoUringOpen));
    for found in [&before, &after] {
        assert!(!has(found, Id::UnknownAllowed) && !has(found, Id::X32Open));
        // AF_VSOCK is denied as a 64-bit value: the kernel takes 0x100000028 for it as well.
        let hole = found.iter().find(|found| found.id == Id::TruncationBypass).unwrap();
        let families: Vec<u64> = hole.witnesses.iter().map(|witness| witness.data.args[0]).collect();
        assert_eq!((hole.call.unwrap().name(), families), ("socket", vec![0x28, 0x1_0000_0028]));
        // socket(2) without AF_VSOCK, and all of socketcall(2) through i386.
        let socketcall = |found: &&finding::Finding| found.message.contains("socketcall(1)");
        assert_eq!(found.iter().filter(socketcall).count(), 1);
    }
}

/// Every id has a section in docs/findings.md, by its code and name, and no section is about none.
#[test]
fn documented() {
    let page = include_str!("../../../docs/findings.md");
    let sections: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let ids: Vec<String> = finding::Id::ALL.iter().map(ToString::to_string).collect();
    let about: Vec<&str> = sections.iter().copied().filter(|section| section.starts_with("RF-G")).collect();
    assert_eq!(about, ids);
}
