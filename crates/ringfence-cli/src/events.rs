//! What `run` does with denials: JSON lines to a file as they come, and words for people at the end.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ringfence::event::{Event, Sink, Summary};
use ringfence::report;

use crate::run::FAILED;

/// How much is written to a file of events: more would fill a disk at the program's will.
const MOST_BYTES: u64 = 256 << 20;
/// How long a reader of a pipe may take before an event is given up.
const PATIENCE: Duration = Duration::from_secs(1);
/// `O_NONBLOCK` of asm-generic/fcntl.h.
const O_NONBLOCK: i32 = 0o4000;

/// What the user wants to know of denials.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Wanted {
    /// `--explain`, or one of the others.
    pub(crate) asked: bool,
    /// `--explain=ptrace`: every call is followed.
    pub(crate) traced: bool,
    /// `--events`: a file, or a pipe.
    pub(crate) file: Option<PathBuf>,
    /// `--complete`: what may be missing is a failure.
    pub(crate) complete: bool,
}

/// A file of JSON lines.
#[derive(Debug)]
pub(crate) struct Lines {
    file: File,
    written: u64,
    /// A line was not written whole: nothing can follow it.
    broken: bool,
}

impl Lines {
    /// Opens `path`, which is emptied.
    pub(crate) fn open(path: &PathBuf) -> io::Result<Self> {
        let file =
            File::options().write(true).create(true).truncate(true).custom_flags(O_NONBLOCK).open(path)?;
        Ok(Self { file, written: 0, broken: false })
    }

    fn line(&mut self, line: &str) -> io::Result<()> {
        if self.broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut rest = line.as_bytes();
        let deadline = Instant::now() + PATIENCE;
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(error) => {
                    self.broken = true;
                    return Err(error);
                }
            }
        }
        self.written += line.len() as u64;
        Ok(())
    }
}

impl Sink for Lines {
    fn write(&mut self, event: &Event) -> io::Result<()> {
        if self.written >= MOST_BYTES {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.line(&report::event::json_line(event))
    }
}

/// Says what was denied, and what may be missing; the exit status of the run.
pub(crate) fn tell(summary: &Summary, lines: Option<&mut Lines>, wanted: &Wanted, status: i32) -> i32 {
    let ended = lines.map_or(Ok(()), |lines| lines.line(&report::event::json_summary(summary)));
    let mut text = report::event::human(summary);
    if let Err(error) = &ended {
        text.push_str(&format!("  the file of events has no end: {error}\n"));
    }
    let complete = summary.complete() && ended.is_ok();
    if wanted.complete && !complete {
        text.push_str("error: denials may be missing, and --complete asks for all of them\n");
    }
    let _ = io::stderr().lock().write_all(format!("ringfence: {text}").as_bytes());
    if wanted.complete && !complete { FAILED } else { status }
}
