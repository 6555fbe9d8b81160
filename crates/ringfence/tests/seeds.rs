//! The seeds of the fuzz target `record`: each is taken apart, or refused, as its name says. One that is of no
//! form any more would teach the fuzzer nothing.

use std::collections::BTreeSet;
use std::path::Path;

use ringfence::event::record::{self, Body};

/// By the first byte, as in the target.
const KINDS: [u16; 5] =
    [record::SYSCALL, record::SECCOMP, record::AVC, record::LANDLOCK_ACCESS, record::LANDLOCK_DOMAIN];

#[test]
fn each_seed_of_records_is_what_its_name_says() {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/record");
    let mut kinds = BTreeSet::new();
    for entry in std::fs::read_dir(&place).unwrap() {
        let entry = entry.unwrap();
        let (name, bytes) = (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap());
        let kind = name.split_once('-').unwrap().0.to_owned();
        if kind == "ebpf" {
            assert!(ringfence::event::ebpf::layout::parse(&bytes).is_some(), "{name}");
            continue;
        }
        let parsed = record::parse(KINDS[usize::from(bytes[0])], &bytes[2..]);
        match (&*kind, &parsed) {
            ("wrong", Err(_))
            | ("syscall", Ok(record::Record { body: Body::Syscall(_), .. }))
            | ("seccomp", Ok(record::Record { body: Body::Seccomp(_), .. }))
            | ("landlock", Ok(record::Record { body: Body::LandlockAccess(_), .. }))
            | ("domain", Ok(record::Record { body: Body::LandlockDomain(_), .. }))
            | ("avc", Ok(record::Record { body: Body::Avc(_) | Body::AppArmor(_), .. })) => {}
            _ => panic!("{name}: {parsed:?}"),
        }
        kinds.insert(kind);
    }
    assert_eq!(kinds.len(), 6, "{kinds:?}");
}
