//! Classic BPF programs as seccomp(2) takes them, and the words that they read.
//!
//! Source: `include/uapi/linux/filter.h`, `bpf_common.h` and `seccomp.h`.

/// The most instructions that one program may have (`BPF_MAXINSNS`).
pub const MAX_INSNS: usize = 4096;

/// Number of scratch memory words (`BPF_MEMWORDS`).
pub const MEMWORDS: usize = 16;

/// One instruction, laid out as the kernel's `struct sock_filter`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[repr(C)]
pub struct Insn {
    /// Operation: class, size or operator, and source.
    pub code: u16,
    /// Instructions to skip where a conditional jump holds.
    pub jt: u8,
    /// Instructions to skip where it does not.
    pub jf: u8,
    /// The operand.
    pub k: u32,
}

/// What a filter is asked about, as the kernel's `struct seccomp_data`.
///
/// `nr` is the kernel's `int` seen as the 32-bit word that a program loads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct SeccompData {
    /// System call number; bit 30 marks x32 where `arch` is `AUDIT_ARCH_X86_64`.
    pub nr: u32,
    /// `AUDIT_ARCH_*` of the entry.
    pub arch: u32,
    /// Where the call was made.
    pub instruction_pointer: u64,
    /// The six argument registers, whole: the kernel reads many of them as 32 bits.
    pub args: [u64; 6],
}

/// A program, as it came: [`crate::decode::check`] says whether the kernel would accept it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Program {
    insns: Vec<Insn>,
}

/// Operation codes, by the names of `linux/filter.h`.
pub mod code {
    /// `BPF_LD | BPF_W | BPF_ABS`: A = word at byte offset k of `seccomp_data`.
    pub const LD_ABS: u16 = 0x20;
    /// `BPF_JMP | BPF_JA`: skip k instructions.
    pub const JA: u16 = 0x05;
    /// `BPF_JMP | BPF_JEQ | BPF_K`.
    pub const JEQ: u16 = 0x15;
    /// `BPF_JMP | BPF_JGT | BPF_K`.
    pub const JGT: u16 = 0x25;
    /// `BPF_JMP | BPF_JGE | BPF_K`.
    pub const JGE: u16 = 0x35;
    /// `BPF_JMP | BPF_JSET | BPF_K`.
    pub const JSET: u16 = 0x45;
    /// `BPF_ALU | BPF_AND | BPF_K`.
    pub const AND: u16 = 0x54;
    /// `BPF_RET | BPF_K`.
    pub const RET: u16 = 0x06;
}

impl Insn {
    /// An instruction that does not jump.
    pub const fn stmt(code: u16, k: u32) -> Self {
        Self { code, jt: 0, jf: 0, k }
    }

    /// A conditional jump.
    pub const fn jump(code: u16, k: u32, jt: u8, jf: u8) -> Self {
        Self { code, jt, jf, k }
    }
}

impl SeccompData {
    /// Size of the kernel's structure in bytes.
    pub const SIZE: u32 = 64;

    /// The 32-bit word at a byte offset (little endian, as on x86), or `None` where the offset is
    /// not aligned or outside.
    pub fn word(&self, offset: u32) -> Option<u32> {
        let half = |value: u64, high: bool| if high { (value >> 32) as u32 } else { value as u32 };
        match offset {
            _ if !offset.is_multiple_of(4) => None,
            0 => Some(self.nr),
            4 => Some(self.arch),
            8 | 12 => Some(half(self.instruction_pointer, offset == 12)),
            16..64 => Some(half(self.args[(offset as usize - 16) / 8], offset % 8 == 4)),
            _ => None,
        }
    }
}

impl Program {
    /// A program of these instructions, unchecked.
    pub fn new(insns: Vec<Insn>) -> Self {
        Self { insns }
    }

    /// The instructions in order.
    pub fn insns(&self) -> &[Insn] {
        &self.insns
    }

    /// Number of instructions.
    pub fn len(&self) -> usize {
        self.insns.len()
    }

    /// Whether there is no instruction at all (which the kernel refuses).
    pub fn is_empty(&self) -> bool {
        self.insns.is_empty()
    }
}

impl AsRef<[Insn]> for Program {
    fn as_ref(&self) -> &[Insn] {
        &self.insns
    }
}
