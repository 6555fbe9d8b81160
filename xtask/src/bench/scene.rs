//! What every measurement needs: the benchmark's own programs, built and put where everything that
//! is measured can see them; removed at the end.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::args::Args;
use super::level::Level;
use crate::dist;

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../bench");
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Neither a library nor a page more than needed.
const BARE: [&str; 6] = [
    "relocation-model=static",
    "link-arg=-nostartfiles",
    "link-arg=-nostdlib",
    "link-arg=-static",
    "link-arg=-Wl,--build-id=none",
    "link-arg=-Wl,-z,norelro",
];

/// A command that is measured.
#[derive(Debug, Clone)]
pub(crate) struct Contender {
    /// As people call it.
    pub(crate) name: String,
    /// The command line; the first is a path.
    pub(crate) words: Vec<String>,
    /// Files that are open at numbers when it starts.
    pub(crate) files: Vec<(i32, PathBuf)>,
    /// What it does not do of the level.
    pub(crate) less: Option<&'static str>,
}

impl Contender {
    /// A command of one word.
    pub(crate) fn new(name: &str, program: &Path) -> Self {
        Self { name: name.into(), words: vec![program.display().to_string()], files: Vec::new(), less: None }
    }

    /// Adds words that have no space in them.
    pub(crate) fn add(&mut self, words: &str) {
        self.words.extend(words.split(' ').map(str::to_owned));
    }

    /// Adds the program that is to be contained.
    pub(crate) fn command(mut self, scene: &Scene) -> Self {
        self.words.push(scene.program().display().to_string());
        self
    }
}

/// A directory of programs; removed when dropped.
#[derive(Debug)]
pub(crate) struct Scene {
    place: PathBuf,
    program: &'static str,
    library: PathBuf,
}

impl Scene {
    /// Builds everything. `program`: what is contained, `true` or `sleep`.
    pub(crate) fn new(args: &Args, program: &'static str) -> Result<Self> {
        let place = match &args.place {
            Some(place) => place.clone(),
            None => default_place()?,
        };
        let place = place.join(format!("ringfence-bench-{}", std::process::id()));
        let scene = Self { place, program, library: library()? };
        fs::create_dir_all(&scene.place).with_context(|| format!("make {}", scene.place.display()))?;
        fs::set_permissions(&scene.place, fs::Permissions::from_mode(0o755))?;
        let binary = match &args.binary {
            Some(binary) => binary.clone(),
            None => dist::build()?,
        };
        fs::copy(&binary, scene.ringfence()).with_context(|| format!("copy {}", binary.display()))?;
        for level in Level::MEASURED.into_iter().filter(|level| *level != Level::Default) {
            let policy = source(level);
            fs::copy(&policy, scene.policy(level)).with_context(|| format!("copy {}", policy.display()))?;
            scene.compile_filter(level)?;
            let cfg = ["--cfg", level.name()];
            scene.build("floor", &format!("floor-{}", level.name()), &cfg, &scene.filter(level))?;
        }
        for name in ["true", "sleep"] {
            scene.build(name, name, &[], Path::new(""))?;
        }
        standard("meter", &scene.meter())?;
        Ok(scene)
    }

    /// The directory.
    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    /// What is contained.
    pub(crate) fn program(&self) -> PathBuf {
        self.place.join(self.program)
    }

    /// The clock.
    pub(crate) fn meter(&self) -> PathBuf {
        self.place.join("meter")
    }

    /// The launcher under test.
    pub(crate) fn ringfence(&self) -> PathBuf {
        self.place.join("ringfence")
    }

    /// The policy of a level.
    pub(crate) fn policy(&self, level: Level) -> PathBuf {
        self.place.join(format!("{}.toml", level.name()))
    }

    /// The seccomp program that the policy of a level compiles to; empty where it has none.
    pub(crate) fn filter(&self, level: Level) -> PathBuf {
        self.place.join(format!("{}.bpf", level.name()))
    }

    /// Names and numbers of the calls that the policy of a level allows whatever their arguments.
    pub(crate) fn filter_calls(&self, level: Level) -> PathBuf {
        self.place.join(format!("{}.calls", level.name()))
    }

    /// Bare exec, the floor, ringfence: what a level is compared with before any peer.
    pub(crate) fn own(&self, level: Level) -> Vec<Contender> {
        let mut bare = Contender::new("bare exec", &self.program());
        bare.less = Some("contains nothing");
        let mut ringfence = Contender::new("ringfence", &self.ringfence());
        ringfence.add("run");
        if level == Level::Default {
            ringfence.add("--");
            return vec![bare, ringfence.command(self)];
        }
        ringfence.words.extend(["--policy".into(), self.policy(level).display().to_string(), "--".into()]);
        let floor = Contender::new("kernel floor", &self.place.join(format!("floor-{}", level.name())));
        vec![bare, floor.command(self), ringfence.command(self)]
    }

    fn compile_filter(&self, level: Level) -> Result<()> {
        let status = Command::new(&self.library)
            .arg("filter")
            .args([self.policy(level), self.filter(level), self.filter_calls(level)])
            .status()
            .context("ringfence-bench")?;
        ensure!(status.success(), "no filter for level {}", level.name());
        Ok(())
    }

    fn build(&self, source: &str, name: &str, more: &[&str], filter: &Path) -> Result<()> {
        lean(source, &self.place.join(name), more, filter)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.place);
    }
}

/// Where every user and every peer sees programs.
fn default_place() -> Result<PathBuf> {
    let root =
        std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if root {
        return Ok("/opt".into());
    }
    Ok(PathBuf::from(std::env::var_os("HOME").context("no HOME: name a directory by --place")?)
        .join(".cache"))
}

/// Builds a program of bench/program that needs no library.
pub(crate) fn bare(source: &str, target: &Path) -> Result<()> {
    lean(source, target, &[], Path::new(""))
}

/// A program without any library, with as few pages as can be.
fn lean(source: &str, target: &Path, more: &[&str], filter: &Path) -> Result<()> {
    let mut flags = vec!["--target", TARGET, "-C", "target-feature=+crt-static"];
    flags.extend(BARE.iter().flat_map(|flag| ["-C", flag]));
    flags.extend(more);
    rustc(source, target, &flags, filter)
}

/// Builds a program of bench/program with the standard library.
pub(crate) fn standard(source: &str, target: &Path) -> Result<()> {
    rustc(source, target, &["--target", TARGET, "-C", "target-feature=+crt-static"], Path::new(""))
}

fn rustc(source: &str, target: &Path, flags: &[&str], filter: &Path) -> Result<()> {
    let status = Command::new("rustc")
        .args(["--edition", "2024", "-C", "panic=abort", "-C", "opt-level=3", "-C", "strip=symbols"])
        .args(flags)
        .arg("-o")
        .arg(target)
        .arg(Path::new(SOURCES).join("program").join(format!("{source}.rs")))
        .env("FILTER", filter)
        .status()
        .context("rustc")?;
    ensure!(status.success(), "bench/program/{source}.rs does not build");
    Ok(())
}

/// Builds the program that uses ringfence as a library.
pub(crate) fn library() -> Result<PathBuf> {
    let status = dist::cargo()
        .args(["build", "--quiet", "--release", "--package", "ringfence-bench", "--target", TARGET])
        .status()
        .context("cargo")?;
    ensure!(status.success(), "ringfence-bench does not build");
    Ok(dist::target_directory()?.join(TARGET).join("release/ringfence-bench"))
}

/// The policy of a level, in the source tree.
pub(crate) fn source(level: Level) -> PathBuf {
    policies().join(format!("{}.toml", level.name()))
}

/// Where the policies of the levels are.
pub(crate) fn policies() -> PathBuf {
    Path::new(SOURCES).join("policies")
}
