//! Privileges: set-user-id programs, namespaces, mounts, devices, the kernel's own switches.

use std::os::unix::fs::PermissionsExt as _;

use super::attempt::{ANY, Attacker, DONE};
use crate::harness::ground::{Ground, Who, is_root};
use crate::harness::{both, skip};

const HELPER: &str = "#include <stdio.h>\n#include <unistd.h>\n\
    int main(void) { setuid(0); printf(\"%d %d\\n\", getuid(), geteuid()); return 0; }\n";
const DENIED: &[&str] = &["EPERM", "EACCES", "ENOSYS", "EROFS", "ENOENT"];

/// A set-user-id-root program in the working directory of an ordinary user.
fn helper(ground: &Ground) -> bool {
    if ground.who != Who::User || !is_root() {
        if ground.who == Who::User {
            skip(&ground.test, "needs root to make a set-user-id program");
        }
        return false;
    }
    if !ground.has(&["gcc"]) {
        return false;
    }
    let source = ground.file("home/work/helper.c", HELPER);
    ground.plain(&["/usr/bin/gcc", "-o", "helper", source.to_str().unwrap()]).go().passes();
    let program = ground.work().join("helper");
    std::os::unix::fs::chown(&program, Some(0), Some(0)).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o4755)).unwrap();
    true
}

/// Without a filter nothing keeps Unix sockets from where they are visible, before Landlock ABI 9.
const NO_FILTER: &str = "--syscalls-mode=off --degrade-allow=landlock.resolve-unix";

both! {
    fn set_user_id_programs_give_nothing(ground: &Ground) {
        if !helper(ground) {
            return;
        }
        let uid = ground.ids().0;
        let outside = ground.plain(&["./helper"]).go();
        assert_eq!(outside.passes().out, "0 0\n", "is the temporary directory mounted nosuid?");
        let inside = ground.ringfence("", &["./helper"]).go();
        assert_eq!(inside.passes().out, format!("{uid} {uid}\n"));
        // Where no mount is ours, no_new_privs holds.
        let flags = "--namespaces-unshare= --fs-tmp= --fs-proc=none --fs-dev=none --net-mode=host --fs-deny=";
        let inside = ground.ringfence(flags, &["./helper"]).go();
        assert_eq!(inside.passes().out, format!("{uid} {uid}\n"));
    }

    /// Whoever may write a policy would have root's rights otherwise.
    fn ringfence_lends_no_rights(ground: &Ground) {
        if !helper(ground) {
            return;
        }
        let copy = ground.work().join("lender");
        std::fs::copy(ground.binary(), &copy).unwrap();
        for (mode, ids) in [(0o4755, (0, ground.ids().1)), (0o2755, (ground.ids().0, 0))] {
            std::os::unix::fs::chown(&copy, Some(ids.0), Some(ids.1)).unwrap();
            std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(mode)).unwrap();
            for words in [&["run", "--", "id"][..], &["check"], &["--version"]] {
                let run = ground.command(&copy, words).go();
                assert_eq!((run.status, run.out.as_str()), (125, ""), "{mode:o} {run}");
                run.complains("does not lend rights to its callers");
            }
        }
        std::os::unix::fs::chown(&copy, Some(0), Some(0)).unwrap();
        std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o755)).unwrap();
        if ground.has(&["setcap"]) {
            let given = std::process::Command::new("setcap").arg("cap_sys_admin+ep").arg(&copy).status();
            assert!(given.unwrap().success());
            ground.command(&copy, &["run", "--", "id"]).go().exits(125).complains("does not lend rights");
        }
    }

    fn su_gives_nothing(ground: &Ground) {
        if ground.who == Who::User && ground.has(&["su"]) {
            let run = ground.ringfence("", &["su", "-c", "id -u", "root"]).go();
            assert_ne!(run.status, 0, "{run}");
            assert!(!run.out.contains('0'), "{run}");
        }
    }

    fn no_namespace_and_no_mount_is_made(ground: &Ground) {
        let Some(attacker) = Attacker::new(ground) else { return };
        ground.directory("home/work/here");
        attacker.table("", &[("user_ns", ANY, &["EPERM"]), ("clone_user", ANY, &["EPERM"])]);
        attacker.table("", &[("clone_three", "EINVAL", &["ENOSYS"])]);
        attacker.refused("", &[
            ("mount_ns", &["EPERM"]), ("join /proc/self/ns/user", &["EPERM"]), ("join /proc/1/ns/mnt", &["EPERM"]),
            ("bind_mount /usr here", &["EPERM"]), ("remount /usr", &["EPERM"]), ("unmount /usr", &["EPERM"]),
            ("unmount /proc", &["EPERM"]), ("pivot here", &["EPERM"]), ("tree /", &["EPERM"]),
            ("new_fs", &["EPERM"]), ("climb here", &["EPERM"]),
        ]);
    }

    /// With every call allowed, mounts are still no one's to change.
    fn nor_without_a_filter(ground: &Ground) {
        let Some(attacker) = Attacker::new(ground) else { return };
        ground.directory("home/work/here");
        attacker.refused(NO_FILTER, &[
            ("mount_ns", &["EPERM"]), ("bind_mount /usr here", &["EPERM"]), ("remount /usr", &["EPERM"]),
            ("unmount /usr", &["EPERM"]), ("pivot here", &["EPERM"]), ("tree /", &["EPERM"]),
            ("new_fs", &["EPERM"]), ("climb here", &["EPERM"]), ("module", DENIED), ("boot", &["EPERM"]),
            ("swap_on", &["EPERM"]), ("clock_set", &["EPERM", "EFAULT"]), ("handle", &["EPERM", "EFAULT"]),
            ("null_node /tmp/n", DENIED), ("disk_node /tmp/n", DENIED), ("raw", &["EPERM"]), ("packet", &["EPERM"]),
        ]);
        // A nested user namespace has capabilities over itself only.
        let script = "unshare --user --map-root-user --mount sh -c 'umount -l /usr; mount --bind / here; \
            mount -o remount,rw /usr; echo x >/usr/new; cat /proc/1/environ; echo 0 >/proc/sys/kernel/printk'; \
            test ! -e /usr/new && ls /usr/bin/env";
        ground.shell(NO_FILTER, script).go().passes().prints("/usr/bin/env");
    }

    fn devices_are_neither_there_nor_made(ground: &Ground) {
        let Some(attacker) = Attacker::new(ground) else { return };
        attacker.refused("--policy builtin:build", &[
            ("null_node n", &["EPERM", "EACCES"]), ("disk_node d", &["EPERM", "EACCES"]),
            ("null_node /tmp/n", &["EPERM", "EACCES"]), ("null_node /dev/shm/n", &["EPERM", "EACCES"]),
            ("open_path /dev/mem", &["ENOENT"]), ("open_path /dev/kmsg", &["ENOENT"]),
            ("open_path /dev/fuse", &["ENOENT"]), ("open_path /dev/kvm", &["ENOENT"]),
            ("open_path /dev/net/tun", &["ENOENT"]), ("open_path /dev/loop-control", &["ENOENT"]),
        ]);
        let kept = "ls /dev; echo x >/dev/null; head -c 4 /dev/zero | wc -c; head -c 4 /dev/urandom | wc -c";
        let run = ground.shell("", kept).go();
        run.passes().prints("null").prints("4\n4\n");
        assert!(!run.out.contains("sda") && !run.out.contains("vda") && !run.out.contains("mem"), "{run}");
    }

    /// Root outside owns these files; inside, root is nobody to them.
    fn the_kernels_switches_are_out_of_reach(ground: &Ground) {
        let Some(attacker) = Attacker::new(ground) else { return };
        let switches = [
            "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hostname",
            "/proc/sys/vm/drop_caches", "/proc/sys/fs/binfmt_misc/register", "/proc/sysrq-trigger",
            "/proc/kcore", "/proc/kmsg", "/proc/keys", "/proc/timer_list", "/sys/kernel/uevent_helper",
            "/sys/power/state", "/sys/fs/cgroup/cgroup.procs", "/sys/kernel/mm/transparent_hugepage/enabled",
        ];
        let policies = match ground.who {
            Who::Root => ["--lsm-landlock=off", "--policy builtin:container"],
            Who::User => ["", "--fs-proc=own"],
        };
        for flags in policies {
            for switch in switches {
                let answer = attacker.inside(flags, &format!("open_write {switch}"));
                assert!(DENIED.contains(&answer.as_str()) || answer == "EISDIR", "{flags} {switch}: {answer}");
            }
        }
    }

    fn no_new_privs_stays(ground: &Ground) {
        let Some(attacker) = Attacker::new(ground) else { return };
        attacker.refused("", &[("dump_me", &["EINVAL"])]);
        ground.shell("", "grep NoNewPrivs /proc/self/status").go().passes().prints("NoNewPrivs:\t1");
        assert_ne!(attacker.inside("--process-user=keep", "root_id"), if ground.who == Who::User { DONE } else { "" });
    }
}
