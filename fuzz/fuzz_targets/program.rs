//! Programs and their text from anyone: the text comes back, and what is said of a program is what
//! the interpreter says. `cargo +nightly fuzz run program -- -max_total_time=60`
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringfence_bpf::decompile::decompile;
use ringfence_bpf::diagram::{Limits, Space};
use ringfence_bpf::disassemble::{assemble, disassemble};
use ringfence_bpf::program::{Insn, Program};
use ringfence_bpf::{decode, eval, finding};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(program) = std::str::from_utf8(bytes).map_err(drop).and_then(|text| assemble(text).map_err(drop)) {
        assert_eq!(assemble(&disassemble(program.insns())), Ok(program));
    }
    let insn = |bytes: &[u8]| Insn {
        code: u16::from_le_bytes([bytes[0], bytes[1]]),
        jt: bytes[2],
        jf: bytes[3],
        k: u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
    };
    let insns: Vec<Insn> = bytes.chunks_exact(8).take(64).map(insn).collect();
    let program = Program::new(insns);
    assert_eq!(assemble(&disassemble(program.insns())).as_ref(), Ok(&program));
    if decode::check(program.insns()).is_err() {
        return;
    }
    let mut space = Space::new(Limits { nodes: 1 << 18, steps: 1 << 20, ..Limits::default() });
    let Ok(filter) = space.program(&program) else { return };
    for found in finding::check(&mut space, filter, &[]).unwrap_or_default() {
        for witness in found.witnesses {
            assert_eq!(eval::action(program.insns(), &witness.data), Ok(witness.action));
        }
    }
    let _ = decompile(&mut space, filter);
});
