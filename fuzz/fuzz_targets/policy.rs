//! Policy text from anyone: an answer in bounded size, never a panic.
//! `cargo +nightly fuzz run policy -- -max_total_time=60`
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringfence::policy::{Request, diagnostic, load};

fuzz_target!(|text: &str| {
    let loader = |name: &str| match name {
        "a.toml" => Ok(text.to_owned()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    let policies = ["a.toml".to_owned()];
    match load(&Request { policies: &policies, flags: &[], loader: &loader }) {
        Ok(policy) => {
            // Whatever was accepted has a place and parts that can be shown.
            for path in policy.fs.read.iter().chain(&policy.fs.write).chain(&policy.fs.deny) {
                let _ = (policy.place(path.at).to_string(), path.value.text.as_str());
            }
        }
        Err(wrong) => {
            assert!(wrong.iter().count() <= diagnostic::LIMIT);
            let shown = wrong.to_string();
            assert!(shown.len() < 64 << 10 && !shown.contains(|c: char| c.is_control() && c != '\n'));
        }
    }
});
