//! A runner for cargo: each test binary that cargo wants to run is run in a guest instead, and its
//! output and exit status are the guest's.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use ringfence_matrix::frame::End;
use ringfence_matrix::job::Job;

use super::archive::Archive;
use super::args::{Args, User};
use super::cpio::{Entry, Tree};
use super::place::Place;
use super::verdict::{Count, JobSeen, Seen, Verdict};
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
            let sum = Tally::of(&place.path).take()?;
            println!(
                "== {name}: {} passed, {} failed; {} said that they skip",
                sum.passed, sum.failed, sum.skipped
            );
            if !status.success() {
                failed.push(name);
            } else if sum.passed == 0 {
                // A filter that fits no test makes every binary end well.
                failed.push(format!("{name}: no test was run"));
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
    let place = PathBuf::from(given("RINGFENCE_MATRIX_PLACE")?);
    let tally = Tally::of(&place);
    let kernel = PathBuf::from(given("RINGFENCE_MATRIX_KERNEL")?);
    let seen =
        suite::one(&kernel, &image, &given("RINGFENCE_MATRIX_APPEND")?, &[job], place.join(&name), None)?;
    finish(&seen, &tally)
}

/// What the runners of one cargo counted, a line each: they are processes of their own.
struct Tally(PathBuf);

impl Tally {
    fn of(place: &Path) -> Self {
        Self(place.join("tally"))
    }

    fn add(&self, count: Count) -> Result<()> {
        let line = format!("{} {} {}\n", count.passed, count.failed, count.skipped);
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&self.0);
        Ok(file.and_then(|mut file| file.write_all(line.as_bytes()))?)
    }

    /// The sum, for one cargo: the next begins with nothing.
    fn take(&self) -> Result<Count> {
        let text = match std::fs::read_to_string(&self.0) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Count::default()),
            text => text.with_context(|| self.0.display().to_string())?,
        };
        std::fs::remove_file(&self.0)?;
        let mut sum = Count::default();
        for line in text.lines() {
            let numbers: Result<Vec<usize>, _> = line.split(' ').map(str::parse).collect();
            let [passed, failed, skipped] = numbers.context("a count")?[..] else {
                bail!("a runner counted `{line}`");
            };
            sum += Count { passed, failed, skipped };
        }
        Ok(sum)
    }
}

fn finish(seen: &Seen, tally: &Tally) -> Result<()> {
    let job = seen.jobs.first().context("one job")?;
    for line in &job.lines {
        println!("{line}");
    }
    judge(seen, job, tally)
}

fn judge(seen: &Seen, job: &JobSeen, tally: &Tally) -> Result<()> {
    if seen.verdict != Verdict::Complete {
        bail!("the boot did not end well: {:?}", seen.verdict);
    }
    // A binary without a single test is no failure of cargo's, but what it says must agree.
    let empty = job.lines.iter().any(|line| line == "running 0 tests") && job.end == Some(End::Exited(0));
    let count = match verdict::count(job) {
        Ok(count) => count,
        Err(_) if empty => return Ok(()),
        Err(why) => bail!("{why}"),
    };
    tally.add(count)?;
    ensure!(count.failed == 0, "{} tests failed on {}", count.failed, seen.release.as_deref().unwrap_or("?"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without the words being printed: whoever counts those of this binary would count them.
    fn judged(tally: &Tally, lines: &[&str], status: i32) -> Result<()> {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        let job = JobSeen { lines, end: Some(End::Exited(status)) };
        let verdict = Verdict::Complete;
        let seen = Seen { verdict, release: None, ready: None, jobs: vec![], seconds: 1.0, own: 1.0 };
        judge(&seen, &job, tally)
    }

    #[test]
    fn what_no_binary_ran_is_not_counted() {
        let place = Place::new(None).unwrap();
        let tally = Tally::of(&place.path);
        let nothing = ["running 0 tests", "test result: ok. 0 passed; 0 failed; 0 ignored;"];
        judged(&tally, &nothing, 0).unwrap();
        assert_eq!(tally.take().unwrap(), Count::default());
        let one = ["running 1 test", "test a ... ok", "test result: ok. 1 passed; 0 failed; 0 ignored;"];
        let bad =
            ["running 1 test", "test b ... FAILED", "test result: FAILED. 0 passed; 1 failed; 0 ignored;"];
        judged(&tally, &one, 0).unwrap();
        judged(&tally, &bad, 101).unwrap_err();
        assert_eq!(tally.take().unwrap(), Count { passed: 1, failed: 1, skipped: 0 });
        assert_eq!(tally.take().unwrap(), Count::default(), "of another cargo");
    }
}
