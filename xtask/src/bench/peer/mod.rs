//! Other launchers, each asked for what a level says as far as it can. One file each, with one
//! function; what a launcher cannot do is said, never left out.

mod bubblewrap;
mod firejail;
mod hakoniwa;
mod minijail;
mod nsjail;
mod oci;
mod setpriv;
mod unshare;

use std::path::PathBuf;
use std::process::Command;

use super::level::Level;
use super::scene::{Contender, Scene};
use super::user::User;

/// What makes the command line for a level, or says why there is none.
type Make = fn(&Peer, &Scene, &User, Level) -> Result<Contender, String>;

/// Another launcher.
pub(crate) struct Peer {
    /// As people call it.
    pub(crate) name: &'static str,
    program: &'static str,
    version: &'static [&'static str],
    make: Make,
}

const PEERS: [Peer; 9] = [
    Peer { name: "bubblewrap", program: "bwrap", version: &["--version"], make: bubblewrap::make },
    Peer { name: "firejail", program: "firejail", version: &["--version"], make: firejail::make },
    Peer { name: "hakoniwa", program: "hakoniwa", version: &["--version"], make: hakoniwa::make },
    Peer { name: "crun", program: "crun", version: &["--version"], make: oci::make },
    Peer { name: "runc", program: "runc", version: &["--version"], make: oci::make },
    Peer { name: "minijail0", program: "minijail0", version: &["--version"], make: minijail::make },
    Peer { name: "nsjail", program: "nsjail", version: &["--version"], make: nsjail::make },
    Peer { name: "unshare", program: "unshare", version: &["--version"], make: unshare::make },
    Peer { name: "setpriv", program: "setpriv", version: &["--version"], make: setpriv::make },
];

/// The peers asked for; all where `None`.
pub(crate) fn chosen(names: Option<&[String]>) -> anyhow::Result<Vec<&'static Peer>> {
    let Some(names) = names else { return Ok(PEERS.iter().collect()) };
    let find = |name: &String| {
        let found = PEERS.iter().find(|peer| peer.name == name || peer.program == name);
        found.ok_or_else(|| {
            let known: Vec<_> = PEERS.iter().map(|peer| peer.name).collect();
            anyhow::anyhow!("no peer `{name}`: {}", known.join(", "))
        })
    };
    names.iter().map(find).collect()
}

impl Peer {
    /// The command line for a level, or why there is none.
    pub(crate) fn contender(&self, scene: &Scene, user: &User, level: Level) -> Result<Contender, String> {
        self.path()?;
        (self.make)(self, scene, user, level)
    }

    /// The program, on PATH.
    pub(crate) fn path(&self) -> Result<PathBuf, String> {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let sbin = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
        std::env::split_paths(&paths)
            .chain(sbin)
            .map(|directory| directory.join(self.program))
            .find(|path| path.is_file())
            .ok_or_else(|| "not installed".to_owned())
    }

    /// What it says about its version, or nothing.
    pub(crate) fn version(&self) -> Option<String> {
        let output = Command::new(self.path().ok()?).args(self.version).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = text.lines().find(|line| line.contains(|c: char| c.is_ascii_digit()))?;
        Some(line.trim().to_owned())
    }

    /// A contender that starts with the program itself.
    fn start(&self) -> Result<Contender, String> {
        Ok(Contender::new(self.name, &self.path()?))
    }
}

/// Names and numbers of the calls that a level's filter allows whatever their arguments.
fn allowed(scene: &Scene, level: Level) -> Result<Vec<(String, String)>, String> {
    let path = scene.filter_calls(level);
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let pair = |line: &str| line.split_once(' ').map(|(name, number)| (name.to_owned(), number.to_owned()));
    Ok(text.lines().filter_map(pair).collect())
}
