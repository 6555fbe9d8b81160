//! Programs that the kernel accepts and that were written to cost whoever analyses them: for the
//! tests, which bound what is counted, and for the benchmark, which measures.

use ringfence_bpf::program::{Insn, MAX_INSNS, Program};

/// splitmix64: the same numbers on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: u32) -> u32 {
        (self.next() >> 33) as u32 % end
    }
}

const TAX: Insn = Insn::stmt(0x07, 0);
const TXA: Insn = Insn::stmt(0x87, 0);
const XOR_X: Insn = Insn::stmt(0xac, 0);
const ADD_X: Insn = Insn::stmt(0x0c, 0);
const RET_A: Insn = Insn::stmt(0x16, 0);
const ERRNO: u32 = 0x0005_0000;
const ENDS: [Insn; 2] = [ret(ERRNO | 1), ret(0x7fff_0000)];

const fn load(offset: u32) -> Insn {
    Insn::stmt(0x20, offset)
}

const fn ret(value: u32) -> Insn {
    Insn::stmt(0x06, value)
}

/// One of the twelve words of the arguments.
fn word(at: usize) -> Insn {
    load(16 + 4 * (at as u32 % 12))
}

/// A beginning, parts up to the kernel's limit, an end.
fn filled(begin: &[Insn], mut part: impl FnMut(usize) -> Vec<Insn>, end: &[Insn]) -> Program {
    let mut insns = begin.to_vec();
    for at in 0.. {
        let part = part(at);
        if insns.len() + part.len() + end.len() > MAX_INSNS {
            break;
        }
        insns.extend(part);
    }
    insns.extend_from_slice(end);
    Program::new(insns)
}

/// All of them, each with a name.
pub(crate) fn all() -> Vec<(&'static str, Program)> {
    let mut all = arithmetic();
    all.extend(states());
    all.extend(tests());
    all.extend(answers());
    all
}

/// Chains of arithmetic over the arguments, compared or answered at the end.
fn arithmetic() -> Vec<(&'static str, Program)> {
    let compare = |code| [&[Insn::jump(code, 0x1234_5678, 0, 1)], &ENDS[..]].concat();
    let (equal, greater) = (compare(0x15), compare(0x25));
    let x = [Insn::stmt(0x01, 3)];
    let chain =
        |code: u16| filled(&x, |at| vec![word(at), Insn::stmt(code, 0), TAX], &[&[TXA][..], &equal].concat());
    let constants = |codes: [u16; 2], k: u32| {
        filled(&[load(16)], |_| vec![Insn::stmt(codes[0], 3), Insn::stmt(codes[1], k)], &equal)
    };
    let shifts =
        |at: usize| vec![TXA, Insn::stmt(0x74, (at as u32 * 7) % 31 + 1), XOR_X, TAX, word(at), XOR_X, TAX];
    let sums = |at: usize| vec![word(at), ADD_X, Insn::stmt(0x64, 1), TAX];
    let by_x =
        |at: usize| vec![word(at), Insn::stmt(0x6c, 0), TAX, word(at + 5), Insn::stmt(0x7c, 0), ADD_X, TAX];
    let square = |_| vec![load(16), TAX, load(24), Insn::stmt(0x2c, 0)];
    let mut random = Random(7);
    let mixed = |_| {
        let code =
            [0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c, 0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c, 0x64, 0x6c, 0x74, 0x7c]
                [random.below(16) as usize];
        vec![load(4 * random.below(16)), Insn::stmt(code, 1 + random.below(31)), TAX]
    };
    let mixed = filled(&[], mixed, &[&[Insn::jump(0x2d, 0, 0, 1)], &ENDS[..]].concat());
    vec![
        ("xor of all arguments", chain(0xac)),
        ("product of all arguments", chain(0x2c)),
        ("quotients of all arguments", chain(0x3c)),
        ("products by a constant", constants([0x24, 0x04], 7)),
        ("quotients by a constant", constants([0x34, 0xa4], 0x5555_5555)),
        ("xor and shifts", filled(&x, shifts, &equal)),
        ("sums and shifts", filled(&x, sums, &greater)),
        ("shifts by arguments", filled(&x, by_x, &equal)),
        ("squares", filled(&[], square, &equal)),
        ("arithmetic of all kinds", mixed),
    ]
}

/// Ways that multiply what registers and scratch words may hold.
fn states() -> Vec<(&'static str, Program)> {
    let zero = Insn::stmt(0x00, 0);
    let stores: Vec<Insn> = (0..16).map(|at| Insn::stmt(0x02, at)).collect();
    let begin = [&[zero], &stores[..]].concat();
    let diamond = |at: usize| {
        let bit = Insn::jump(0x45, 1 << (at % 32), 0, 3);
        let (read, write) = (Insn::stmt(0x60, 0), Insn::stmt(0x02, 0));
        vec![read, Insn::stmt(0x24, 3), write, word(at / 32), bit, read, Insn::stmt(0x04, 1), write]
    };
    let wide = |at: usize| {
        let bit = Insn::jump(0x45, 1 << (at * 5 % 32), 0, 2);
        vec![word(at), bit, Insn::stmt(0x00, at as u32 / 16), Insn::stmt(0x02, at as u32 % 16)]
    };
    let sum: Vec<Insn> = (0..16).flat_map(|at| [Insn::stmt(0x60, at), ADD_X, TAX]).collect();
    vec![
        ("diamonds", filled(&begin, diamond, &[Insn::stmt(0x60, 0), RET_A])),
        ("sixteen scratch words", filled(&begin, wide, &[&sum[..], &[TXA, RET_A]].concat())),
    ]
}

/// Comparisons of which each looks elsewhere.
fn tests() -> Vec<(&'static str, Program)> {
    let pair = |at: usize| vec![word(at), TAX, word(at * 7 + 5), Insn::jump(0x1d, 0, 0, 1), ENDS[0]];
    let mut random = Random(1);
    let jump = |_| {
        let code = [0x15, 0x25, 0x35, 0x45][random.below(4) as usize];
        let k = 1 << random.below(32);
        vec![
            load(4 * random.below(16)),
            Insn::jump(code, k, random.below(100) as u8, random.below(100) as u8),
        ]
    };
    let ends: Vec<Insn> = (0..120).map(|at| ret(ERRNO | at)).collect();
    let jumps = filled(&[], jump, &ends);
    let mut random = Random(2);
    let argument = |at: usize| {
        let number = Insn::jump(0x15, at as u32 % 400, 0, 3);
        let bits = Insn::jump(0x45, random.next() as u32, 0, 1);
        vec![load(0), number, word(random.below(12) as usize), bits, ret(ERRNO | random.below(200))]
    };
    let arguments = filled(&[], argument, &ENDS);
    let masks = |seed: u64, words: usize, sparse: bool| {
        let mut random = Random(seed);
        let mask = |at: usize| {
            let all = random.next() as u32;
            let mask = if sparse { all & random.next() as u32 & random.next() as u32 } else { all };
            let bits = Insn::stmt(0x54, mask);
            vec![word(4 * (at % words)), bits, Insn::jump(0x15, 0, 0, 1), ret(ERRNO | random.below(4))]
        };
        filled(&[], mask, &ENDS)
    };
    let hash = |at: usize| {
        let low = [load(0), Insn::stmt(0x24, 2_654_435_761), Insn::stmt(0x74, 22)];
        [&low[..], &[Insn::jump(0x15, at as u32 & 1023, 0, 1), ret(ERRNO | (at as u32 % 5))]].concat()
    };
    vec![
        ("pairs of arguments", filled(&[], pair, &ENDS)),
        ("random jumps", jumps),
        ("an argument for each number", arguments),
        ("masks of two words", masks(3, 2, false)),
        ("sparse masks of one word", masks(4, 1, true)),
        ("a hash of the number", filled(&[], hash, &ENDS)),
    ]
}

/// As many answers as possible.
fn answers() -> Vec<(&'static str, Program)> {
    let values = |offset: u32| {
        let mut random = Random(u64::from(offset));
        let value = |_| {
            let answer = ret(ERRNO | random.below(4000));
            vec![Insn::jump(0x15, random.next() as u32, 0, 1), answer]
        };
        filled(&[load(offset)], value, &ENDS)
    };
    let errno = [Insn::stmt(0x54, 0xffff), Insn::stmt(0x44, ERRNO), RET_A];
    let exclusive = [load(16), TAX, load(24), XOR_X, TAX, load(32), XOR_X];
    vec![
        ("an answer for each number", values(0)),
        ("an answer for each architecture", values(4)),
        ("an answer for each argument", values(16)),
        ("the argument as errno", Program::new([&[load(16)], &errno[..]].concat())),
        ("the argument as answer", Program::new(vec![load(16), RET_A])),
        ("an exclusive or as errno", Program::new([&exclusive[..], &errno].concat())),
    ]
}
