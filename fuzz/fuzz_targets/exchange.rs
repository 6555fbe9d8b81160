//! Filters of every language from anyone: an answer in bounded time, never a panic; and what is read
//! as rules answers as its program does.
//! `cargo +nightly fuzz run exchange -- -max_total_time=60`
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringfence::exchange::{self, Conditions, Language, Meaning, Options};
use ringfence_bpf::eval;
use ringfence_bpf::program::SeccompData;
use ringfence_bpf::table::{AUDIT_ARCH_I386, AUDIT_ARCH_X86_64};

fuzz_target!(|bytes: &[u8]| {
    let loader = |path: &str| match path {
        "./a" => Ok(bytes.to_vec()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    let options = Options { conditions: Conditions::default(), loader: &loader };
    let _ = exchange::recognise(bytes, "fuzz");
    for (language, _) in Language::ALL {
        if language == Language::Ringfence {
            continue;
        }
        let Ok(imported) = exchange::import(bytes, "fuzz", language, &options) else { continue };
        for filter in imported.gates.iter().flat_map(|gate| &gate.stack) {
            let Meaning::Listing(listing) = &filter.meaning else { continue };
            let Ok(program) = listing.program() else { continue };
            for arch in [AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, 0] {
                for nr in [0, 1, 41, 59, 102, 135, 0x4000_0000, u32::MAX] {
                    for value in [0, 1, 8, 1 << 32, u64::MAX] {
                        let data = SeccompData { nr, arch, instruction_pointer: 0, args: [value; 6] };
                        assert_eq!(eval::action(program.insns(), &data), Ok(listing.meaning(&data).0));
                    }
                }
            }
        }
    }
});
