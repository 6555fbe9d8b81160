//! One process from start to end, and what came of it.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long anything may take that says nothing else: far beyond what a loaded machine needs.
const LIMIT: Duration = Duration::from_secs(180);
/// How long the pipes of something that has ended may stay open: what holds them was left behind.
const DRAIN: Duration = Duration::from_secs(10);

/// A process to be.
#[must_use]
pub(crate) struct Run {
    command: Command,
    input: String,
    limit: Duration,
}

/// A process with pipes at its standard descriptors.
pub(crate) struct Running {
    pub(crate) child: Child,
    out: Receiver<Vec<u8>>,
    err: Receiver<Vec<u8>>,
    shown: String,
    deadline: Instant,
}

/// What came of a process.
#[derive(Debug)]
#[must_use]
pub(crate) struct Outcome {
    /// Its exit status, or minus the number of the signal that ended it.
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
    shown: String,
}

impl Run {
    pub(crate) fn new(command: Command) -> Self {
        Self { command, input: String::new(), limit: LIMIT }
    }

    /// What it reads from its standard input.
    pub(crate) fn input(mut self, text: &str) -> Self {
        self.input = text.into();
        self
    }

    /// One more variable of its environment.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Another working directory.
    pub(crate) fn within(mut self, directory: impl AsRef<std::path::Path>) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// The command, for what is particular.
    pub(crate) fn into_command(self) -> Command {
        self.command
    }

    /// Starts it.
    pub(crate) fn start(mut self) -> Running {
        let shown = format!("{:?}", self.command);
        let command = self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{shown}: {error}"));
        // Short enough for the pipe; where nobody reads, nobody minds.
        let _ = child.stdin.take().unwrap().write_all(self.input.as_bytes());
        let (out, err) = (gather(child.stdout.take()), gather(child.stderr.take()));
        Running { child, out, err, shown, deadline: Instant::now() + self.limit }
    }

    /// From start to end.
    pub(crate) fn go(self) -> Outcome {
        self.start().finish()
    }
}

impl Running {
    /// Waits for the end, and for the pipes to be closed by whatever was started.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Outcome {
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break number(status);
            }
            if Instant::now() > self.deadline {
                let _ = self.child.kill();
                let _ = self.child.wait();
                let text = |pipe: &Receiver<_>| pipe.recv_timeout(DRAIN).map(lossy).unwrap_or_default();
                panic!("{}: no end in sight\n{}\n{}", self.shown, text(&self.out), text(&self.err));
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        let open = format!("{}: ended, and something still holds its pipes", self.shown);
        let out = lossy(self.out.recv_timeout(DRAIN).expect(&open));
        let err = lossy(self.err.recv_timeout(DRAIN).expect(&open));
        Outcome { status, out, err, shown: self.shown }
    }
}

impl Outcome {
    /// It ended with this exit status.
    #[track_caller]
    pub(crate) fn exits(&self, status: i32) -> &Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// It ended well.
    #[track_caller]
    pub(crate) fn passes(&self) -> &Self {
        self.exits(0)
    }

    /// It said this on standard error.
    #[track_caller]
    pub(crate) fn complains(&self, text: &str) -> &Self {
        assert!(self.err.contains(text), "`{text}` is not in:\n{self}");
        self
    }

    /// It said this on standard output.
    #[track_caller]
    pub(crate) fn prints(&self, text: &str) -> &Self {
        assert!(self.out.contains(text), "`{text}` is not in:\n{self}");
        self
    }

    /// Shows each denial that it told, for who reads the test's own output.
    #[allow(clippy::print_stdout, reason = "what libtest captures is shown by --show-output")]
    pub(crate) fn tells(&self) -> &Self {
        let mut lines = self.err.lines().peekable();
        while let Some(line) = lines.next() {
            let denial = line.strip_prefix("  ").filter(|rest| !rest.starts_with(' '));
            let cause = lines.peek().and_then(|next| next.strip_prefix("    denied by "));
            if let (Some(denial), Some(cause)) = (denial, cause) {
                let operation = denial.rsplit_once("  [").map_or(denial, |(operation, _)| operation);
                println!("told: {operation}, denied by {cause}");
            }
        }
        self
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { status, out, err, shown } = self;
        write!(to, "{shown}\nstatus {status}\n--- out\n{out}\n--- err\n{err}")
    }
}

fn number(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| -status.signal().unwrap_or_default())
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

fn gather<R: Read + Send + 'static>(pipe: Option<R>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.unwrap().read_to_end(&mut bytes);
        let _ = sender.send(bytes);
    });
    receiver
}
