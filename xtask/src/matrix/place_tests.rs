//! A run that ends, in whatever way, leaves neither its directory nor its QEMU.

use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::time::Instant;

use super::*;
use crate::matrix::boot::Boot;

/// In the environment: what makes a test the run that is killed, and where it is to put its files.
const RUN: &str = "RINGFENCE_MATRIX_TEST_RUN";

/// A directory for one test.
struct Ground(PathBuf);

impl Ground {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ringfence-place-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn soon(what: &str, is: impl Fn() -> bool) {
    let started = Instant::now();
    while !is() {
        assert!(started.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whoever inherits a child may take its time to wait for it: a zombie does not live.
fn lives(process: &str) -> bool {
    fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// No test by itself: the run of [`nothing_stays_of_a_run_that_is_killed`].
#[test]
fn a_run_that_is_killed() {
    let Some(ground) = std::env::var_os(RUN) else { return };
    let place = Place::below(Path::new(&ground)).unwrap();
    // As in a real run, another thread than the first boots.
    let boot = || {
        let script = "for a; do case $a in file:*) echo $$ >\"${a#file:}\" ;; esac; done; exec sleep 1000";
        let qemu = ["sh", "-c", script, "qemu"];
        let place = place.path.join("boot");
        let (kernel, limit) = (Path::new("/no/such/kernel"), Duration::from_secs(100));
        Boot { qemu: &qemu, kernel, initrd: b"", append: "", place, limit }.run()
    };
    std::thread::scope(|scope| scope.spawn(boot).join()).unwrap().unwrap();
}

#[test]
fn nothing_stays_of_a_run_that_is_killed() {
    for (name, signal) in [("TERM", 15), ("INT", 2), ("KILL", 9), ("HUP", 1)] {
        let ground = Ground::new(name);
        let mut run = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "matrix::place::tests::a_run_that_is_killed"])
            .env(RUN, &ground.0)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let place = ground.0.join(format!("{PREFIX}{}-0", run.id()));
        let said = || fs::read_to_string(place.join("boot/results")).unwrap_or_default();
        soon("no QEMU was started", || said().ends_with('\n'));
        let qemu = said().trim().to_owned();
        assert!(lives(&qemu));
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", run.id())]).status().unwrap();
        assert!(sent.success());
        assert_eq!(run.wait().unwrap().signal(), Some(signal));
        soon("QEMU is still there", || !lives(&qemu));
        soon("the directory is still there", || ground.names().is_empty());
    }
}

#[test]
fn what_a_run_and_its_keeper_leave_is_swept_by_the_next() {
    let ground = Ground::new("sweep");
    let mut killed = Place::below(&ground.0).unwrap();
    fs::create_dir(killed.path.join("boot")).unwrap();
    let own = killed.own.as_mut().unwrap();
    own.keeper.kill().unwrap();
    own.keeper.wait().unwrap();
    // It lives: its lock is held, whatever its process is.
    let live = Place::below(&ground.0).unwrap();
    assert!(killed.path.join("boot").exists(), "a run that lives was swept");
    let left = killed.path.clone();
    drop(killed.own.take());
    // A child that another test starts holds a copy of the descriptor until its execve.
    soon("it is not swept", || {
        sweep(&ground.0);
        !left.exists()
    });
    assert!(live.path.exists());
    drop(live);
    assert!(ground.names().is_empty());
}

#[test]
fn only_what_is_a_runs_is_swept() {
    let ground = Ground::new("others");
    let elsewhere = Ground::new("elsewhere");
    fs::write(elsewhere.0.join(LOCK), "").unwrap();
    // Nobody has such a process id: pid_max is at most 2^22.
    symlink(&elsewhere.0, ground.0.join(format!("{PREFIX}99999999-0"))).unwrap();
    fs::write(ground.0.join(format!("{PREFIX}99999998-0")), "").unwrap();
    fs::create_dir(ground.0.join("ringfence-matrix-of-somebody")).unwrap();
    // Without a lock: a run that is about to make it.
    fs::create_dir(ground.0.join(format!("{PREFIX}99999997-0"))).unwrap();
    // The lock is a link to what nobody holds.
    let linked = ground.0.join(format!("{PREFIX}99999996-0"));
    fs::create_dir(&linked).unwrap();
    symlink(elsewhere.0.join(LOCK), linked.join(LOCK)).unwrap();
    let before = ground.names();
    sweep(&ground.0);
    assert_eq!(ground.names(), before);
    assert!(elsewhere.0.join(LOCK).exists());
    // Old, and its process is gone; beside it one whose process lives.
    let old = SystemTime::now() - 2 * YOUNG;
    let own = ground.0.join(format!("{PREFIX}{}", std::process::id()));
    fs::create_dir(&own).unwrap();
    let gone = ground.0.join(format!("{PREFIX}99999997-0"));
    for path in [&own, &gone] {
        File::open(path).unwrap().set_modified(old).unwrap();
    }
    // Somebody else's, where this user can make such a thing.
    let foreign = ground.0.join(format!("{PREFIX}99999995-0"));
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join(LOCK), "").unwrap();
    let given = std::os::unix::fs::chown(&foreign, Some(1), None).is_ok();
    sweep(&ground.0);
    assert!(own.exists() && !gone.exists());
    assert_eq!(foreign.exists(), given);
}

#[test]
fn a_name_that_is_taken_is_not_used() {
    let ground = Ground::new("taken");
    let elsewhere = Ground::new("taken-elsewhere");
    symlink(&elsewhere.0, ground.0.join(format!("{PREFIX}{}-0", std::process::id()))).unwrap();
    let place = Place::below(&ground.0).unwrap();
    assert!(place.path.to_str().unwrap().ends_with("-1"));
    assert_eq!(fs::symlink_metadata(&place.path).unwrap().mode() & 0o7777, 0o700);
    drop(place);
    assert!(fs::read_dir(&elsewhere.0).unwrap().next().is_none());
    assert_eq!(ground.names().len(), 1);
}
