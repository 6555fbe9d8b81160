//! Who runs the measured commands: the caller, or where that is root also an ordinary user.

use std::process::Command;
use std::str::FromStr;

use anyhow::{Context, Result, bail};

/// What `--user` asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Who {
    /// The caller.
    #[default]
    Caller,
    /// Root, which the caller must be.
    Root,
    /// An ordinary user, by name where one is given.
    Ordinary(Option<String>),
    /// Root, then an ordinary user.
    Both(Option<String>),
}

/// One who runs commands.
#[derive(Debug, Clone)]
pub(crate) struct User {
    /// `root`, or the name.
    pub(crate) name: String,
    /// The ids to take; `None` where they are the caller's.
    pub(crate) ids: Option<(u32, u32)>,
    /// Whether the user id is 0.
    pub(crate) root: bool,
}

impl FromStr for Who {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (kind, name) = match text.split_once(':') {
            Some((kind, name)) => (kind, Some(name.to_owned())),
            None => (text, None),
        };
        match (kind, name) {
            ("root", None) => Ok(Self::Root),
            ("ordinary", name) => Ok(Self::Ordinary(name)),
            ("both", name) => Ok(Self::Both(name)),
            _ => bail!("root, ordinary, ordinary:NAME, both or both:NAME"),
        }
    }
}

impl Who {
    /// The users in the order in which they are measured.
    pub(crate) fn users(&self) -> Result<Vec<User>> {
        let caller = caller()?;
        match self {
            Self::Caller => Ok(vec![caller]),
            Self::Root if caller.root => Ok(vec![caller]),
            Self::Root => bail!("--user root needs root"),
            Self::Ordinary(None) if !caller.root => Ok(vec![caller]),
            Self::Ordinary(name) => Ok(vec![ordinary(&caller, name.as_deref())?]),
            Self::Both(name) => {
                let other = ordinary(&caller, name.as_deref())?;
                Ok(vec![caller, other])
            }
        }
    }
}

fn caller() -> Result<User> {
    let id = id(&["-u"])?;
    Ok(User { name: named(&["-un"]).unwrap_or_else(|_| id.to_string()), ids: None, root: id == 0 })
}

/// Another user, whom only root can become.
fn ordinary(caller: &User, name: Option<&str>) -> Result<User> {
    if !caller.root {
        bail!("only root can become another user: run as that user instead");
    }
    match name {
        None => Ok(User { name: "65534".into(), ids: Some((65534, 65534)), root: false }),
        Some(name) => {
            let ids = (id(&["-u", "--", name])?, id(&["-g", "--", name])?);
            Ok(User { name: name.to_owned(), ids: Some(ids), root: ids.0 == 0 })
        }
    }
}

fn id(words: &[&str]) -> Result<u32> {
    named(words)?.parse().context("id(1) says no number")
}

fn named(words: &[&str]) -> Result<String> {
    let output = Command::new("id").args(words).output().context("id")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
