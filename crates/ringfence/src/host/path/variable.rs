//! `~` and `$VAR` in the paths of a policy: a fixed set, each with its well-known value where it
//! is not set. environ(7), XDG Base Directory Specification.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::Fault;
use crate::host::caller;
use crate::policy::value::path;

/// Every variable that a path may name, and its value where it is not set.
pub const VARIABLES: [(&str, Fallback); 10] = [
    ("HOME", Fallback::Account),
    ("USER", Fallback::Account),
    ("PWD", Fallback::WorkingDirectory),
    ("TMPDIR", Fallback::Fixed("/tmp")),
    ("XDG_RUNTIME_DIR", Fallback::None),
    ("XDG_CACHE_HOME", Fallback::Home(".cache")),
    ("XDG_CONFIG_HOME", Fallback::Home(".config")),
    ("XDG_DATA_HOME", Fallback::Home(".local/share")),
    ("CARGO_HOME", Fallback::Home(".cargo")),
    ("RUSTUP_HOME", Fallback::Home(".rustup")),
];

/// What a variable is where the environment does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// What passwd(5) says of the caller.
    Account,
    /// The working directory, always: the environment's word is not believed.
    WorkingDirectory,
    /// A fixed path.
    Fixed(&'static str),
    /// Below the home directory.
    Home(&'static str),
    /// Nothing.
    None,
}

/// What surrounds a policy: the working directory and the environment of ringfence itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings {
    /// getcwd(2); `None`: it has been removed, or lies outside of the root.
    pub directory: Option<PathBuf>,
    /// Who asks, for passwd(5).
    pub uid: u32,
    /// Those of [`VARIABLES`] that are set.
    pub variables: BTreeMap<&'static str, OsString>,
}

impl Surroundings {
    /// Those of this process.
    #[must_use]
    pub fn live() -> Self {
        let environment: Vec<_> = std::env::vars_os().collect();
        Self::of(environment.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str())))
    }

    /// Those of this process, with its environment as the caller has read it.
    #[must_use]
    pub fn of<'e>(environment: impl Iterator<Item = (&'e OsStr, &'e OsStr)>) -> Self {
        let mut variables = BTreeMap::new();
        for (name, value) in environment {
            let known = VARIABLES.iter().find(|(known, _)| name == OsStr::new(known));
            // Of several, the first is what getenv(3) finds.
            if let Some((known, _)) = known {
                variables.entry(*known).or_insert_with(|| value.to_owned());
            }
        }
        variables.retain(|_, value| !value.is_empty());
        Self {
            directory: std::env::current_dir().ok().filter(|directory| directory.is_absolute()),
            uid: rustix::process::getuid().as_raw(),
            variables,
        }
    }

    /// An absolute path of what a policy says: variables put in, and put below `base` or the
    /// working directory where it is relative.
    pub(super) fn expand(&self, text: &str, base: Option<&Path>) -> Result<PathBuf, Fault> {
        if text.is_empty() {
            return Err(Fault::Empty);
        }
        if text.contains('\0') {
            return Err(Fault::Nul);
        }
        if text.starts_with('~') && !(text == "~" || text.starts_with("~/")) {
            return Err(Fault::OtherHome(text[1..].split('/').next().unwrap_or_default().to_owned()));
        }
        let path = PathBuf::from(path::expand(text, |name| self.value(name))?);
        if path.is_absolute() {
            return Ok(path);
        }
        let start = base.or(self.directory.as_deref()).ok_or(Fault::NoDirectory)?;
        Ok(start.join(path))
    }

    /// A variable's value: a path is absolute, a name has no slash.
    fn value(&self, name: &str) -> Result<OsString, Fault> {
        let (name, fallback) = &VARIABLES
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| Fault::UnknownVariable(name.to_owned()))?;
        let unset = || Fault::Unset(name);
        let set = self.variables.get(name).filter(|_| *fallback != Fallback::WorkingDirectory);
        let value = match (set, fallback) {
            (Some(value), _) => value.clone(),
            (None, Fallback::WorkingDirectory) => {
                self.directory.clone().ok_or(Fault::NoDirectory)?.into_os_string()
            }
            (None, Fallback::Fixed(path)) => OsString::from(path),
            (None, Fallback::Home(below)) => Path::new(&self.value("HOME")?).join(below).into_os_string(),
            (None, Fallback::Account) => {
                let account = caller::account(self.uid).ok_or_else(unset)?;
                if *name == "USER" { account.name.into() } else { account.home.into_os_string() }
            }
            (None, Fallback::None) => return Err(unset()),
        };
        let sound = if *name == "USER" { is_name(&value) } else { Path::new(&value).is_absolute() };
        if sound { Ok(value) } else { Err(Fault::BadVariable(name, value)) }
    }
}

fn is_name(value: &OsStr) -> bool {
    !value.as_bytes().contains(&b'/') && value != "." && value != ".."
}
