//! The room on synthetic hosts: what is asked, what is given, and why not.

use std::collections::BTreeMap;

use super::*;
use crate::host::cgroup::{Cgroup, Layout, Place};
use crate::host::{Caller, Release, Rlimits};
use crate::policy::model::Limits;

const AT: Origin = Origin { source: 0, offset: 3, len: 4 };

fn at(value: u64) -> Option<At<u64>> {
    Some(At { value, at: AT })
}

fn model(limits: Limits) -> Model {
    Model { limits, user_namespace: false }
}

fn rlimits(steps: &[Planned<'_>]) -> Vec<(u32, u64, u64)> {
    let rlimit = |planned: &Planned<'_>| match planned.step {
        Step::Rlimit { resource, soft, hard } => Some((resource, soft, hard)),
        _ => None,
    };
    steps.iter().filter_map(rlimit).collect()
}

fn missing(outcome: &Outcome<'_>, name: &str) -> Option<String> {
    let promise = outcome.compiled.promises.iter().find(|promise| promise.name == name).unwrap();
    assert_eq!(promise.at, Some(AT));
    match &promise.actual {
        Actual::Full => None,
        Actual::Missing { why } => Some(why.clone()),
    }
}

/// Hard limits as given; the rest unlimited.
fn hard(resource: u32, hard: u64) -> Rlimits {
    let mut limits = [(u64::MAX, u64::MAX); 16];
    limits[resource as usize] = (hard, hard);
    Rlimits(limits)
}

fn privileged() -> Caller {
    Caller { effective: u64::MAX, ..Host::for_tests().caller().value.clone() }
}

fn places(places: &[(Controller, Result<Place, String>)]) -> Cgroup {
    let places: BTreeMap<_, _> = places.iter().cloned().collect();
    Cgroup { layout: Layout::Hybrid, hierarchies: Vec::new(), places }
}

fn place(v2: bool, parent: &str) -> Result<Place, String> {
    Ok(Place { v2, parent: parent.into() })
}

#[test]
fn nothing_asked_gives_nothing() {
    let arena = Bump::new();
    let outcome = compile(&model(Limits::default()), &Host::for_tests(), &arena).unwrap();
    assert!(outcome.compiled.steps.is_empty() && outcome.compiled.promises.is_empty());
    assert!(outcome.cgroup.is_none() && outcome.wall.is_none());
}

#[test]
fn soft_and_hard_are_set_together() {
    let arena = Bump::new();
    let limits = Limits {
        open_files: at(64),
        file_size: at(1 << 20),
        stack: at(8 << 20),
        cpu_time: at(60),
        core: at(0),
        wall_ms: at(1500),
        ..Limits::default()
    };
    let outcome = compile(&model(limits), &Host::for_tests(), &arena).unwrap();
    assert_eq!(
        rlimits(&outcome.compiled.steps),
        [(7, 64, 64), (1, 1 << 20, 1 << 20), (3, 8 << 20, 8 << 20), (0, 60, 60), (4, 0, 0)]
    );
    let stages: Vec<_> = outcome.compiled.steps.iter().map(|step| step.stage).collect();
    assert_eq!(stages, [Stage::Descriptors, Stage::Limits, Stage::Limits, Stage::Limits, Stage::Limits]);
    assert!(outcome.compiled.steps.iter().all(|step| step.at == Some(AT)));
    assert!(outcome.compiled.promises.iter().all(|promise| promise.actual == Actual::Full));
    assert_eq!(outcome.wall, Some(Duration::from_millis(1500)));
}

#[test]
fn only_privilege_outside_raises_a_hard_limit() {
    let arena = Bump::new();
    let limits = || Limits { open_files: at(5000), ..Limits::default() };
    let host = || Host::for_tests().with_rlimits(hard(RLIMIT_NOFILE, 4096));
    let why = |model: &Model, host: &Host| {
        let outcome = compile(model, host, &arena).unwrap();
        let why = missing(&outcome, "limit.open-files");
        assert_eq!(why.is_none(), outcome.compiled.steps.len() == 1);
        why
    };
    assert!(why(&model(limits()), &host()).unwrap().contains("RLIMIT_NOFILE is 4096"));
    let root = || host().with_caller(privileged());
    assert_eq!(why(&model(limits()), &root()), None);
    let raised = compile(&model(limits()), &root(), &arena).unwrap();
    assert_eq!(raised.compiled.steps[0].stage, Stage::Limits, "while there is a capability to raise it");
    let nested = root().with_initial_user_namespace(false);
    assert!(why(&model(limits()), &nested).unwrap().contains("CAP_SYS_RESOURCE"));
    let inside = Model { limits: limits(), user_namespace: true };
    assert!(why(&inside, &root()).unwrap().contains("in a user namespace"));
    let few = root().with_sysctl(Sysctl::NrOpen, Reading::Known(4999));
    assert!(why(&model(limits()), &few).unwrap().contains("fs.nr_open is 4999"));
    assert_eq!(why(&model(Limits { open_files: at(4096), ..Limits::default() }), &host()), None);
}

#[test]
fn a_pipe_for_core_dumps_needs_the_limit_1() {
    let arena = Bump::new();
    let pattern = |text: &str| Host::for_tests().with_core_pattern(Reading::Known(CorePattern::parse(text)));
    let compiled = |core, host: &Host| {
        let outcome = compile(&model(Limits { core: at(core), ..Limits::default() }), host, &arena).unwrap();
        (rlimits(&outcome.compiled.steps), missing(&outcome, "limit.core"))
    };
    assert_eq!(compiled(0, &pattern("core")), (vec![(4, 0, 0)], None));
    assert_eq!(compiled(0, &pattern("|/bin/handler")), (vec![(4, 1, 1)], None));
    assert_eq!(compiled(9, &pattern("core")), (vec![(4, 9, 9)], None));
    assert!(compiled(9, &pattern("|/bin/handler")).1.unwrap().contains("/bin/handler"));
    assert!(compiled(0, &pattern("@/run/core")).1.unwrap().contains("socket"));
    let unknown = Host::for_tests().with_core_pattern(Reading::Unknown("no proc".to_owned()));
    assert_eq!(compiled(0, &unknown), (vec![(4, 1, 1)], None));
    let none = pattern("|/bin/handler").with_rlimits(hard(RLIMIT_CORE, 0));
    assert!(compiled(0, &none).1.unwrap().contains("keeps core dumps"));
}

#[test]
fn version_2_gets_one_group_for_all() {
    let arena = Bump::new();
    let host = Host::for_tests().with_cgroup(places(&[
        (Controller::Memory, place(true, "/cg/s")),
        (Controller::Pids, place(true, "/cg/s")),
        (Controller::Cpu, place(true, "/cg/s")),
    ]));
    let limits = Limits { memory: at(1 << 30), pids: at(256), cpu_milli: at(1500), ..Limits::default() };
    let outcome = compile(&model(limits), &host, &arena).unwrap();
    assert!(outcome.compiled.steps.is_empty(), "clone3 enters it");
    let request = outcome.cgroup.unwrap();
    assert_eq!(request.groups.len(), 1);
    let group = request.v2().unwrap();
    assert!(group.path.to_str().unwrap().starts_with("/cg/s/ringfence-4711-1234-"));
    let settings: Vec<_> = group
        .settings
        .iter()
        .map(|setting| (setting.file, setting.value.as_str(), setting.optional))
        .collect();
    assert_eq!(
        settings,
        [
            ("memory.max", "1073741824", false),
            ("memory.swap.max", "0", true),
            ("memory.oom.group", "1", true),
            ("pids.max", "256", false),
            ("cpu.max", "150000 100000", false),
        ]
    );
}

#[test]
fn version_1_gets_a_group_a_hierarchy_and_the_child_enters() {
    let arena = Bump::new();
    let host = Host::for_tests().with_cgroup(places(&[
        (Controller::Memory, place(false, "/cg/memory/a")),
        (Controller::Pids, place(false, "/cg/pids")),
        (Controller::Cpu, place(false, "/cg/cpu")),
    ]));
    let limits = Limits { memory: at(1 << 30), cpu_milli: at(5), ..Limits::default() };
    let outcome = compile(&model(limits), &host, &arena).unwrap();
    let entered: Vec<_> = outcome
        .compiled
        .steps
        .iter()
        .map(|planned| match planned.step {
            Step::WriteFile { path, data } => {
                assert_eq!((planned.stage, planned.at), (Stage::Birth, Some(AT)));
                (path.to_str().unwrap().to_owned(), data.to_vec())
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let request = outcome.cgroup.unwrap();
    let files: Vec<_> = request.groups.iter().flat_map(|group| &group.settings).map(|s| s.file).collect();
    assert_eq!(
        files,
        ["cpu.cfs_period_us", "cpu.cfs_quota_us", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]
    );
    let tasks: Vec<_> = request
        .groups
        .iter()
        .map(|group| (group.path.join("tasks").to_str().unwrap().to_owned(), b"0".to_vec()))
        .collect();
    assert_eq!(entered, tasks);
    assert!(request.v2().is_none());
}

#[test]
fn what_has_no_place_is_missing_and_the_rest_is_kept() {
    let arena = Bump::new();
    let host = Host::for_tests().with_cgroup(places(&[
        (Controller::Memory, Err("not delegated".to_owned())),
        (Controller::Pids, place(false, "/cg/pids")),
    ]));
    let limits = Limits { memory: at(1), pids: at(2), ..Limits::default() };
    let outcome = compile(&model(limits), &host, &arena).unwrap();
    assert_eq!(missing(&outcome, "limit.memory").as_deref(), Some("not delegated"));
    assert_eq!(missing(&outcome, "limit.pids"), None);
    assert_eq!(outcome.cgroup.unwrap().groups.len(), 1);
}

#[test]
fn an_old_kernel_cannot_clone_into_version_2() {
    let arena = Bump::new();
    let host = Host::for_tests()
        .with_release(Release::parse("5.6.0"))
        .with_cgroup(places(&[(Controller::Pids, place(true, "/cg"))]));
    let outcome = compile(&model(Limits { pids: at(2), ..Limits::default() }), &host, &arena).unwrap();
    assert!(missing(&outcome, "limit.pids").unwrap().contains("5.7"));
    assert!(outcome.cgroup.is_none());
}
