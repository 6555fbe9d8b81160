//! What a boot shows: how it ended, and what each job said. A boot is complete only where the init
//! said so with its own word; nothing is concluded from an exit status alone.

use ringfence_matrix::frame::{End, Frame};

use super::boot::{Record, Stop};

/// How a boot ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Every job was started and ended.
    Complete,
    /// The kernel panicked: the console's line.
    Panicked(String),
    /// The limit passed: what was last known.
    Hung(String),
    /// QEMU was killed or failed.
    Killed(String),
    /// The guest could not be made ready.
    NotReady(String),
    /// It ended before its jobs did.
    Short(String),
    /// Somebody else than init wrote on init's port: this many lines.
    Forged(usize),
}

/// What one job did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JobSeen {
    pub(super) lines: Vec<String>,
    /// `None`: it was not started, or its end was not seen.
    pub(super) end: Option<End>,
}

/// What a boot showed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    pub(super) verdict: Verdict,
    /// uname(2).
    pub(super) release: Option<String>,
    /// Milliseconds from the kernel's start to the first job.
    pub(super) ready: Option<u64>,
    pub(super) jobs: Vec<JobSeen>,
    /// Wall time of the whole boot.
    pub(super) seconds: f64,
    /// Of that, what was not the jobs'.
    pub(super) own: f64,
}

/// Reads a boot's record. `jobs`: how many were asked for.
pub(super) fn judge(record: &Record, nonce: &str, jobs: usize) -> Seen {
    let mut seen = Seen {
        verdict: Verdict::Complete,
        release: None,
        ready: None,
        jobs: vec![JobSeen { lines: Vec::new(), end: None }; jobs],
        seconds: record.seconds,
        own: record.own,
    };
    let (mut done, mut failed, mut foreign, mut running) = (false, None, 0, None);
    // A last line without its end may be half a frame, and is none.
    let whole = record.results.rfind('\n').map_or("", |end| &record.results[..end]);
    for line in whole.lines() {
        match Frame::read(nonce, line) {
            Some(Frame::Ready { release, milliseconds }) => {
                (seen.release, seen.ready) = (Some(release), Some(milliseconds));
            }
            Some(Frame::Start(job)) => running = Some(job),
            Some(Frame::Line(job, text)) => {
                if let Some(job) = seen.jobs.get_mut(job) {
                    job.lines.push(text);
                }
            }
            Some(Frame::End(job, end)) => {
                running = None;
                if let Some(job) = seen.jobs.get_mut(job) {
                    job.end = Some(end);
                }
            }
            Some(Frame::Done) => done = true,
            Some(Frame::Failed(why)) => failed = Some(why),
            None => foreign += 1,
        }
    }
    let all = done && seen.jobs.iter().all(|job| job.end.is_some());
    seen.verdict = verdict(record, all, failed, foreign, running);
    seen
}

fn verdict(
    record: &Record,
    all: bool,
    failed: Option<String>,
    foreign: usize,
    running: Option<usize>,
) -> Verdict {
    let last = || running.map_or("no job was running".to_owned(), |job| format!("job {job} was running"));
    let panic = record.console.lines().find(|line| line.contains("Kernel panic"));
    if let Some(line) = panic {
        return Verdict::Panicked(line.trim().to_owned());
    }
    match record.stop {
        Stop::Hung => return Verdict::Hung(last()),
        Stop::Killed(signal) => return Verdict::Killed(format!("signal {signal}; {}", last())),
        Stop::Failed(status) => {
            let words = &record.words;
            return Verdict::Killed(format!("QEMU failed with {status}: {words}; {}", last()));
        }
        Stop::Flooded => return Verdict::Killed(format!("it said more than is taken; {}", last())),
        Stop::Ended => {}
    }
    if let Some(why) = failed {
        return Verdict::NotReady(why);
    }
    match (foreign, all) {
        (0, true) => Verdict::Complete,
        (0, false) => Verdict::Short(last()),
        (lines, _) => Verdict::Forged(lines),
    }
}

/// What a binary of Rust's test harness counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Count {
    pub(super) passed: usize,
    pub(super) failed: usize,
    /// What tests said that they left out; such a test has passed, too.
    pub(super) skipped: usize,
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// Counts of a test binary, where it said how many tests it runs, every one of them has a line of
/// its own, the sum is said to be the same, and the exit status agrees.
///
/// # Errors
/// Why its words cannot be believed.
pub(super) fn count(job: &JobSeen) -> Result<Count, String> {
    let status = match job.end {
        Some(End::Exited(status)) => status,
        Some(other) => return Err(format!("the test binary ended by itself: {other:?}")),
        None => return Err("the test binary's end was not seen".to_owned()),
    };
    let announced: usize = job.lines.iter().filter_map(|line| announced(line)).sum();
    let sums: Vec<(usize, usize, usize)> = job.lines.iter().filter_map(|line| sum(line)).collect();
    let &[(passed, failed, ignored)] = &sums[..] else {
        return Err(format!("{} lines with a test result, not 1", sums.len()));
    };
    let own = |what: &str| {
        let is = |line: &&String| line.starts_with("test ") && line.ends_with(what);
        job.lines.iter().filter(is).count()
    };
    if announced != passed + failed + ignored {
        return Err(format!("{announced} tests announced, {} counted", passed + failed + ignored));
    }
    if passed + failed == 0 {
        return Err("no test was run".to_owned());
    }
    let failures = own("... FAILED");
    if failures != failed || (status == 0) != (failed == 0) {
        return Err(format!("{failed} failures counted, {failures} seen, exit status {status}"));
    }
    // What a test prints past the harness's capture may stand in the line of another.
    let shown = job.lines.iter().filter(|line| line.ends_with("... ok") || *line == "ok").count();
    if passed > 0 && shown == 0 {
        return Err(format!("{passed} passes counted, none seen"));
    }
    let skipped = job.lines.iter().filter(|line| line.contains("skipped: ")).count();
    Ok(Count { passed, failed, skipped })
}

/// Names of the tests that failed.
pub(super) fn failures(job: &JobSeen) -> Vec<&str> {
    let name = |line: &'_ String| -> Option<(usize, usize)> {
        let rest = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
        Some((5, 5 + rest.len()))
    };
    job.lines.iter().filter_map(|line| name(line).map(|(from, to)| &line[from..to])).collect()
}

/// `running 3 tests`.
fn announced(line: &str) -> Option<usize> {
    let rest = line.strip_prefix("running ")?;
    rest.strip_suffix(" tests").or_else(|| rest.strip_suffix(" test"))?.parse().ok()
}

/// `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
fn sum(line: &str) -> Option<(usize, usize, usize)> {
    let rest = line.strip_prefix("test result: ")?;
    let number = |word: &str| {
        let before = rest.split(word).next()?.trim_end();
        before.rsplit(' ').next()?.parse().ok()
    };
    Some((number(" passed;")?, number(" failed;")?, number(" ignored;")?))
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
