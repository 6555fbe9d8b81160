//! A runner for cargo: each test binary that cargo wants to run is run in a guest instead, and its
//! output and exit status are the guest's.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use ringfence_matrix::frame::End;
use ringfence_matrix::job::Job;

use super::archive::Archive;
use super::args::{Args, User};
use super::cpio::{Entry, Tree};
use super::place::Place;
use super::verdict::{Seen, Verdict};
use super::{guest, kernels, rows, suite, tied, verdict};
use crate::dist;

/// What makes this program a runner.
pub(super) const WORD: &str = "as-runner";
/// A test binary under emulation.
const LIMIT: Duration = Duration::from_secs(1800);
/// What `cargo test -q` asks of a binary: then no test has a line of its own, and none can be believed.
const QUIET: &str = "--quiet";
const SETTING: &str = "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER";

/// Runs cargo with guests as its runner, once for each kernel, LSM list and user.
pub(super) fn cargo(archive: &Archive, args: &Args, command: &[String]) -> Result<()> {
    ensure!(!command.is_empty(), "what is cargo to do? `-- test -p ringfence`");
    let (kernels, missing) = kernels(archive, args)?;
    ensure!(missing.is_empty(), "not offered by the archive: {}", missing.join(", "));
    // Built here: what the runner starts must not wait for the lock of the cargo that started it.
    let place = Place::new(args.keep.clone())?;
    let image = place.path.join("base");
    std::fs::write(&image, base(args)?.write())?;
    let me = std::env::current_exe()?;
    let mut failed = Vec::new();
    for row in rows::rows(args, &kernels) {
        for user in users(args.user) {
            let name = format!("{} lsm={} {} as {user}", row.kernel.series, row.lsm, row.append);
            println!("== {name}");
            let append = format!("lsm={} {}", row.lsm, row.append);
            let me = me.as_os_str().to_str().context("a path of plain text")?;
            let status = tied::tied(dist::cargo().args(command))
                .env(SETTING, format!("{} {me} matrix {WORD}", tied::PREFIX))
                .env("RINGFENCE_MATRIX_IMAGE", &image)
                .env("RINGFENCE_MATRIX_KERNEL", &row.kernel.image)
                .env("RINGFENCE_MATRIX_APPEND", append)
                .env("RINGFENCE_MATRIX_USER", user)
                .env("RINGFENCE_MATRIX_PLACE", &place.path)
                .status()
                .context("cargo")?;
            if !status.success() {
                failed.push(name);
            }
        }
    }
    ensure!(failed.is_empty(), "failed: {}", failed.join("; "));
    Ok(())
}

fn users(user: User) -> &'static [&'static str] {
    match user {
        User::Root => &["root"],
        User::Ordinary => &["user"],
        User::Both => &["root", "user"],
    }
}

/// What every guest has, ringfence, the attacks, and the tree: some tests read it.
fn base(args: &Args) -> Result<Tree> {
    let mut tree = guest::base()?;
    guest::place(&mut tree, &args.binary.clone().map_or_else(dist::build, Ok)?, "/guest/ringfence")?;
    guest::policies(&mut tree)?;
    for (attack, place) in suite::attacks()? {
        guest::place(&mut tree, &attack, place)?;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let output = std::process::Command::new("git").args(["ls-files", "-z"]).current_dir(&root).output();
    let names = output.context("git")?.stdout;
    for name in String::from_utf8_lossy(&names).split_terminator('\0') {
        let path = root.join(name);
        if let (Ok(data), Some(path)) = (std::fs::read(&path), path.to_str()) {
            tree.put(path, Entry::File(0o644, data));
        }
    }
    Ok(tree)
}

/// What a test is told by its environment, here as there.
const PASSED: [&str; 3] = ["RINGFENCE_SOURCE", "RINGFENCE_SHOW_UNKNOWN", "RINGFENCE_EVERY"];

/// Runs one test binary: `BINARY ARG…`, as cargo starts a runner, in the package's directory.
pub(super) fn run(words: Vec<String>) -> Result<()> {
    let given =
        |name: &str| std::env::var(name).with_context(|| format!("{name}: cargo xtask matrix sets it"));
    let root = given("RINGFENCE_MATRIX_USER")? == "root";
    let binary = PathBuf::from(words.first().context("a runner gets a program")?);
    let name = binary.file_name().and_then(|name| name.to_str()).context("a program's name")?.to_owned();
    let mut tree = Tree::default();
    let inside = format!("/guest/test/{name}");
    guest::place(&mut tree, &suite::stripped(&binary)?, &inside)?;
    let mut image = std::fs::read(given("RINGFENCE_MATRIX_IMAGE")?)?;
    image.extend(tree.write());
    let directory = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| "/tmp".into());
    let words = [inside].into_iter().chain(words.into_iter().skip(1).filter(|word| word != QUIET)).collect();
    let mut environment = suite::environment(root);
    for name in PASSED {
        environment.extend(std::env::var(name).ok().map(|value| (name.to_owned(), value)));
    }
    let job = Job { root, limit: LIMIT, directory, words, environment };
    let place = PathBuf::from(given("RINGFENCE_MATRIX_PLACE")?).join(&name);
    let kernel = PathBuf::from(given("RINGFENCE_MATRIX_KERNEL")?);
    let seen = suite::one(&kernel, &image, &given("RINGFENCE_MATRIX_APPEND")?, &[job], place, None)?;
    finish(&seen)
}

fn finish(seen: &Seen) -> Result<()> {
    let job = seen.jobs.first().context("one job")?;
    for line in &job.lines {
        println!("{line}");
    }
    if seen.verdict != Verdict::Complete {
        bail!("the boot did not end well: {:?}", seen.verdict);
    }
    // A binary without a single test is no failure of cargo's, but what it says must agree.
    let empty = job.lines.iter().any(|line| line == "running 0 tests") && job.end == Some(End::Exited(0));
    match verdict::count(job) {
        Ok(count) if count.failed == 0 => Ok(()),
        Ok(count) => bail!("{} tests failed on {}", count.failed, seen.release.as_deref().unwrap_or("?")),
        Err(_) if empty => Ok(()),
        Err(why) => bail!("{why}"),
    }
}
