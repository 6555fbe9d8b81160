//! Launchers of others: bubblewrap, container engines, any wrapper. What one prints, how long it
//! takes and what it leaves running are bounded here; what it says is believed nowhere.

mod keeper;
mod output;
mod prober;
mod stance;
mod template;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};

use ringfence_sys::inherit::HIGH;

use super::Error;
use crate::verify::outside::frame::{Channel, Key, Listener, Message, words};
use crate::verify::outside::{Launcher, Reply, Task};
use output::Output;

pub use keeper::keep;
pub use prober::{Here, open_descriptors, probe};
pub use template::{PROBER, Template};

/// Hidden first words of ringfence's own command line.
pub const PROBE: &str = "__probe";
/// The process between verifier and launcher.
pub const KEEP: &str = "__keep";
/// A launcher that prints more is ended.
const FLOOD: usize = 16 << 20;

/// A launcher by its command line.
#[derive(Debug)]
pub struct Via {
    template: Template,
    /// What it is to run: a path as seen inside.
    prober: PathBuf,
    /// ringfence itself, as seen here.
    own: PathBuf,
    /// How long it may say nothing.
    patience: Duration,
    /// Processes of earlier launches that could not be ended.
    left: Vec<String>,
}

/// What came out of a launch, beside the prober's lines.
struct Watched {
    listener: Listener,
    output: Output,
    /// It said nothing for too long.
    silent: bool,
    /// It printed more than [`FLOOD`].
    flooded: bool,
}

impl Via {
    /// A launcher for `template`. `prober`: where ringfence is inside, if elsewhere than here.
    ///
    /// # Errors
    /// There is no path to ringfence itself.
    pub fn new(template: Template, prober: Option<PathBuf>, patience: Duration) -> Result<Self, Error> {
        let doing = || "find the path of ringfence itself, which is to run inside".to_owned();
        let own = std::env::current_exe().map_err(|source| Error::Around { doing: doing(), source })?;
        if !own.exists() {
            let source = std::io::Error::other("it was removed or replaced while it runs");
            return Err(Error::Around { doing: doing(), source });
        }
        // Where a launcher ends its keeper, what it has left comes to this process.
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
        Ok(Self { template, prober: prober.unwrap_or_else(|| own.clone()), own, patience, left: Vec::new() })
    }

    /// Processes that a launcher started and that could not be ended.
    #[must_use]
    pub fn left(&self) -> &[String] {
        &self.left
    }

    fn once(&mut self, tasks: &[(u32, &Task)]) -> Result<Reply, Error> {
        let around = |doing: &str| {
            let doing = doing.to_owned();
            move |error: rustix::io::Errno| Error::Around { doing, source: error.into() }
        };
        let key = key().map_err(around("draw a key"))?;
        let (read, write) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(around("make a pipe"))?;
        let passed = passing(&write).map_err(around("let a pipe pass"))?;
        drop(write);
        let stat = rustix::fs::fstat(&passed).map_err(around("look at a pipe"))?;
        let channel = Channel { number: passed.as_raw_fd(), device: stat.st_dev, inode: stat.st_ino };
        let mut inner = vec![self.prober.to_string_lossy().into_owned(), PROBE.to_owned()];
        inner.extend(words(key, Some(channel), tasks));
        let command = self.template.filled(&inner, &self.own.to_string_lossy());
        let (control, its) =
            UnixStream::pair().map_err(|source| Error::Around { doing: "socketpair".into(), source })?;
        let mut keeper = {
            // Gone before anything is waited for: it holds the keeper's ends of everything.
            let mut words = Command::new(&self.own);
            words
                .arg(KEEP)
                .args(&command)
                .stdin(OwnedFd::from(its))
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            words.spawn().map_err(|source| Error::Around { doing: "start a keeper".into(), source })?
        };
        // The writing ends of this process are closed, or the end of the others would not be seen.
        drop(passed);
        let watched = self.watch(key, &mut keeper, File::from(read))?;
        let said = end(&mut keeper, control, watched.listener.whole());
        self.left.extend(said.iter().filter_map(|line| line.strip_prefix("left ")).map(str::to_owned));
        Ok(reply(&watched, &said, self.patience))
    }

    /// Takes what comes until the prober has said all, everything is closed, or time is up.
    fn watch(&self, key: Key, keeper: &mut Child, results: File) -> Result<Watched, Error> {
        let mut streams: [Option<Box<dyn Stream>>; 3] = [
            Some(Box::new(results)),
            keeper.stdout.take().map(|out| Box::new(out) as Box<dyn Stream>),
            keeper.stderr.take().map(|err| Box::new(err) as Box<dyn Stream>),
        ];
        let mut seen = Watched {
            listener: Listener::new(key),
            output: Output::default(),
            silent: false,
            flooded: false,
        };
        let (mut heard, mut total) = (Instant::now(), 0usize);
        let mut buffer = vec![0u8; 64 * 1024];
        while !seen.listener.whole() && streams.iter().any(Option::is_some) {
            let left = self.patience.saturating_sub(heard.elapsed());
            if left.is_zero() {
                seen.silent = true;
                break;
            }
            for at in ready(&streams, left)? {
                let Some(stream) = &mut streams[at] else { continue };
                let count = stream.read(&mut buffer).unwrap_or(0);
                if count == 0 {
                    streams[at] = None;
                    continue;
                }
                total += count;
                if seen.listener.feed(at, &buffer[..count]) {
                    heard = Instant::now();
                }
                seen.output.take(at, &buffer[..count]);
            }
            if total > FLOOD {
                seen.flooded = true;
                break;
            }
        }
        Ok(seen)
    }
}

trait Stream: Read + AsFd {}
impl<T: Read + AsFd> Stream for T {}

/// Which streams can be read; a little later none perhaps.
fn ready(streams: &[Option<Box<dyn Stream>>; 3], left: Duration) -> Result<Vec<usize>, Error> {
    let open: Vec<usize> = (0..streams.len()).filter(|at| streams[*at].is_some()).collect();
    let mut polled: Vec<PollFd<'_>> = streams
        .iter()
        .flatten()
        .map(|stream| PollFd::from_borrowed_fd(stream.as_fd(), PollFlags::IN))
        .collect();
    let time =
        rustix::event::Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
    match poll(&mut polled, Some(&time)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(errno) => return Err(Error::Around { doing: "poll a launcher".into(), source: errno.into() }),
    }
    Ok(open.into_iter().zip(&polled).filter(|(_, one)| !one.revents().is_empty()).map(|(at, _)| at).collect())
}

/// Has the keeper end everything; what it said.
fn end(keeper: &mut Child, mut control: UnixStream, whole: bool) -> Vec<String> {
    /// A keeper gives up by itself before.
    const MOST: Duration = Duration::from_secs(40);
    let _ = control.write_all(&[if whole { keeper::DONE } else { keeper::ENOUGH }]);
    let _ = control.shutdown(std::net::Shutdown::Write);
    let _ = control.set_read_timeout(Some(MOST));
    let mut text = Vec::new();
    let _ = control.read_to_end(&mut text);
    let _ = keeper.kill();
    let status = keeper.wait();
    let mut said: Vec<String> = String::from_utf8_lossy(&text).lines().map(str::to_owned).collect();
    if !said.iter().any(|line| line == "done") {
        // It was killed, as by what it started: what that left has come to this process.
        said.extend(keeper::end_all().into_iter().map(|process| format!("left {process}")));
        said.push(format!("killed {status:?}"));
    }
    said
}

fn reply(watched: &Watched, said: &[String], patience: Duration) -> Reply {
    let mut reply = Reply { whole: watched.listener.whole(), ..Reply::default() };
    for message in watched.listener.heard() {
        match message {
            Message::Stance(stance) => reply.stance = Some(stance.clone()),
            Message::Begun(task) => reply.interrupted = Some(*task),
            Message::Done(task, answer) => {
                reply.interrupted = None;
                reply.answers.insert(*task, answer.clone());
            }
            Message::End => {}
        }
    }
    if watched.listener.torn {
        reply.torn = Some("two probers answered one launch, and not the same".into());
    }
    let status = said.iter().find_map(|line| line.strip_prefix("ended "));
    let mut why = match (status, reply.stance.is_some()) {
        _ if watched.silent => format!("the launcher said nothing for {} s", patience.as_secs_f32()),
        _ if watched.flooded => format!("the launcher printed more than {} MiB", FLOOD >> 20),
        (None, _) => "the launcher ended the process that watched it".to_owned(),
        (Some(status), false) => {
            format!("the launcher did not run the prober, or hid what that said; it ended with {status}")
        }
        (Some(status), true) => format!("the launch ended before the prober did, with {status}"),
    };
    if watched.listener.forged > 0 {
        why += &format!("; {} lines bore the prober's mark and not its signature", watched.listener.forged);
    }
    if let Some(words) = watched.output.last_words() {
        why += &format!("; it said: {words}");
    }
    reply.why = why;
    reply
}

fn key() -> Result<Key, rustix::io::Errno> {
    let mut bytes = [0u8; 16];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    Ok(Key(bytes))
}

/// The same file under a high number, which passes execve(2).
fn passing(fd: impl AsFd) -> Result<OwnedFd, rustix::io::Errno> {
    let high = fcntl_dupfd_cloexec(&fd, HIGH).or_else(|_| fcntl_dupfd_cloexec(&fd, 10))?;
    fcntl_setfd(&high, FdFlags::empty())?;
    Ok(high)
}

/// Lets a descriptor of the witnesses pass: a launcher may leak it. Gone when dropped.
///
/// # Errors
/// Those of fcntl(2).
pub fn leak(path: &str) -> Result<OwnedFd, Error> {
    let around = |source| Error::Around { doing: format!("open {path}"), source };
    let file = File::open(path).map_err(around)?;
    passing(&file).map_err(|errno| around(errno.into()))
}

impl Launcher for Via {
    fn launch(&mut self, tasks: &[(u32, &Task)]) -> Reply {
        self.once(tasks).unwrap_or_else(|error| Reply { why: error.to_string(), ..Reply::default() })
    }

    fn has_outside(&self) -> bool {
        true
    }
}
