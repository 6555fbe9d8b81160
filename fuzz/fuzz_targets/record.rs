//! Audit records from anyone: an answer or an error, never a panic, and no name that could harm a
//! terminal. The first two bytes are the type.
//!
//! `fuzz/seeds/record` has a record of each form that the kernel writes, and one of the eBPF program: plain,
//! with hostile names, cut, and forged; `crates/ringfence/tests/seeds.rs` holds them to their names.
//! `cargo +nightly fuzz run record fuzz/corpus/record fuzz/seeds/record -- -max_total_time=60`
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringfence::event::record::{self, Body, Record, serial::Serials};
use ringfence::event::text::Text;

fuzz_target!(|bytes: &[u8]| {
    // What the eBPF program sends has a form of its own.
    if let Some(failed) = ringfence::event::ebpf::layout::parse(bytes) {
        let shown = ringfence::event::call::decode(&failed.data, &failed.kept).to_string();
        assert!(!shown.contains(char::is_control));
    }
    let [low, high, rest @ ..] = bytes else { return };
    // Half of the inputs are of the types that are taken apart.
    let kinds = [record::SYSCALL, record::SECCOMP, record::AVC, record::LANDLOCK_ACCESS, record::LANDLOCK_DOMAIN];
    let kind = match high % 2 {
        0 => kinds[usize::from(*low) % kinds.len()],
        _ => u16::from_le_bytes([*low, *high]),
    };
    let Ok(Record { serial, body, .. }) = record::parse(kind, rest) else { return };
    let mut serials = Serials::default();
    serials.see(serial);
    assert_eq!(serials.missing(), 0);
    let names: Vec<Option<Text>> = match body {
        Body::Syscall(call) => vec![call.command],
        Body::Seccomp(call) => vec![call.command, call.exe],
        Body::AppArmor(seen) => vec![seen.command, seen.profile, seen.name],
        Body::Avc(seen) => vec![seen.command],
        Body::LandlockAccess(access) => match access.object {
            record::Object::File { path, device, .. } => vec![path, device],
            record::Object::Process { command, .. } => vec![command],
            record::Object::Peer(_) | record::Object::Unnamed => vec![],
        },
        Body::LandlockDomain(_) | Body::Other(_) => vec![],
    };
    for name in names.into_iter().flatten() {
        let shown = name.to_string();
        assert!(!shown.contains(char::is_control));
        assert_eq!(Text::decode(&shown).as_deref(), Some(name.bytes()));
    }
});
