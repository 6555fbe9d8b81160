//! Each way in which QEMU can end, by programs that end so.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::{Boot, MOST, Record, Spoken, Stop};
use crate::matrix::place::Place;
use crate::matrix::verdict::{Seen, Verdict, judge};

const NONCE: &str = "5f0c";
/// Makes the files of the serial ports the positional parameters: console and results.
const PORTS: &str = "for a; do case $a in file:*) p=\"$p ${a#file:}\" ;; esac; done; set -- $p; ";
/// Longer than any of these takes where it ends by itself.
const LONG: Duration = Duration::from_secs(60);

fn run(qemu: &[&str], limit: Duration) -> Result<Record> {
    let place = Place::new(None).unwrap();
    let boot = Boot {
        qemu,
        kernel: Path::new("/no/such/kernel"),
        initrd: b"",
        append: "",
        place: place.path.join("boot"),
        limit,
    };
    boot.run()
}

/// A QEMU that is a script, and what is said of it. The ports have no blanks in their names.
fn script(text: &str, limit: Duration) -> (Record, Seen) {
    let record = run(&["sh", "-c", &format!("{PORTS}{text}"), "qemu"], limit).unwrap();
    let seen = judge(&record, NONCE, 1);
    (record, seen)
}

#[test]
fn a_qemu_that_fails_is_quoted() {
    let (record, seen) = script("echo 'unsupported machine type' >&2; echo >&2; exit 3", LONG);
    assert_eq!(record.stop, Stop::Failed(3));
    let said = "QEMU failed with 3: unsupported machine type; no job was running";
    assert_eq!(seen.verdict, Verdict::Killed(said.into()));
}

#[test]
fn a_qemu_that_is_killed_is_told_by_its_signal() {
    let (record, seen) = script("echo '5f0c start 0' >\"$2\"; kill -9 $$", LONG);
    assert_eq!(record.stop, Stop::Killed(9));
    assert!(matches!(&seen.verdict, Verdict::Killed(how) if how.starts_with("signal 9")), "{seen:?}");
}

#[test]
fn a_qemu_that_hangs_is_ended() {
    let (record, seen) = script("echo $$ >\"$1\"; exec sleep 1000", Duration::from_millis(500));
    assert_eq!(record.stop, Stop::Hung);
    assert!(matches!(seen.verdict, Verdict::Hung(_)));
    let process: u32 = record.console.trim().parse().unwrap();
    assert!(!Path::new(&format!("/proc/{process}")).exists(), "it is still there");
}

#[test]
fn a_qemu_that_is_absent_is_an_error() {
    for absent in ["/no/such/qemu", "no-such-qemu", "/etc/passwd"] {
        let error = run(&[absent], LONG).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{absent} could not be started: ")), "{error}");
    }
}

#[test]
fn a_console_that_never_ends_is_bounded() {
    let (record, seen) = script("exec yes >\"$1\"", LONG);
    assert_eq!(record.stop, Stop::Flooded);
    assert_eq!(record.console.len() as u64, MOST);
    assert!(matches!(&seen.verdict, Verdict::Killed(how) if how.contains("more than is taken")));
}

#[test]
fn the_words_of_success_without_those_of_init_are_no_success() {
    let (record, seen) = script("printf '0000 end 0 exited 0\\n0000 done\\n' >\"$2\"", LONG);
    assert_eq!(record.stop, Stop::Ended);
    assert_eq!(seen.verdict, Verdict::Forged(2));
    let (_, seen) = script(":", LONG);
    assert!(matches!(seen.verdict, Verdict::Short(_)), "{seen:?}");
}

#[test]
fn the_time_of_jobs_is_not_the_machines() {
    let mut spoken = Spoken::default();
    for (bytes, milliseconds) in [(0, 100), (5, 300), (5, 400), (9, 1300), (9, 1400)] {
        spoken.look(bytes, Duration::from_millis(milliseconds));
    }
    assert_eq!(spoken.own(Duration::from_millis(1500)), Duration::from_millis(500));
    let (record, _) = script("echo a >\"$2\"; sleep 1; echo b >>\"$2\"; sleep 0.2", LONG);
    // A machine with other work looks late.
    assert!(record.seconds - record.own > 0.5, "{record:?}");
    // Of one that says nothing, all is.
    let (record, _) = script("sleep 0.1", LONG);
    assert!((record.seconds - record.own).abs() < 0.001, "{record:?}");
}
