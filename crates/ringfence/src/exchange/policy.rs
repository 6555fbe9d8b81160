//! ringfence's own policies, as far as they concern the gate.

use super::{Error, Filter, Gate, Imported, Language, Loader, Meaning, Note};
use crate::plan;
use crate::policy::{self, Policy, Request};

/// Loads a policy with all that it extends. `name`: a file, or `builtin:NAME`.
pub(super) fn import(name: &str, loader: &Loader<'_>) -> Result<Imported, Error> {
    from(&load(name, loader)?)
}

/// The policy of a name.
pub(super) fn load(name: &str, loader: &Loader<'_>) -> Result<Policy, Error> {
    let read = |path: &str| {
        let bytes = loader(path)?;
        String::from_utf8(bytes)
            .map_err(|_| std::io::Error::new(std::io::ErrorKind::InvalidData, "not UTF-8 text"))
    };
    let policies = [name.to_owned()];
    policy::load(&Request { policies: &policies, flags: &[], loader: &read })
        .map_err(|diagnostics| Error::new(diagnostics.to_string()))
}

/// The gate of a loaded policy: what `run` compiles, but for what depends on the launch.
pub(super) fn from(policy: &Policy) -> Result<Imported, Error> {
    let specified = plan::gate(policy).map_err(|refusal| Error::new(refusal.message).help(refusal.help))?;
    let mut notes = Vec::new();
    let stack = match specified {
        None => {
            notes.push(Note::new("syscalls.mode is off: everything is allowed"));
            Vec::new()
        }
        Some(specified) => {
            if specified.needs_token {
                notes.push(Note::new("the launch's own execve(2), which `run` lets pass once, is not shown"));
            }
            vec![Filter { label: String::new(), meaning: Meaning::Spec(specified.spec) }]
        }
    };
    let gate = Gate { name: String::new(), stack };
    Ok(Imported { language: Language::Ringfence, gates: vec![gate], notes })
}
