//! The progress bar: one line on a terminal that is written over. Nothing of it anywhere else.

use std::io::{self, IsTerminal, Write as _};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Short runs have none.
const AFTER: Duration = Duration::from_millis(300);
/// Between two pictures.
const EVERY: u64 = 100;
const WIDTH: usize = 32;

static START: OnceLock<Instant> = OnceLock::new();
/// When the last picture was drawn, in milliseconds; 0: never.
static DRAWN: AtomicU64 = AtomicU64::new(0);

/// So much of it is done.
pub(super) fn show(done: usize, all: usize) {
    let passed = START.get_or_init(Instant::now).elapsed();
    let (now, last) = (passed.as_millis() as u64, DRAWN.load(Ordering::Relaxed));
    if passed < AFTER || now < last + EVERY || !io::stderr().is_terminal() {
        return;
    }
    if DRAWN.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        let _ = write!(io::stderr().lock(), "\r\x1b[K{}", line(done, all, passed));
    }
}

/// Takes it away.
pub(super) fn clear() {
    if DRAWN.load(Ordering::Relaxed) > 0 {
        let _ = write!(io::stderr().lock(), "\r\x1b[K");
    }
}

fn line(done: usize, all: usize, passed: Duration) -> String {
    let all = all.max(1);
    let done = done.min(all);
    let full = WIDTH * done / all;
    let bar = "#".repeat(full) + &"-".repeat(WIDTH - full);
    let left = if done == 0 { String::new() } else { left(passed, done, all) };
    format!("[{bar}] {:>3}%  {done}/{all} claims{left}", 100 * done / all)
}

fn left(passed: Duration, done: usize, all: usize) -> String {
    let seconds = passed.as_secs_f64() / done as f64 * (all - done) as f64;
    if seconds < 1.0 { String::new() } else { format!("  about {seconds:.0} s left") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_as_long_as_what_is_done() {
        let text = line(50, 100, Duration::from_secs(3));
        assert!(text.starts_with(&format!("[{}{}]  50%  50/100", "#".repeat(16), "-".repeat(16))), "{text}");
        assert!(text.ends_with("about 3 s left"), "{text}");
        for (done, all) in [(0, 0), (0, 7), (7, 7), (9, 7)] {
            assert!(line(done, all, Duration::ZERO).len() < 79);
        }
    }
}
