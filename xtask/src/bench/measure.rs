//! Runs the meter and sums up what it says.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::scene::{Contender, Scene};
use super::user::User;

/// Rounds that are not counted: caches fill, peers make their directories.
const WARM: usize = 10;
/// A command of the benchmark ends within milliseconds; one that does not is stuck.
const TRIAL: Duration = Duration::from_secs(20);

/// What was measured of one contender, in nanoseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timing {
    /// Sorted.
    samples: Vec<u64>,
    /// Runs that did not end with status 0.
    pub(crate) failed: usize,
}

impl Timing {
    /// The sample below which `part` tenths of all lie.
    pub(crate) fn tenth(&self, part: usize) -> u64 {
        let last = self.samples.len().saturating_sub(1);
        self.samples.get(last * part / 10).copied().unwrap_or_default()
    }

    /// The middle one.
    pub(crate) fn median(&self) -> u64 {
        self.tenth(5)
    }
}

/// Runs a contender once, so that what it cannot do is known before it is timed.
///
/// # Errors
/// What it says, where it does not end with status 0.
pub(crate) fn trial(contender: &Contender, user: &User) -> Result<(), String> {
    let mut command = command(contender, user);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("does not start: {error}"))?;
    let start = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if start.elapsed() > TRIAL => {
                let _ = child.kill();
                let _ = child.wait();
                return Err("does not end".into());
            }
            Ok(None) => std::thread::sleep(Duration::from_millis(2)),
            Err(error) => return Err(error.to_string()),
        }
    };
    if status.success() {
        return Ok(());
    }
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        let _ = std::io::Read::read_to_string(&mut stderr, &mut said);
    }
    Err(reason(status, &said))
}

/// The contender as a command of `user`.
pub(crate) fn command(contender: &Contender, user: &User) -> Command {
    // Descriptors at given numbers are a shell's matter.
    let mut command = if contender.files.is_empty() {
        let mut command = Command::new(&contender.words[0]);
        command.args(&contender.words[1..]);
        command
    } else {
        let opened: String =
            contender.files.iter().map(|(number, path)| format!(" {number}<'{}'", path.display())).collect();
        let mut command = Command::new("bash");
        command.args(["-c", &format!("exec \"$@\"{opened}"), "bash"]).args(&contender.words);
        command
    };
    command.stdin(Stdio::null()).current_dir("/");
    if let Some((uid, gid)) = user.ids {
        command.uid(uid).gid(gid);
    }
    command
}

fn reason(status: ExitStatus, said: &str) -> String {
    let line = said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("says nothing");
    let end = match (status.code(), status.signal()) {
        (Some(code), _) => format!("status {code}"),
        (_, signal) => format!("signal {}", signal.unwrap_or_default()),
    };
    format!("{end}: {}", line.chars().take(160).collect::<String>())
}

/// Times all of them, interleaved.
pub(crate) fn time(
    scene: &Scene,
    user: &User,
    contenders: &[&Contender],
    runs: usize,
    pause: u64,
) -> Result<Vec<Timing>> {
    let mut child = Command::new(scene.meter())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("the meter")?;
    let mut input = child.stdin.take().context("the meter has no input")?;
    input.write_all(specification(user, contenders, runs, pause)?.as_bytes())?;
    drop(input);
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "the meter failed ({})", output.status);
    let mut timings = BTreeMap::from_iter((0..contenders.len()).map(|number| (number, Timing::default())));
    for line in String::from_utf8(output.stdout)?.lines() {
        let fields: Vec<u64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        let [number, nanoseconds, status] = fields[..] else { continue };
        let timing = timings.entry(number as usize).or_default();
        timing.samples.push(nanoseconds);
        timing.failed += usize::from(status != 0);
    }
    Ok(timings
        .into_values()
        .map(|mut timing| {
            timing.samples.sort_unstable();
            timing
        })
        .collect())
}

fn specification(user: &User, contenders: &[&Contender], runs: usize, pause: u64) -> Result<String> {
    let mut text = format!("runs {runs}\nwarm {WARM}\npause {pause}\n");
    if let Some((uid, gid)) = user.ids {
        writeln!(text, "user {uid} {gid}")?;
    }
    for contender in contenders {
        text += "command\n";
        for word in &contender.words {
            ensure!(!word.contains('\n'), "a word of {} has a line end in it", contender.name);
            writeln!(text, "arg {word}")?;
        }
        for (number, path) in &contender.files {
            writeln!(text, "fd {number} {}", path.display())?;
        }
    }
    Ok(text)
}
