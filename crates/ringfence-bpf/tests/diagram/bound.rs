//! Hostile programs: an answer or a refusal, in bounded time and memory.

use ringfence_bpf::diagram::{Bound, Error, Limits, Space};
use ringfence_bpf::program::{Insn, MAX_INSNS, Program};

use crate::random::Random;
use crate::{load, ret};

/// Seconds that this thread has had a processor: others run beside it. proc_pid_schedstat, in
/// `Documentation/scheduler/sched-stats.rst`: the first number, in nanoseconds.
fn processor() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

/// Answers or refuses, within the bound.
fn bounded(name: &str, insns: Vec<Insn>) -> Option<Bound> {
    assert!(insns.len() <= MAX_INSNS);
    let start = processor();
    let mut space = Space::new(Limits::default());
    let result = space.program(&Program::new(insns));
    let seconds = processor() - start;
    let most = if cfg!(debug_assertions) { 5.0 } else { 2.0 };
    assert!(seconds < most, "{name}: {seconds:.2} s");
    eprintln!("{name}: {seconds:.3} s, {} nodes, {:?}", space.nodes(), result.as_ref().err());
    match result {
        Ok(_) => None,
        Err(Error::TooComplex(bound)) => Some(bound),
        Err(error) => panic!("{name}: {error}"),
    }
}

/// Fills a program up to the limit, ending in `end`.
fn filled(mut part: impl FnMut(usize) -> Vec<Insn>, end: &[Insn]) -> Vec<Insn> {
    let mut insns = Vec::new();
    for at in 0.. {
        let part = part(at);
        if insns.len() + part.len() + end.len() > MAX_INSNS {
            break;
        }
        insns.extend(part);
    }
    insns.extend_from_slice(end);
    insns
}

const ENDS: [Insn; 2] =
    [Insn { code: 0x06, jt: 0, jf: 0, k: 0x0005_0001 }, Insn { code: 0x06, jt: 0, jf: 0, k: 0x7fff_0000 }];

#[test]
fn products_of_arguments() {
    let square = |_| vec![load(16), Insn::stmt(0x07, 0), load(24), Insn::stmt(0x2c, 0)];
    let mut end = vec![Insn::jump(0x15, 0x1234_5678, 0, 1)];
    end.extend(ENDS);
    assert!(bounded("product", filled(square, &end)).is_some());
}

/// Every bit of the accumulator doubles the number of different contents.
#[test]
fn ways_that_multiply() {
    let double = |at: usize| {
        vec![
            Insn::stmt(0x60, 0),
            Insn::stmt(0x24, 3),
            Insn::stmt(0x02, 0),
            load(16 + 4 * (at as u32 / 32 % 12)),
            Insn::jump(0x45, 1 << (at % 32), 0, 3),
            Insn::stmt(0x60, 0),
            Insn::stmt(0x04, 1),
            Insn::stmt(0x02, 0),
        ]
    };
    let mut whole = filled(double, &[Insn::stmt(0x60, 0), Insn::stmt(0x16, 0)]);
    whole.truncate(8 * 500);
    whole.splice(0..0, [Insn::stmt(0x02, 0)]);
    whole.extend([Insn::stmt(0x60, 0), Insn::stmt(0x16, 0)]);
    assert!(bounded("ways", whole).is_some());
}

/// Equality of all argument words, pair by pair: linear in another order of bits, not in this one.
#[test]
fn comparisons_between_arguments() {
    let pair = |at: usize| {
        let word = |n: usize| load(16 + 4 * (n % 12) as u32);
        vec![word(at), Insn::stmt(0x07, 0), word(at * 7 + 5), Insn::jump(0x1d, 0, 0, 1), ENDS[0]]
    };
    bounded("pairs", filled(pair, &ENDS));
}

#[test]
fn long_chains_of_numbers_and_arguments() {
    let mut random = Random(5);
    let number = |_| {
        vec![Insn::jump(0x15, random.next() as u32, 0, 1), ret(0x0005_0000 | random.next() as u16 as u32)]
    };
    let mut insns = filled(number, &ENDS);
    insns[0] = load(0);
    insns[1] = load(0);
    assert_eq!(bounded("numbers", insns), None);
    let mut random = Random(6);
    let argument = |_| {
        let code = *random.pick(&[0x15, 0x25, 0x35, 0x45]);
        vec![
            load(4 * random.below(16) as u32),
            Insn::jump(code, random.next() as u32, 0, 1),
            ret(0x0005_0000 | random.below(40) as u32),
        ]
    };
    bounded("arguments", filled(argument, &ENDS));
}

/// A jump over everything that computes: bit tests in which each way goes on elsewhere.
#[test]
fn random_jumps() {
    for seed in 1..6 {
        let mut random = Random(seed);
        let jump = |_| {
            let code = *random.pick(&[0x15, 0x25, 0x35, 0x45]);
            let k = 1 << random.below(32);
            vec![
                load(4 * random.below(16) as u32),
                Insn::jump(code, k, random.below(100) as u8, random.below(100) as u8),
            ]
        };
        let end: Vec<Insn> = (0..120).map(|at| ret(0x0005_0000 | at)).collect();
        bounded(&format!("jumps {seed}"), filled(jump, &end));
    }
}

/// Arithmetic of all kinds on all words.
#[test]
fn random_arithmetic() {
    for seed in 1..6 {
        let mut random = Random(seed);
        let step = |_| {
            let codes = [
                0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c, 0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c, 0x64, 0x6c, 0x74,
                0x7c,
            ];
            let code = *random.pick(&codes);
            let k = 1 + random.below(31) as u32;
            vec![load(4 * random.below(16) as u32), Insn::stmt(code, k), Insn::stmt(0x07, 0)]
        };
        let mut end = vec![Insn::jump(0x2d, 0, 0, 1)];
        end.extend(ENDS);
        bounded(&format!("arithmetic {seed}"), filled(step, &end));
    }
}

#[test]
fn bounds_are_errors_that_name_them() {
    let few = Limits { nodes: 100, ..Limits::default() };
    let filter =
        Program::new(filled(|at| vec![load(0), Insn::jump(0x15, at as u32 * 3, 0, 1), ENDS[1]], &ENDS));
    let refused = Space::new(few).program(&filter).unwrap_err();
    assert_eq!(refused, Error::TooComplex(Bound::Nodes(100)));
    assert_eq!(refused.to_string(), "too complex for an exact answer: more than 100 nodes");
    let short = Limits { steps: 100, ..Limits::default() };
    assert_eq!(Space::new(short).program(&filter), Err(Error::TooComplex(Bound::Steps(100))));
}
