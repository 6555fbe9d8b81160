//! What the namespace room compiles for callers and hosts of several kinds.

use bumpalo::Bump;
use expect_test::{Expect, expect};
use ringfence_sys::step::Step;

use super::{IdMap, Identity, Model, Outside, compile};
use crate::control::Stage;
use crate::control::snapshot;
use crate::host::{Caller, Host, Release, UserNamespaces, namespace::Restriction};
use crate::policy::model::Namespace::{self, Cgroup, Ipc, Mnt, Net, Pid, Time, User, Uts};

const EVERY: u64 = (1 << 41) - 1;
const SETFCAP: u64 = 1 << 31;

fn root() -> Caller {
    Caller {
        uid: 0,
        euid: 0,
        gid: 0,
        egid: 0,
        groups: vec![0],
        effective: EVERY,
        permitted: EVERY,
        no_new_privs: false,
    }
}

fn user() -> Caller {
    Caller {
        uid: 1000,
        euid: 1000,
        gid: 100,
        egid: 100,
        groups: vec![27],
        effective: 0,
        permitted: 0,
        ..root()
    }
}

fn model(unshare: &[Namespace]) -> Model {
    Model {
        unshare: unshare.iter().copied().collect(),
        unshare_at: None,
        in_place: false,
        enters_cgroup: false,
        hostname: None,
        hostname_at: None,
        identity: Identity::Keep,
        user_at: None,
        groups: None,
        id_map: IdMap::Single,
        id_map_at: None,
    }
}

fn range(first: u32, count: u32, helper: bool) -> IdMap {
    let outside = vec![Outside { first, count }];
    IdMap::Range { uids: outside.clone(), gids: outside, helper }
}

fn host(caller: Caller) -> Host {
    Host::for_tests().with_caller(caller)
}

fn check(model: &Model, host: &Host, expected: &Expect) {
    let arena = Bump::new();
    let text = match compile(model, host, &arena) {
        Ok(out) => {
            let maps = out.by_parent.map(|maps| format!("by parent: {maps:?}\n")).unwrap_or_default();
            let room = snapshot::text(&out.room);
            format!("flags {:#x}, setgroups {}\n{maps}{room}", out.flags, out.setgroups)
        }
        Err(refusal) => format!("refused: {refusal}\n"),
    };
    expected.assert_eq(&text);
}

/// Its root would be the caller's cgroup otherwise.
#[test]
fn a_cgroup_namespace_comes_after_a_cgroup_that_a_step_enters() {
    let arena = Bump::new();
    let own = Model { enters_cgroup: true, ..model(&[User, Cgroup, Pid]) };
    let compiled = compile(&own, &Host::for_tests(), &arena).unwrap();
    assert_eq!(compiled.flags, 0x1000_0000 | 0x2000_0000);
    let late = compiled.room.steps.iter().find(|planned| planned.stage == Stage::Unshare).unwrap();
    assert_eq!(late.step, Step::Unshare(0x0200_0000));
    let shared = compile(&model(&[User, Cgroup, Pid]), &Host::for_tests(), &arena).unwrap();
    assert_eq!(shared.flags, 0x1000_0000 | 0x2000_0000 | 0x0200_0000);
    assert!(shared.room.steps.iter().all(|planned| planned.stage != Stage::Unshare));
}

#[test]
fn an_ordinary_user_maps_itself_from_inside() {
    let model =
        Model { hostname: Some("box".to_owned()), ..model(&[User, Mnt, Pid, Net, Ipc, Uts, Cgroup, Time]) };
    check(
        &model,
        &host(user()),
        &expect![[r#"
        flags 0x7e020080, setgroups false
        IdMap: WriteFile "/proc/self/setgroups" "deny"
        IdMap: WriteFile "/proc/self/uid_map" "1000 1000 1\n"
        IdMap: WriteFile "/proc/self/gid_map" "100 100 1\n"
        Names: Hostname "box"
        + namespace.user
        + namespace.mnt
        + namespace.pid
        + namespace.net
        + namespace.ipc
        + namespace.uts
        + namespace.cgroup
        + namespace.time
        + namespace.id-map
    "#]],
    );
}

#[test]
fn root_in_namespace_is_the_caller_outside() {
    check(
        &Model { identity: Identity::Root, ..model(&[User]) },
        &host(user()),
        &expect![[r#"
        flags 0x10000000, setgroups false
        IdMap: WriteFile "/proc/self/setgroups" "deny"
        IdMap: WriteFile "/proc/self/uid_map" "0 1000 1\n"
        IdMap: WriteFile "/proc/self/gid_map" "0 100 1\n"
        + namespace.user
        + namespace.id-map
    "#]],
    );
}

#[test]
fn root_needs_no_user_namespace_for_the_others() {
    check(
        &model(&[Mnt, Pid]),
        &host(root()),
        &expect![[r#"
        flags 0x20020000, setgroups true
        + namespace.mnt
        + namespace.pid
    "#]],
    );
    check(
        &model(&[Mnt, Pid]),
        &host(user()),
        &expect![[r#"
        flags 0x0, setgroups true
        - namespace.mnt: needs CAP_SYS_ADMIN
        - namespace.pid: needs CAP_SYS_ADMIN
    "#]],
    );
}

#[test]
fn a_plan_in_place_unshares() {
    check(
        &Model { in_place: true, ..model(&[User, Mnt]) },
        &host(user()),
        &expect![[r#"
        flags 0x0, setgroups false
        Unshare: Unshare 0x10020000
        IdMap: WriteFile "/proc/self/setgroups" "deny"
        IdMap: WriteFile "/proc/self/uid_map" "1000 1000 1\n"
        IdMap: WriteFile "/proc/self/gid_map" "100 100 1\n"
        + namespace.user
        + namespace.mnt
        + namespace.id-map
    "#]],
    );
    check(
        &Model { in_place: true, ..model(&[User, Pid]) },
        &host(user()),
        &expect![[r#"
        refused: a pid namespace is entered by children only, not by a process in place (pid_namespaces(7))
    "#]],
    );
    let many = Model { in_place: true, id_map: range(0, u32::MAX, false), ..model(&[User]) };
    check(
        &many,
        &host(root()),
        &expect![[r#"
        refused: a map of many ids must be written from outside the user namespace, and a plan in place has no process there
    "#]],
    );
}

#[test]
fn a_range_is_every_id_for_root_and_subordinate_ids_for_others() {
    check(
        &Model { id_map: range(0, u32::MAX, false), ..model(&[User]) },
        &host(root()),
        &expect![[r#"
        flags 0x10000000, setgroups true
        by parent: IdMapByParent { uids: [Extent { inside: 0, outside: 0, count: 4294967295 }], gids: [Extent { inside: 0, outside: 0, count: 4294967295 }], helper: false }
        IdMap: Sync
        + namespace.user
        + namespace.id-map
    "#]],
    );
    let delegated =
        Model { identity: Identity::Root, id_map: range(100_000, 65_536, true), ..model(&[User]) };
    check(
        &delegated,
        &host(user()),
        &expect![[r#"
        flags 0x10000000, setgroups true
        by parent: IdMapByParent { uids: [Extent { inside: 0, outside: 1000, count: 1 }, Extent { inside: 1, outside: 100000, count: 65536 }], gids: [Extent { inside: 0, outside: 100, count: 1 }, Extent { inside: 1, outside: 100000, count: 65536 }], helper: true }
        IdMap: Sync
        + namespace.user
        + namespace.id-map
    "#]],
    );
}

#[test]
fn a_range_without_its_helper_is_missing_and_falls_back_to_one_id() {
    check(
        &Model { id_map: range(100_000, 65_536, false), ..model(&[User]) },
        &host(user()),
        &expect![[r#"
        flags 0x10000000, setgroups false
        IdMap: WriteFile "/proc/self/setgroups" "deny"
        IdMap: WriteFile "/proc/self/uid_map" "1000 1000 1\n"
        IdMap: WriteFile "/proc/self/gid_map" "100 100 1\n"
        + namespace.user
        - namespace.id-map: the caller has not CAP_SETUID and CAP_SETGID
    "#]],
    );
}

#[test]
fn another_user_has_a_place_beside_root() {
    let other =
        Model { identity: Identity::Other { uid: 33, gid: 33 }, groups: Some(vec![4]), ..model(&[User]) };
    check(
        &other,
        &host(root()),
        &expect![[r#"
        flags 0x10000000, setgroups true
        by parent: IdMapByParent { uids: [Extent { inside: 0, outside: 0, count: 1 }, Extent { inside: 33, outside: 33, count: 1 }], gids: [Extent { inside: 0, outside: 0, count: 1 }, Extent { inside: 4, outside: 4, count: 1 }, Extent { inside: 33, outside: 33, count: 1 }], helper: false }
        IdMap: Sync
        + namespace.user
        + namespace.id-map
    "#]],
    );
    check(
        &other,
        &host(user()),
        &expect![[r#"
        flags 0x10000000, setgroups false
        IdMap: WriteFile "/proc/self/setgroups" "deny"
        IdMap: WriteFile "/proc/self/uid_map" "1000 1000 1\n"
        IdMap: WriteFile "/proc/self/gid_map" "100 100 1\n"
        + namespace.user
        - namespace.user-id: only a caller with CAP_SETUID and CAP_SETGID may map another user than its own (1000)
        + namespace.id-map
    "#]],
    );
}

#[test]
fn root_keeps_setgroups_where_groups_are_to_change() {
    check(
        &Model { groups: Some(vec![]), ..model(&[User]) },
        &host(root()),
        &expect![[r#"
        flags 0x10000000, setgroups true
        by parent: IdMapByParent { uids: [Extent { inside: 0, outside: 0, count: 1 }], gids: [Extent { inside: 0, outside: 0, count: 1 }], helper: false }
        IdMap: Sync
        + namespace.user
        + namespace.id-map
    "#]],
    );
}

#[test]
fn mapping_root_needs_setfcap() {
    let bare = Caller { effective: EVERY & !SETFCAP, ..root() };
    check(
        &model(&[User]),
        &host(bare),
        &expect![[r#"
        flags 0x10000000, setgroups false
        IdMap: WriteFile "/proc/self/setgroups" "deny"
        IdMap: WriteFile "/proc/self/uid_map" "0 0 1\n"
        IdMap: WriteFile "/proc/self/gid_map" "0 0 1\n"
        + namespace.user
        - namespace.id-map: mapping user 0 needs CAP_SETFCAP (user_namespaces(7)
    "#]],
    );
}

#[test]
fn what_the_host_forbids_is_missing_with_all_that_depends_on_it() {
    let restriction =
        Restriction { what: "nobody may".to_owned(), from: "/proc/sys/user", lift: "sysctl".to_owned() };
    let forbidden = UserNamespaces { restrictions: vec![restriction] };
    check(
        &model(&[User, Mnt]),
        &host(user()).with_user_namespaces(forbidden.clone()),
        &expect![[r#"
        flags 0x0, setgroups true
        - namespace.user: nobody may (/proc/sys/user)
        - namespace.mnt: needs CAP_SYS_ADMIN or the user namespace
    "#]],
    );
    check(
        &model(&[User, Mnt]),
        &host(root()).with_user_namespaces(forbidden),
        &expect![[r#"
        flags 0x20000, setgroups true
        - namespace.user: nobody may (/proc/sys/user)
        + namespace.mnt
    "#]],
    );
}

#[test]
fn an_unshared_time_namespace_needs_an_execve_that_enters_it() {
    let in_place = Model { in_place: true, ..model(&[User, Time]) };
    check(
        &in_place,
        &host(user()).with_release(Release::parse("6.1.0-44-amd64")),
        &expect![[r#"
        flags 0x0, setgroups false
        Unshare: Unshare 0x10000000
        IdMap: WriteFile "/proc/self/setgroups" "deny"
        IdMap: WriteFile "/proc/self/uid_map" "1000 1000 1\n"
        IdMap: WriteFile "/proc/self/gid_map" "100 100 1\n"
        + namespace.user
        - namespace.time: execve(2) enters an unshared time namespace since Linux 6.2
        + namespace.id-map
    "#]],
    );
    check(
        &in_place,
        &host(user()).with_release(Release::parse("6.12.9")),
        &expect![[r#"
        flags 0x0, setgroups false
        Unshare: Unshare 0x10000080
        IdMap: WriteFile "/proc/self/setgroups" "deny"
        IdMap: WriteFile "/proc/self/uid_map" "1000 1000 1\n"
        IdMap: WriteFile "/proc/self/gid_map" "100 100 1\n"
        + namespace.user
        + namespace.time
        + namespace.id-map
    "#]],
    );
}

#[test]
fn the_host_is_never_renamed() {
    check(
        &Model { hostname: Some("box".to_owned()), ..model(&[User]) },
        &host(user()),
        &expect![[r#"
        refused: a host name without an own UTS namespace would rename the host
    "#]],
    );
    check(
        &Model { hostname: Some("x".repeat(65)), ..model(&[Uts]) },
        &host(root()),
        &expect![[r#"
        refused: a host name has 1 to 64 bytes and no null byte (sethostname(2))
    "#]],
    );
}
