//! What `container` is for: a small system of its own, with its own root.

use crate::harness::both;
use crate::harness::ground::{Ground, Who};
use crate::harness::skip;

const CONTAINER: &str = "--policy builtin:container";

const IDENTITY: &str = "test $(id -u):$(id -g) = 0:0; test $(hostname) = container; test $HOME = /tmp";
const ROOM: &str = "mkdir -p /run/app /tmp/root/bin; echo 1 >/run/app/pid; touch here; rm here";
const CHROOT: &str = "cp -r /bin/true /tmp/root/bin/ 2>/dev/null
    for f in $(ldd /bin/true | grep -o '/[^ ]*'); do mkdir -p /tmp/root/$(dirname $f); cp $f /tmp/root/$f; done
    chroot /tmp/root /bin/true";
const OWNERS: &str = "touch owned; chown 1:1 owned; test $(stat -c %u:%g owned) = 1:1
    tar -c owned | tar -x -C /tmp --same-owner; test $(stat -c %u:%g /tmp/owned) = 1:1; rm owned";
const PORT: &str = "python3 -c 'import socket; socket.create_server((\"127.0.0.1\", 80))'";

/// Whether the ground's user has ids to give besides its own.
fn range(ground: &Ground) -> bool {
    let (uid, _) = ground.ids();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let of = |line: &&str| line.split(':').nth(2) == Some(&uid.to_string());
    let name = passwd.lines().find(of).and_then(|line| line.split(':').next());
    let subuid = std::fs::read_to_string("/etc/subuid").unwrap_or_default();
    let has = name.is_some_and(|name| subuid.lines().any(|line| line.starts_with(&format!("{name}:"))));
    let installed = crate::harness::ground::find("newuidmap").is_some();
    if ground.who == Who::User && !(has && installed) {
        skip(&ground.test, "needs newuidmap and subordinate ids of the user");
        return false;
    }
    true
}

both! {
    fn a_root_of_its_own(ground: &Ground) {
        let done = ground.stages(CONTAINER, &[("identity", IDENTITY), ("room", ROOM), ("chroot", CHROOT)]);
        done.pass();
    }

    fn other_ids_than_root(ground: &Ground) {
        if range(ground) {
            ground.stages(CONTAINER, &[("identity", IDENTITY), ("owners", OWNERS)]).pass();
        }
    }

    fn low_ports_take_a_capability(ground: &Ground) {
        if ground.has(&["python3"]) {
            ground.stages(CONTAINER, &[("identity", IDENTITY), ("port", PORT)]).pass();
            let flags = "--policy builtin:container --process-capabilities=CAP_SYS_CHROOT";
            let done = ground.stages(flags, &[("identity", IDENTITY), ("port", PORT)]);
            done.fail_at("port", "PermissionError: [Errno 13] Permission denied");
        }
    }

    fn without_its_capability_chroot_fails(ground: &Ground) {
        let flags = "--policy builtin:container --process-capabilities=CAP_CHOWN";
        let done = ground.stages(flags, &[("identity", IDENTITY), ("room", ROOM), ("chroot", CHROOT)]);
        done.fail_at("chroot", "cannot change root directory to '/tmp/root': Operation not permitted");
    }
}
