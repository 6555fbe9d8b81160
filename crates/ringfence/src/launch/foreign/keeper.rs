//! The process between verifier and launcher: whatever a launcher starts, and whoever among it loses
//! its parent, comes to the keeper (`PR_SET_CHILD_SUBREAPER`), which ends all of it when the verifier
//! says so or is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, kill_process, pidfd_open, pidfd_send_signal, set_child_subreaper,
    setsid, wait,
};

/// How long the end of everything may take.
const MOST: Duration = Duration::from_secs(5);
/// How long a launcher may take to end by itself when the prober is done, as an engine that removes
/// its container; and what it started, when it has ended.
const GRACE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(3));
/// How long it has to tidy up when it is told to end.
const TERM: Duration = Duration::from_secs(2);

/// What the verifier says when everything was heard.
pub(super) const DONE: u8 = b'd';
/// What it says when it has had enough.
pub(super) const ENOUGH: u8 = b'e';

/// A launcher that runs, and what is known of its end.
struct Kept {
    child: Child,
    pidfd: Option<OwnedFd>,
    ended: bool,
}

/// Runs `command` until standard input, a socket of the verifier, says that it is over or is closed;
/// then ends everything. The status is of no interest.
#[must_use]
pub fn keep(command: &[std::ffi::OsString]) -> i32 {
    // A verifier blocks all of them while it makes attempts.
    ringfence_sys::signal::unblock_all();
    let _ = set_child_subreaper(Some(rustix::process::getpid()));
    // No terminal: a launcher finds none to ask on, and none to write to.
    let _ = setsid();
    let Some((program, args)) = command.split_first() else { return 2 };
    match Command::new(program).args(args).stdin(Stdio::null()).spawn() {
        Err(error) => tell(&format!("ended {}: {error}", program.to_string_lossy())),
        Ok(child) => {
            let pidfd = pid(&child).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
            close_output();
            Kept { child, pidfd, ended: false }.attend();
        }
    }
    for process in end_all() {
        tell(&format!("left {process}"));
    }
    tell("done");
    0
}

fn pid(child: &Child) -> Option<Pid> {
    Pid::from_raw(i32::try_from(child.id()).ok()?)
}

impl Kept {
    /// Until it may be ended with all that it started.
    fn attend(mut self) {
        while !self.said() {
            self.look();
        }
        let mut word = [0];
        let word = if matches!(rustix::io::read(rustix::stdio::stdin(), &mut word), Ok(1)) {
            word[0]
        } else {
            ENOUGH
        };
        let grace = match word {
            DONE => GRACE.0,
            _ => {
                if let (false, Some(pid)) = (self.ended, pid(&self.child)) {
                    let _ = kill_process(pid, Signal::TERM);
                }
                TERM
            }
        };
        self.wait(grace, |kept| kept.ended);
        if word == DONE && self.ended {
            self.wait(GRACE.1, |_| {
                reap();
                descendants().is_empty()
            });
        }
    }

    fn wait(&mut self, most: Duration, over: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        loop {
            self.look();
            if over(self) || start.elapsed() > most {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Tells of the launcher's end, once.
    fn look(&mut self) {
        if !self.ended
            && let Ok(Some(status)) = self.child.try_wait()
        {
            tell(&format!("ended {}", words(status)));
            self.ended = true;
        }
    }

    /// Waits until the verifier says something or is gone (true), or the launcher has ended (false).
    fn said(&self) -> bool {
        let control = rustix::stdio::stdin();
        let mut polled = vec![PollFd::new(&control, PollFlags::IN)];
        polled.extend(
            self.pidfd.as_ref().filter(|_| !self.ended).map(|pidfd| PollFd::new(pidfd, PollFlags::IN)),
        );
        match poll(&mut polled, None) {
            Err(rustix::io::Errno::INTR) => false,
            Err(_) => true,
            Ok(_) => !polled[0].revents().is_empty(),
        }
    }
}

/// The keeper's own copies would keep the verifier waiting for more.
fn close_output() {
    if let Ok(null) = std::fs::File::options().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdout(&null);
        let _ = rustix::stdio::dup2_stderr(&null);
    }
    // What the launcher was to inherit, it has inherited.
    ringfence_sys::inherit::close_high();
}

fn tell(text: &str) {
    // The socket is standard input. Nobody is there any more where this fails.
    let _ = rustix::io::write(rustix::stdio::stdin(), format!("{}\n", text.replace('\n', " ")).as_bytes());
}

/// What has ended and is nobody's.
fn reap() {
    while matches!(wait(WaitOptions::NOHANG), Ok(Some(_))) {}
}

fn words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "no status".to_owned(),
    }
}

/// Ends every descendant of this process; those that could not be ended, by number and name.
pub(super) fn end_all() -> Vec<String> {
    let start = Instant::now();
    loop {
        // Whose parent has ended comes to this process, as long as it is a subreaper.
        reap();
        let left = descendants();
        if left.is_empty() {
            return Vec::new();
        }
        if start.elapsed() > MOST {
            return left.iter().map(|(pid, name)| format!("{pid} ({name})")).collect();
        }
        for pid in left.keys() {
            end(*pid);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// By a descriptor, so that it is the process that was found.
fn end(pid: i32) {
    let Some(number) = Pid::from_raw(pid) else { return };
    match pidfd_open(number, PidfdFlags::empty()) {
        Ok(pidfd) if descendants().contains_key(&pid) => {
            let _ = pidfd_send_signal(&pidfd, Signal::KILL);
        }
        Ok(_) | Err(rustix::io::Errno::SRCH) => {}
        Err(_) => {
            let _ = kill_process(number, Signal::KILL);
        }
    }
}

/// Processes below this one by the parents that proc_pid_stat(5) tells, with their names. What has
/// ended and was not reaped by its parent yet is gone as soon as that one is.
fn descendants() -> BTreeMap<i32, String> {
    let mut all: BTreeMap<i32, (i32, String)> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let (Some(open), Some(close)) = (stat.find('('), stat.rfind(')')) else { continue };
        let mut rest = stat[close + 1..].split_whitespace();
        let (state, parent) = (rest.next(), rest.next().and_then(|text| text.parse().ok()));
        if let (Some(state), Some(parent)) = (state, parent)
            && state != "X"
        {
            all.insert(pid, (parent, stat[open + 1..close].to_owned()));
        }
    }
    let mut below = BTreeSet::from([std::process::id() as i32]);
    loop {
        let more: Vec<i32> = all
            .iter()
            .filter(|(pid, (parent, _))| below.contains(parent) && !below.contains(pid))
            .map(|(pid, _)| *pid)
            .collect();
        if more.is_empty() {
            break;
        }
        below.extend(more);
    }
    below.remove(&(std::process::id() as i32));
    all.into_iter().filter(|(pid, _)| below.contains(pid)).map(|(pid, (_, name))| (pid, name)).collect()
}
