//! A terminal made by the test, with a program of the ground's user on it. pty(7).

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{OpenOptionsExt as _, fchown};
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::ground::{Ground, find};

/// How long a program may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The user's end of a terminal.
pub(crate) struct Terminal {
    master: File,
    /// The program's end, kept open so that what was written is still read after its end.
    slave: File,
    /// Its name outside, `/dev/pts/N`.
    pub(crate) name: String,
    /// All that was ever shown.
    pub(crate) shown: String,
    /// How much of it was matched.
    at: usize,
}

impl Terminal {
    /// A new terminal of this size, which belongs to the ground's user.
    pub(crate) fn open(ground: &Ground, rows: u16, columns: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let flags = OFlags::NOCTTY.bits() as i32;
        let slave = File::options().read(true).write(true).custom_flags(flags).open(&name).unwrap();
        let (uid, gid) = ground.ids();
        fchown(&slave, Some(uid), Some(gid)).unwrap();
        let terminal = Self { master: File::from(master), slave, name, shown: String::new(), at: 0 };
        terminal.resize(rows, columns);
        terminal
    }

    /// Another size.
    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.master, size).unwrap();
    }

    /// The program's end of it.
    pub(crate) fn slave(&self) -> OwnedFd {
        self.slave.try_clone().unwrap().into()
    }

    /// Starts `ringfence run` in a session of its own whose controlling terminal this is.
    pub(crate) fn start(&self, ground: &Ground, flags: &str, command: &[&str]) -> Child {
        let binary = ground.binary();
        let mut words = vec![binary.to_str().unwrap(), "run"];
        words.extend(flags.split_whitespace());
        words.push("--");
        words.extend(command);
        self.start_plain(ground, &words)
    }

    /// Starts any program so.
    pub(crate) fn start_plain(&self, ground: &Ground, words: &[&str]) -> Child {
        let setsid = find("setsid").expect("setsid(1) of util-linux");
        let words: Vec<_> = std::iter::once("--ctty").chain(words.iter().copied()).collect();
        let mut command = ground.command(&setsid, &words).into_command();
        command.stdin(self.slave()).stdout(self.slave()).stderr(self.slave()).spawn().unwrap()
    }

    /// Another hand on the keys.
    pub(crate) fn typist(&self) -> File {
        self.master.try_clone().unwrap()
    }

    /// Types.
    pub(crate) fn keys(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).unwrap();
    }

    /// Waits until this is shown, after what was matched before; gives what lies between.
    #[track_caller]
    pub(crate) fn expect(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = self.shown[self.at..].find(text) {
                let between = self.shown[self.at..self.at + found].to_owned();
                self.at += found + text.len();
                return between;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "`{text}` was not shown: {:?}", &self.shown);
            self.take(left);
        }
    }

    /// Takes what is shown within this time.
    pub(crate) fn take(&mut self, time: Duration) {
        let time = Timespec { tv_sec: time.as_secs() as i64, tv_nsec: i64::from(time.subsec_nanos()) };
        let mut fds = [PollFd::new(&self.master, PollFlags::IN)];
        if poll(&mut fds, Some(&time)).unwrap_or(0) == 0 {
            return;
        }
        let mut bytes = [0; 4096];
        let count = self.master.read(&mut bytes).unwrap_or(0);
        self.shown += &String::from_utf8_lossy(&bytes[..count]);
    }
}
