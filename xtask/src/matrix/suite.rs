//! What a whole run does on each kernel: facts, plans of every builtin, and the project's own tests.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ringfence_matrix::frame::End;
use ringfence_matrix::job::{Job, USER};

use super::args::{Args, User};
use super::boot::{self, Boot, QEMU, Stop};
use super::claims::{self, Claims};
use super::denials;
use super::guest;
use super::rights::{self, Rights};
use super::rows::Row;
use super::verdict::{self, Count, JobSeen, Seen, Verdict};
use crate::dist;

/// From this release on the default policy holds: Landlock, and before it mount_setattr(2) in 5.12.
/// `check` and `run` of every builtin are asked on older kernels too, and must be refused there.
pub(super) const HOLDS: [u32; 2] = [5, 13];
const NEED_THE_DEFAULT: [&str; 3] = ["bad_input", "hold", "programs"];

/// What a job is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Purpose {
    /// `ringfence host`, as JSON.
    Host,
    /// `ringfence check` of a builtin.
    Check(&'static str),
    /// `ringfence run` of a builtin.
    Run(&'static str),
    /// `ringfence verify` of the default policy, or of the next that is not refused.
    Claims,
    /// `ringfence check` of a policy that asks for every right.
    Rights,
    /// A test that has something denied by an LSM, of [`denials::ASKED`].
    Denial(&'static str),
    /// A test binary.
    Test(String),
}

/// A job with what it is for.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) purpose: Purpose,
    pub(super) job: Job,
}

/// Root, and the ordinary user.
pub(super) const USERS: [bool; 2] = [true, false];
/// The builtin policies.
pub(super) const BUILTINS: [&str; 5] = ["compute", "offline", "build", "service", "container"];
/// A test binary that says something about a kernel: its package, its name, and what is run of it.
/// Some need a kernel that holds the default policy: [`HOLDS`].
const TESTS: [(&str, &str, &[&str]); 10] = [
    ("ringfence-cli", "label", &[]),
    ("ringfence-cli", "guard", &[]),
    ("ringfence-cli", "inspect", &[]),
    ("ringfence-sys", "spawn", &[]),
    ("ringfence", "ringfence", &["host::", "launch::", "control::", "verify::", "plan::"]),
    ("ringfence-cli", "verify", &[]),
    ("ringfence-cli", "gate", &[]),
    // How fast a machine is decides what is killed at which moment: nothing about a kernel.
    ("ringfence-cli", "bad_input", &["--skip", "kill::"]),
    ("ringfence-cli", "programs", &[]),
    // Endurance: minutes under emulation.
    ("ringfence-cli", "hold", &["--skip", "five_hundred_runs"]),
];
const RINGFENCE: &str = "/guest/ringfence";
/// A command under emulation: some hundred times what it takes elsewhere.
const COMMAND: Duration = Duration::from_secs(20);
/// A test binary under emulation.
const TEST: Duration = Duration::from_secs(1200);
/// Some ten thousand attempts under emulation.
const VERIFY: Duration = Duration::from_secs(900);
/// A kernel's start, with a machine that does other things too.
const START: Duration = Duration::from_secs(60);

/// The file system that all boots share, as an archive.
pub(super) fn image(args: &Args) -> Result<Vec<u8>> {
    let mut tree = guest::base()?;
    let binary = args.binary.clone().map_or_else(dist::build, Ok)?;
    guest::place(&mut tree, &binary, RINGFENCE)?;
    guest::policies(&mut tree)?;
    if !args.smoke {
        let denials = |name: &str| denials::ASKED.iter().any(|asked| asked.binary == name);
        for (name, path) in test_binaries()?.into_iter().filter(|(name, _)| !args.no_tests || denials(name)) {
            guest::place(&mut tree, &stripped(&path)?, &format!("/guest/test/{name}"))?;
        }
        for (attack, place) in attacks()? {
            guest::place(&mut tree, &attack, place)?;
        }
    }
    Ok(tree.write())
}

/// What is run on each of them.
pub(super) fn jobs(args: &Args) -> Vec<Task> {
    let mut tasks = Vec::new();
    for root in users(args.user) {
        tasks.push(command(root, Purpose::Host, &["host", "--format", "json"]));
        for builtin in BUILTINS {
            let policy = format!("builtin:{builtin}");
            let check = ["check", "--format", "json", "--policy", &policy, "--", "/usr/bin/true"];
            tasks.push(command(root, Purpose::Check(builtin), &check));
            let run = ["run", "--policy", &policy, "--", "/usr/bin/true"];
            tasks.push(command(root, Purpose::Run(builtin), &run));
        }
        if !args.smoke && !args.no_claims {
            tasks.push(shell(root, Purpose::Rights, rights::script(RINGFENCE)));
            tasks.push(shell(root, Purpose::Claims, claims::script(RINGFENCE)));
        }
        // Before other tests, which may change what is loaded.
        if !args.smoke && root {
            let words = |test| ["--exact", "--show-output", test];
            let denial = |asked: &denials::Asked| Task {
                purpose: Purpose::Denial(asked.name),
                ..test(root, asked.binary, &words(asked.test))
            };
            tasks.extend(denials::ASKED.iter().map(denial));
        }
        // Root's run has each test twice: as root, and as the ordinary user that root becomes.
        if !args.smoke && !args.no_tests && (root || args.all || args.user == User::Ordinary) {
            tasks.extend(chosen(args).map(|(_, name, words)| test(root, name, words)));
        }
    }
    tasks
}

fn chosen(
    args: &Args,
) -> impl Iterator<Item = &'static (&'static str, &'static str, &'static [&'static str])> {
    TESTS.iter().filter(|(_, name, _)| args.tests.is_empty() || args.tests.iter().any(|test| test == name))
}

/// Whether a test binary of this name is run in guests.
pub(super) fn is_test(name: &str) -> bool {
    TESTS.iter().any(|(_, test, _)| *test == name)
}

/// All of them.
pub(super) fn test_names() -> String {
    TESTS.map(|(_, name, _)| name).join(", ")
}

fn users(user: User) -> Vec<bool> {
    match user {
        User::Root => vec![true],
        User::Ordinary => vec![false],
        User::Both => vec![true, false],
    }
}

/// The environment of every job; a test's harness reads those of ringfence.
pub(super) fn environment(root: bool) -> Vec<(String, String)> {
    let home = if root { "/root".to_owned() } else { format!("/home/{}", USER.0) };
    let pairs = [
        ("PATH", "/usr/bin:/usr/sbin"),
        ("HOME", &home),
        ("LANG", "C.UTF-8"),
        ("RINGFENCE_BIN", RINGFENCE),
        ("RINGFENCE_ATTACK", "/guest/attack"),
        ("RINGFENCE_ATTACKS", "/guest/attacks"),
        ("RINGFENCE_DENY", "/guest/deny"),
        ("RINGFENCE_GUEST", "1"),
        ("RUST_BACKTRACE", "0"),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

fn command(root: bool, purpose: Purpose, words: &[&str]) -> Task {
    let words = [RINGFENCE].iter().chain(words).map(|word| (*word).to_owned()).collect();
    let job = Job { root, limit: COMMAND, directory: "/tmp".into(), words, environment: environment(root) };
    Task { purpose, job }
}

fn shell(root: bool, purpose: Purpose, script: String) -> Task {
    let words = vec!["/usr/bin/sh".to_owned(), "-c".to_owned(), script];
    let job = Job { root, limit: VERIFY, directory: "/tmp".into(), words, environment: environment(root) };
    Task { purpose, job }
}

fn test(root: bool, name: &str, more: &[&str]) -> Task {
    let mut words = vec![format!("/guest/test/{name}"), "--test-threads=2".to_owned()];
    words.extend(more.iter().map(|word| (*word).to_owned()));
    let job = Job { root, limit: TEST, directory: "/tmp".into(), words, environment: environment(root) };
    Task { purpose: Purpose::Test(name.to_owned()), job }
}

/// What a row showed.
pub(super) struct RowSeen {
    pub(super) tasks: Vec<Task>,
    pub(super) boot: Result<Seen>,
}

/// Boots one row.
pub(super) fn boot(row: &Row, image: &[u8], tasks: &[Task], place: &Path, resume: bool) -> RowSeen {
    let old = row.kernel.series.version() < HOLDS;
    let here = |task: &&Task| match &task.purpose {
        Purpose::Claims => !row.brief,
        Purpose::Test(name) => !(old && NEED_THE_DEFAULT.contains(&name.as_str())),
        _ => true,
    };
    let tasks: Vec<Task> = tasks.iter().filter(here).cloned().collect();
    let boot = try_boot(row, image, &tasks, place, resume);
    RowSeen { tasks, boot }
}

fn try_boot(row: &Row, image: &[u8], tasks: &[Task], place: &Path, resume: bool) -> Result<Seen> {
    let jobs: Vec<Job> = tasks.iter().map(|task| task.job.clone()).collect();
    let name = format!(
        "{}-{}-{}",
        row.kernel.series,
        row.lsm.replace(',', "-"),
        row.append.replace([' ', '/'], "-")
    );
    let append = format!("lsm={} {}", row.lsm, row.append);
    let place = place.join(name);
    // What made a row is the kernel, its command line and the jobs.
    let order = format!("{}\n{append}\n{}", row.kernel.origin, ringfence_matrix::job::write(&jobs));
    if let Some((record, nonce)) = boot::kept(&place, &order).filter(|_| resume) {
        return Ok(verdict::judge(&record, &nonce, jobs.len()));
    }
    one(&row.kernel.image, image, &append, &jobs, place, Some(&order))
}

/// Boots a kernel with these jobs.
pub(super) fn one(
    kernel: &Path,
    image: &[u8],
    append: &str,
    jobs: &[Job],
    place: PathBuf,
    order: Option<&str>,
) -> Result<Seen> {
    let nonce = guest::nonce()?;
    let initrd = [image, &guest::order(jobs, &nonce)].concat();
    let limit = START + jobs.iter().map(|job| job.limit).sum::<Duration>();
    let record = Boot { qemu: &QEMU, kernel, initrd: &initrd, append, place: place.clone(), limit }.run()?;
    if let (Some(order), Stop::Ended) = (order, record.stop) {
        boot::keep(&place, order, &nonce)?;
    }
    Ok(verdict::judge(&record, &nonce, jobs.len()))
}

impl RowSeen {
    /// What a job said, as root or as the ordinary user.
    pub(super) fn lines(&self, root: bool, purpose: &Purpose) -> Option<(&[String], End)> {
        let seen = self.boot.as_ref().ok()?;
        let is = |task: &Task| task.job.root == root && task.purpose == *purpose;
        let job = seen.jobs.get(self.tasks.iter().position(is)?)?;
        Some((&job.lines, job.end?))
    }

    fn job(&self, root: bool, purpose: &Purpose) -> Option<&JobSeen> {
        let seen = self.boot.as_ref().ok()?;
        let is = |task: &Task| task.job.root == root && task.purpose == *purpose;
        seen.jobs.get(self.tasks.iter().position(is)?)
    }

    /// What `verify` found for one user; `None`: it was not asked.
    pub(super) fn claims(&self, root: bool) -> Option<Result<Claims, String>> {
        self.job(root, &Purpose::Claims).map(Claims::read)
    }

    /// What one user is given of what a policy can ask; `None`: it was not asked.
    pub(super) fn rights(&self, root: bool) -> Option<Result<Rights, String>> {
        self.job(root, &Purpose::Rights).map(Rights::read)
    }

    /// What an LSM denied; `None`: it was not asked.
    pub(super) fn denial(&self, name: &'static str) -> Option<denials::Seen> {
        self.job(true, &Purpose::Denial(name)).map(denials::Seen::read)
    }

    /// The sum of all test binaries of one user; an error where one of them cannot be believed.
    /// `None`: none was asked for.
    pub(super) fn count(&self, root: bool) -> Option<Result<Count, String>> {
        let seen = self.boot.as_ref().ok()?;
        let mut sum = None;
        for (task, job) in self.tasks.iter().zip(&seen.jobs).filter(|(task, _)| task.job.root == root) {
            let Purpose::Test(name) = &task.purpose else { continue };
            match verdict::count(job) {
                Ok(count) => *sum.get_or_insert_with(Count::default) += count,
                Err(why) => return Some(Err(format!("{name}: {why}"))),
            }
        }
        sum.map(Ok)
    }

    /// Every test that failed, with the user's name.
    pub(super) fn failures(&self) -> Vec<String> {
        let Ok(seen) = &self.boot else { return Vec::new() };
        let tests =
            self.tasks.iter().zip(&seen.jobs).filter(|(task, _)| matches!(task.purpose, Purpose::Test(_)));
        let who = |task: &Task| if task.job.root { "root" } else { "user" };
        tests
            .flat_map(|(task, job)| {
                verdict::failures(job).into_iter().map(move |name| format!("{}: {name}", who(task)))
            })
            .collect()
    }
}

/// The boot is complete, and no test failed.
pub(super) fn well(seen: &RowSeen) -> bool {
    let complete = seen.boot.as_ref().is_ok_and(|boot| boot.verdict == Verdict::Complete);
    let tests = USERS.into_iter().filter_map(|root| seen.count(root));
    let believed = USERS.into_iter().all(|root| {
        seen.claims(root).is_none_or(|claims| claims.is_ok())
            && seen.rights(root).is_none_or(|rights| rights.is_ok())
    });
    let mut told = denials::ASKED.iter().filter_map(|asked| seen.denial(asked.name));
    let denied = told.all(|denial| !matches!(denial, denials::Seen::Wrong(_)));
    complete
        && believed
        && denied
        && tests.into_iter().all(|count| count.is_ok_and(|count| count.failed == 0))
}

/// Test binaries by name, built now.
fn test_binaries() -> Result<Vec<(String, PathBuf)>> {
    let packages = TESTS.iter().flat_map(|(package, _, _)| ["--package", package]);
    let output = dist::cargo()
        .args(["test", "--no-run", "--message-format=json"])
        .args(packages)
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("cargo")?;
    ensure!(output.status.success(), "the tests could not be built");
    let mut found = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message: serde_json::Value = serde_json::from_str(line).context("cargo's messages")?;
        let (Some(path), Some(true)) = (message["executable"].as_str(), message["profile"]["test"].as_bool())
        else {
            continue;
        };
        let name = message["target"]["name"].as_str().unwrap_or_default();
        let source = message["target"]["src_path"].as_str().unwrap_or_default();
        let is_bin = message["target"]["kind"] == serde_json::json!(["bin"]);
        let of = |package: &str| source.contains(&format!("/crates/{package}/"));
        if !is_bin && TESTS.iter().any(|(package, test, _)| *test == name && of(package)) {
            found.push((name.to_owned(), PathBuf::from(path)));
        }
    }
    ensure!(found.len() == TESTS.len(), "{} of {} test binaries were built", found.len(), TESTS.len());
    Ok(found)
}

/// The C programs of the tests, compiled here, and where they go: a guest has no compiler.
pub(super) fn attacks() -> Result<Vec<(PathBuf, &'static str)>> {
    const OF: [(&str, &str, &[&str]); 4] = [
        ("hold/attack", "/guest/attack", &[]),
        ("guard/attack", "/guest/attacks/guard", &[]),
        ("label/attack", "/guest/attacks/label", &[]),
        // It runs where nothing but itself may be executed.
        ("detect/corpus/deny", "/guest/deny", &["-static"]),
    ];
    let directory = dist::target_directory()?.join("matrix");
    std::fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
    let mut compiled = Vec::new();
    for (name, place, flags) in OF {
        let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/ringfence-cli/tests");
        let source = format!("{tests}/{name}.c");
        let target = directory.join(name.replace('/', "-"));
        let mut compiler = Command::new("gcc");
        compiler.args(["-O1", "-w"]).args(flags).arg("-o").arg(&target).arg(&source).arg("-lpthread");
        let Ok(status) = compiler.status() else {
            eprintln!("gcc is not installed: what needs the tests' C programs is skipped in the guests");
            return Ok(Vec::new());
        };
        ensure!(status.success(), "gcc could not compile {source}");
        compiled.push((target, place));
    }
    Ok(compiled)
}

/// Without what only a debugger reads: most of a test binary, and all of it is unpacked in a guest.
pub(super) fn stripped(path: &Path) -> Result<PathBuf> {
    let directory = dist::target_directory()?.join("matrix/stripped");
    std::fs::create_dir_all(&directory)?;
    let to = directory.join(path.file_name().context("a program's name")?);
    let status = Command::new("strip").arg("-o").arg(&to).arg(path).status();
    Ok(if status.is_ok_and(|status| status.success()) { to } else { path.to_owned() })
}
