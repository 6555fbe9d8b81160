//! Counts, witnesses and conditions against all inputs of small domains.

use ringfence_bpf::diagram::{Count, Field, Limits, Set, Space};
use ringfence_bpf::filter::Action;
use ringfence_bpf::program::{Insn, Program, SeccompData};
use ringfence_bpf::{eval, table};

use crate::random::Random;
use crate::{load, program, ret};

/// A random program that looks at the low four bits of the number and of two arguments only.
fn small(random: &mut Random) -> Program {
    let mut insns = Vec::new();
    for _ in 0..12 {
        insns.push(load(*random.pick(&[0, 16, 32])));
        insns.push(Insn::stmt(0x54, 0xf));
        let code = *random.pick(&[0x15, 0x25, 0x35, 0x45]);
        insns.push(Insn::jump(code, random.below(16) as u32, 0, 1));
        insns.push(ret(if random.below(2) == 0 { 0x7fff_0000 } else { 0x0005_0001 }));
    }
    insns.push(ret(0x7fff_0000));
    Program::new(insns)
}

fn domain() -> impl Iterator<Item = SeccompData> {
    (0..16_u64.pow(3)).map(|at| SeccompData {
        nr: at as u32 & 15,
        args: [at >> 4 & 15, 0, at >> 8, 0, 0, 0],
        ..SeccompData::default()
    })
}

fn power(exponent: usize, times: u64) -> [u64; 9] {
    let mut limbs = [0; 9];
    let whole = u128::from(times) << (exponent % 64);
    limbs[exponent / 64] = whole as u64;
    if exponent / 64 < 8 {
        limbs[exponent / 64 + 1] = (whole >> 64) as u64;
    }
    limbs
}

#[test]
fn counts_witnesses_and_conditions_of_small_domains() {
    let mut random = Random(31);
    for _ in 0..60 {
        let program = small(&mut random);
        let mut space = Space::new(Limits::default());
        let diagram = space.program(&program).unwrap();
        let allowed = space.set(diagram, |action| action == Action::Allow).unwrap();
        let by_hand = domain().filter(|data| eval::action(program.insns(), data) == Ok(Action::Allow));
        let expected = by_hand.count() as u64;
        assert_eq!(space.count(allowed).unwrap().limbs(), &power(512 - 12, expected), "{expected}");

        let cubes = space.cubes(allowed, 4096).unwrap();
        for data in domain() {
            let value = |field| match field {
                Field::Number => u64::from(data.nr),
                Field::Argument(at) => data.args[usize::from(at)],
                Field::Arch | Field::InstructionPointer => unreachable!("never looked at"),
            };
            let matching = cubes.iter().filter(|cube| {
                cube.conditions.iter().all(|condition| condition.values.contains(value(condition.field)))
            });
            let inside = space.contains(allowed, &data);
            assert_eq!(matching.count(), usize::from(inside), "{data:?} in {cubes:?}");
            assert_eq!(eval::action(program.insns(), &data) == Ok(Action::Allow), inside);
        }
        match space.witness(allowed) {
            Some(data) => assert_eq!(eval::action(program.insns(), &data), Ok(Action::Allow)),
            None => assert_eq!(expected, 0),
        }
    }
}

#[test]
fn counts_of_everything_nothing_and_one() {
    let space = Space::new(Limits::default());
    assert_eq!(space.count(Set::FULL).unwrap().limbs(), &[0, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(space.count(Set::FULL).unwrap().scientific(), (1.0, 512));
    assert!(space.count(Set::EMPTY).unwrap().is_zero());
    assert_eq!(Count::default(), space.count(Set::EMPTY).unwrap());
    assert_eq!(space.witness(Set::EMPTY), None);
    assert!((space.count_arguments(Set::FULL).unwrap().log2() - 448.0).abs() < 1e-9);
}

/// One argument value of one call: `2^(512 - 32 - 32 - 64)` inputs, and `2^(448 - 64)` arguments.
#[test]
fn one_value_of_one_argument() {
    let mut space = Space::new(Limits::default());
    let filter = program(&[
        load(4),
        Insn::jump(0x15, table::AUDIT_ARCH_X86_64, 0, 6),
        load(0),
        Insn::jump(0x15, 135, 0, 4),
        load(20),
        Insn::jump(0x15, 0, 0, 2),
        load(16),
        Insn::jump(0x15, 8, 1, 0),
        ret(0x0005_0001),
        ret(0x7fff_0000),
    ]);
    let diagram = space.program(&filter).unwrap();
    let allowed = space.set(diagram, |action| action == Action::Allow).unwrap();
    assert_eq!(space.count(allowed).unwrap().scientific(), (1.0, 512 - 128));
    let call = space.at_call(allowed, table::Abi::X86_64, 135);
    assert_eq!(space.count_arguments(call).unwrap().scientific(), (1.0, 448 - 64));
    let cubes: Vec<String> = space.cubes(call, 8).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(cubes, ["arg0 == 0x8"]);
    let witness = space.witness(allowed).unwrap();
    assert_eq!((witness.nr, witness.args), (135, [8, 0, 0, 0, 0, 0]));
}

/// How conditions read.
#[test]
fn conditions_are_readable() {
    let conditions = |insns: &[Insn]| {
        let mut space = Space::new(Limits::default());
        let diagram = space.program(&program(insns)).unwrap();
        let allowed = space.set(diagram, |action| action == Action::Allow).unwrap();
        let cubes = space.cubes(allowed, 64).unwrap();
        cubes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
    };
    let (yes, no) = (ret(0x7fff_0000), ret(0x0005_0001));
    let test = |offset, code, k| conditions(&[load(offset), Insn::jump(code, k, 0, 1), yes, no]);
    assert_eq!(test(16, 0x15, 40), "arg0 & 0xffffffff == 0x28");
    assert_eq!(test(0, 0x35, 5), "nr >= 0x5");
    assert_eq!(test(0, 0x25, 5), "nr >= 0x6");
    assert_eq!(test(24, 0x45, 0x7e02_0000), "arg1 & 0x7e020000 != 0x0");
    assert_eq!(test(4, 0x15, 7), "arch == 0x7");
    assert_eq!(conditions(&[load(16), Insn::jump(0x15, 40, 1, 0), yes, no]), "arg0 & 0xffffffff != 0x28");
    assert_eq!(conditions(&[yes]), "always");
    let word = [load(16), Insn::stmt(0x54, 0x0f0f), Insn::jump(0x15, 0x0101, 0, 1), yes, no];
    assert_eq!(conditions(&word), "arg0 & 0xf0f == 0x101");
    let list =
        [load(0), Insn::jump(0x15, 1, 3, 0), Insn::jump(0x15, 2, 2, 0), Insn::jump(0x15, 9, 1, 0), no, yes];
    assert_eq!(conditions(&list), "nr in 0x1..=0x2 | 0x9");
}
