//! `cargo xtask side-by-side`: one policy, verified in ringfence and in other sandboxes by the same
//! command, written to docs/side-by-side.md.

mod list;
mod page;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::dist;
use list::Side;

const HELP: &str = "\
cargo xtask side-by-side [FILTER]

  FILTER   only sandboxes whose name has this word, and nothing is written

As root, on a machine that has bubblewrap, firejail, podman, runc and unshare; what is absent is said
to be absent. Writes docs/side-by-side.md.";

/// What was found in one sandbox.
struct Found {
    side: Side,
    /// Its own word for its version.
    version: String,
    report: std::result::Result<Value, String>,
}

pub(crate) fn run(mut args: impl Iterator<Item = String>) -> Result<()> {
    let filter = match args.next().as_deref() {
        Some("--help" | "-h") => {
            println!("{HELP}");
            return Ok(());
        }
        other => other.map(str::to_owned),
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace")?;
    let policy = root.join("docs/side-by-side.toml");
    let status = dist::cargo().args(["build", "--quiet", "--package", "ringfence-cli"]).status()?;
    ensure!(status.success(), "the build failed");
    let binary = dist::target_directory()?.join("x86_64-unknown-linux-gnu/debug/ringfence");
    let place = Place::new()?;
    let sides = list::all(&place.0, &binary, &policy)?;
    let mut all = Vec::new();
    for side in sides {
        if filter.as_ref().is_some_and(|word| !side.name.contains(word.as_str())) {
            continue;
        }
        let found = verify(side, &binary, &policy, &place.0);
        println!("{:<30} {}", found.side.name, page::line(&found.report));
        all.push(found);
    }
    list::remove_image();
    if filter.is_none() {
        std::fs::write(root.join("docs/side-by-side.md"), page::page(&all)?)?;
    }
    Ok(())
}

/// One `ringfence verify --via`.
fn verify(side: Side, binary: &Path, policy: &Path, place: &Path) -> Found {
    let version = list::version(&side).unwrap_or_else(|| "absent".into());
    let report = report(&side, binary, policy, place).map_err(|error| format!("{error:#}"));
    Found { side, version, report }
}

fn report(side: &Side, binary: &Path, policy: &Path, place: &Path) -> Result<Value> {
    let launcher = side.launcher.replace("{place}", &place.display().to_string());
    let mut command = Command::new(binary);
    command.args(["verify", "--format", "json", "--patience", "60", "--via", &launcher]);
    if let Some(prober) = side.prober {
        command.args(["--prober", prober]);
    }
    // A directory that no sandbox shows by itself.
    let work = place.join("work");
    std::fs::create_dir_all(&work)?;
    let output = command.arg(policy).current_dir(work).stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.stdout.is_empty() {
        bail!("{}", said.lines().last().unwrap_or("nothing was said").trim_start_matches("ringfence: "));
    }
    serde_json::from_slice(&output.stdout).context("the report")
}

/// A directory that is gone afterwards.
struct Place(PathBuf);

impl Place {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("ringfence-sides-{}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
