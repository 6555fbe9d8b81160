//! `ringfence export POLICY --to apparmor` and `--to cil`: what an LSM can hold of a policy, for a host
//! where an administrator loads it. Paths are resolved on this host.

use std::collections::BTreeMap;

use ringfence::control::lsm::{Intent, Words, cil_text, profile_file};
use ringfence::exchange::Error;
use ringfence::exchange::gate::Failure;
use ringfence::host::path::Surroundings;
use ringfence::host::{Host, selinux};
use ringfence::plan;

use super::export::write;
use super::{HOLDS, Reading, print, say};
use crate::events::Wanted;
use crate::run::{self, Job};

/// The language of an LSM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// apparmor.d(5).
    AppArmor,
    /// A module of SELinux.
    Cil,
}

impl Language {
    /// All of them, with the words that name them.
    pub(crate) const ALL: [(Self, &'static str); 2] = [(Self::AppArmor, "apparmor"), (Self::Cil, "cil")];
}

/// Longer names are refused by neither LSM, but read by nobody.
const LONGEST: usize = 64;

pub(super) fn export(
    input: &str,
    language: Language,
    name: Option<&str>,
    output: Option<&str>,
    reading: &Reading,
) -> Result<i32, Failure> {
    if reading.language.is_some_and(|language| language != ringfence::exchange::Language::Ringfence) {
        let error = Error::new("only a policy of ringfence says what a label is to hold").at(input);
        return Err(error.help("the other languages are of system call filters alone").into());
    }
    let name = match name {
        Some(name) => name.to_owned(),
        None => usual(input),
    };
    check(&name)?;
    let job = Job {
        policies: vec![input.to_owned()],
        flags: Vec::new(),
        command: Vec::new(),
        events: Wanted::default(),
    };
    let policy = run::load(&job).map_err(|diagnostics| Error::new(diagnostics.to_string().trim_end()))?;
    let (host, surroundings) = (Host::live(), Surroundings::live());
    let intent = match plan::intent(&policy, &host, &surroundings) {
        Ok(intent) => intent,
        Err(failure) => {
            run::refuse(&policy, failure);
            return Ok(super::BAD);
        }
    };
    let text = match language {
        Language::AppArmor => apparmor(&name, &intent, &host)?,
        Language::Cil => {
            let types = intent
                .paths
                .iter()
                .filter_map(|rule| Some((rule.path.clone(), selinux::file_type(&rule.path)?)));
            let types: BTreeMap<_, _> = types.collect();
            if types.is_empty() {
                say(
                    "note: no file of the policy has an SELinux type here: the module says in comments which need one",
                );
            }
            cil_text(&name, &intent, &types)
        }
    };
    match output {
        Some(path) => write(path, text.as_bytes())?,
        None => print(text.as_bytes()),
    }
    Ok(HOLDS)
}

fn apparmor(name: &str, intent: &Intent, host: &Host) -> Result<String, Failure> {
    let words = Words::of(host.apparmor_parser().value.known().copied().unwrap_or((0, 0)));
    let text = profile_file(name, intent, words);
    Ok(text.map_err(|refusal| Error::new(refusal.message).help(refusal.help))?)
}

/// `policy.toml` is `ringfence-policy`, `builtin:build` is `ringfence-build`.
fn usual(input: &str) -> String {
    let last = input.rsplit(['/', ':']).next().unwrap_or(input);
    let stem = last.strip_suffix(".toml").unwrap_or(last);
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    format!("ringfence_{}", stem.chars().map(plain).collect::<String>())
}

/// A name that both languages read as one word.
fn check(name: &str) -> Result<(), Failure> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    if first && name.len() <= LONGEST && name.bytes().all(plain) {
        return Ok(());
    }
    let error = Error::new(format!("`{}` is no name for a label", name.escape_debug()));
    Err(error.help("write letters, digits and `_`, a letter first: --name box").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word() {
        assert_eq!(usual("/a/my policy.toml"), "ringfence_my_policy");
        assert_eq!(usual("builtin:build"), "ringfence_build");
        assert!(check(&usual("/a/x.toml")).is_ok());
        for wrong in ["", "1x", "a b", "a{", "a)", "a\n"] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }
}
