//! Relations: inclusion, union and differences, each against the actions input by input.

use ringfence_bpf::diagram::{Diagram, Limits, Space};
use ringfence_bpf::filter::{AbiSet, Action, FilterSpec};
use ringfence_bpf::program::SeccompData;
use ringfence_bpf::relate::{self, Calls, strictness};
use ringfence_bpf::rule;
use ringfence_bpf::table::{self, Abi};

use crate::random::{Random, boundaries, random_spec};

fn spec(deny: &[&str], allow: &[&str]) -> FilterSpec {
    let parse = |texts: &[&str]| texts.iter().map(|text| rule::parse(text).unwrap()).collect();
    FilterSpec {
        abis: AbiSet::X86_64,
        deny: parse(deny),
        allow: parse(allow),
        on_deny: Action::Errno(1),
        unknown: Action::Errno(38),
        bad_abi: Action::KillProcess,
    }
}

fn pair(old: &FilterSpec, new: &FilterSpec) -> (Space, Diagram, Diagram) {
    let mut space = Space::new(Limits::default());
    let (old, new) = (space.spec(old).unwrap(), space.spec(new).unwrap());
    (space, old, new)
}

fn lines(old: &FilterSpec, new: &FilterSpec) -> Vec<String> {
    let (mut space, old, new) = pair(old, new);
    let differences = relate::difference(&mut space, old, new).unwrap();
    let line = |difference: &relate::Difference| {
        assert_eq!(space.eval(old, &difference.witness), difference.old);
        assert_eq!(space.eval(new, &difference.witness), difference.new);
        let name = match difference.calls {
            Calls::Known(abi, number) => {
                format!("{}:{}", abi.name(), table::by_number(abi, number).unwrap().name)
            }
            other => format!("{other:x?}"),
        };
        let cubes: Vec<String> =
            difference.conditions.as_ref().unwrap().iter().map(ToString::to_string).collect();
        format!("{name} {} {:?} -> {:?}", cubes.join(" or "), difference.old, difference.new)
    };
    differences.iter().map(line).collect()
}

#[test]
fn differences_name_calls_and_arguments() {
    let old = spec(&[], &["@known", "socket(AF_UNIX)"]);
    let new = spec(&["ioctl(cmd: TIOCSTI)", "getpid -> kill", "socket(domain: 40) -> EINVAL"], &["@known"]);
    assert_eq!(
        lines(&old, &new),
        [
            "x86_64:ioctl arg1 & 0xffffffff == 0x5412 Allow -> Errno(1)",
            "x86_64:getpid always Allow -> KillProcess",
            "x86_64:socket arg0 & 0xffffffff == 0x28 Allow -> Errno(22)",
        ]
    );
    assert!(lines(&old, &old).is_empty());
}

#[test]
fn differences_of_unknown_numbers_and_foreign_architectures() {
    let old = spec(&[], &["read"]);
    let mut new = old.clone();
    new.unknown = Action::Allow;
    let unknown = lines(&old, &new);
    assert!(unknown.iter().all(|line| line.contains("Errno(38) -> Allow")), "{unknown:?}");
    assert!(unknown.iter().any(|line| line.starts_with("Unknown { arch: c000003e, first: 80000000")));
    new = old.clone();
    new.bad_abi = Action::Errno(1);
    let foreign = lines(&old, &new);
    assert!(foreign.iter().any(|line| line.starts_with("Foreign")), "{foreign:?}");
    assert!(foreign.iter().any(|line| line.starts_with("i386:")));
    assert!(foreign.iter().any(|line| line.starts_with("x32:")));
    assert!(!foreign.iter().any(|line| line.starts_with("x86_64:")));
}

/// Every difference has its place in the list, and nothing else has.
#[test]
fn differences_are_complete() {
    let mut random = Random(41);
    for _ in 0..12 {
        let first = random_spec(&mut random);
        let mut second = first.clone();
        for _ in 0..3 {
            let at = random.below(second.allow.len().max(1));
            if at < second.allow.len() {
                second.allow.remove(at);
            }
        }
        let (mut space, old, new) = pair(&first, &second);
        let differences = relate::difference(&mut space, old, new).unwrap();
        assert_eq!(differences.is_empty(), old == new);
        let boundaries = boundaries(&first);
        for abi in Abi::ALL {
            for prototype in table::prototypes(abi) {
                let here: Vec<_> = differences
                    .iter()
                    .filter(|difference| difference.calls == Calls::Known(abi, prototype.number))
                    .collect();
                for _ in 0..4 {
                    let data = SeccompData {
                        nr: abi.bit() | prototype.number,
                        arch: abi.audit_arch(),
                        instruction_pointer: 0,
                        args: [0; 6].map(|_: u64| *random.pick(&boundaries)),
                    };
                    let answers = (space.eval(old, &data), space.eval(new, &data));
                    let found: Vec<_> =
                        here.iter().filter(|difference| space.contains(difference.set, &data)).collect();
                    match found[..] {
                        [] => assert_eq!(answers.0, answers.1),
                        [one] => assert_eq!((one.old, one.new), answers),
                        _ => panic!("{data:x?} is in {} differences", found.len()),
                    }
                }
            }
        }
    }
}

#[test]
fn inclusion_union_and_intersection() {
    let mut random = Random(42);
    for _ in 0..12 {
        let (a, b) = (random_spec(&mut random), random_spec(&mut random));
        let (mut space, x, y) = pair(&a, &b);
        let wider = relate::widened(&mut space, x, y).unwrap();
        let union = relate::union(&mut space, x, y).unwrap();
        let both = relate::intersection(&mut space, x, y).unwrap();
        assert!(
            relate::subset(&mut space, x, union).unwrap() && relate::subset(&mut space, y, union).unwrap()
        );
        assert!(relate::subset(&mut space, both, x).unwrap() && relate::subset(&mut space, both, y).unwrap());
        assert_eq!(relate::subset(&mut space, y, x).unwrap(), wider.is_empty());
        let boundaries: Vec<u64> = boundaries(&a).into_iter().chain(boundaries(&b)).collect();
        for nr in (0..500).chain(0x4000_0000..0x4000_0250) {
            for arch in [table::AUDIT_ARCH_X86_64, table::AUDIT_ARCH_I386, 1] {
                let args = [0; 6].map(|_: u64| *random.pick(&boundaries));
                let data = SeccompData { nr, arch, instruction_pointer: 0, args };
                let (of_a, of_b) = (strictness(space.eval(x, &data)), strictness(space.eval(y, &data)));
                assert_eq!(space.contains(wider, &data), of_b > of_a);
                assert_eq!(strictness(space.eval(union, &data)), of_a.max(of_b));
                assert_eq!(strictness(space.eval(both, &data)), of_a.min(of_b));
            }
        }
    }
}

/// A thread's stack permits no more than each of its filters.
#[test]
fn a_stack_is_within_each_filter() {
    let mut random = Random(43);
    for _ in 0..8 {
        let (a, b) = (random_spec(&mut random), random_spec(&mut random));
        let (mut space, x, y) = pair(&a, &b);
        let stack = space.stack(&[x, y]).unwrap();
        assert!(relate::subset(&mut space, stack, x).unwrap());
        assert!(relate::subset(&mut space, stack, y).unwrap());
    }
}
