//! A denial of a label is told once, whichever source comes first, and nothing else is swallowed.

use super::*;
use crate::event::text::Text;
use crate::event::{Argument, Operation, Outcome, Process, SourceKind};

const OPENAT: u32 = 257;

fn unknown<T>() -> Known<T> {
    Known::Unknown("not known".to_owned())
}

fn failed(process: u32, control: Known<Control>, errno: u16, path: &str) -> Event {
    let value = Value::String(Text::new(path.as_bytes()));
    Event {
        source: SourceKind::Ebpf,
        time_ms: 1,
        process: Process { pid: Some(process), thread: process + 1, command: unknown() },
        operation: Operation {
            call: Some("openat"),
            abi: Some(Abi::X86_64),
            number: Some(OPENAT),
            arguments: vec![Argument { name: "filename", value }],
        },
        control,
        cause: unknown(),
        line: unknown(),
        tried: None,
        outcome: Outcome::Denied,
        errno: Known::Observed(errno),
        remedy: unknown(),
    }
}

fn lsm(path: &str) -> Event {
    failed(7, Known::Observed(Control::Lsm), EACCES, path)
}

fn refused(path: &str) -> Refused {
    let call = Some((Some(Abi::X86_64), OPENAT));
    Refused { process: 7, call, errno: Some(EACCES), names: vec![path.as_bytes().to_vec()] }
}

#[test]
fn both_orders_are_told_once() {
    let (start, mut twice) = (Instant::now(), Twice::new());
    assert_eq!(twice.sift(vec![refused("/a/x")], vec![], start), []);
    assert_eq!(twice.sift(vec![], vec![lsm("x")], start), []);
    assert_eq!(twice.sift(vec![], vec![failed(7, unknown(), EACCES, "/a/x")], start), []);
    assert_eq!(twice.sift(vec![refused("/a/x")], vec![], start), []);
    assert_eq!(twice.finish(vec![], vec![], start), []);
}

/// Linux 5.10: nothing of the call but who made it, and of what.
#[test]
fn a_record_without_its_call_is_enough() {
    let (start, mut twice) = (Instant::now(), Twice::new());
    let bare = Refused { call: None, errno: None, ..refused("/a/dir/") };
    let event = failed(7, Known::Predicted(Control::Credential), EPERM, "/a/dir");
    assert_eq!(twice.finish(vec![bare.clone()], vec![event], start), []);
    let other = failed(7, unknown(), EACCES, "/a/other");
    assert_eq!(twice.finish(vec![bare], vec![other.clone()], start), [other]);
}

#[test]
fn a_record_tells_of_one_call() {
    let (start, mut twice) = (Instant::now(), Twice::new());
    let failed = vec![lsm("/x"), lsm("/x")];
    assert_eq!(twice.finish(vec![refused("/x")], failed, start), [lsm("/x")]);
}

#[test]
fn what_another_did_or_another_control_refused_is_told() {
    let others = [
        failed(8, unknown(), EACCES, "/x"),
        failed(7, unknown(), EPERM, "/x"),
        failed(7, Known::Observed(Control::Credential), EACCES, "/x"),
        failed(7, Known::Predicted(Control::Credential), EACCES, "/y"),
        Event { operation: Operation { number: Some(2), ..lsm("/x").operation }, ..lsm("/x") },
        Event { operation: Operation { abi: Some(Abi::I386), ..lsm("/x").operation }, ..lsm("/x") },
    ];
    for other in others {
        let mut twice = Twice::new();
        let told = twice.finish(vec![refused("/x")], vec![other.clone()], Instant::now());
        assert_eq!(told, [other]);
    }
}

/// Its own record goes to each; only what is left is given to a call by another name.
#[test]
fn a_link_does_not_take_the_record_of_another() {
    let (start, mut twice) = (Instant::now(), Twice::new());
    let failed = vec![lsm("/link"), lsm("/x")];
    let told = twice.finish(vec![refused("/x"), refused("/target")], failed, start);
    assert_eq!(told, []);
}

#[test]
fn what_has_no_record_is_told_when_its_time_is_over() {
    let (start, mut twice) = (Instant::now(), Twice::new());
    assert_eq!(twice.sift(vec![], vec![lsm("/x")], start), []);
    assert_eq!(twice.sift(vec![], vec![], start + HELD / 2), []);
    assert_eq!(twice.sift(vec![], vec![], start + HELD), [lsm("/x")]);
    // A record that is as old as that tells of no call that comes now.
    twice.sift(vec![refused("/x")], vec![], start);
    twice.sift(vec![], vec![], start + KEPT);
    assert_eq!(twice.finish(vec![], vec![lsm("/x")], start + KEPT), [lsm("/x")]);
}

#[test]
fn what_waits_is_bounded() {
    let (start, mut twice) = (Instant::now(), Twice::new());
    let many = vec![lsm("/x"); MOST + 3];
    assert_eq!(twice.sift(vec![], many, start).len(), 3);
    twice.sift(vec![refused("/y"); 2 * MOST], vec![], start);
    assert_eq!((twice.told.len(), twice.held.len()), (MOST, MOST));
}

#[test]
fn the_timer_says_when_something_is_due() {
    use rustix::event::{PollFd, PollFlags, poll};
    let mut twice = Twice::new();
    let rings = |twice: &Twice, tv_sec| {
        let mut fds = [PollFd::from_borrowed_fd(twice.descriptor().unwrap(), PollFlags::IN)];
        let wait = Timespec { tv_sec, tv_nsec: 0 };
        poll(&mut fds, Some(&wait)).unwrap() == 1
    };
    let start = Instant::now();
    twice.sift(vec![], vec![lsm("/x")], start);
    assert!(!rings(&twice, 0) && rings(&twice, 5));
    assert!(start.elapsed() >= HELD);
    assert_eq!(twice.sift(vec![], vec![], Instant::now()), [lsm("/x")]);
    assert!(!rings(&twice, 0));
}
