//! `cargo xtask dist`: the binary that is shipped: static, against musl, not position-independent,
//! stripped. It starts in a fraction of the time of the plain cargo build (`bench/README.md`).

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

const TARGET: &str = "x86_64-unknown-linux-musl";
/// Where each function goes.
pub(crate) const LAYOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/dist.ld");

/// Runs the command with the arguments after `dist`.
pub(crate) fn run(mut args: impl Iterator<Item = String>) -> Result<()> {
    if let Some(arg) = args.next() {
        bail!("unknown argument {arg}: usage: cargo xtask dist");
    }
    let binary = build()?;
    let size = std::fs::metadata(&binary)?.len();
    println!("{} ({size} bytes)", binary.display());
    Ok(())
}

/// Builds the binary and copies it to `dist/ringfence` in the target directory.
pub(crate) fn build() -> Result<PathBuf> {
    let target = target_directory()?;
    run_cargo(&mut cargo())?;
    let (from, to) = (target.join(TARGET).join("dist/ringfence"), target.join("dist/ringfence"));
    std::fs::create_dir_all(target.join("dist"))?;
    // A new file: the old one may be running.
    let _ = std::fs::remove_file(&to);
    std::fs::copy(&from, &to).with_context(|| format!("copy {} to {}", from.display(), to.display()))?;
    Ok(to)
}

/// The same program with its symbols, in a target directory of its own.
pub(crate) fn build_with_symbols(target: &Path) -> Result<PathBuf> {
    run_cargo(cargo().env("CARGO_PROFILE_DIST_STRIP", "none").env("CARGO_TARGET_DIR", target))?;
    Ok(target.join(TARGET).join("dist/ringfence"))
}

fn run_cargo(cargo: &mut Command) -> Result<()> {
    target_libdir()?;
    let status = cargo
        .args(["rustc", "--quiet", "--profile", "dist", "--package", "ringfence-cli", "--bin", "ringfence"])
        .args(["--target", TARGET])
        .args(["--", "-C", &format!("link-arg=-Wl,-T,{LAYOUT}")])
        .status()
        .context("cargo")?;
    ensure!(status.success(), "the build failed");
    Ok(())
}

/// Where the target's libraries are.
pub(crate) fn target_libdir() -> Result<PathBuf> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .context("rustc")?;
    let directory = PathBuf::from(String::from_utf8(output.stdout)?.trim());
    if output.status.success() && directory.is_dir() {
        return Ok(directory);
    }
    bail!("the Rust target {TARGET} is not installed: run `rustup target add {TARGET}`")
}

/// Where cargo builds to.
pub(crate) fn target_directory() -> Result<PathBuf> {
    let output =
        cargo().args(["metadata", "--format-version", "1", "--no-deps"]).stderr(Stdio::inherit()).output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    Ok(metadata["target_directory"].as_str().context("cargo metadata names no target directory")?.into())
}

/// The cargo that runs this program, in the workspace.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    command
}
