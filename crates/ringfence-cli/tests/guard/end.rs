//! Whoever is killed: the command never runs on without the program, and nothing of it stays.

use std::fs;
use std::sync::atomic::Ordering;

use crate::field::{Field, programs, wait};
use crate::harness::children;
use crate::harness::run::Running;

/// Kills the launcher and waits for it.
pub(crate) fn end(mut running: Running) {
    let _ = running.child.kill();
    let _ = running.child.wait();
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

/// Each hook takes as many programs as the kernel says (38, and 40 on some before Linux 5.12), so that
/// many containments: one more is an error, and those that run are as they were.
#[test]
fn one_containment_too_many_is_an_error() {
    const LEAST: usize = 38;
    const MOST: usize = 40;
    let Some(field) = Field::new("one_containment_too_many_is_an_error") else { return };
    let flags = format!("--policy {}", field.policy(true, ""));
    let attack = field.attack.to_str().unwrap();
    let mut running = Vec::new();
    let mut refused = None;
    while running.len() < MOST && refused.is_none() {
        running.push(field.ground.ringfence(&flags, &[attack, "pause"]).start());
        wait("it runs", || field.running() >= running.len());
        if running.len() >= LEAST {
            let one = field.ground.ringfence(&flags, &[attack, "nothing"]).go();
            refused = (one.status != 0).then_some(one);
        }
    }
    let (count, still) = (running.len(), field.running());
    running.into_iter().for_each(end);
    wait("everything of them has ended", || field.ground.processes().is_empty());
    wait("the programs are gone", || programs().is_empty());
    let refused = refused.unwrap_or_else(|| panic!("{count} run, and another one"));
    refused.exits(125).complains("the hook has as many programs as it takes, 38");
    assert_eq!(still, count);
    field.inside(true, "", &["nothing"]).go().passes();
}
