//! Limits: each hard limit of the policy cannot be exceeded, and cannot be raised.

use ringfence_bpf::table::Abi;

use super::{Claim, PROTECTION, unmasked};
use crate::control::Control;
use crate::control::trial::{Trial, Word};
use crate::policy::At;
use crate::verify::{Intent, Part, Subject};

pub(super) fn claims(subject: &Subject<'_>) -> Vec<Claim> {
    let limits = &subject.policy.limits;
    // asm-generic/resource.h
    let list: [(&str, u64, Option<At<u64>>); 5] = [
        ("core", 4, limits.core.clone()),
        ("file_size", 1, limits.file_size.clone()),
        ("open_files", 7, limits.open_files.clone()),
        ("stack", 3, limits.stack.clone()),
        ("cpu_time", 0, limits.cpu_time.clone()),
    ];
    list.into_iter().filter_map(|(name, resource, limit)| raise(name, resource, &limit?)).collect()
}

/// Raising the hard limit by one: setrlimit(2) changes the attempting process only.
fn raise(name: &str, resource: u64, limit: &At<u64>) -> Option<Claim> {
    let more = limit.value.saturating_add(1).to_le_bytes();
    let args =
        vec![Word::Value(0), Word::Value(resource), Word::Bytes([more, more].concat()), Word::Value(0)];
    let trial = Trial::call(Abi::X86_64, "prlimit64", args)?;
    let test = unmasked(trial, &[Control::Seccomp]);
    Some(
        Claim::new(Part::Limit, Intent::Deny, name, format!("raise limits.{name} by one"), test)
            .route("prlimit64, without the filter")
            .at(limit.at)
            .because(format!("limits.{name} = {}", limit.value))
            .see(&["setrlimit(2)", PROTECTION]),
    )
}
