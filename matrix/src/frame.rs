//! What the guest's init says over its own serial port: one line a frame, each begun by a word that
//! only init and the outside know, so that nothing that runs in the guest can say it.

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, with this exit status.
    Exited(i32),
    /// By this signal.
    Signaled(i32),
    /// Killed at its limit.
    Hung,
    /// It could not be started: the errno.
    NotStarted(i32),
}

/// One thing that init says. Jobs are numbered from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// The guest stands: the kernel's release, and milliseconds since its start.
    Ready {
        /// uname(2).
        release: String,
        /// `CLOCK_BOOTTIME`.
        milliseconds: u64,
    },
    /// A job starts.
    Start(usize),
    /// One line that the job wrote on its standard output or error.
    Line(usize, String),
    /// A job ended.
    End(usize, End),
    /// All jobs have ended.
    Done,
    /// The guest could not be made ready.
    Failed(String),
}

impl Frame {
    /// The line, with its end.
    #[must_use]
    pub fn write(&self, nonce: &str) -> String {
        match self {
            Self::Ready { release, milliseconds } => format!("{nonce} ready {release} {milliseconds}\n"),
            Self::Start(job) => format!("{nonce} start {job}\n"),
            Self::Line(job, text) => format!("{nonce} line {job} {text}\n"),
            Self::End(job, End::Exited(status)) => format!("{nonce} end {job} exited {status}\n"),
            Self::End(job, End::Signaled(signal)) => format!("{nonce} end {job} signaled {signal}\n"),
            Self::End(job, End::Hung) => format!("{nonce} end {job} hung 0\n"),
            Self::End(job, End::NotStarted(errno)) => format!("{nonce} end {job} unstarted {errno}\n"),
            Self::Done => format!("{nonce} done\n"),
            Self::Failed(why) => format!("{nonce} failed {}\n", why.replace('\n', " ")),
        }
    }

    /// A line without its end; `None` where init did not write it.
    #[must_use]
    pub fn read(nonce: &str, line: &str) -> Option<Self> {
        let line = line.strip_prefix(nonce)?.strip_prefix(' ')?;
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        let number = |text: &str| text.parse().ok();
        Some(match kind {
            "ready" => {
                let (release, milliseconds) = rest.split_once(' ')?;
                Self::Ready { release: release.to_owned(), milliseconds: milliseconds.parse().ok()? }
            }
            "start" => Self::Start(number(rest)?),
            "line" => {
                let (job, text) = rest.split_once(' ')?;
                Self::Line(number(job)?, text.to_owned())
            }
            "end" => {
                let mut words = rest.split(' ');
                let (job, how, value) = (words.next()?, words.next()?, words.next()?.parse().ok()?);
                let end = match how {
                    "exited" => End::Exited(value),
                    "signaled" => End::Signaled(value),
                    "hung" => End::Hung,
                    "unstarted" => End::NotStarted(value),
                    _ => return None,
                };
                Self::End(number(job)?, end)
            }
            "done" if rest.is_empty() => Self::Done,
            "failed" => Self::Failed(rest.to_owned()),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_by_who_knows_the_word() {
        let frames = [
            Frame::Ready { release: "6.1.0-50-cloud-amd64".into(), milliseconds: 812 },
            Frame::Start(0),
            Frame::Line(0, "a  b ".into()),
            Frame::Line(0, String::new()),
            Frame::End(0, End::Exited(101)),
            Frame::End(1, End::Signaled(9)),
            Frame::End(2, End::Hung),
            Frame::End(3, End::NotStarted(2)),
            Frame::Done,
            Frame::Failed("mount /proc".into()),
        ];
        for frame in frames {
            let line = frame.write("77ab");
            assert_eq!(line.matches('\n').count(), 1);
            assert_eq!(Frame::read("77ab", line.trim_end_matches('\n')), Some(frame));
            assert_eq!(Frame::read("77ac", line.trim_end_matches('\n')), None);
        }
    }

    #[test]
    fn half_a_frame_is_none() {
        for line in
            ["n", "n ", "n end 1", "n end 1 exited", "n done now", "n ready 6.1", "n line x y", "nn done"]
        {
            assert_eq!(Frame::read("n", line), None, "{line}");
        }
    }
}
