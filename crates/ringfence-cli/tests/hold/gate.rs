//! The gate: other ABIs, calls with kernel surface, wide arguments, new numbers.

use super::attempt::{ANY, Attacker, DONE};
use crate::harness::both;

const SAID: &[&str] = &["EPERM"];

both! {
    fn other_doors_are_shut(ground: &Ground) {
        let Some(attacker) = Attacker::new(ground) else { return };
        attacker.table("", &[("i386", ANY, &["ENOSYS"]), ("x32", ANY, &["ENOSYS"])]);
        if attacker.outside("i386") == DONE {
            let both = "--syscalls-abis=x86_64 --syscalls-abis=i386";
            assert_eq!(attacker.inside(both, "i386"), DONE);
            assert_eq!(attacker.inside(&format!("{both} --syscalls-deny=getpid"), "i386"), "EPERM");
        }
    }

    fn io_uring_is_as_on_a_kernel_without_it(ground: &Ground) {
        let Some(attacker) = Attacker::new(ground) else { return };
        for flags in ["--policy builtin:compute --fs-exec=.", "", "--policy builtin:build", "--policy builtin:service", "--policy builtin:container"] {
            attacker.refused(flags, &[("ring", &["ENOSYS"])]);
        }
    }

    fn keyrings_and_kernel_surface_are_refused(ground: &Ground) {
        let Some(attacker) = Attacker::new(ground) else { return };
        attacker.table("", &[
            ("keys", ANY, SAID), ("new_key", "EFAULT", SAID), ("bpf", ANY, SAID), ("perf", ANY, SAID),
            ("fault", ANY, SAID), ("module", ANY, SAID), ("kexec", ANY, SAID), ("boot", ANY, SAID),
            ("swap_on", ANY, SAID), ("account", ANY, SAID), ("clock_set", ANY, SAID), ("ports", ANY, SAID),
            ("handle", ANY, SAID),
        ]);
        attacker.refused("--policy builtin:container", &[
            ("keys", SAID), ("new_key", SAID), ("bpf", SAID), ("perf", SAID), ("fault", SAID), ("module", SAID),
            ("kexec", SAID), ("boot", SAID), ("swap_on", SAID), ("account", SAID), ("clock_set", SAID),
            ("ports", SAID), ("handle", SAID),
        ]);
    }

    fn numbers_newer_than_the_table_do_not_exist(ground: &Ground) {
        let Some(attacker) = Attacker::new(ground) else { return };
        attacker.table("", &[("newer", "ENOSYS", &["ENOSYS"])]);
    }

    fn what_is_denied_says_what_the_policy_says(ground: &Ground) {
        let Some(attacker) = Attacker::new(ground) else { return };
        attacker.table("--syscalls-on-deny=EXDEV", &[("keys", ANY, &["EXDEV"])]);
        attacker.table("--syscalls-deny=mkdir->ENOSPC", &[("make made", DONE, &["ENOSPC"])]);
        let run = ground.ringfence("--syscalls-on-deny=kill", &["./attack", "keys"]).go();
        run.exits(128 + 31);
    }

    fn strict_mode_leaves_four_calls(ground: &Ground) {
        let run = ground.ringfence("--syscalls-mode=strict", &["/bin/true"]).go();
        assert!(run.status > 128 || run.status == 125, "{run}");
    }
    /// Only beside a network that is open as a whole: its sockets pass no filter.
    fn io_uring_comes_with_the_whole_network_or_not_at_all(ground: &Ground) {
        let Some(attacker) = Attacker::new(ground) else { return };
        if !ground.landlock("--net-mode=host --net-unix=. --degrade-allow=landlock.resolve-unix") {
            return;
        }
        let ring = "--syscalls-deny= --syscalls-allow=io_uring_setup --degrade-allow=landlock.resolve-unix";
        let most = format!("{ring} --net-mode=host --net-connect=tcp:* --net-connect=udp:* --net-bind=tcp:* --net-unix=.");
        attacker.refused("", &[("ring", &["ENOSYS"])]);
        for less in [ring, &most] {
            let run = ground.ringfence(less, &["./attack", "ring"]).go();
            run.exits(125).complains("io_uring is allowed while sockets are restricted");
        }
        // What the kernel says of no parameters at all, or where a sysctl keeps it from everybody.
        let outside = attacker.outside("ring");
        assert_eq!(attacker.inside(&format!("{most} --net-bind=udp:*"), "ring"), outside);
    }
}
