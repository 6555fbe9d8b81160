//! A generated AppArmor profile: compiled by apparmor_parser(8), loaded through securityfs before the
//! child exists, and unloaded by a janitor when all that it confines has ended.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::process::{Command, Stdio};

use ringfence_sys::janitor::Word;

use super::janitor::{Janitor, Leftover};
use super::leftover::Error;
use crate::control::lsm::Profile;
use crate::host::apparmor::DIRECTORY;

/// A profile that is loaded. Dropping it unloads it; nothing that it confines may live then.
#[derive(Debug)]
#[must_use]
pub(super) struct Loaded {
    janitor: Option<Janitor>,
    name: String,
}

impl Loaded {
    /// Compiles and loads it. Its janitor exists before it does.
    ///
    /// # Errors
    /// What apparmor_parser(8) says of the text, and the kernel's answer: a profile of this name that
    /// is there already is an error, never replaced.
    pub(super) fn load(profile: &Profile) -> Result<Self, Error> {
        let failed = |doing: String| {
            let at = Some(profile.at);
            move |source| Error { doing, source, at }
        };
        let blob = compile(profile).map_err(failed(format!("run {}", profile.parser.display())))?;
        let file = |name: &str| Path::new(DIRECTORY).join(name);
        let leftover = Leftover::Profile(file(".remove"), profile.name.clone());
        let janitor = Janitor::start(&[leftover]).map_err(failed("start the janitor".to_owned()))?;
        let loaded = Self { janitor: Some(janitor), name: profile.name.clone() };
        let load = file(".load");
        put(&load, &blob).map_err(failed(format!("load an AppArmor profile by {}", load.display())))?;
        Ok(loaded)
    }

    /// Names the init of the containment to the janitor, before the command exists.
    ///
    /// # Errors
    /// The janitor is gone: nothing would unload the profile once this process is killed.
    pub(super) fn name_init(&self, pidfd: BorrowedFd<'_>) -> io::Result<()> {
        self.janitor.as_ref().map_or(Ok(()), |janitor| janitor.name_init(pidfd))
    }

    /// A line that ends with the janitor: without it a killed ringfence would leave the profile.
    ///
    /// # Errors
    /// `EMFILE`.
    pub(super) fn keeper(&self) -> io::Result<Option<Word>> {
        self.janitor.as_ref().map_or(Ok(None), Janitor::word)
    }

    /// Unloads it: 1 where that could not be done.
    pub(super) fn unload(mut self) -> u8 {
        self.remove()
    }

    /// A janitor that was killed has removed nothing, so it is done here.
    fn remove(&mut self) -> u8 {
        if self.janitor.take().map_or(0, Janitor::finish) == 0 {
            return 0;
        }
        match put(&Path::new(DIRECTORY).join(".remove"), self.name.as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => 1,
            _ => 0,
        }
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        self.remove();
    }
}

/// The kernel takes a profile, or its name, in one write(2).
fn put(file: &Path, data: &[u8]) -> io::Result<()> {
    let count = OpenOptions::new().write(true).open(file)?.write(data)?;
    if count == data.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Text to what the kernel loads: nothing is loaded, no cache read or written.
///
/// The text is read as of this kernel's features. Without them the parser takes those of an old
/// kernel, and leaves sockets out of a profile that does not mention an ABI: they would not be held.
fn compile(profile: &Profile) -> io::Result<Vec<u8>> {
    let features = Path::new(DIRECTORY).join("features");
    let mut command = Command::new(&profile.parser);
    if features.exists() {
        command.arg("--policy-features").arg(features);
    }
    let mut child = command
        .args(["--stdout", "--skip-kernel-load", "--skip-cache", "--quiet"])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // Far below what a pipe holds, so that nobody waits for the other.
    if let Some(mut input) = child.stdin.take() {
        input.write_all(profile.text.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if output.status.success() && !output.stdout.is_empty() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    Err(io::Error::other(format!("it did not compile the profile: {said}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Host;
    use crate::policy::Origin;

    fn profile(text: &str) -> Option<Profile> {
        let parser = Path::new("/usr/sbin/apparmor_parser");
        if !parser.exists() {
            println!("skipped: needs apparmor_parser");
            return None;
        }
        let at = Origin { source: 0, offset: 0, len: 0 };
        let name = format!("ringfence-test-{}", std::process::id());
        let intent = crate::control::lsm::Intent::default();
        Some(Profile { intent, text: text.replace("NAME", &name), name, parser: parser.into(), at })
    }

    #[test]
    fn a_profile_that_does_not_parse_is_an_error() {
        let Some(profile) = profile("profile \"NAME\" { /x nonsense, }\n") else { return };
        let error = compile(&profile).unwrap_err();
        assert!(error.to_string().contains("syntax error"), "{error}");
    }

    #[test]
    fn what_is_loaded_is_gone_afterwards() {
        let Some(profile) = profile("profile \"NAME\" {\n}\n") else { return };
        let host = Host::live();
        let Some(Ok(())) = host.apparmor().value.known().map(|fact| fact.load.clone()) else {
            println!("skipped: no profile can be loaded: {:?}", host.apparmor().value);
            return;
        };
        let list = || std::fs::read_to_string(Path::new(DIRECTORY).join("profiles")).unwrap();
        let loaded = Loaded::load(&profile).unwrap();
        assert!(list().contains(&profile.name));
        assert!(Loaded::load(&profile).is_err(), "a profile that is there is not replaced");
        drop(loaded);
        assert!(!list().contains(&profile.name));
        // The janitor may be killed: then who started it does its work.
        let loaded = Loaded::load(&profile).unwrap();
        let janitor = rustix::process::Pid::from_raw(loaded.janitor.as_ref().unwrap().pid()).unwrap();
        rustix::process::kill_process(janitor, rustix::process::Signal::KILL).unwrap();
        assert_eq!(loaded.unload(), 0);
        assert!(!list().contains(&profile.name));
    }
}
