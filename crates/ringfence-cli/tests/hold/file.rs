//! Files: what is outside the view, and what may only be read.

use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::attempt::{ANY, Attacker, DONE};
use crate::harness::both;

const NOWHERE: &[&str] = &["ENOENT"];
const READ_ONLY: &[&str] = &["EROFS"];

both! {
    fn what_is_outside_the_view_has_no_name(ground: &Ground) {
        let Some(attacker) = Attacker::new(ground) else { return };
        let secret = ground.file("home/secret", "secret\n");
        symlink("../secret", ground.work().join("link")).unwrap();
        let absolute = secret.to_str().unwrap();
        let root = ground.root().display();
        attacker.table("", &[
            ("read_file ../secret", DONE, NOWHERE),
            ("read_file link", DONE, NOWHERE),
            (&format!("read_file {absolute}"), DONE, NOWHERE),
            (&format!("read_file /proc/self/root{absolute}"), DONE, NOWHERE),
            ("read_file /proc/self/cwd/../secret", DONE, NOWHERE),
            ("read_file ../../ringfence", DONE, NOWHERE),
            ("open_path ../../../../../../../../etc/shadow", DONE, NOWHERE),
            ("open_path /etc/ssh", ANY, NOWHERE),
            ("open_path /home", ANY, NOWHERE),
            ("open_path /root", DONE, NOWHERE),
            ("open_path /var/log", DONE, NOWHERE),
            ("open_path /run", DONE, NOWHERE),
            ("open_path /boot", ANY, NOWHERE),
        ]);
        // As seen by root: /proc/1/root of this machine is not the one inside.
        attacker.refused("", &[
            (&format!("read_file /proc/1/root{absolute}"), &["EACCES", "ENOENT"]),
            (&format!("read_file /proc/1/cwd/{root}"), &["EACCES", "ENOENT"]),
            ("open_path /proc/1/root", &["EACCES"]),
            ("open_path /proc/1/cwd", &["EACCES"]),
            ("follow /proc/1/exe", &["EACCES"]),
            ("open_path /proc/1/fd/0", &["EACCES", "ENOENT"]),
        ]);
    }

    fn what_may_be_read_cannot_be_changed(ground: &Ground) {
        let Some(attacker) = Attacker::new(ground) else { return };
        let again = || {
            ground.file("home/work/file", "words\n");
            let _ = std::fs::remove_file(ground.work().join("moved"));
            let _ = std::fs::remove_file(ground.work().join("new"));
        };
        let attempts = [
            "open_write file", "open_rdwr file", "cut file", "create new", "drop file", "move file moved",
            "hardlink file new", "soften file new", "pipe_node new", "mode file", "own file", "date file",
            "label file",
        ];
        for attempt in attempts {
            again();
            let outside = attacker.outside(attempt);
            assert!(outside == DONE || attempt.starts_with("label"), "{attempt}: {outside} outside");
            again();
            attacker.refused("", &[(attempt, READ_ONLY)]);
        }
        ground.directory("home/work/empty");
        attacker.refused("", &[("make other", READ_ONLY), ("undo empty", READ_ONLY)]);
        // Through another name of the same file as well.
        attacker.refused("", &[
            ("open_write /proc/self/cwd/file", READ_ONLY),
            ("open_write /proc/self/root/usr/bin/env", &["EROFS", "EACCES"]),
            ("mode /usr", &["EROFS", "EPERM"]),
            ("create /usr/new", &["EROFS", "EACCES"]),
            ("create /new", &["EROFS", "EACCES"]),
            ("create /dev/new", &["EROFS", "EACCES"]),
        ]);
        again();
        assert_eq!(std::fs::read_to_string(ground.work().join("file")).unwrap(), "words\n");
    }

    fn what_is_private_is_gone_afterwards(ground: &Ground) {
        let mark = format!("ringfence-{}", ground.root().file_name().unwrap().to_str().unwrap());
        let script = format!("echo x >/tmp/{mark} && echo x >/dev/shm/{mark} && cat /tmp/{mark} /dev/shm/{mark}");
        ground.shell("", &script).go().passes().prints("x\nx\n");
        for directory in ["/tmp", "/dev/shm", "/var/tmp"] {
            assert!(!std::path::Path::new(directory).join(&mark).exists(), "{directory}");
        }
    }

    fn descriptors_of_the_caller_are_closed(ground: &Ground) {
        let Some(attacker) = Attacker::new(ground) else { return };
        ground.file("home/secret", "secret\n");
        let home = ground.home();
        let work = ground.work();
        let binary = ground.binary();
        // The shell leaves descriptor 7 open, as careless callers do.
        let leak = |rest: &str| {
            let script = format!("exec 7<{} 200<{}; {rest}", home.display(), work.display());
            ground.plain(&["/bin/bash", "-c", &script]).go()
        };
        for attempt in ["fd_open 7", "fd_below 7 secret", "fd_below 200 ../secret"] {
            let (words, inside) = (format!("./attack {attempt}"), format!("{} run -- ./attack {attempt}", binary.display()));
            leak(&words).prints(": done");
            leak(&inside).prints(": EBADF");
        }
        assert_eq!(attacker.inside("", "fd_open 3"), "EBADF");
    }

    fn a_working_directory_outside_the_view_is_left(ground: &Ground) {
        ground.file("home/secret", "secret\n");
        let run = ground.ringfence("--policy builtin:compute", &["/bin/pwd"]).within(ground.home()).go();
        assert_eq!(run.passes().out, "/\n");
        let script = "cat secret; cat ../home/secret; ls -a /tmp/.. ; cd -P . && pwd";
        let run = ground.shell("--policy builtin:compute", script).within(ground.home()).go();
        assert!(!run.out.contains("secret"), "{run}");
    }

    /// Names that the plan put there, and nothing of the host's.
    fn the_root_can_be_listed_where_all_below_it_can(ground: &Ground) {
        let Some(attacker) = Attacker::new(ground) else { return };
        let listing = ground.ringfence("", &["ls", "/"]).go();
        listing.passes().prints("usr\n");
        for hidden in ["root", "home", "boot", "run", "srv"] {
            let below_work = ground.work().starts_with(format!("/{hidden}"));
            assert!(below_work || !listing.out.lines().any(|name| name == hidden), "{listing}");
        }
        // A directory that is there for its sockets only stays closed, and so does what is above it.
        ground.directory("home/sockets");
        let sockets = ground.home().join("sockets");
        let unix = format!("--policy builtin:compute --net-unix={}", sockets.display());
        let flags = format!("{unix} --degrade-allow=landlock.resolve-unix");
        let closed = ground.ringfence(&flags, &["ls", sockets.to_str().unwrap()]).go();
        closed.exits(2).complains("Permission denied");
        ground.ringfence(&flags, &["ls", "/"]).go().exits(2).complains("Permission denied");
        // Nothing is gained for a directory that was handed in.
        ground.directory("home/handed");
        ground.directory("home/handed/below");
        let words = format!(
            "exec 7<{}; exec {} run --process-fds= --process-fds=0 --process-fds=1 --process-fds=2 --process-fds=7 \
             -- ./attack fd_below 7 below",
            ground.home().join("handed").display(),
            ground.binary().display()
        );
        ground.plain(&["/bin/bash", "-c", &words]).go().prints("fd_below: EACCES");
        assert_eq!(attacker.inside("", "read_file /etc/shadow"), "ENOENT");
    }

    /// A directory of another user's: with neither capabilities nor a map of its owner, root
    /// cannot open what permission bits close.
    fn capabilities_are_gone(ground: &Ground) {
        let Some(attacker) = Attacker::new(ground) else { return };
        let path = ground.file("home/work/closed", "x");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
        assert_eq!(attacker.inside("", "read_file closed"), "EACCES");
        let run = ground.shell("", "grep -h Cap /proc/self/status").go();
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            run.passes().prints(&format!("{set}:\t0000000000000000"));
        }
    }
}

/// Keeps descriptors in this process from mattering: they are close-on-exec, and say so.
#[test]
fn this_process_leaks_nothing_itself() {
    let file = std::fs::File::open("/").unwrap();
    let flags = rustix::io::fcntl_getfd(&file).unwrap();
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC), "{}", file.as_raw_fd());
}
