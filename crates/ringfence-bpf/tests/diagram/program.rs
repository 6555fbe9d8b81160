//! Random programs of every instruction that the kernel accepts: the diagram answers what the
//! interpreter does.

use ringfence_bpf::decode;
use ringfence_bpf::diagram::{Error, Limits, Space};
use ringfence_bpf::eval;
use ringfence_bpf::program::{Insn, Program, SeccompData};
use ringfence_bpf::table;

use crate::random::Random;

const CONSTANTS: [u32; 22] = [
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    16,
    31,
    32,
    33,
    0xff,
    0xffff,
    0x1_0000,
    0x4000_0000,
    table::AUDIT_ARCH_I386,
    table::AUDIT_ARCH_X86_64,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fffe,
    0xffff_ffff,
];

const ANSWERS: [u32; 10] = [
    0x7fff_0000,
    0x7fff_1234,
    0x0005_0001,
    0x0005_0026,
    0x8000_0000,
    0,
    0x0003_0007,
    0x7ff0_0009,
    0x1234_5678,
    0x7ffc_0000,
];

/// Codes of statements, without jumps and returns, and those of arithmetic with X.
const STATEMENTS: [u16; 31] = [
    0x20, 0x20, 0x20, 0x20, 0x80, 0x81, 0x00, 0x01, 0x60, 0x61, 0x02, 0x03, 0x84, 0x07, 0x87, 0x04, 0x0c,
    0x14, 0x1c, 0x24, 0x34, 0x44, 0x4c, 0x54, 0x5c, 0x64, 0x6c, 0x74, 0x7c, 0xa4, 0xac,
];
const JUMPS: [u16; 9] = [0x05, 0x15, 0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x45, 0x4d];
/// Of two unknown words: most are beyond any bound, so they are rarer.
const HARD: [u16; 2] = [0x2c, 0x3c];

struct Shape {
    len: usize,
    /// One in so many statements is hard; none for zero.
    hard: usize,
    /// The words that are loaded.
    words: &'static [u32],
}

fn random_program(random: &mut Random, shape: &Shape) -> Program {
    let mut insns = Vec::new();
    for at in 0..shape.len {
        let left = shape.len - at - 1;
        let k = *random.pick(&CONSTANTS);
        let choice = random.below(10);
        let insn = if left == 0 || choice == 0 {
            match random.below(4) {
                0 => Insn::stmt(0x16, 0),
                _ => Insn::stmt(0x06, *random.pick(&ANSWERS)),
            }
        } else if choice < 4 {
            let code = *random.pick(&JUMPS);
            let mut within = || random.below(left.min(200)) as u8;
            let (jt, jf) = (within(), within());
            if code == 0x05 { Insn::stmt(code, u32::from(jt)) } else { Insn::jump(code, k, jt, jf) }
        } else {
            let hard = shape.hard > 0 && random.below(shape.hard) == 0;
            let code = if hard { *random.pick(&HARD) } else { *random.pick(&STATEMENTS) };
            let k = match code {
                0x20 => *random.pick(shape.words),
                0x60 | 0x61 | 0x02 | 0x03 => k % 4,
                0x64 | 0x74 => k % 32,
                0x34 => k.max(1),
                _ => k,
            };
            Insn::stmt(code, k)
        };
        insns.push(insn);
    }
    // A program that loads what it may not have stored gets a store of its own for each word.
    if decode::check(&insns).is_err() {
        insns.splice(0..0, (0..4).map(|word| Insn::stmt(0x02, word)));
    }
    Program::new(insns)
}

/// Values at and around the constants of a program, and others.
fn inputs(random: &mut Random, program: &Program, count: usize) -> Vec<SeccompData> {
    let constants: Vec<u32> = program
        .insns()
        .iter()
        .flat_map(|insn| [insn.k, insn.k.wrapping_sub(1), insn.k.wrapping_add(1)])
        .collect();
    let mut word = || match random.below(4) {
        0 => random.next() as u32,
        1 => *random.pick(&CONSTANTS),
        2 => 1 << random.below(32),
        _ => *random.pick(&constants),
    };
    let mut wide = || u64::from(word()) << 32 | u64::from(word());
    (0..count)
        .map(|_| {
            let (first, instruction_pointer) = (wide(), wide());
            let args = [wide(), wide(), wide(), wide(), wide(), wide()];
            SeccompData { nr: first as u32, arch: (first >> 32) as u32, instruction_pointer, args }
        })
        .collect()
}

/// Gives how many programs were answered, and how many were refused.
fn compare(seed: u64, programs: usize, shape: &Shape, limits: Limits) -> (usize, usize) {
    let mut random = Random(seed);
    let (mut answered, mut refused) = (0, 0);
    for _ in 0..programs {
        let program = random_program(&mut random, shape);
        decode::check(program.insns()).unwrap();
        let mut space = Space::new(limits);
        let diagram = match space.program(&program) {
            Ok(diagram) => diagram,
            Err(Error::TooComplex(_)) => {
                refused += 1;
                continue;
            }
            Err(error) => panic!("{error}: {program:x?}"),
        };
        for data in inputs(&mut random, &program, 200) {
            let expected = eval::action(program.insns(), &data).unwrap();
            assert_eq!(space.eval(diagram, &data), expected, "{data:x?} by {program:x?}");
        }
        answered += 1;
    }
    (answered, refused)
}

const ALL: [u32; 16] = [0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60];
const SMALL: Limits = Limits { nodes: 1 << 18, steps: 1 << 19, work: 1 << 30 };

#[test]
fn short_programs() {
    let (answered, _) = compare(1, 3000, &Shape { len: 12, hard: 0, words: &ALL }, SMALL);
    assert!(answered > 2500, "{answered}");
}

#[test]
fn long_programs() {
    let (answered, _) = compare(2, 200, &Shape { len: 60, hard: 0, words: &[0, 4, 16] }, SMALL);
    assert!(answered > 100, "{answered}");
}

#[test]
fn products_and_quotients() {
    let (answered, _) = compare(3, 300, &Shape { len: 10, hard: 4, words: &[0, 16] }, SMALL);
    assert!(answered > 100, "{answered}");
}

/// Each arithmetic instruction by itself, its result compared with a constant.
#[test]
fn every_operation() {
    let mut random = Random(4);
    let mut answered = 0;
    for code in [0x04, 0x14, 0x24, 0x34, 0x44, 0x54, 0x64, 0x74, 0xa4, 0x84] {
        for with_x in [false, true] {
            for compare in [0x15, 0x25, 0x35, 0x45] {
                for _ in 0..3 {
                    let mut k = *random.pick(&CONSTANTS);
                    k = if code == 0x64 || code == 0x74 { k % 32 } else { k.max(1) };
                    let (second, mask) = (*random.pick(&CONSTANTS), *random.pick(&[1, 7, 0xff, 0xf0f]));
                    // X is small, so that products and shifts by it stay within bounds.
                    let insns = [
                        Insn::stmt(0x20, 24),
                        Insn::stmt(0x54, mask),
                        Insn::stmt(0x07, 0),
                        Insn::stmt(0x20, 16),
                        Insn::stmt(code | if with_x && code != 0x84 { 0x08 } else { 0 }, k),
                        Insn::jump(compare, second, 0, 1),
                        Insn::stmt(0x06, 0x7fff_0000),
                        Insn::stmt(0x06, 0x0005_0001),
                    ];
                    let program = Program::new(insns.to_vec());
                    let mut space = Space::new(SMALL);
                    let Ok(diagram) = space.program(&program) else { continue };
                    answered += 1;
                    for data in inputs(&mut random, &program, 200) {
                        let expected = eval::action(program.insns(), &data).unwrap();
                        assert_eq!(space.eval(diagram, &data), expected, "{data:x?} by {program:x?}");
                    }
                }
            }
        }
    }
    assert!(answered > 180, "{answered} of 240");
}
