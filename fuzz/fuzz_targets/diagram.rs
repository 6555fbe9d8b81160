//! Programs of every instruction that seccomp accepts: the diagram answers what the interpreter does,
//! the optimised program too, or there is a refusal that names its bound.
//! `cargo +nightly fuzz run diagram -- -max_total_time=60`
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringfence_bpf::compile::{self, optimise};
use ringfence_bpf::diagram::{Error, Limits, Space};
use ringfence_bpf::program::{Insn, Program, SeccompData};
use ringfence_bpf::{decode, eval};

const CODES: [u16; 44] = [
    0x20, 0x80, 0x81, 0x00, 0x01, 0x60, 0x61, 0x02, 0x03, 0x84, 0x07, 0x87, 0x05, 0x06, 0x16, 0x04, 0x0c, 0x14,
    0x1c, 0x24, 0x2c, 0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c, 0x64, 0x6c, 0x74, 0x7c, 0xa4, 0xac, 0x15, 0x1d, 0x25,
    0x2d, 0x35, 0x3d, 0x45, 0x4d, 0x20, 0x15, 0x06,
];
const ACTIONS: [u32; 4] = [0x7fff_0000, 0x0005_0001, 0x8000_0000, 0x0003_0000];

/// Six bytes an instruction, bent so that most of what comes is accepted.
fn program(bytes: &[u8]) -> Program {
    let len = (bytes.len() / 6).min(200);
    let mut insns: Vec<Insn> = Vec::new();
    for (at, b) in bytes.chunks_exact(6).take(len).enumerate() {
        let left = len - at;
        let code = CODES[usize::from(b[0]) % CODES.len()];
        let short = u32::from(b[1]);
        let wide = u32::from_le_bytes([b[2], b[3], b[4], b[5]]);
        let (jt, jf) = (usize::from(b[4]) % left, usize::from(b[5]) % left);
        insns.push(match code {
            0x20 => Insn::stmt(code, short % 16 * 4),
            0x60 | 0x61 | 0x02 | 0x03 => Insn::stmt(code, short % 16),
            0x64 | 0x74 => Insn::stmt(code, short % 32),
            0x34 => Insn::stmt(code, wide.max(1)),
            0x05 => Insn::stmt(code, (short as usize % left) as u32),
            0x06 if short & 1 == 0 => Insn::stmt(code, ACTIONS[usize::from(b[2]) % 4]),
            0x15..=0x4d if code & 7 == 5 => {
                let k = if short & 1 == 0 { wide & 0xffff } else { 1 << (short >> 1 & 31) };
                Insn::jump(code, k, jt as u8, jf as u8)
            }
            _ => Insn::stmt(code, wide),
        });
    }
    insns.push(Insn::stmt(0x06, ACTIONS[0]));
    Program::new(insns)
}

fuzz_target!(|bytes: &[u8]| {
    let program = program(bytes);
    if decode::check(program.insns()).is_err() {
        return;
    }
    let mut space = Space::new(Limits { nodes: 1 << 15, steps: 1 << 17, ..Limits::default() });
    let diagram = match space.program(&program) {
        Ok(diagram) => diagram,
        Err(Error::TooComplex(_)) => return,
        Err(other) => panic!("{other}"),
    };
    let short = match optimise(&mut space, diagram) {
        Ok(short) => short,
        Err(compile::Error::TooLong { .. } | compile::Error::Diagram(Error::TooComplex(_))) => return,
        Err(other) => panic!("{other}"),
    };
    decode::check(short.insns()).unwrap();
    // Words from the program's own constants, and from the input's bytes.
    let words: Vec<u32> = program.insns().iter().flat_map(|i| [i.k, i.k.wrapping_add(1), !i.k]).collect();
    for round in 0..64_usize {
        let word = |at: usize| {
            let byte = bytes.get((round * 7 + at) % bytes.len().max(1)).copied().unwrap_or(0);
            match byte % 3 {
                0 => words[(round * 31 + at * 17 + usize::from(byte)) % words.len()],
                1 => 1 << (byte >> 2 & 31),
                _ => u32::from(byte),
            }
        };
        let wide = |at: usize| u64::from(word(at)) << 32 | u64::from(word(at + 1));
        let args = [wide(2), wide(4), wide(6), wide(8), wide(10), wide(12)];
        let data = SeccompData { nr: word(0), arch: word(1), instruction_pointer: wide(14), args };
        let expected = eval::action(program.insns(), &data).unwrap();
        assert_eq!(space.eval(diagram, &data), expected, "{data:x?} by {program:x?}");
        assert_eq!(eval::action(short.insns(), &data).unwrap(), expected, "{data:x?} by {short:x?}");
    }
});
