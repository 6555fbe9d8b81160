//! The order of the 512 input bits: architecture, number, the arguments from first to last,
//! instruction pointer; in each the highest bit first, so that a comparison with a constant has one
//! node a bit.

use crate::program::SeccompData;

/// Number of input bits.
pub(super) const BITS: u32 = 512;
/// Bits of a word.
pub(super) const WORD: u32 = 32;
/// The first level of the number.
pub(super) const NR: u32 = 32;
/// The first level of the first argument.
pub(super) const ARGS: u32 = 64;
/// The first level of the instruction pointer.
pub(super) const IP: u32 = 448;

/// The level of the highest bit of the word at a byte offset of `seccomp_data`.
pub(super) const fn level(offset: u32) -> u32 {
    match offset {
        0 => NR,
        4 => 0,
        8 => IP + WORD,
        12 => IP,
        _ => ARGS + (offset - 16) / 8 * 64 + if offset % 8 == 4 { 0 } else { WORD },
    }
}

/// The byte offset of the word that a level below 512 is in.
pub(super) const fn offset(level: u32) -> u32 {
    match level {
        0..NR => 4,
        NR..ARGS => 0,
        ARGS..IP => 16 + (level - ARGS) / 64 * 8 + if (level - ARGS) % 64 < WORD { 4 } else { 0 },
        _ => {
            if level - IP < WORD {
                12
            } else {
                8
            }
        }
    }
}

/// The bit at a level of an input.
pub(super) fn bit(data: &SeccompData, level: u32) -> bool {
    let (value, bits, from) = match level {
        0..NR => (u64::from(data.arch), 32, 0),
        NR..ARGS => (u64::from(data.nr), 32, NR),
        ARGS..IP => (data.args[(level - ARGS) as usize / 64], 64, ARGS + (level - ARGS) / 64 * 64),
        _ => (data.instruction_pointer, 64, IP),
    };
    value >> (bits - 1 - (level - from)) & 1 == 1
}

/// Sets the bit at a level of an input.
pub(super) fn set(data: &mut SeccompData, level: u32) {
    match level {
        0..NR => data.arch |= 1 << (31 - level),
        NR..ARGS => data.nr |= 1 << (63 - level),
        ARGS..IP => data.args[(level - ARGS) as usize / 64] |= 1 << (63 - (level - ARGS) % 64),
        _ => data.instruction_pointer |= 1 << (BITS - 1 - level),
    }
}
