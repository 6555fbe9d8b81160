//! What the Landlock room compiles for each ABI.

use std::collections::BTreeSet;
use std::path::Path;

use bumpalo::Bump;
use expect_test::{Expect, expect};
use ringfence_sys::step::{Slot, Step};

use super::right::{fs, net};
use super::{Access, Kind, Model, PathRule, PortRule, Ports, Right, Scope, compile};
use crate::control::snapshot;
use crate::host::{Host, Landlock};

fn rule(path: &str, kind: Kind, access: Access) -> PathRule {
    PathRule { path: path.into(), kind, access, at: None }
}

fn only(ports: &[u16]) -> Ports {
    Ports::Only(ports.iter().map(|&port| PortRule { port, at: None }).collect())
}

/// One rule of each kind, every restriction, and every right needed.
fn model() -> Model {
    Model {
        least_abi: 1,
        at: None,
        paths: vec![
            rule("/usr", Kind::Directory, Access::EXEC),
            rule("/etc/hosts", Kind::File, Access::READ),
            rule("/work", Kind::Directory, Access::WRITE),
            rule("/dev/null", Kind::File, Access::DEVICE),
            rule("/run/app.sock", Kind::File, Access::UNIX),
        ],
        handle_truncate: true,
        tcp_connect: only(&[443]),
        tcp_bind: only(&[]),
        udp_connect: only(&[53]),
        udp_bind: only(&[]),
        scopes: BTreeSet::from([Scope::AbstractUnixSocket, Scope::Signal]),
        restrict_unix: true,
        unix_at: None,
        log: true,
        recorded: false,
        needed: BTreeSet::from(Right::ALL),
        permitted: true,
        slot: Slot(9),
    }
}

fn host(abi: u32) -> Host {
    Host::for_tests().with_landlock(Landlock { abi, errata: 0 })
}

fn check(model: &Model, abi: u32, expected: &Expect) {
    let arena = Bump::new();
    let text = match compile(model, &host(abi), &arena) {
        Ok(compiled) => snapshot::text(&compiled),
        Err(refusal) => format!("refused: {refusal}\n"),
    };
    expected.assert_eq(&text);
}

/// Rights granted on a path.
fn granted(model: &Model, abi: u32, path: &str) -> u64 {
    let arena = Bump::new();
    let compiled = compile(model, &host(abi), &arena).unwrap();
    let rules = compiled.steps.iter().filter_map(|planned| match planned.step {
        Step::LandlockPath { path: at, access, .. } if at.to_bytes() == path.as_bytes() => Some(access),
        _ => None,
    });
    rules.sum()
}

#[test]
fn abi_7_holds_all_but_pathname_sockets_and_udp() {
    check(
        &model(),
        7,
        &expect![[r#"
        LandlockRules: LandlockCreate fs 0xffff net 0x3 scoped 0x3 size 24
        LandlockRules: LandlockPath "/dev/null" 0xc006
        LandlockRules: LandlockPath "/etc/hosts" 0x4
        LandlockRules: LandlockPath "/usr" 0xd
        LandlockRules: LandlockPath "/work" 0x77be
        LandlockRules: LandlockPort 443 0x2
        LandlockRestrict: LandlockRestrict { ruleset: Slot(9), flags: 2 }
        + landlock.available
        + landlock.files
        + landlock.refer
        + landlock.truncate
        + landlock.net-connect
        + landlock.net-bind
        + landlock.ioctl-dev
        + landlock.scope-abstract-unix-socket
        + landlock.scope-signal
        + landlock.log
        - landlock.resolve-unix: needs Landlock ABI 9 (Linux 7.1)
        - landlock.udp-connect: needs Landlock ABI 10 (Linux 7.2)
        - landlock.udp-bind: needs Landlock ABI 10 (Linux 7.2)
    "#]],
    );
}

#[test]
fn abi_1_lacks_what_came_later() {
    check(
        &model(),
        1,
        &expect![[r#"
        LandlockRules: LandlockCreate fs 0x1fff net 0x0 scoped 0x0 size 8
        LandlockRules: LandlockPath "/dev/null" 0x6
        LandlockRules: LandlockPath "/etc/hosts" 0x4
        LandlockRules: LandlockPath "/usr" 0xd
        LandlockRules: LandlockPath "/work" 0x17be
        LandlockRestrict: LandlockRestrict { ruleset: Slot(9), flags: 0 }
        + landlock.available
        + landlock.files
        - landlock.refer: needs Landlock ABI 2 (Linux 5.19)
        - landlock.truncate: needs Landlock ABI 3 (Linux 6.2)
        - landlock.net-connect: needs Landlock ABI 4 (Linux 6.7)
        - landlock.net-bind: needs Landlock ABI 4 (Linux 6.7)
        - landlock.ioctl-dev: needs Landlock ABI 5 (Linux 6.10)
        - landlock.scope-abstract-unix-socket: needs Landlock ABI 6 (Linux 6.12)
        - landlock.scope-signal: needs Landlock ABI 6 (Linux 6.12)
        - landlock.log: needs Landlock ABI 7 (Linux 6.15)
        - landlock.resolve-unix: needs Landlock ABI 9 (Linux 7.1)
        - landlock.udp-connect: needs Landlock ABI 10 (Linux 7.2)
        - landlock.udp-bind: needs Landlock ABI 10 (Linux 7.2)
    "#]],
    );
}

#[test]
fn abi_10_holds_everything() {
    check(
        &model(),
        10,
        &expect![[r#"
        LandlockRules: LandlockCreate fs 0x1ffff net 0xf scoped 0x3 size 24
        LandlockRules: LandlockPath "/dev/null" 0xc006
        LandlockRules: LandlockPath "/etc/hosts" 0x4
        LandlockRules: LandlockPath "/run/app.sock" 0x10000
        LandlockRules: LandlockPath "/usr" 0xd
        LandlockRules: LandlockPath "/work" 0x77be
        LandlockRules: LandlockPort 0 0x4
        LandlockRules: LandlockPort 53 0x8
        LandlockRules: LandlockPort 443 0x2
        LandlockRestrict: LandlockRestrict { ruleset: Slot(9), flags: 2 }
        + landlock.available
        + landlock.files
        + landlock.refer
        + landlock.truncate
        + landlock.net-connect
        + landlock.net-bind
        + landlock.ioctl-dev
        + landlock.scope-abstract-unix-socket
        + landlock.scope-signal
        + landlock.log
        + landlock.resolve-unix
        + landlock.udp-connect
        + landlock.udp-bind
    "#]],
    );
}

#[test]
fn a_kernel_without_landlock_gives_no_steps() {
    check(
        &Model { needed: BTreeSet::new(), ..model() },
        0,
        &expect![[r#"
        - landlock.available: this kernel (6.18.0) has no Landlock
    "#]],
    );
}

#[test]
fn a_right_that_nothing_needs_is_not_missing() {
    check(
        &Model { needed: BTreeSet::from([Right::Files]), paths: vec![], ..model() },
        2,
        &expect![[r#"
        LandlockRules: LandlockCreate fs 0x3fff net 0x0 scoped 0x0 size 8
        LandlockRestrict: LandlockRestrict { ruleset: Slot(9), flags: 0 }
        + landlock.available
        + landlock.files
    "#]],
    );
}

#[test]
fn the_least_abi_of_the_policy_is_a_promise() {
    let wanted = Model { least_abi: 8, needed: BTreeSet::new(), paths: vec![], ..model() };
    check(
        &wanted,
        7,
        &expect![[r#"
        LandlockRules: LandlockCreate fs 0xffff net 0x3 scoped 0x3 size 24
        LandlockRules: LandlockPort 443 0x2
        LandlockRestrict: LandlockRestrict { ruleset: Slot(9), flags: 2 }
        + landlock.available
        - landlock.abi: this kernel (6.18.0) has ABI 7 (test)
    "#]],
    );
    check(
        &Model { log: false, ..wanted },
        8,
        &expect![[r#"
        LandlockRules: LandlockCreate fs 0xffff net 0x3 scoped 0x3 size 24
        LandlockRules: LandlockPort 443 0x2
        LandlockRestrict: LandlockRestrict { ruleset: Slot(9), flags: 0 }
        + landlock.available
        + landlock.abi
    "#]],
    );
}

#[test]
fn without_no_new_privs_it_is_refused() {
    check(
        &Model { permitted: false, ..model() },
        7,
        &expect![[r#"
        refused: landlock_restrict_self(2) needs no_new_privs, or CAP_SYS_ADMIN kept
    "#]],
    );
}

#[test]
fn rules_of_one_path_add_up_and_relative_paths_are_refused() {
    let both =
        vec![rule("/work", Kind::Directory, Access::WRITE), rule("/work", Kind::Directory, Access::EXEC)];
    let access = granted(&Model { paths: both, ..model() }, 7, "/work");
    assert_eq!(access & (fs::EXECUTE | fs::WRITE_FILE), fs::EXECUTE | fs::WRITE_FILE);
    let relative = Model { paths: vec![rule("work", Kind::Directory, Access::READ)], ..model() };
    assert!(compile(&relative, &host(7), &Bump::new()).is_err());
}

#[test]
fn reading_never_grants_a_change_and_writing_never_device_nodes_or_execution() {
    let changes = fs::WRITE_FILE | fs::TRUNCATE | fs::REMOVE_FILE | fs::REMOVE_DIR | fs::MAKE_REG | fs::REFER;
    for abi in 1..=11 {
        assert_eq!(granted(&model(), abi, "/usr") & changes, 0, "ABI {abi}");
        let write = granted(&model(), abi, "/work");
        assert_eq!(write & (fs::MAKE_CHAR | fs::MAKE_BLOCK | fs::EXECUTE | fs::IOCTL_DEV), 0, "ABI {abi}");
        assert_eq!(write & changes, changes & fs::of_abi(abi), "ABI {abi}");
    }
}

#[test]
fn files_never_get_rights_of_directories() {
    let everything = Access { exec: true, write: true, device: true, unix: true, ..Access::READ };
    let file = Model { paths: vec![rule("/file", Kind::File, everything)], ..model() };
    for abi in 1..=11 {
        assert_eq!(granted(&file, abi, "/file") & !fs::ON_FILE, 0, "ABI {abi}");
    }
}

#[test]
fn every_rule_grants_only_what_the_ruleset_handles() {
    for abi in 1..=11 {
        let arena = Bump::new();
        let compiled = compile(&model(), &host(abi), &arena).unwrap();
        let Step::LandlockCreate { attr, .. } = compiled.steps[0].step else {
            panic!("{:?}", compiled.steps[0])
        };
        for planned in &compiled.steps[1..] {
            match planned.step {
                Step::LandlockPath { access, .. } => {
                    assert!(access != 0 && access & !attr.fs == 0, "ABI {abi}")
                }
                Step::LandlockPort { access, .. } => {
                    assert!(access != 0 && access & !attr.net == 0, "ABI {abi}")
                }
                _ => {}
            }
        }
    }
}

#[test]
fn udp_to_a_port_may_bind_the_port_that_the_kernel_picks() {
    let arena = Bump::new();
    let compiled = compile(&model(), &host(10), &arena).unwrap();
    let port_0 = compiled.steps.iter().find_map(|planned| match planned.step {
        Step::LandlockPort { port: 0, access, .. } => Some(access),
        _ => None,
    });
    assert_eq!(port_0, Some(net::BIND_UDP));
}

#[test]
fn truncate_can_be_left_to_read_only_mounts() {
    let model = Model { handle_truncate: false, ..model() };
    assert_eq!(granted(&model, 7, "/work") & fs::TRUNCATE, 0);
    assert!(Path::new("/work").is_absolute());
}

#[test]
fn the_domain_is_recorded_only_where_its_denials_can_be() {
    let recorded = |model: &Model, abi| {
        let arena = Bump::new();
        let steps = compile(model, &host(abi), &arena).unwrap().steps;
        steps.iter().any(|planned| matches!(planned.step, Step::LandlockRecorded))
    };
    let read = Model { recorded: true, ..model() };
    assert!(recorded(&read, 7) && !recorded(&read, 6) && !recorded(&model(), 7));
    assert!(!recorded(&Model { log: false, ..read }, 7));
}
