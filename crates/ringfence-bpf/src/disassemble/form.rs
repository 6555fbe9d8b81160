//! Which mnemonic and which operand each accepted code has.

use crate::program::{Insn, MEMWORDS, SeccompData};

/// The words of `seccomp_data`, four bytes each, in their order.
pub(super) const WORDS: [&str; 16] = [
    "nr",
    "arch",
    "ip.low",
    "ip.high",
    "arg0.low",
    "arg0.high",
    "arg1.low",
    "arg1.high",
    "arg2.low",
    "arg2.high",
    "arg3.low",
    "arg3.high",
    "arg4.low",
    "arg4.high",
    "arg5.low",
    "arg5.high",
];

/// What follows the mnemonic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// Nothing.
    None,
    /// `[word]`.
    Word,
    /// `#len`.
    Length,
    /// `#number`.
    Constant,
    /// `M[number]`.
    Scratch,
    /// `x`.
    X,
    /// `a`.
    A,
    /// A label.
    Target,
    /// An action.
    Action,
    /// `#number, label, label`.
    Branch,
    /// `x, label, label`.
    BranchX,
}

/// Every code that seccomp accepts.
pub(super) const FORMS: [(u16, &str, Form); 41] = [
    (0x20, "ld", Form::Word),
    (0x80, "ld", Form::Length),
    (0x00, "ld", Form::Constant),
    (0x60, "ld", Form::Scratch),
    (0x81, "ldx", Form::Length),
    (0x01, "ldx", Form::Constant),
    (0x61, "ldx", Form::Scratch),
    (0x02, "st", Form::Scratch),
    (0x03, "stx", Form::Scratch),
    (0x04, "add", Form::Constant),
    (0x14, "sub", Form::Constant),
    (0x24, "mul", Form::Constant),
    (0x34, "div", Form::Constant),
    (0x44, "or", Form::Constant),
    (0x54, "and", Form::Constant),
    (0x64, "lsh", Form::Constant),
    (0x74, "rsh", Form::Constant),
    (0xa4, "xor", Form::Constant),
    (0x0c, "add", Form::X),
    (0x1c, "sub", Form::X),
    (0x2c, "mul", Form::X),
    (0x3c, "div", Form::X),
    (0x4c, "or", Form::X),
    (0x5c, "and", Form::X),
    (0x6c, "lsh", Form::X),
    (0x7c, "rsh", Form::X),
    (0xac, "xor", Form::X),
    (0x84, "neg", Form::None),
    (0x07, "tax", Form::None),
    (0x87, "txa", Form::None),
    (0x05, "ja", Form::Target),
    (0x15, "jeq", Form::Branch),
    (0x25, "jgt", Form::Branch),
    (0x35, "jge", Form::Branch),
    (0x45, "jset", Form::Branch),
    (0x1d, "jeq", Form::BranchX),
    (0x2d, "jgt", Form::BranchX),
    (0x3d, "jge", Form::BranchX),
    (0x4d, "jset", Form::BranchX),
    (0x06, "ret", Form::Action),
    (0x16, "ret", Form::A),
];

/// The mnemonic and form of an instruction of a program of `len`; `None` where some field could
/// not be told from them.
pub(super) fn of(len: usize, at: usize, insn: Insn) -> Option<(&'static str, Form)> {
    let (_, mnemonic, form) = FORMS.iter().find(|(code, ..)| *code == insn.code)?;
    let (jumps, k) = (insn.jt != 0 || insn.jf != 0, insn.k);
    let whole = match form {
        Form::None | Form::Length | Form::X | Form::A => !jumps && k == 0,
        Form::Word => !jumps && k < SeccompData::SIZE && k % 4 == 0,
        Form::Scratch => !jumps && (k as usize) < MEMWORDS,
        Form::Constant | Form::Action => !jumps,
        Form::Target => !jumps && targets(len, at, insn)[0].is_some(),
        Form::Branch => targets(len, at, insn).iter().all(Option::is_some),
        Form::BranchX => k == 0 && targets(len, at, insn).iter().all(Option::is_some),
    };
    whole.then_some((mnemonic, *form))
}

/// Where an instruction jumps to; `None` for what is no jump or goes beyond the end.
pub(super) fn targets(len: usize, at: usize, insn: Insn) -> [Option<usize>; 2] {
    let place = |skip: u32| at.checked_add(1)?.checked_add(skip as usize).filter(|place| *place < len);
    match insn.code {
        0x05 => [place(insn.k), None],
        0x15 | 0x25 | 0x35 | 0x45 | 0x1d | 0x2d | 0x3d | 0x4d => {
            [place(insn.jt.into()), place(insn.jf.into())]
        }
        _ => [None, None],
    }
}
