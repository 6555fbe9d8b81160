//! The caller's terminal: nothing is typed into it from inside.

use std::time::Duration;

use rustix::fs::OFlags;

use super::attempt::Attacker;
use crate::harness::both;
use crate::harness::ground::Ground;
use crate::harness::pty::Terminal;

/// Runs an attempt on a terminal, and gives its answer and what was typed into the terminal.
fn on_a_terminal(ground: &Ground, flags: &str, attempt: &str) -> (String, String) {
    let mut terminal = Terminal::open(ground, 24, 80);
    let mut words = vec!["./attack"];
    words.extend(attempt.split_whitespace());
    let mut child = terminal.start(ground, flags, &words);
    let status = child.wait().unwrap();
    terminal.take(Duration::from_millis(200));
    let slave = terminal.slave();
    let flags = rustix::fs::fcntl_getfl(&slave).unwrap();
    rustix::fs::fcntl_setfl(&slave, flags | OFlags::NONBLOCK).unwrap();
    let mut modes = rustix::termios::tcgetattr(&slave).unwrap();
    modes.local_modes -= rustix::termios::LocalModes::ICANON;
    rustix::termios::tcsetattr(&slave, rustix::termios::OptionalActions::Now, &modes).unwrap();
    let mut bytes = [0; 64];
    let count = rustix::io::read(&slave, &mut bytes).unwrap_or(0);
    let typed = String::from_utf8_lossy(&bytes[..count]).into_owned();
    (format!("{status}: {}", terminal.shown), typed)
}

const WAYS: [&str; 5] = ["type_in", "type_in /dev/tty", "type_wide", "paste", "paste /dev/tty"];

both! {
    fn nothing_is_typed_into_it(ground: &Ground) {
        let Some(_attacker) = Attacker::new(ground) else { return };
        for way in WAYS {
            let (answer, typed) = on_a_terminal(ground, "", way);
            assert!(answer.contains("EPERM"), "{way}: {answer}");
            assert_eq!(typed, "", "{way}");
        }
    }

    /// The session is the command's own: even without a filter the caller's is out of reach.
    fn nor_without_a_filter(ground: &Ground) {
        let Some(_attacker) = Attacker::new(ground) else { return };
        for way in WAYS {
            let (answer, typed) = on_a_terminal(ground, "--syscalls-mode=off --degrade-allow=landlock.resolve-unix", way);
            assert_eq!(typed, "", "{way}: {answer}");
        }
    }

    /// A plan without a supervisor shares the terminal; then the filter holds.
    fn nor_where_it_is_shared(ground: &Ground) {
        let Some(_attacker) = Attacker::new(ground) else { return };
        let flags = "--namespaces-unshare= --fs-tmp= --fs-proc=none --fs-dev=none --fs-read=/dev --fs-write=/dev \
                     --net-mode=host --fs-deny=";
        if !ground.landlock(flags) {
            return;
        }
        for way in WAYS {
            let (answer, typed) = on_a_terminal(ground, flags, way);
            assert!(answer.contains("EPERM"), "{way}: {answer}");
            assert_eq!(typed, "", "{way}: {answer}");
        }
    }

    fn other_terminals_are_not_there(ground: &Ground) {
        let Some(attacker) = Attacker::new(ground) else { return };
        let terminal = Terminal::open(ground, 24, 80);
        attacker.table("", &[(&format!("open_path {}", terminal.name), "done", &["ENOENT"])]);
        attacker.refused("", &[("open_path /dev/console", &["ENOENT"]), ("open_path /dev/tty1", &["ENOENT"])]);
    }
}
