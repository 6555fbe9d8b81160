//! Beside a running audit daemon: both see each denial, and the daemon stays what it was. Debian's
//! auditd, with a configuration of its own, started and ended by the test.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::audit::Auditing;
use crate::harness::ground::{Ground, Who, stand};
use crate::harness::run::Outcome;
use crate::harness::skip;
use crate::landlock::whole;

const BARE: &str = "--namespaces-unshare=pid --namespaces-unshare=user --fs-proc=none --fs-dev=none --fs-tmp= \
                    --net-mode=host --net-connect=tcp:1 --fs-read=/etc";

/// A daemon of this test; ended by its pid.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let _ = self.0.wait();
    }
}

/// The process that the kernel sends its records to; 0: nobody.
fn registered() -> Option<u32> {
    let said = Command::new("auditctl").arg("-s").output().ok()?;
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    text.lines().find_map(|line| line.strip_prefix("pid "))?.trim().parse().ok()
}

fn daemon(ground: &Ground) -> Daemon {
    let place = ground.root().join("auditd");
    fs::create_dir_all(place.join("plugins")).unwrap();
    let config = format!(
        "local_events = yes\nwrite_logs = yes\nlog_file = {0}/log\nlog_format = RAW\nflush = NONE\nmax_log_file = 8\n\
         num_logs = 2\npriority_boost = 0\nname_format = NONE\nmax_log_file_action = ROTATE\nspace_left = 10\n\
         space_left_action = IGNORE\nadmin_space_left = 5\nadmin_space_left_action = IGNORE\n\
         disk_full_action = IGNORE\ndisk_error_action = IGNORE\nplugin_dir = {0}/plugins\n",
        place.display()
    );
    let file = place.join("auditd.conf");
    fs::write(&file, config).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let mut command = Command::new("auditd");
    command.args(["-n", "-s", "nochange", "-c"]).arg(&place);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let daemon = Daemon(child);
    let deadline = Instant::now() + Duration::from_secs(20);
    while registered() != Some(daemon.0.id()) {
        assert!(Instant::now() < deadline, "auditd was not registered");
        std::thread::sleep(Duration::from_millis(20));
    }
    daemon
}

/// Whether a daemon can be started here, and auditing while that is so; a skip, where not.
fn auditing(ground: &Ground) -> Option<Auditing> {
    if registered().is_none() || Command::new("auditd").arg("-h").output().is_err() {
        skip(&ground.test, "needs auditd");
        return None;
    }
    if registered() != Some(0) {
        skip(&ground.test, "another audit daemon runs");
        return None;
    }
    let auditing = Auditing::on();
    auditing.map_err(|error| skip(&ground.test, &format!("needs auditing to be on: {error}"))).ok()
}

#[test]
fn a_running_daemon_is_not_disturbed() {
    stand(Who::Root, concat!(module_path!(), "::a_running_daemon_is_not_disturbed"), |ground| {
        let Some(auditing) = auditing(ground) else { return };
        let daemon = daemon(ground);
        let secret = ground.file("home/secret", "x");
        let look =
            || ground.shell(&format!("{BARE} --explain"), &format!("cat {}; true", secret.display())).go();
        // While the daemon takes over what the kernel has kept, records can get lost: that is said.
        let run = whole(look);
        assert!(run.err.contains(&format!("openat(path: \"{}\") = EACCES", secret.display())), "{run}");
        assert!(run.err.contains("audit: complete"), "{run}");
        assert_eq!(registered(), Some(daemon.0.id()), "the daemon was put out");
        let log = ground.root().join("auditd/log");
        let deadline = Instant::now() + Duration::from_secs(20);
        let name = secret.display().to_string();
        while !fs::read_to_string(&log).is_ok_and(|text| {
            text.lines()
                .any(|line| line.contains("type=") && line.contains("blockers=") && line.contains(&name))
        }) {
            assert!(Instant::now() < deadline, "the daemon has not got the record");
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(daemon);
        drop(auditing);
        assert_eq!(registered(), Some(0));
    });
}

/// How often a denial was told, of the lines that have `words`.
fn told(run: &Outcome, words: &str) -> u64 {
    let times = |line: &str| line.rsplit_once(", ")?.1.strip_suffix(" times]")?.parse().ok();
    run.err.lines().filter(|line| line.contains(words)).map(|line| times(line).unwrap_or(1)).sum()
}

/// One that starts, ends and is killed, while a command is denied something again and again: each denial is told
/// or said to be missing, and the daemon gets its seat. Nobody waits for anybody.
#[test]
fn daemons_that_come_and_go_during_a_run_change_no_answer() {
    stand(
        Who::Root,
        concat!(module_path!(), "::daemons_that_come_and_go_during_a_run_change_no_answer"),
        |ground| {
            let Some(auditing) = auditing(ground) else { return };
            let (secret, stop) = (ground.file("home/secret", "x"), ground.home().join("stop"));
            let script = format!(
                "n=0; until [ -e {0} ] || ! [ -e {1} ]; do cat {1} 2>&-; n=$((n+1)); sleep 0.01; done; echo $n",
                stop.display(),
                secret.display()
            );
            let run = ground.shell(&format!("{BARE} --audit=denials"), &script).start();
            let while_it_runs = || std::thread::sleep(Duration::from_millis(400));
            while_it_runs();
            for signal in [Signal::TERM, Signal::KILL] {
                let mut daemon = daemon(ground);
                while_it_runs();
                kill_process(Pid::from_child(&daemon.0), signal).unwrap();
                daemon.0.wait().unwrap();
                while_it_runs();
            }
            fs::write(&stop, "").unwrap();
            let run = run.finish();
            let tried: u64 = run.passes().out.trim().parse().unwrap();
            let seen = told(&run, &format!("openat(path: \"{}\") = EACCES", secret.display()));
            let account = run.err.lines().find_map(|line| line.trim_start().strip_prefix("audit: ")).unwrap();
            let missing = account.strip_prefix("incomplete, ").and_then(|rest| rest.split_once(" missing"));
            match missing.map(|(number, _)| number.parse::<u64>().unwrap()) {
                Some(missing) => assert!(seen < tried && seen + missing >= tried, "of {tried}: {run}"),
                None if account.starts_with("unsure") => assert!(seen <= tried, "of {tried}: {run}"),
                None => assert!(account.starts_with("complete") && seen == tried, "of {tried}: {run}"),
            }
            assert!(tried > 50 && seen > 0, "of {tried}: {run}");
            drop(auditing);
            assert_eq!(registered(), Some(0));
        },
    );
}
