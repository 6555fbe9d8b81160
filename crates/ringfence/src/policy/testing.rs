//! Policies for tests, from texts without files.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use super::{Diagnostics, Flag, Policy, Request, load};

/// Loads `policies` and `flags` (as `--name=value`) with these files.
pub(crate) fn load_with(
    policies: &[&str],
    files: &[(&str, &str)],
    flags: &[&str],
) -> Result<Policy, Diagnostics> {
    let files: BTreeMap<&str, &str> = files.iter().copied().collect();
    let loader = |name: &str| files.get(name).map(|text| text.to_string()).ok_or(ErrorKind::NotFound.into());
    let policies: Vec<String> = policies.iter().map(|name| name.to_string()).collect();
    let flag = |flag: &&str| {
        let (name, value) = flag.split_once('=').unwrap();
        Flag { name: name.to_owned(), value: value.to_owned() }
    };
    let flags: Vec<Flag> = flags.iter().map(flag).collect();
    load(&Request { policies: &policies, flags: &flags, loader: &loader })
}

/// Loads a file, given without its version line, on top of what `base` names.
pub(crate) fn policy(base: &str, text: &str) -> Result<Policy, Diagnostics> {
    let whole = format!("version = 1\n{text}");
    let mut policies = vec![base, "box.toml"];
    policies.retain(|name| !name.is_empty());
    load_with(&policies, &[("box.toml", &whole)], &[])
}

/// What a person sees of everything that is wrong with a file.
pub(crate) fn wrong(base: &str, text: &str) -> String {
    shown(policy(base, text))
}

/// What a person sees of a result.
pub(crate) fn shown(result: Result<Policy, Diagnostics>) -> String {
    result.map_or_else(|wrong| wrong.to_string(), |_| "nothing is wrong".to_owned())
}
