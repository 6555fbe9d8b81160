//! `ringfence watch`: what is denied in every contained process of this host, as it happens.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use ringfence::event::rendezvous::{self, Desk, Heard, Peer};
use ringfence::report;
use ringfence::report::watch::{Filter, Kind, Message};
use ringfence_sys::signal::{self, Blocked};

use crate::check::Format;

/// Nobody can be heard here.
const BAD: i32 = 2;
/// Messages that are taken before the screen is drawn.
const AT_ONCE: usize = 512;
/// The most lines that a screen remembers.
const REMEMBERED: usize = 500;
/// Between two drawings of the screen.
const FRAME: Duration = Duration::from_millis(200);
/// SIGWINCH and SIGCONT: the screen may have changed. All others end the watch.
const OF_SCREEN: [i32; 2] = [28, 18];

/// What `watch` is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// Which events.
    pub(crate) filter: Filter,
    /// Ends after so many events.
    pub(crate) count: Option<u64>,
}

/// Watches until a signal comes, or as many events as were asked for.
#[cold]
#[inline(never)]
pub(crate) fn watch(wishes: &Wishes, format: Format) -> i32 {
    let started = Desk::open().and_then(|desk| {
        let blocked = Blocked::all().map_err(|errno| io::Error::from_raw_os_error(errno.0.into()))?;
        let signals = blocked.descriptor().map_err(|errno| io::Error::from_raw_os_error(errno.0.into()))?;
        Ok((desk, blocked, signals))
    });
    let (mut desk, _blocked, signals) = match started {
        Ok(started) => started,
        Err(error) => return crate::run::bad(&format!("error: nothing can be watched: {error}"), BAD),
    };
    let mut watch = Watch::new(wishes, format);
    watch.begin();
    loop {
        let patience = watch.due();
        let mut descriptors: Vec<_> = desk.descriptors().collect();
        descriptors.push(signals.as_fd());
        rendezvous::wait(&descriptors, patience);
        drop(descriptors);
        while let Some(number) = signal::next(signals.as_fd()) {
            if !OF_SCREEN.contains(&number) {
                watch.end();
                return 0;
            }
            watch.dirty = true;
        }
        desk.hear(AT_ONCE, &mut |heard| watch.hear(heard));
        watch.not_heard(desk.refused());
        watch.draw(&desk);
        if watch.over {
            watch.end();
            return 0;
        }
    }
}

struct Watch<'w> {
    wishes: &'w Wishes,
    format: Format,
    /// A terminal that is drawn over; otherwise lines follow each other.
    screen: bool,
    /// Runs that have begun and have not told their end.
    policies: BTreeMap<Peer, String>,
    lines: VecDeque<String>,
    controls: BTreeMap<String, u64>,
    seen: u64,
    lost: u64,
    refused: u64,
    dirty: bool,
    drawn: Option<Instant>,
    over: bool,
}

impl<'w> Watch<'w> {
    fn new(wishes: &'w Wishes, format: Format) -> Self {
        Self {
            wishes,
            format,
            screen: format == Format::Human && io::stdout().is_terminal(),
            policies: BTreeMap::new(),
            lines: VecDeque::new(),
            controls: BTreeMap::new(),
            seen: 0,
            lost: 0,
            refused: 0,
            dirty: true,
            drawn: None,
            over: false,
        }
    }

    /// The alternate screen, so that what was there comes back.
    fn begin(&self) {
        if self.screen {
            say("\x1b[?1049h\x1b[?25l");
        } else if self.format == Format::Human {
            let _ = writeln!(
                io::stderr().lock(),
                "ringfence: watching; runs with events (--explain, --audit, --events) are heard"
            );
        }
    }

    fn end(&self) {
        if self.screen {
            say("\x1b[?25h\x1b[?1049l");
        }
    }

    /// How long until the screen is drawn again.
    fn due(&self) -> Option<Duration> {
        let drawn = self.drawn.filter(|_| self.screen && self.dirty)?;
        Some(FRAME.saturating_sub(drawn.elapsed()))
    }

    fn hear(&mut self, heard: Heard) {
        if self.over {
            return;
        }
        match heard {
            Heard::Gone(peer) => {
                self.dirty = true;
                if self.policies.contains_key(&peer) {
                    self.take(&Message::gone(peer));
                }
            }
            Heard::Message(peer, bytes) => {
                let Some(message) = Message::read(peer, &bytes) else { return };
                self.take(&message);
            }
        }
    }

    /// Connections of whoever was gone before it could be asked about, or is inside a containment.
    fn not_heard(&mut self, refused: u64) {
        if refused == self.refused {
            return;
        }
        self.refused = refused;
        self.dirty = true;
        match (self.format, self.screen) {
            (Format::Json, _) => self.print(&report::watch::refused(refused)),
            (Format::Human, false) => self.print(&format!("{refused} connections were not heard\n")),
            (Format::Human, true) => {}
        }
    }

    fn take(&mut self, message: &Message) {
        if message.kind == Kind::Run {
            self.policies.insert(message.peer, message.policies());
        }
        let policies = self.policies.get(&message.peer).cloned().unwrap_or_default();
        if matches!(message.kind, Kind::Summary | Kind::Gone) {
            self.policies.remove(&message.peer);
        }
        if message.kind == Kind::Lost {
            self.lost += 1;
        }
        if !message.passes(&self.wishes.filter, &policies) {
            return;
        }
        if message.kind == Kind::Event {
            self.seen += 1;
            *self.controls.entry(message.control()).or_default() += 1;
            self.over = self.wishes.count.is_some_and(|count| self.seen >= count);
        }
        match (self.format, self.screen) {
            (Format::Json, _) => self.print(&message.json()),
            (Format::Human, false) => self.print(&format!("{}\n", message.line())),
            (Format::Human, true) => {
                if self.lines.len() == REMEMBERED {
                    self.lines.pop_front();
                }
                self.lines.push_back(message.line());
                self.dirty = true;
            }
        }
    }

    /// A reader that has gone ends the watch.
    fn print(&mut self, text: &str) {
        let mut out = io::stdout().lock();
        if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
            self.over = true;
        }
    }

    fn draw(&mut self, desk: &Desk) {
        if !self.screen || !self.dirty || self.drawn.is_some_and(|at| at.elapsed() < FRAME) {
            return;
        }
        let (rows, columns) = rendezvous::screen();
        let counts: Vec<String> =
            self.controls.iter().map(|(name, count)| format!("{name} {count}")).collect();
        let mut text = String::from("\x1b[H");
        let mut line = |words: &str| {
            let cut: String = words.chars().take(columns).collect();
            text.push_str(&cut);
            text.push_str("\x1b[K\r\n");
        };
        line(&format!(
            "ringfence watch: running: {}, denials: {}{}{}",
            desk.runs(),
            self.seen,
            if self.lost > 0 { ", some not heard" } else { "" },
            if desk.refused() > 0 { ", connections refused" } else { "" },
        ));
        line(&counts.join("  "));
        if self.lines.is_empty() {
            line("Runs with events (--explain, --audit, --events) are heard; Ctrl-C ends this.");
        }
        for words in last_rows(&self.lines, rows.saturating_sub(4), columns) {
            line(&words);
        }
        text.push_str("\x1b[J");
        say(&text);
        self.dirty = false;
        self.drawn = Some(Instant::now());
    }
}

/// The end of these lines, in as many rows: who denied it and why comes last in a long line, and must not be
/// cut off.
fn last_rows(lines: &VecDeque<String>, rows: usize, columns: usize) -> Vec<String> {
    let wrap = |line: &String| -> Vec<String> {
        let chars: Vec<char> = line.chars().collect();
        chars.chunks(columns.max(1)).map(|row| row.iter().collect()).collect()
    };
    let newest = lines.iter().skip(lines.len().saturating_sub(rows));
    let mut all: Vec<String> = newest.flat_map(wrap).collect();
    all.split_off(all.len().saturating_sub(rows))
}

fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_wrapped_and_the_newest_stay() {
        let lines = VecDeque::from(["old".to_owned(), "openat by mount".to_owned(), "end".to_owned()]);
        assert_eq!(last_rows(&lines, 3, 8), ["openat b", "y mount", "end"]);
        assert_eq!(last_rows(&lines, 9, 80), ["old", "openat by mount", "end"]);
        assert_eq!(last_rows(&lines, 0, 0), [""; 0]);
    }
}
