//! Beside a running audit daemon: both see each denial, and the daemon stays what it was. Debian's
//! auditd, with a configuration of its own, started and ended by the test.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::audit::Auditing;
use crate::harness::ground::{Ground, Who, stand};
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

#[test]
fn a_running_daemon_is_not_disturbed() {
    stand(Who::Root, concat!(module_path!(), "::a_running_daemon_is_not_disturbed"), |ground| {
        if registered().is_none() || Command::new("auditd").arg("-h").output().is_err() {
            return skip(&ground.test, "needs auditd");
        }
        if registered() != Some(0) {
            return skip(&ground.test, "another audit daemon runs");
        }
        let auditing = match Auditing::on() {
            Ok(auditing) => auditing,
            Err(error) => return skip(&ground.test, &format!("needs auditing to be on: {error}")),
        };
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
