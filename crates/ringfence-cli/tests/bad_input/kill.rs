//! SIGKILL of ringfence, a hundred times, at moments all over its life.

use std::time::Duration;

use crate::harness::both;
use crate::harness::ground::Ground;

const TIMES: u64 = 100;
/// How long a start may take here; moments are spread over twice as long.
const LIFE: u64 = 60_000;

/// Moments that look random and are the same in every run: a linear congruential generator.
fn moments() -> impl Iterator<Item = Duration> {
    let mut state = 1_u64;
    (0..TIMES).map(move |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_micros((state >> 33) % (2 * LIFE))
    })
}

/// Kills, and looks after every `each`th time.
fn kill_at_moments(ground: &Ground, flags: &str, script: &str, each: usize) {
    let before = ground.picture();
    let mut started = 0;
    for (n, moment) in moments().enumerate() {
        let mut running = ground.shell(flags, script).start();
        std::thread::sleep(moment);
        running.child.kill().unwrap();
        let ended = running.finish();
        assert_eq!(ended.status, -9, "{ended}");
        started += u32::from(ended.out == "started\n");
        if n % each == each - 1 {
            ground.nothing_left(&before);
        }
    }
    assert!((1..100).contains(&started), "{started} of {TIMES} had started: other moments are needed");
}

both! {
    fn leaves_nothing(ground: &Ground) {
        kill_at_moments(ground, "", "setsid sleep 1000 & echo started; sleep 1000", 10);
    }

    /// And the denied name stays denied to the last: the program tries to make it all the time.
    /// Several containments at a time share the placeholders: none may lift another's.
    fn leaves_no_placeholder(ground: &Ground) {
        let script = "echo started; while :; do mkdir later much/later 2>/dev/null; done";
        kill_at_moments(ground, "--fs-write=. --fs-deny=later --fs-deny=much/later", script, 10);
    }

    fn leaves_no_cgroup(ground: &Ground) {
        let flags = "--limits-pids=50 --degrade-allow=limit.pids";
        let before = cgroups();
        kill_at_moments(ground, flags, "setsid sleep 1000 & echo started; sleep 1000", 10);
        let start = std::time::Instant::now();
        while cgroups().difference(&before).count() > 0 {
            assert!(start.elapsed() < Duration::from_secs(20), "{:?}", cgroups());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// All cgroups that look like ringfence's. Other tests have some for a while.
fn cgroups() -> std::collections::BTreeSet<std::path::PathBuf> {
    crate::harness::leftover::cgroups()
}
