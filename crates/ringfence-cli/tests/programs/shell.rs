//! A shell with job control, on a terminal that the test holds the other end of.

use crate::harness::both;
use crate::harness::ground::Ground;
use crate::harness::pty::Terminal;

const BASH: [&str; 4] = ["bash", "--norc", "--noprofile", "-i"];
const PROMPT: &str = "ready>";

/// A shell at its prompt.
fn bash(ground: &Ground, flags: &str) -> Option<(Terminal, std::process::Child)> {
    if !ground.has(&["bash", "setsid", "stty"]) {
        return None;
    }
    let mut terminal = Terminal::open(ground, 24, 80);
    let flags = format!("{flags} --process-env-set=PS1={PROMPT} --process-env-set=TERM=dumb");
    let child = terminal.start(ground, &flags, &BASH);
    terminal.expect(PROMPT);
    Some((terminal, child))
}

impl Terminal {
    /// Types a line at the prompt, and gives what was shown up to the next prompt.
    #[track_caller]
    fn line(&mut self, text: &str) -> String {
        self.keys(&format!("{text}\n"));
        self.expect(&format!("{text}\r\n"));
        self.expect(PROMPT)
    }
}

fn end(mut terminal: Terminal, mut child: std::process::Child) {
    terminal.keys("exit 5\n");
    assert_eq!(child.wait().unwrap().code(), Some(5), "{}", terminal.shown);
}

both! {
    fn jobs_stop_continue_and_end(ground: &Ground) {
        let Some((mut terminal, child)) = bash(ground, "") else { return };
        assert!(!terminal.shown.contains("no job control"), "{}", terminal.shown);
        terminal.keys("sleep 1000\n");
        terminal.expect("sleep 1000\r\n");
        std::thread::sleep(std::time::Duration::from_millis(300));
        terminal.keys("\x1a");
        terminal.expect("Stopped");
        terminal.expect(PROMPT);
        assert!(terminal.line("jobs").contains("Stopped"));
        terminal.line("bg");
        assert!(terminal.line("jobs").contains("Running"));
        terminal.keys("fg\n");
        terminal.expect("fg\r\nsleep 1000");
        std::thread::sleep(std::time::Duration::from_millis(300));
        terminal.keys("\x03");
        terminal.expect(PROMPT);
        assert!(terminal.line("echo status=$?").contains("status=130"));
        assert!(!terminal.line("jobs").contains("sleep"));
        end(terminal, child);
    }

    fn the_terminal_is_its_own_and_follows_in_size(ground: &Ground) {
        let Some((mut terminal, child)) = bash(ground, "") else { return };
        let name = terminal.line("tty");
        assert!(name.contains("/dev/pts/0"), "{name}: not the caller's {}", terminal.name);
        assert!(terminal.line("stty size").contains("24 80"));
        terminal.resize(50, 132);
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert!(terminal.line("stty size").contains("50 132"));
        assert!(terminal.line("test -w /dev/tty; echo writable=$?").contains("writable=0"));
        end(terminal, child);
    }

    fn interrupts_end_what_runs_and_not_the_shell(ground: &Ground) {
        let Some((mut terminal, child)) = bash(ground, "") else { return };
        // It says when it has the terminal: what is typed while the shell changes modes may be the shell's.
        terminal.keys("(echo up; exec cat)\n");
        terminal.expect("cat)\r\nup\r\n");
        terminal.keys("echoed\n");
        terminal.expect("echoed\r\nechoed\r\n");
        terminal.keys("\x03");
        terminal.expect(PROMPT);
        terminal.keys("\x04");
        terminal.expect("exit");
        let mut child = child;
        assert_eq!(child.wait().unwrap().code(), Some(130), "{}", terminal.shown);
    }

    fn the_modes_of_the_terminal_are_as_before_afterwards(ground: &Ground) {
        let Some((terminal, child)) = bash(ground, "") else { return };
        let slave = terminal.slave();
        end(terminal, child);
        let modes = rustix::termios::tcgetattr(&slave);
        // A master that is closed by now may have taken the modes with it.
        if let Ok(modes) = modes {
            let local = modes.local_modes;
            assert!(local.contains(rustix::termios::LocalModes::ICANON | rustix::termios::LocalModes::ECHO));
        }
    }

    /// Without setpgid(2) jobs have no groups of their own; the shell says so, and does the rest.
    fn without_setpgid_there_is_no_job_control(ground: &Ground) {
        let Some((mut terminal, child)) = bash(ground, "--syscalls-deny=setpgid") else { return };
        assert!(!terminal.shown.contains("setpgid"), "{}", terminal.shown);
        assert!(terminal.line("echo $((6 * 7))").contains("42"));
        let words = terminal.line("/bin/echo started");
        assert!(words.contains("child setpgid") && words.contains("Operation not permitted"), "{words}");
        assert!(words.contains("started"), "{words}");
        assert!(terminal.line("tty").contains("/dev/pts/0"));
        end(terminal, child);
    }
}
