//! What the credential room compiles on hosts of several kinds.

use bumpalo::Bump;
use expect_test::{Expect, expect};

use super::{Bounding, Model, compile};
use crate::control::snapshot;
use crate::host::{Caller, Host};

const NET_BIND_SERVICE: u64 = 1 << 10;
const EVERY: u64 = (1 << 41) - 1;

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
        gid: 1000,
        egid: 1000,
        groups: vec![27, 1000],
        effective: 0,
        permitted: 0,
        ..root()
    }
}

fn model() -> Model {
    Model { no_new_privs: true, setgroups: true, ..Model::default() }
}

fn check(model: &Model, caller: Caller, expected: &Expect) {
    let (arena, host) = (Bump::new(), Host::for_tests().with_caller(caller));
    let text = match compile(model, &host, &arena) {
        Ok(compiled) => snapshot::text(&compiled),
        Err(refusal) => format!("refused: {refusal}\n"),
    };
    expected.assert_eq(&text);
}

#[test]
fn nothing_kept_in_a_user_namespace_costs_two_calls() {
    let model = Model { user_namespace: true, setgroups: false, ..model() };
    check(
        &model,
        user(),
        &expect![[r#"
        Credentials: Securebits 0xef
        Credentials: Capset { effective: 0, permitted: 0, inheritable: 0 }
        NoNewPrivs: NoNewPrivs
        + credential.securebits
        + credential.bounding
        + credential.capabilities
        + credential.no-new-privs
    "#]],
    );
}

#[test]
fn an_ordinary_user_in_place_loses_what_it_can_and_relies_on_no_new_privs() {
    check(
        &model(),
        user(),
        &expect![[r#"
        Credentials: Capset { effective: 0, permitted: 0, inheritable: 0 }
        NoNewPrivs: NoNewPrivs
        + credential.securebits
        + credential.bounding
        + credential.capabilities
        + credential.no-new-privs
    "#]],
    );
}

#[test]
fn without_no_new_privs_an_ordinary_user_in_place_cannot_reduce_the_bounding_set() {
    check(
        &Model { no_new_privs: false, ..model() },
        user(),
        &expect![[r#"
        Credentials: Capset { effective: 0, permitted: 0, inheritable: 0 }
        - credential.securebits: PR_SET_SECUREBITS needs CAP_SETPCAP
        - credential.bounding: PR_CAPBSET_DROP needs CAP_SETPCAP
        + credential.capabilities
    "#]],
    );
}

#[test]
fn without_no_new_privs_the_bounding_set_is_dropped() {
    let model = Model { no_new_privs: false, user_namespace: true, ..model() };
    check(
        &model,
        user(),
        &expect![[r#"
        Credentials: Securebits 0xef
        Credentials: DropBounding { keep: 0, last: 40 }
        Credentials: Capset { effective: 0, permitted: 0, inheritable: 0 }
        + credential.securebits
        + credential.bounding
        + credential.capabilities
    "#]],
    );
}

#[test]
fn the_bounding_set_is_dropped_where_it_is_asked_for() {
    check(
        &Model { bounding: Bounding::Drop, ..model() },
        root(),
        &expect![[r#"
        Credentials: Securebits 0xef
        Credentials: DropBounding { keep: 0, last: 40 }
        Credentials: Capset { effective: 0, permitted: 0, inheritable: 0 }
        NoNewPrivs: NoNewPrivs
        + credential.securebits
        + credential.bounding
        + credential.capabilities
        + credential.no-new-privs
    "#]],
    );
}

#[test]
fn root_becomes_another_user_with_its_groups_before_the_capabilities_go() {
    let model = Model { uid: Some(33), gid: Some(33), groups: Some(vec![33, 4, 33]), ..model() };
    check(
        &model,
        root(),
        &expect![[r#"
        Credentials: Securebits 0xef
        Credentials: Setgroups([4, 33])
        Credentials: Setgid(33)
        Credentials: Setuid(33)
        Credentials: Capset { effective: 0, permitted: 0, inheritable: 0 }
        NoNewPrivs: NoNewPrivs
        + credential.securebits
        + credential.groups
        + credential.user
        + credential.bounding
        + credential.capabilities
        + credential.no-new-privs
    "#]],
    );
}

#[test]
fn what_is_kept_survives_the_change_of_user_and_travels_in_the_ambient_set() {
    let model = Model { uid: Some(33), gid: Some(33), keep: NET_BIND_SERVICE, umask: Some(0o77), ..model() };
    check(
        &model,
        root(),
        &expect![[r#"
        Limits: Umask 0077
        Credentials: Securebits 0x4
        Credentials: Setgid(33)
        Credentials: Setuid(33)
        Credentials: Securebits 0x3
        Credentials: Capset { effective: 1024, permitted: 1024, inheritable: 1024 }
        Credentials: Ambient(1024)
        NoNewPrivs: NoNewPrivs
        + credential.user
        + credential.bounding
        + credential.securebits
        + credential.capabilities
        + credential.no-new-privs
    "#]],
    );
}

#[test]
fn what_the_caller_lacks_cannot_be_kept() {
    check(
        &Model { keep: NET_BIND_SERVICE, ..model() },
        user(),
        &expect![[r#"
        Credentials: Capset { effective: 0, permitted: 0, inheritable: 0 }
        NoNewPrivs: NoNewPrivs
        + credential.bounding
        + credential.securebits
        - credential.capabilities: the caller's permitted set lacks 0x400 of them
        + credential.no-new-privs
    "#]],
    );
    let bare_root = Caller { effective: EVERY & !(1 << 8), ..root() };
    let switching = Model { uid: Some(33), keep: NET_BIND_SERVICE, ..model() };
    check(
        &switching,
        bare_root,
        &expect![[r#"
        Credentials: Setuid(33)
        Credentials: Capset { effective: 0, permitted: 0, inheritable: 0 }
        NoNewPrivs: NoNewPrivs
        + credential.user
        + credential.bounding
        + credential.securebits
        - credential.capabilities: the caller's permitted set lacks 0x400 of them
        + credential.no-new-privs
    "#]],
    );
}

#[test]
fn groups_that_cannot_be_changed_are_missing() {
    let model = Model { groups: Some(vec![]), ..model() };
    check(
        &Model { user_namespace: true, setgroups: false, ..model.clone() },
        user(),
        &expect![[r#"
        Credentials: Securebits 0xef
        Credentials: Capset { effective: 0, permitted: 0, inheritable: 0 }
        NoNewPrivs: NoNewPrivs
        + credential.securebits
        - credential.groups: setgroups(2) is denied in a user namespace whose group map was written without CAP_SETGID outside (user_namespaces(7))
        + credential.bounding
        + credential.capabilities
        + credential.no-new-privs
    "#]],
    );
    check(
        &model,
        user(),
        &expect![[r#"
        Credentials: Capset { effective: 0, permitted: 0, inheritable: 0 }
        NoNewPrivs: NoNewPrivs
        + credential.securebits
        - credential.groups: setgroups(2) needs CAP_SETGID
        + credential.bounding
        + credential.capabilities
        + credential.no-new-privs
    "#]],
    );
}

#[test]
fn groups_that_are_there_already_need_no_call() {
    check(
        &Model { groups: Some(vec![1000, 27]), ..model() },
        user(),
        &expect![[r#"
        Credentials: Capset { effective: 0, permitted: 0, inheritable: 0 }
        NoNewPrivs: NoNewPrivs
        + credential.securebits
        + credential.groups
        + credential.bounding
        + credential.capabilities
        + credential.no-new-privs
    "#]],
    );
}

#[test]
fn an_ordinary_user_cannot_become_another() {
    check(
        &Model { uid: Some(0), gid: Some(0), ..model() },
        user(),
        &expect![[r#"
        Credentials: Capset { effective: 0, permitted: 0, inheritable: 0 }
        NoNewPrivs: NoNewPrivs
        + credential.securebits
        - credential.user: changing ids needs CAP_SETGID
        + credential.bounding
        + credential.capabilities
        + credential.no-new-privs
    "#]],
    );
}

#[test]
fn what_no_kernel_takes_is_refused() {
    check(
        &Model { keep: 1 << 41, ..model() },
        root(),
        &expect![[r#"
        refused: capability 41 is newer than this kernel, whose last one is 40
    "#]],
    );
    check(
        &Model { uid: Some(u32::MAX), ..model() },
        root(),
        &expect![[r#"
        refused: 4294967295 is no id: setresuid(2) reads it as "unchanged"
    "#]],
    );
    check(
        &Model { groups: Some((0..65_537).collect()), ..model() },
        root(),
        &expect![[r#"
        refused: 65537 supplementary groups; setgroups(2) takes 65536
    "#]],
    );
}
