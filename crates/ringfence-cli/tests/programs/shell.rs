//! A shell with job control, on a terminal that the test holds the other end of.

use crate::harness::both;
use crate::harness::ground::Ground;
use crate::harness::pty::Terminal;

const BASH: [&str; 4] = ["bash", "--norc", "--noprofile", "-i"];
const PROMPT: &str = "ready>";
/// More than fits in the buffers of both terminals.
const LINES: usize = 3000;

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

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !done() {
        assert!(start.elapsed() < std::time::Duration::from_secs(20), "{what}: not seen");
        std::thread::sleep(std::time::Duration::from_millis(5));
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
    /// As fast as a terminal takes them, and with no program that changes modes meanwhile.
    fn every_typed_line_arrives(ground: &Ground) {
        let mut terminal = Terminal::open(ground, 24, 80);
        let script = "stty -echo; echo up; n=0; while read -r word; do \
                      [ \"$word\" = \"line-$n\" ] || echo \"not line-$n: $word\"; n=$((n + 1)); done; echo \"got $n\"";
        let mut child = terminal.start(ground, "", &["sh", "-c", script]);
        terminal.expect("up\r\n");
        for n in 0..LINES {
            terminal.keys(&format!("line-{n}\n"));
        }
        terminal.keys("\x04");
        let between = terminal.expect("got ");
        terminal.expect(&format!("{LINES}\r\n"));
        assert_eq!(between, "");
        assert!(child.wait().unwrap().success());
    }

    /// Raw bytes both ways at once, more than any buffer on the way holds.
    fn every_byte_comes_back(ground: &Ground) {
        let mut terminal = Terminal::open(ground, 24, 80);
        let mut child = terminal.start(ground, "", &["sh", "-c", "stty raw -echo; echo up; head -c 300000 | cat"]);
        terminal.expect("up\n");
        let text: String = (0..300_000 / 6).map(|n| format!("{n:05}\n")).collect();
        let mut typist = terminal.typist();
        let typed = text.clone();
        let typing = std::thread::spawn(move || std::io::Write::write_all(&mut typist, typed.as_bytes()).unwrap());
        let before = terminal.shown.len();
        while terminal.shown.len() < before + text.len() {
            terminal.take(std::time::Duration::from_secs(20));
        }
        typing.join().unwrap();
        assert!(terminal.shown[before..] == text, "what came back is not what was typed");
        assert!(child.wait().unwrap().success());
    }

    fn a_terminal_that_is_closed_and_opened_again_still_shows(ground: &Ground) {
        let mut terminal = Terminal::open(ground, 24, 80);
        let script = "exec <&- >&- 2>&-; sleep 0.3; echo again >/dev/tty; read -r word </dev/tty; \
                      echo \"<$word>\" >/dev/tty";
        let mut child = terminal.start(ground, "", &["sh", "-c", script]);
        terminal.expect("again\r\n");
        terminal.keys("typed\n");
        terminal.expect("<typed>\r\n");
        assert!(child.wait().unwrap().success());
    }

    /// A job of the shell outside, with its own terminal inside.
    fn brought_to_the_foreground_it_reads(ground: &Ground) {
        if !ground.has(&["bash", "setsid"]) {
            return;
        }
        let mut terminal = Terminal::open(ground, 24, 80);
        let binary = ground.binary();
        let words = ["env", "PS1=outside>", "bash", "--norc", "--noprofile", "-i"];
        let mut child = terminal.start_plain(ground, &words);
        terminal.expect("outside>");
        terminal.keys(&format!("{} run -- sh -c 'echo up; exec cat' &\n", binary.display()));
        // Both terminals add a carriage return as long as the outer one is the shell's.
        terminal.expect("up\r\r\n");
        terminal.keys("echo mine\n");
        terminal.expect("\rmine\r\n");
        terminal.keys("fg\n");
        terminal.expect("exec cat'");
        terminal.keys("its\n");
        terminal.expect("its\r\nits\r\n");
        terminal.keys("\x04");
        terminal.expect("outside>");
        terminal.keys("exit 3\n");
        assert_eq!(child.wait().unwrap().code(), Some(3), "{}", terminal.shown);
    }

    /// SIGKILL of ringfence: nobody but its janitor is left to do it.
    fn the_modes_of_the_terminal_are_as_before_after_a_kill(ground: &Ground) {
        let mut terminal = Terminal::open(ground, 24, 80);
        let before = rustix::termios::tcgetattr(terminal.slave()).unwrap();
        // A session whose leader outlives it: else the kernel would hang the terminal up.
        let inner = "echo $$ >pid; exec \"$0\" run -- sh -c 'echo up; exec sleep 1000'";
        let binary = ground.binary();
        let words = ["sh", "-c", "sh -c \"$1\" \"$0\"; true", binary.to_str().unwrap(), inner];
        let mut child = terminal.start_plain(ground, &words);
        terminal.expect("up\r\n");
        let local = |terminal: &Terminal| rustix::termios::tcgetattr(terminal.slave()).unwrap().local_modes;
        until("raw modes", || !local(&terminal).contains(rustix::termios::LocalModes::ICANON));
        let pid = std::fs::read_to_string(ground.work().join("pid")).unwrap().trim().parse().unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        until("the modes of before", || local(&terminal) == before.local_modes);
        let after = rustix::termios::tcgetattr(terminal.slave()).unwrap();
        assert_eq!((after.input_modes, after.output_modes), (before.input_modes, before.output_modes));
        child.wait().unwrap();
    }
}
