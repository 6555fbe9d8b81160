//! The terminal: what the user's terminal and the command's own pty say to each other.
//!
//! The command never has the user's terminal, so TIOCSTI and TIOCLINUX have nothing to hit.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use ringfence_sys::janitor::Word;
use ringfence_sys::terminal::{self, Modes};
use rustix::event::{PollFd, PollFlags};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::termios::{
    OptionalActions, Termios, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr, tcsetwinsize,
};

use super::Error;

/// Bytes on their way in one direction at once: what a pty takes without waiting.
const CHUNK: usize = 4096;
/// What is still carried after the command has ended: a bound, should something keep writing.
const LAST_CHUNKS: usize = 256;
/// How often a relay in the background asks whether it has come to the foreground: a shell does not
/// tell a job that runs already.
const ASK: Duration = Duration::from_millis(200);

#[derive(Debug)]
/// One relay between the user's terminal and the master of the command's.
pub(super) struct Relay {
    master: OwnedFd,
    /// Kept open, so that the command may close its terminal and open it again.
    _slave: OwnedFd,
    /// Which of the standard descriptors are the terminal.
    fds: u8,
    /// Told of the modes that the terminal had, before they change.
    janitor: Option<Word>,
    before: Option<Termios>,
    raw: bool,
    input_open: bool,
    master_open: bool,
    to_master: Vec<u8>,
}

impl Relay {
    /// Size and modes are the terminal's; then the terminal becomes raw, if it is ours to change. In
    /// the background its modes are somebody else's, and the command's are the kernel's default.
    pub(super) fn start(master: OwnedFd, fds: u8, janitor: Option<Word>) -> Result<Self, Error> {
        let failed =
            |source: Errno| Error::Around { doing: "set up the terminal".into(), source: source.into() };
        let slave = terminal::slave(master.as_fd());
        let mut relay = Self {
            _slave: slave.map_err(|errno| failed(Errno::from_raw_os_error(errno.0.into())))?,
            master,
            fds,
            janitor,
            before: None,
            raw: false,
            input_open: fds & 1 != 0,
            master_open: true,
            to_master: Vec::new(),
        };
        let flags = rustix::fs::fcntl_getfl(&relay.master).map_err(failed)?;
        rustix::fs::fcntl_setfl(&relay.master, flags | OFlags::NONBLOCK).map_err(failed)?;
        if relay.foreground() {
            let modes = tcgetattr(relay.terminal()).map_err(failed)?;
            tcsetattr(&relay.master, OptionalActions::Now, &modes).map_err(failed)?;
        }
        relay.refresh();
        Ok(relay)
    }

    /// The size again, and raw modes as soon as the terminal is ours (in the foreground).
    pub(super) fn refresh(&mut self) {
        let terminal = self.terminal();
        if let Ok(size) = tcgetwinsize(terminal) {
            let _ = tcsetwinsize(&self.master, size);
        }
        if self.foreground() && self.fds & 1 != 0 {
            self.make_raw(terminal);
        }
    }

    /// Also where it was raw before: whoever had the terminal meanwhile has set other modes.
    fn make_raw(&mut self, terminal: BorrowedFd<'_>) {
        if self.before.is_none() {
            self.before = tcgetattr(terminal).ok();
            if let (Some(janitor), Ok(modes)) = (&self.janitor, Modes::of(terminal)) {
                // Where the janitor is gone, a kill leaves the terminal raw.
                let _ = janitor.terminal(terminal, &modes);
            }
        }
        if let Some(modes) = &self.before {
            let mut raw = modes.clone();
            raw.make_raw();
            self.raw = tcsetattr(terminal, OptionalActions::Drain, &raw).is_ok();
        }
    }

    /// When to [`Self::refresh`] at the latest, where nothing else happens.
    pub(super) fn patience(&self) -> Option<Duration> {
        (self.input_open && !self.raw).then_some(ASK)
    }

    fn foreground(&self) -> bool {
        tcgetpgrp(self.terminal()).is_ok_and(|group| group == rustix::process::getpgrp())
    }

    /// Puts what this relay waits for into `fds`, and says how many: the master, and the input
    /// while there is room for it.
    pub(super) fn wishes<'f>(&'f self, fds: &mut [PollFd<'f>]) -> usize {
        let out = if self.to_master.is_empty() { PollFlags::empty() } else { PollFlags::OUT };
        let wishes = [
            self.master_open.then(|| PollFd::new(&self.master, PollFlags::IN | out)),
            (self.input_open && self.raw && self.to_master.is_empty())
                .then(|| PollFd::from_borrowed_fd(rustix::stdio::stdin(), PollFlags::IN)),
        ];
        let mut count = 0;
        for (place, wish) in fds.iter_mut().zip(wishes.into_iter().flatten()) {
            *place = wish;
            count += 1;
        }
        count
    }

    /// Carries what is ready; `ready` answers [`Self::wishes`] in order.
    pub(super) fn carry(&mut self, ready: &[PollFlags]) {
        if !self.master_open {
            return self.discard(ready);
        }
        let any = |n: usize, flags: PollFlags| ready.get(n).is_some_and(|got| got.intersects(flags));
        if any(0, PollFlags::OUT) {
            self.flush();
        }
        if any(0, PollFlags::IN) {
            self.output();
        }
        if any(0, PollFlags::HUP) && !any(0, PollFlags::IN) {
            // Nobody has the command's terminal open any more: there is nothing to wait for.
            self.master_open = false;
        }
        if any(1, PollFlags::IN | PollFlags::HUP) {
            self.input();
        }
    }

    /// Input that nobody can read any more is taken all the same, so that its end is seen.
    fn discard(&mut self, ready: &[PollFlags]) {
        if ready.first().is_some_and(|flags| !flags.is_empty()) {
            self.input();
            self.to_master.clear();
        }
    }

    /// The last words of the command, then the terminal as it was.
    pub(super) fn finish(mut self) {
        for _ in 0..LAST_CHUNKS {
            if !self.output() {
                break;
            }
        }
    }

    fn input(&mut self) {
        let mut bytes = [0u8; CHUNK];
        match rustix::io::read(rustix::stdio::stdin(), &mut bytes) {
            // What is typed is for somebody else now.
            Err(Errno::IO) if !self.foreground() => self.raw = false,
            Ok(0) | Err(Errno::IO) => self.input_open = false,
            Ok(count) => {
                self.to_master.extend_from_slice(&bytes[..count]);
                self.flush();
            }
            Err(_) => {}
        }
    }

    fn flush(&mut self) {
        if let Ok(count) = rustix::io::write(&self.master, &self.to_master) {
            self.to_master.drain(..count);
        }
    }

    /// One chunk from the command to the terminal; whether there was one.
    fn output(&mut self) -> bool {
        let mut bytes = [0u8; CHUNK];
        let Ok(count) = rustix::io::read(&self.master, &mut bytes) else { return false };
        let mut rest = &bytes[..count];
        while !rest.is_empty() {
            match rustix::io::write(self.screen(), rest) {
                Ok(written) => rest = &rest[written..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => wait_for_room(self.screen()),
                Err(_) => return false,
            }
        }
        count > 0
    }

    fn terminal(&self) -> BorrowedFd<'static> {
        if self.fds & 1 != 0 { rustix::stdio::stdin() } else { self.screen() }
    }

    fn screen(&self) -> BorrowedFd<'static> {
        match self.fds {
            fds if fds & 2 != 0 => rustix::stdio::stdout(),
            fds if fds & 4 != 0 => rustix::stdio::stderr(),
            _ => rustix::stdio::stdin(),
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let (true, Some(before)) = (self.raw, &self.before) {
            let _ = tcsetattr(self.terminal(), OptionalActions::Drain, before);
        }
    }
}

fn wait_for_room(fd: BorrowedFd<'_>) {
    let mut fds = [PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::OUT)];
    let _: io::Result<usize> = rustix::event::poll(&mut fds, None).map_err(Into::into);
}
