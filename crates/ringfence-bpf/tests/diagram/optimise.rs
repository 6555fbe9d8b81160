//! Programs made of diagrams: proven equal, accepted by the kernel's rules, cached where they must be.

use ringfence_bpf::compile::{compile, least, optimise, proven, shortened};
use ringfence_bpf::diagram::{Limits, Space};
use ringfence_bpf::filter::Action;
use ringfence_bpf::program::{Insn, Program, SeccompData};
use ringfence_bpf::table::{self, Abi};
use ringfence_bpf::{decode, eval, prove};

use crate::random::{Random, boundaries, random_spec};
use crate::{load, program, ret};

#[test]
fn optimised_programs_mean_the_same() {
    let mut random = Random(61);
    for _ in 0..40 {
        let spec = random_spec(&mut random);
        let mut space = Space::new(Limits::default());
        let diagram = space.spec(&spec).unwrap();
        let short = optimise(&mut space, diagram).unwrap();
        decode::check(short.insns()).unwrap();
        assert_eq!(space.program(&short).unwrap(), diagram, "{spec:#?}");
        assert_eq!(optimise(&mut space, diagram).unwrap(), short, "the same function gives the same bytes");
        // The interpreter has the last word.
        let boundaries = boundaries(&spec);
        for nr in (0..470).chain(0x4000_0000..0x4000_0228) {
            for arch in [table::AUDIT_ARCH_X86_64, table::AUDIT_ARCH_I386, 3] {
                let args = [0; 6].map(|_: u64| *random.pick(&boundaries));
                let data = SeccompData { nr, arch, instruction_pointer: 0, args };
                assert_eq!(eval::action(short.insns(), &data).unwrap(), space.eval(diagram, &data));
            }
        }
    }
}

/// Whatever is allowed for all arguments is answered by the kernel's action cache.
#[test]
fn constant_allows_are_cached() {
    let mut random = Random(62);
    let mut cached = 0;
    for _ in 0..20 {
        let spec = random_spec(&mut random);
        let mut space = Space::new(Limits::default());
        let diagram = space.spec(&spec).unwrap();
        let short = optimise(&mut space, diagram).unwrap();
        for abi in Abi::ALL {
            for number in 0..=table::highest(abi) {
                let here = space.at_call(diagram, abi, number);
                if space.actions(here).unwrap() == [Action::Allow] {
                    assert!(eval::cached(short.insns(), abi.audit_arch(), abi.bit() | number));
                    cached += 1;
                }
            }
        }
    }
    assert!(cached > 1000, "{cached}");
}

/// Values apart cost a comparison each, and a bisection some more.
#[test]
fn values_apart_cost_a_comparison_each() {
    let apart = |count: u32| {
        let mut insns = vec![load(0)];
        insns.extend((0..count).flat_map(|at| [Insn::jump(0x15, at * 7, 0, 1), ret(0x7fff_0000)]));
        insns.push(ret(0x0005_0001));
        program(&insns)
    };
    for count in [1, 5, 40] {
        let mut space = Space::new(Limits::default());
        let diagram = space.program(&apart(count)).unwrap();
        let made = optimise(&mut space, diagram).unwrap().len();
        // A load, a comparison a value, two returns.
        assert_eq!(least(&space, diagram), 3 + count as usize);
        assert!(made >= least(&space, diagram) && made <= least(&space, diagram) + count as usize / 2);
    }
}

#[test]
fn proven_programs_are_never_longer_than_the_fast_ones() {
    let mut random = Random(63);
    let mut shorter = 0;
    for _ in 0..30 {
        let spec = random_spec(&mut random);
        let (fast, short) = (compile(&spec).unwrap(), proven(&spec).unwrap());
        assert!(short.len() <= fast.len());
        shorter += usize::from(short.len() < fast.len());
        assert_eq!(prove::equal(&fast, &short).unwrap(), None);
    }
    assert!(shorter > 3, "{shorter}");
}

#[test]
fn shortening_never_lengthens() {
    let mut random = Random(64);
    for _ in 0..10 {
        let program = compile(&random_spec(&mut random)).unwrap();
        let mut space = Space::new(Limits::default());
        let short = shortened(&mut space, &program).unwrap();
        assert!(short.len() <= program.len());
        assert_eq!(prove::equal(&program, &short).unwrap(), None);
        assert_eq!(shortened(&mut space, &short).unwrap().len(), short.len());
    }
}

/// Masks, exceptions of masks, sums and scattered bits: each as short as by hand, or shorter.
#[test]
fn words_by_masks_and_ranges() {
    let (yes, no) = (ret(0x7fff_0000), ret(0x0005_0001));
    let cases: [(&str, Vec<Insn>, usize); 5] = [
        ("flags", vec![load(16), Insn::jump(0x45, 0x7e02_0000, 0, 1), no, yes], 4),
        ("one bit in the number", vec![load(0), Insn::jump(0x45, 1, 0, 1), no, yes], 4),
        (
            "values beside a mask",
            vec![
                load(32),
                Insn::jump(0x15, 1, 4, 0),
                Insn::jump(0x15, 3, 3, 0),
                Insn::stmt(0x54, 4),
                Insn::jump(0x15, 0, 1, 0),
                no,
                yes,
                ret(0x0005_0002),
            ],
            7,
        ),
        ("a sum", vec![load(16), Insn::stmt(0x04, 7), Insn::jump(0x25, 100, 0, 1), no, yes], 6),
        (
            "masked and compared",
            vec![load(16), Insn::stmt(0x54, 0x0f0f), Insn::jump(0x15, 0x0101, 1, 0), no, yes],
            5,
        ),
    ];
    for (name, insns, most) in cases {
        let program = program(&insns);
        let mut space = Space::new(Limits::default());
        let diagram = space.program(&program).unwrap();
        let short = optimise(&mut space, diagram).unwrap();
        assert_eq!(space.program(&short).unwrap(), diagram, "{name}");
        assert!(short.len() <= most, "{name}: {} instructions: {short:x?}", short.len());
    }
}

#[test]
fn the_same_word_is_returned() {
    let mut space = Space::new(Limits::default());
    for word in [0x0001_0000, 0x8000_0000, 0x7fff_0000, 0, 0x0005_0007] {
        let diagram = space.program(&program(&[ret(word)])).unwrap();
        assert_eq!(optimise(&mut space, diagram).unwrap(), Program::new(vec![ret(word)]));
    }
}
