//! Filters of every language from anyone: an answer in bounded time, never a panic; and what is read
//! as rules answers as its program does, and is translated with proof.
//! `cargo +nightly fuzz run exchange -- -max_total_time=60`
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringfence::exchange::export::{Target, export};
use ringfence::exchange::gate::Failure;
use ringfence::exchange::listing::Listing;
use ringfence::exchange::{self, Conditions, Gate, Language, Meaning, Options};
use ringfence_bpf::eval;
use ringfence_bpf::program::SeccompData;
use ringfence_bpf::table::{AUDIT_ARCH_I386, AUDIT_ARCH_X86_64};

fuzz_target!(|bytes: &[u8]| {
    let loader = |path: &str| match path {
        "./a" => Ok(bytes.to_vec()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    let options = Options { conditions: Conditions::default(), loader: &loader };
    let recognised = exchange::recognise(bytes, "fuzz").ok();
    for (language, _) in Language::ALL {
        if language == Language::Ringfence {
            continue;
        }
        let Ok(imported) = exchange::import(bytes, "fuzz", language, &options) else { continue };
        for filter in imported.gates.iter().flat_map(|gate| &gate.stack) {
            let Meaning::Listing(listing) = &filter.meaning else { continue };
            let Ok(program) = listing.program() else { continue };
            for data in inputs(listing) {
                assert_eq!(eval::action(program.insns(), &data), Ok(listing.meaning(&data).0));
            }
        }
        // Translations take milliseconds: now and then.
        if recognised == Some(language) && bytes.len() % 16 == 0 {
            imported.gates.iter().take(1).for_each(translated);
        }
    }
});

/// Calls that a listing names, and values around those that it compares with.
fn inputs(listing: &Listing) -> Vec<SeccompData> {
    let mut numbers = vec![0, 1, 41, 59, 102, 135, 0x4000_0000, u32::MAX];
    let mut words = vec![0, 1, 8, u32::MAX];
    for (number, clauses) in listing.arches.iter().flat_map(|arch| &arch.numbers) {
        numbers.push(*number);
        let values = clauses.iter().flat_map(|clause| &clause.tests).map(|test| test.value);
        words.extend(values.flat_map(|value| [value.wrapping_sub(1), value, value.wrapping_add(1)]));
    }
    numbers.truncate(40);
    words.truncate(40);
    let mut inputs = Vec::new();
    for arch in [AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, 0] {
        for (at, nr) in numbers.iter().enumerate() {
            for round in 0..words.len() {
                let word = |arg: usize| u64::from(words[(round * (arg + 1) + at * arg) % words.len()]);
                let args = std::array::from_fn(|arg| word(arg + 6) * u64::from(round % 2 == 0) << 32 | word(arg));
                inputs.push(SeccompData { nr: *nr, arch, instruction_pointer: 0, args });
            }
        }
    }
    inputs
}

/// What is written in another language is proven inside; that a proof fails where there is nothing
/// that the language cannot say would be a defect.
fn translated(gate: &Gate) {
    for (target, _) in Target::ALL {
        if let Err(Failure::Unverifiable(why)) = export(gate, target) {
            assert!(!why.contains("defect"), "{why}");
        }
    }
}
