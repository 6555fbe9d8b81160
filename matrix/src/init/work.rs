//! Runs the jobs, and relays every line of theirs in a frame.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use ringfence_matrix::frame::{End, Frame};
use ringfence_matrix::job::{self, Job, USER};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// What makes init a worker.
pub(crate) const WORD: &str = "work";
const PORT: &str = "/dev/ttyS1";
/// A line longer than this is cut: the outside reads whole lines.
const LINE: u64 = 64 * 1024;
/// How long the pipes of a job that has ended may stay open: what holds them was left behind.
const DRAIN: Duration = Duration::from_secs(5);

/// Says over the port that the machine is not ready.
pub(crate) fn say_failed(why: &super::machine::Failed) {
    eprintln!("init: {why}");
    if let Ok((mut port, nonce)) = open() {
        let _ = port.write_all(Frame::Failed(why.to_string()).write(&nonce).as_bytes());
    }
}

/// Runs all jobs.
pub(crate) fn run() -> ExitCode {
    match work() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("init: {error}");
            ExitCode::FAILURE
        }
    }
}

fn work() -> io::Result<()> {
    let (port, nonce) = open()?;
    let jobs = fs::read_to_string(job::FILE)?;
    fs::remove_file(job::NONCE_FILE)?;
    fs::remove_file(job::FILE)?;
    let mut report = Report { port, nonce };
    let jobs = match job::read(&jobs) {
        Ok(jobs) => jobs,
        Err(malformed) => return report.say(&Frame::Failed(malformed.to_string())),
    };
    report.say(&Frame::Ready { release: release(), milliseconds: since_boot() })?;
    for (number, job) in jobs.iter().enumerate() {
        report.say(&Frame::Start(number))?;
        let end = report.run(number, job)?;
        report.say(&Frame::End(number, end))?;
    }
    report.say(&Frame::Done)
}

fn open() -> io::Result<(File, String)> {
    let port = OpenOptions::new().read(true).write(true).open(PORT)?;
    let mut attributes = tcgetattr(&port)?;
    attributes.make_raw();
    tcsetattr(&port, OptionalActions::Now, &attributes)?;
    Ok((port, fs::read_to_string(job::NONCE_FILE)?.trim().to_owned()))
}

fn release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

fn since_boot() -> u64 {
    let text = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds: f64 = text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0.0);
    (seconds * 1000.0) as u64
}

struct Report {
    port: File,
    nonce: String,
}

impl Report {
    fn say(&mut self, frame: &Frame) -> io::Result<()> {
        self.port.write_all(frame.write(&self.nonce).as_bytes())
    }

    fn run(&mut self, number: usize, job: &Job) -> io::Result<End> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        let mut child = match start(job, &writer) {
            Ok(child) => child,
            Err(error) => return Ok(End::NotStarted(error.raw_os_error().unwrap_or(0))),
        };
        drop(writer);
        let lines = gather(File::from(reader));
        let deadline = Instant::now() + job.limit;
        let end = loop {
            self.relay(number, &lines, Duration::from_millis(20))?;
            if let Some(status) = child.try_wait()? {
                let signal = status.signal().map(End::Signaled);
                break signal.unwrap_or(End::Exited(status.code().unwrap_or(-1)));
            }
            if Instant::now() > deadline {
                kill_group(&mut child);
                break End::Hung;
            }
        };
        let drained = Instant::now() + DRAIN;
        while self.relay(number, &lines, Duration::from_millis(20))? && Instant::now() < drained {}
        Ok(end)
    }

    /// Relays what comes within this time; whether more may come.
    fn relay(&mut self, number: usize, lines: &Receiver<String>, time: Duration) -> io::Result<bool> {
        let until = Instant::now() + time;
        loop {
            match lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => self.say(&Frame::Line(number, line))?,
                Err(RecvTimeoutError::Timeout) => return Ok(true),
                Err(RecvTimeoutError::Disconnected) => {
                    std::thread::sleep(until.saturating_duration_since(Instant::now()));
                    return Ok(false);
                }
            }
        }
    }
}

fn start(job: &Job, output: &OwnedFd) -> io::Result<Child> {
    let mut command = Command::new(&job.words[0]);
    command.args(&job.words[1..]).current_dir(&job.directory).env_clear();
    command.envs(job.environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output.try_clone()?).process_group(0);
    if !job.root {
        // Without groups of its own, std clears root's as it sets the user.
        command.uid(USER.1).gid(USER.1);
    }
    command.spawn()
}

fn kill_group(child: &mut Child) {
    let group = rustix::process::Pid::from_child(child);
    let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    let _ = child.wait();
}

fn gather(pipe: File) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || pass_lines(pipe, &sender));
    receiver
}

fn pass_lines(pipe: File, to: &Sender<String>) {
    let mut pipe = BufReader::new(pipe);
    loop {
        let mut bytes = Vec::new();
        match pipe.by_ref().take(LINE).read_until(b'\n', &mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let line = String::from_utf8_lossy(&bytes).trim_end_matches('\n').replace('\r', " ");
        if to.send(line).is_err() {
            return;
        }
    }
}
