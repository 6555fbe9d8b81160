//! What is asked of AppArmor and SELinux becomes steps where the host has them, and a missing
//! promise where it has not.

use bumpalo::Bump;
use ringfence_sys::step::Step;

use super::{Model, Outcome, compile};
use crate::control::lsm::Intent;
use crate::control::{Actual, Stage};
use crate::host::{AppArmor, Host, Reading};
use crate::policy::{At, Origin, model::Label};

const AT: Origin = Origin { source: 0, offset: 3, len: 4 };

fn model(apparmor: Label, selinux: Label) -> Model {
    let at = |value| At { value, at: AT };
    Model {
        apparmor: at(apparmor),
        selinux: at(selinux),
        mounts: at(Label::Inherit),
        intent: Intent::default(),
        unique: 7,
        ends_together: true,
        slots: [1, 2, 3].map(ringfence_sys::step::Slot),
    }
}

fn named(name: &str) -> Label {
    Label::Named(name.to_owned())
}

fn apparmor() -> AppArmor {
    AppArmor {
        unconfined: true,
        profiles: Reading::Known(vec!["box".to_owned()]),
        load: Ok(()),
        parser: Some("/usr/sbin/apparmor_parser".into()),
    }
}

fn host(fact: AppArmor) -> Host {
    let lsms = Reading::Known(vec!["capability".to_owned(), "apparmor".to_owned(), "selinux".to_owned()]);
    Host::for_tests().with_lsms(lsms).with_apparmor(Reading::Known(fact))
}

fn whys(outcome: &Outcome<'_>) -> Vec<(&'static str, Option<String>)> {
    let why = |actual: &Actual| match actual {
        Actual::Missing { why } => Some(why.clone()),
        Actual::Full => None,
    };
    outcome.compiled.promises.iter().map(|promise| (promise.name, why(&promise.actual))).collect()
}

fn labels(outcome: &Outcome<'_>) -> Vec<String> {
    let label = |step: &Step<'_>| match step {
        Step::ExecLabel { file, text, .. } => {
            Some(format!("{}: {}", file.to_string_lossy(), String::from_utf8_lossy(text)))
        }
        _ => None,
    };
    outcome.compiled.steps.iter().filter_map(|planned| label(&planned.step)).collect()
}

#[test]
fn inheriting_asks_for_nothing() {
    let arena = Bump::new();
    let outcome = compile(&model(Label::Inherit, Label::Inherit), &host(apparmor()), &arena).unwrap();
    assert!(outcome.compiled.steps.is_empty() && outcome.compiled.promises.is_empty());
}

#[test]
fn what_the_host_has_not_is_missing_with_its_list() {
    let arena = Bump::new();
    let model = model(Label::Generate, named("system_u:system_r:x_t"));
    let outcome = compile(&model, &Host::for_tests(), &arena).unwrap();
    let whys = whys(&outcome);
    assert_eq!(whys.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["lsm.apparmor", "lsm.selinux"]);
    let list = "lockdown, capability, landlock";
    assert!(whys.iter().all(|(_, why)| why.as_ref().is_some_and(|why| why.contains(list))), "{whys:?}");
    assert!(outcome.compiled.steps.is_empty() && outcome.profile.is_none());
    assert!(outcome.compiled.promises.iter().all(|promise| promise.at == Some(AT)));
}

#[test]
fn a_loaded_profile_is_taken_at_execve() {
    let arena = Bump::new();
    let model = model(named("box"), named("a:b:c"));
    let outcome = compile(&model, &host(apparmor()), &arena).unwrap();
    assert_eq!(whys(&outcome), [("lsm.apparmor", None), ("lsm.selinux", None)]);
    let labels = labels(&outcome);
    let selinux = ["thread-self/attr/keycreate: a:b:c", "thread-self/attr/exec: a:b:c"];
    assert_eq!(labels, [&["thread-self/attr/apparmor/exec: exec box"][..], &selinux].concat());
    let stages: Vec<_> = outcome.compiled.steps.iter().map(|planned| planned.stage).collect();
    let (open, label) = (Stage::ViewOpen, Stage::Label);
    assert_eq!(stages, [open, label, open, label, label, open, label]);
}

#[test]
fn a_confined_caller_only_becomes_more_confined() {
    let arena = Bump::new();
    let fact = AppArmor { unconfined: false, ..apparmor() };
    let outcome = compile(&model(named("box"), Label::Inherit), &host(fact), &arena).unwrap();
    assert_eq!(labels(&outcome), ["thread-self/attr/apparmor/exec: stack box"]);
}

#[test]
fn a_profile_that_is_not_loaded_is_missing() {
    let arena = Bump::new();
    let outcome = compile(&model(named("bax"), Label::Inherit), &host(apparmor()), &arena).unwrap();
    assert!(whys(&outcome)[0].1.as_ref().is_some_and(|why| why.contains("no profile of this name")));
    assert!(outcome.compiled.steps.is_empty());
    // Who cannot read the list leaves it to the kernel.
    let fact = AppArmor { profiles: Reading::Unknown("EACCES".into()), ..apparmor() };
    let outcome = compile(&model(named("bax"), Label::Inherit), &host(fact), &arena).unwrap();
    assert_eq!(labels(&outcome).len(), 1);
}

#[test]
fn a_generated_profile_has_a_name_of_its_own() {
    let arena = Bump::new();
    let outcome = compile(&model(Label::Generate, Label::Inherit), &host(apparmor()), &arena).unwrap();
    let profile = outcome.profile.as_ref().unwrap();
    assert_eq!(profile.name, "ringfence-0000000000000007");
    assert!(profile.text.starts_with("profile \"ringfence-0000000000000007\" {\n"));
    assert_eq!(labels(&outcome), ["thread-self/attr/apparmor/exec: exec ringfence-0000000000000007"]);
}

#[test]
fn who_may_not_load_one_gets_none() {
    let arena = Bump::new();
    for (fact, word) in [
        (AppArmor { load: Err("needs CAP_MAC_ADMIN".into()), ..apparmor() }, "CAP_MAC_ADMIN"),
        (AppArmor { parser: None, ..apparmor() }, "apparmor_parser"),
    ] {
        let outcome = compile(&model(Label::Generate, Label::Inherit), &host(fact), &arena).unwrap();
        assert!(whys(&outcome)[0].1.as_ref().is_some_and(|why| why.contains(word)));
        assert!(outcome.profile.is_none() && outcome.compiled.steps.is_empty());
    }
}

#[test]
fn a_profile_is_never_taken_from_a_process_that_lives() {
    let arena = Bump::new();
    let model = Model { ends_together: false, ..model(Label::Generate, Label::Inherit) };
    let refusal = compile(&model, &host(apparmor()), &arena).unwrap_err();
    assert!(refusal.help.contains("pid"));
    let named = Model { apparmor: At { value: named("box"), at: AT }, ..model };
    assert!(compile(&named, &host(apparmor()), &arena).is_ok());
}
