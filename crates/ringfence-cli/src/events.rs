//! What `run` does with denials: lines to a file as they come, to whoever watches, and words for people at
//! the end.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use ringfence::event::rendezvous::Teller;
use ringfence::event::{Event, Sink, Summary};
use ringfence::report;

use crate::lines::{Bounds, Lines};
use crate::run::{FAILED, Job};

/// What the user wants to know of denials.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Wanted {
    /// `--explain`, or one of the others.
    pub(crate) asked: bool,
    /// `--explain=ptrace`: every call is followed.
    pub(crate) traced: bool,
    /// `--events`: a file, or a pipe.
    pub(crate) file: Option<PathBuf>,
    /// `--events-format`.
    pub(crate) shape: Shape,
    /// `--events-limit` and `--events-keep`.
    pub(crate) bounds: Bounds,
    /// `--events-arguments`: arguments and environment of programs are recorded.
    pub(crate) arguments: bool,
    /// `--complete`: what may be missing is a failure.
    pub(crate) complete: bool,
    /// `--suggest`: the smallest change of the policy, replayed.
    pub(crate) suggest: bool,
}

/// The form of a file of events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Shape {
    /// ringfence's own.
    #[default]
    Json,
    /// Open Cybersecurity Schema Framework.
    Ocsf,
    /// Elastic Common Schema.
    Ecs,
}

impl Shape {
    /// `number`: the how manieth event it is.
    fn line(self, event: &Event, number: u64) -> String {
        match self {
            Self::Json => report::event::json_line(event),
            Self::Ocsf => report::ocsf::line(event, number),
            Self::Ecs => report::ecs::line(event),
        }
    }

    fn end(self, summary: &Summary) -> String {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        match self {
            Self::Json => report::event::json_summary(summary),
            Self::Ocsf => report::ocsf::end(summary, now),
            Self::Ecs => report::ecs::end(summary, now),
        }
    }
}

/// Where events go as they come.
#[derive(Debug)]
pub(crate) struct Telling {
    lines: Option<Lines>,
    shape: Shape,
    told: u64,
    teller: Teller,
}

impl Telling {
    /// Opens what the job asks for.
    #[cold]
    #[inline(never)]
    pub(crate) fn open(job: &Job) -> io::Result<Self> {
        let wanted = &job.events;
        let lines = wanted.file.as_ref().map(|path| Lines::open(path, wanted.bounds)).transpose()?;
        let policies = match job.policies.is_empty() {
            true => vec![ringfence::policy::DEFAULT.to_owned()],
            false => job.policies.clone(),
        };
        let command = job.command.first().map_or(&b""[..], |command| command.as_encoded_bytes());
        let teller = Teller::new(report::watch::hello(&policies, command));
        Ok(Self { lines, shape: wanted.shape, told: 0, teller })
    }
}

impl Sink for Telling {
    fn write(&mut self, event: &Event) -> io::Result<()> {
        self.teller.tell(&report::event::json_line(event));
        self.told += 1;
        match &mut self.lines {
            Some(lines) => lines.write(&self.shape.line(event, self.told)),
            None => Ok(()),
        }
    }
}

/// Says what was denied, and what may be missing; the exit status of the run.
#[cold]
#[inline(never)]
pub(crate) fn tell(summary: &Summary, telling: &mut Telling, wanted: &Wanted, status: i32) -> i32 {
    telling.teller.tell(&report::event::json_summary(summary));
    let mut text = report::event::human(summary);
    let mut whole = true;
    if let Some(lines) = &mut telling.lines {
        whole = lines.end(&telling.shape.end(summary)).is_ok();
        if let Some(fault) = lines.fault() {
            text.push_str(&format!("  the file of events is not whole: {fault}\n"));
        }
    }
    let complete = summary.complete() && whole;
    if wanted.complete && !complete {
        text.push_str("error: denials may be missing, and --complete asks for all of them\n");
    }
    let _ = io::stderr().lock().write_all(format!("ringfence: {text}").as_bytes());
    if wanted.complete && !complete { FAILED } else { status }
}
