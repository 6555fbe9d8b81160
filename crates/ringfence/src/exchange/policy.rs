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

/// The keys outside `[syscalls]` whose values differ between two policies, by their names.
///
/// # Errors
/// A policy cannot be loaded.
pub fn changed_keys(old: &str, new: &str, loader: &Loader<'_>) -> Result<Vec<String>, Error> {
    let (old, new) = (load(old, loader)?, load(new, loader)?);
    let (old, new) = (keys(&old), keys(&new));
    let pairs = old.into_iter().zip(new);
    Ok(pairs.filter(|((_, old), (_, new))| old != new).map(|((key, _), _)| key.to_owned()).collect())
}

/// Each key with its value as text, the places where it was written left out.
fn keys(policy: &Policy) -> Vec<(&'static str, String)> {
    macro_rules! texts {
        ($($section:ident . $key:ident),* $(,)?) => {
            vec![$((
                concat!(stringify!($section), ".", stringify!($key)),
                without_places(&format!("{:?}", policy.$section.$key)),
            )),*]
        };
    }
    let mut keys = texts![
        process.user,
        process.groups,
        process.capabilities,
        process.no_new_privs,
        process.umask,
        process.cwd,
        process.env_pass,
        process.env_set,
        process.fds,
        fs.read,
        fs.exec,
        fs.write,
        fs.deny,
        fs.tmp,
        fs.proc,
        fs.dev,
        net.mode,
        net.connect,
        net.bind,
        net.unix,
        namespaces.unshare,
        namespaces.hostname,
        namespaces.id_map,
        lsm.landlock,
        lsm.apparmor,
        lsm.selinux,
        lsm.selinux_mount,
        limits.memory,
        limits.pids,
        limits.cpu_milli,
        limits.wall_ms,
        limits.open_files,
        limits.core,
        limits.file_size,
        limits.stack,
        limits.cpu_time,
        audit.events,
    ];
    let plain = |(key, text)| match key {
        "limits.cpu_milli" => ("limits.cpu", text),
        "limits.wall_ms" => ("limits.wall", text),
        "process.env_pass" => ("process.env.pass", text),
        "process.env_set" => ("process.env.set", text),
        key => (key, text),
    };
    keys = keys.into_iter().map(plain).collect();
    keys.push(("degrade.allow", without_places(&format!("{:?}", policy.degrade))));
    keys.push(("expect", without_places(&format!("{:?}", policy.expect))));
    keys
}

/// `Origin { … }` is the only thing that tells two equal values apart.
fn without_places(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("Origin {") {
        out.push_str(before);
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    out + rest
}
