//! Whoever is killed: the command never runs on without the program, and nothing of it stays.

use std::fs;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::field::{Field, programs, wait};
use crate::harness::children;
use crate::harness::run::Running;

/// Kills the launcher and waits for it.
pub(crate) fn end(mut running: Running) {
    let _ = running.child.kill();
    let _ = running.child.wait();
}

/// Containments that end with this, also where a test fails in the middle: the next test would find them.
struct Several(Vec<Running>);

impl Several {
    /// Waits until the last of them runs; one that ends says why.
    fn last_runs(&mut self, field: &Field) {
        let count = self.0.len();
        let deadline = Instant::now() + Duration::from_secs(60);
        while field.running() < count {
            assert!(Instant::now() < deadline, "{count} of them do not run within a minute");
            if self.0.last_mut().unwrap().child.try_wait().unwrap().is_some() {
                panic!("of {count} the last ended: {}", self.0.pop().unwrap().finish());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Several {
    fn drop(&mut self) {
        self.0.drain(..).for_each(end);
    }
}

fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// A program that never ceases to try a connection, while `deed` is done to its launcher, janitor and
/// init.
fn never_free(field: &Field, deed: fn(u32, i32, i32)) {
    let before = field.connections.load(Ordering::Relaxed);
    let policy = field.policy(true, "");
    let attack = field.attack.to_str().unwrap();
    let words = [attack, "storm", &field.path("outside/stream")];
    let mut running = field.ground.ringfence(&format!("--policy {policy}"), &words).start();
    let launcher = running.child.id();
    wait("the command runs", || field.runs());
    let janitor = children(launcher, "ringfence-tidy");
    let init = children(launcher, "ringfence");
    assert_eq!((janitor.len(), init.len()), (1, 1), "{janitor:?} {init:?}");
    deed(launcher, janitor[0], init[0]);
    let _ = running.child.wait();
    wait("everything of it has ended", || field.ground.processes().is_empty());
    assert_eq!(field.connections.load(Ordering::Relaxed), before, "it was free for a moment");
    wait("the programs are gone", || programs().is_empty());
}

#[test]
fn the_launchers_death_frees_nobody() {
    let Some(field) = Field::new("the_launchers_death_frees_nobody") else { return };
    for _ in 0..2 {
        never_free(&field, |launcher, _, _| kill(launcher as i32));
    }
}

#[test]
fn the_janitors_death_ends_the_containment() {
    let Some(field) = Field::new("the_janitors_death_ends_the_containment") else { return };
    for _ in 0..2 {
        never_free(&field, |_, janitor, _| kill(janitor));
    }
}

#[test]
fn the_inits_death_frees_nobody() {
    let Some(field) = Field::new("the_inits_death_frees_nobody") else { return };
    for _ in 0..2 {
        never_free(&field, |_, _, init| kill(init));
    }
}

#[test]
fn nothing_stays_after_a_plain_end() {
    let Some(field) = Field::new("nothing_stays_after_a_plain_end") else { return };
    let mounts = || fs::read_to_string("/proc/self/mountinfo").unwrap().matches(" - bpf ").count();
    let before = mounts();
    field.inside(true, "", &["nothing"]).go().passes();
    wait("the programs are gone", || programs().is_empty());
    assert_eq!(mounts(), before);
}

/// Each hook takes as many programs as the kernel says (38, 40 on some before Linux 5.12, and fewer where
/// their calls do not fit a page; 7.3 takes 36), so that many containments: one more is an error, and
/// those that run are as they were.
#[test]
fn one_containment_too_many_is_an_error() {
    const LEAST: usize = 35;
    const MOST: usize = 40;
    let Some(field) = Field::new("one_containment_too_many_is_an_error") else { return };
    let flags = format!("--policy {}", field.policy(true, ""));
    let attack = field.attack.to_str().unwrap();
    let mut several = Several(Vec::new());
    let mut refused = None;
    while several.0.len() < MOST && refused.is_none() {
        several.0.push(field.ground.ringfence(&flags, &[attack, "pause"]).start());
        several.last_runs(&field);
        if several.0.len() >= LEAST {
            let one = field.ground.ringfence(&flags, &[attack, "nothing"]).go();
            refused = (one.status != 0).then_some(one);
        }
    }
    let (count, still) = (several.0.len(), field.running());
    drop(several);
    wait("everything of them has ended", || field.ground.processes().is_empty());
    wait("the programs are gone", || programs().is_empty());
    let refused = refused.unwrap_or_else(|| panic!("{count} run, and another one"));
    refused.exits(125).complains("the hook has as many programs as it takes");
    assert_eq!(still, count);
    field.inside(true, "", &["nothing"]).go().passes();
}
