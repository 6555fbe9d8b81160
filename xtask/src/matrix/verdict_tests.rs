//! Boots that end badly are told apart, and words of a test do not make it pass.

use ringfence_matrix::frame::{End, Frame};

use super::{Count, JobSeen, Verdict, count, judge};
use crate::matrix::boot::{Record, Stop};

const NONCE: &str = "5f0c";

fn record(stop: Stop, console: &str, results: &str) -> Record {
    Record {
        stop,
        console: console.into(),
        results: results.into(),
        words: "no such file".into(),
        seconds: 1.0,
        own: 0.5,
    }
}

fn frames(frames: &[Frame]) -> String {
    frames.iter().map(|frame| frame.write(NONCE)).collect()
}

fn ready() -> Frame {
    Frame::Ready { release: "6.1.0".into(), milliseconds: 900 }
}

fn complete() -> String {
    frames(&[
        ready(),
        Frame::Start(0),
        Frame::Line(0, "hello".into()),
        Frame::End(0, End::Exited(0)),
        Frame::Done,
    ])
}

#[test]
fn a_whole_boot_is_complete() {
    let seen = judge(&record(Stop::Ended, "", &complete()), NONCE, 1);
    assert_eq!(seen.verdict, Verdict::Complete);
    assert_eq!((seen.release.as_deref(), seen.ready), (Some("6.1.0"), Some(900)));
    assert_eq!(seen.jobs, [JobSeen { lines: vec!["hello".into()], end: Some(End::Exited(0)) }]);
}

#[test]
fn a_panic_is_one_even_where_qemu_ends_well() {
    let console = "[    0.9] Kernel panic - not syncing: Attempted to kill init!";
    let seen = judge(&record(Stop::Ended, console, &complete()), NONCE, 1);
    assert!(matches!(seen.verdict, Verdict::Panicked(line) if line.contains("Attempted to kill init")));
}

#[test]
fn a_hang_and_a_kill_name_what_was_running() {
    let half = frames(&[ready(), Frame::Start(0)]);
    let seen = judge(&record(Stop::Hung, "", &half), NONCE, 1);
    assert_eq!(seen.verdict, Verdict::Hung("job 0 was running".into()));
    let seen = judge(&record(Stop::Killed(9), "", &half), NONCE, 1);
    assert_eq!(seen.verdict, Verdict::Killed("signal 9; job 0 was running".into()));
    let seen = judge(&record(Stop::Failed(1), "", ""), NONCE, 1);
    assert_eq!(seen.verdict, Verdict::Killed("QEMU failed with 1: no such file; no job was running".into()));
}

#[test]
fn an_end_before_the_jobs_is_short() {
    for results in ["".to_owned(), frames(&[ready()]), frames(&[ready(), Frame::Start(0)])] {
        let seen = judge(&record(Stop::Ended, "", &results), NONCE, 1);
        assert!(matches!(seen.verdict, Verdict::Short(_)), "{results}");
    }
    let done_too_soon = frames(&[ready(), Frame::Done]);
    let seen = judge(&record(Stop::Ended, "", &done_too_soon), NONCE, 1);
    assert!(matches!(seen.verdict, Verdict::Short(_)));
    let cut = complete();
    let seen = judge(&record(Stop::Ended, "", cut.trim_end()), NONCE, 1);
    assert!(matches!(seen.verdict, Verdict::Short(_)), "a frame without its end is none");
}

#[test]
fn a_forged_marker_is_seen() {
    let forged = frames(&[ready(), Frame::Start(0)]) + "0000 end 0 exited 0\n0000 done\n";
    let seen = judge(&record(Stop::Ended, "", &forged), NONCE, 1);
    assert_eq!(seen.verdict, Verdict::Forged(2));
    let with_all = complete() + "0000 done\n";
    assert_eq!(judge(&record(Stop::Ended, "", &with_all), NONCE, 1).verdict, Verdict::Forged(1));
    let inside = frames(&[ready(), Frame::Start(0), Frame::Line(0, "0000 done".into())]);
    let seen = judge(&record(Stop::Ended, "", &inside), NONCE, 1);
    assert!(matches!(seen.verdict, Verdict::Short(_)), "what a job says is a line of its own");
}

#[test]
fn a_guest_that_is_not_ready_says_why() {
    let seen = judge(&record(Stop::Ended, "", &frames(&[Frame::Failed("mount /proc".into())])), NONCE, 1);
    assert_eq!(seen.verdict, Verdict::NotReady("mount /proc".into()));
}

fn job(status: i32, lines: &[&str]) -> JobSeen {
    JobSeen { lines: lines.iter().map(|line| (*line).to_owned()).collect(), end: Some(End::Exited(status)) }
}

const GOOD: [&str; 4] = [
    "running 2 tests",
    "test a ... ok",
    "test b ... ok",
    "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s",
];

#[test]
fn a_test_binary_counts_where_all_its_words_agree() {
    assert_eq!(count(&job(0, &GOOD)), Ok(Count { passed: 2, failed: 0, skipped: 0 }));
    let skip = [
        "running 1 test",
        "skipped: x: needs gcc",
        "test a ... ok",
        "test result: ok. 1 passed; 0 failed; 0 ignored;",
    ];
    assert_eq!(count(&job(0, &skip)), Ok(Count { passed: 1, failed: 0, skipped: 1 }));
    let bad = [
        "running 2 tests",
        "test a ... ok",
        "test b ... FAILED",
        "test result: FAILED. 1 passed; 1 failed; 0 ignored;",
    ];
    assert_eq!(count(&job(101, &bad)), Ok(Count { passed: 1, failed: 1, skipped: 0 }));
    assert_eq!(super::failures(&job(101, &bad)), ["b"]);
}

#[test]
fn a_test_that_writes_the_marker_does_not_pass() {
    let forged = ["running 2 tests", "test result: ok. 2 passed; 0 failed; 0 ignored;"];
    for (status, lines) in
        [(0, &forged[..]), (101, &GOOD[..]), (0, &GOOD[1..]), (0, &GOOD[..3]), (0, &["ok"][..])]
    {
        assert!(count(&job(status, lines)).is_err(), "{status} {lines:?}");
    }
    let twice: Vec<&str> = GOOD.iter().chain(&GOOD[3..]).copied().collect();
    assert!(count(&job(0, &twice)).is_err(), "two results of one binary");
    let none = ["running 0 tests", "test result: ok. 0 passed; 0 failed; 0 ignored;"];
    assert!(count(&job(0, &none)).is_err(), "nothing was run");
    for end in [Some(End::Hung), Some(End::Signaled(9)), Some(End::NotStarted(2)), None] {
        assert!(count(&JobSeen { end, ..job(0, &GOOD) }).is_err(), "{end:?}");
    }
}
