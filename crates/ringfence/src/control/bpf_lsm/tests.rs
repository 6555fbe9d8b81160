//! What the BPF LSM room compiles.

use bumpalo::Bump;
use ringfence_sys::step::Step;

use super::{Model, PathRule, PortRule, Ports, compile, right};
use crate::control::Actual;
use crate::host::Host;
use crate::policy::Origin;

const AT: Origin = Origin { source: 0, offset: 0, len: 0 };

fn rule(path: &str, exec: bool, write: bool) -> PathRule {
    PathRule { path: path.into(), exec, write, device: false, unix: false, at: Some(AT) }
}

fn model() -> Model {
    let only = |port| Ports::Only(vec![PortRule { port, at: Some(AT) }]);
    Model {
        at: AT,
        paths: vec![rule("/usr", true, false), rule("/etc", false, false), rule("/work", false, true)],
        tcp_connect: only(443),
        tcp_bind: Ports::Every,
        udp_connect: only(53),
        udp_bind: Ports::Only(Vec::new()),
        own_pids: true,
        traces_init: None,
    }
}

#[test]
fn each_place_with_a_right_is_shown_in_the_order_of_the_rights() {
    let arena = Bump::new();
    let outcome = compile(model(), &Host::for_tests(), &arena).unwrap();
    let shown: Vec<_> = outcome
        .compiled
        .steps
        .iter()
        .map(|planned| match planned.step {
            Step::ShowPlace { path } => path.to_str().unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    let guard = outcome.guard.unwrap();
    assert_eq!(shown, ["/usr", "/work"]);
    assert_eq!(guard.places, [right::EXEC, right::WRITE]);
    assert_eq!(outcome.compiled.promises[0].actual, Actual::Full);
}

#[test]
fn ports_are_those_of_the_lists_and_one_that_the_kernel_picks() {
    let arena = Bump::new();
    let outcome = compile(model(), &Host::for_tests(), &arena).unwrap();
    let guard = outcome.guard.unwrap();
    assert_eq!(guard.ports.into_iter().collect::<Vec<_>>(), [(0, 0, 443), (1, 0, 53), (1, 1, 0)]);
    assert_eq!(guard.every, 0b10);
    let silent = Model { udp_connect: Ports::Only(Vec::new()), ..model() };
    let guard = compile(silent, &Host::for_tests(), &Bump::new()).unwrap().guard.unwrap();
    assert!(!guard.ports.contains(&(1, 1, 0)), "nothing is sent, so nothing is bound");
}

#[test]
fn a_host_that_takes_no_program_is_a_missing_promise_and_no_step() {
    let host = Host::for_tests().with_bpf_lsm(Err("no".into()));
    let arena = Bump::new();
    let outcome = compile(model(), &host, &arena).unwrap();
    assert!(outcome.guard.is_none() && outcome.compiled.steps.is_empty());
    assert!(matches!(outcome.compiled.promises[0].actual, Actual::Missing { .. }));
}

#[test]
fn what_the_program_could_not_tell_is_refused() {
    let without = Model { own_pids: false, ..model() };
    assert!(compile(without, &Host::for_tests(), &Bump::new()).unwrap_err().help.contains("pid"));
    let tracer = Model { traces_init: Some(AT), ..model() };
    assert!(compile(tracer, &Host::for_tests(), &Bump::new()).unwrap_err().help.contains("user"));
    let many = Model { paths: vec![rule("/a", true, false); 4097], ..model() };
    assert!(compile(many, &Host::for_tests(), &Bump::new()).is_err());
}
