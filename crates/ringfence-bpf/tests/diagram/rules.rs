//! Diagrams of rules: what [`meaning`] says, and what compiled programs do.

use ringfence_bpf::compile::compile;
use ringfence_bpf::diagram::{Limits, Space};
use ringfence_bpf::filter::Action;
use ringfence_bpf::program::{Insn, Program, SeccompData};
use ringfence_bpf::rule::meaning;
use ringfence_bpf::{prove, table};

use crate::random::{Random, boundaries, random_spec};

#[test]
fn rules_mean_what_they_say() {
    let mut random = Random(21);
    let mut compared = 0;
    for _ in 0..40 {
        let spec = random_spec(&mut random);
        let mut space = Space::new(Limits::default());
        let diagram = space.spec(&spec).unwrap();
        let boundaries = boundaries(&spec);
        let odd = [0x3fff_ffff, 0x7fff_ffff, 0x8000_0000, 0xc000_0029, 0xffff_ffff];
        for nr in (0..600).chain(0x4000_0000..0x4000_0258).chain(odd) {
            for arch in [table::AUDIT_ARCH_X86_64, table::AUDIT_ARCH_I386, 0xc000_00b7, 0] {
                for _ in 0..3 {
                    let args = [0; 6].map(|_: u64| *random.pick(&boundaries));
                    let data = SeccompData { nr, arch, instruction_pointer: random.next(), args };
                    assert_eq!(space.eval(diagram, &data), meaning(&spec, &data), "{data:x?} {spec:?}");
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 500_000);
}

/// Over every input, not over samples.
#[test]
fn compiled_programs_are_proven() {
    let mut random = Random(22);
    for _ in 0..60 {
        let spec = random_spec(&mut random);
        let program = compile(&spec).unwrap();
        assert_eq!(prove::compiled(&program, &spec).unwrap(), None, "{spec:#?}");
    }
}

/// A program that is changed in one place is no longer proven, and the counterexample is one.
#[test]
fn a_changed_program_is_not_proven() {
    let mut random = Random(23);
    let (mut changed, mut seen) = (0, 0);
    for _ in 0..15 {
        let spec = random_spec(&mut random);
        let program = compile(&spec).unwrap();
        for _ in 0..20 {
            let mut insns: Vec<Insn> = program.insns().to_vec();
            let at = random.below(insns.len());
            insns[at].k ^= 1 << random.below(32);
            let broken = Program::new(insns);
            if ringfence_bpf::decode::check(broken.insns()).is_err() {
                continue;
            }
            changed += 1;
            if let Some(found) = prove::compiled(&broken, &spec).unwrap() {
                seen += 1;
                assert_eq!(found.second, meaning(&spec, &found.data));
                let answer = ringfence_bpf::eval::action(broken.insns(), &found.data).unwrap();
                assert_eq!(found.first, answer);
                assert_ne!(answer, found.second);
            }
        }
    }
    // A few changes are none: the data of an allow, a mask's bit that is compared anyway.
    assert!(changed > 100 && seen * 10 > changed * 8, "{seen} of {changed}");
}

#[test]
fn the_actions_of_rules() {
    let mut space = Space::new(Limits::default());
    let spec = random_spec(&mut Random(24));
    let diagram = space.spec(&spec).unwrap();
    let actions = space.actions(diagram).unwrap();
    assert!(actions.contains(&spec.bad_abi) && actions.is_sorted());
    let allowed = space.set(diagram, |action| action == Action::Allow).unwrap();
    let others = space.not(allowed).unwrap();
    let denied = space.set(diagram, |action| action != Action::Allow).unwrap();
    assert_eq!(others, denied);
}
