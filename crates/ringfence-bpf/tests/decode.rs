//! The kernel's acceptance rules, one refusal each, and the interpreter on what it accepts.

use ringfence_bpf::decode::{MAX_PATH, Refusal, StackTooLong, check, check_stack, kernel_len};
use ringfence_bpf::eval::{self, eval};
use ringfence_bpf::program::{Insn, SeccompData};

const RET: Insn = Insn::stmt(0x06, 0x7fff_0000);

#[test]
fn refusals() {
    let with = |insn: Insn| check(&[insn, RET]);
    assert_eq!(check(&[]), Err(Refusal::Empty));
    assert_eq!(check(&vec![RET; 4097]), Err(Refusal::TooLong { len: 4097 }));
    assert_eq!(check(&vec![RET; 4096]), Ok(()));
    assert_eq!(check(&[Insn::stmt(0x00, 1)]), Err(Refusal::NoReturn));
    // BPF_LD | BPF_B | BPF_ABS, BPF_MOD, BPF_LD | BPF_IND, BPF_LDX | BPF_MSH, unused source bits
    for code in [0x30, 0x94, 0x9c, 0x40, 0xb1, 0x8c, 0x0d, 0x0e, 0x100] {
        assert_eq!(with(Insn::stmt(code, 0)), Err(Refusal::Code { at: 0, code }), "{code:#x}");
    }
    for offset in [64, 1, 2, 3, u32::MAX, 0xffff_f000] {
        assert_eq!(with(Insn::stmt(0x20, offset)), Err(Refusal::Offset { at: 0, offset }));
    }
    assert_eq!(with(Insn::stmt(0x20, 60)), Ok(()));
    assert_eq!(with(Insn::stmt(0x34, 0)), Err(Refusal::DivisionByZero { at: 0 }));
    assert_eq!(with(Insn::stmt(0x3c, 0)), Ok(()));
    assert_eq!(with(Insn::stmt(0x64, 32)), Err(Refusal::Shift { at: 0, by: 32 }));
    assert_eq!(with(Insn::stmt(0x02, 16)), Err(Refusal::ScratchWord { at: 0, word: 16 }));
    assert_eq!(with(Insn::stmt(0x60, 0)), Err(Refusal::NotStored { at: 0, word: 0 }));
    assert_eq!(with(Insn::stmt(0x05, 1)), Err(Refusal::Jump { at: 0 }));
    assert_eq!(with(Insn::stmt(0x05, u32::MAX)), Err(Refusal::Jump { at: 0 }));
    assert_eq!(with(Insn::stmt(0x05, 0)), Ok(()));
    assert_eq!(with(Insn::jump(0x15, 0, 0, 1)), Err(Refusal::Jump { at: 0 }));
    assert_eq!(with(Insn::jump(0x15, 0, 0, 0)), Ok(()));
}

/// A scratch word counts as stored only where every way to the load stores it.
#[test]
fn scratch_words_on_every_way() {
    let (store, load) = (Insn::stmt(0x02, 3), Insn::stmt(0x60, 3));
    let one_way = [Insn::jump(0x15, 0, 0, 1), store, load, RET];
    assert_eq!(check(&one_way), Err(Refusal::NotStored { at: 2, word: 3 }));
    let both = [Insn::jump(0x15, 0, 0, 2), store, Insn::stmt(0x05, 1), store, load, RET];
    assert_eq!(check(&both), Ok(()));
}

/// The kernel counts what it converts a program to, and four for each filter before.
#[test]
fn stacks() {
    assert_eq!(kernel_len(&[RET]), 3 + 2);
    assert_eq!(kernel_len(&[Insn::stmt(0x20, 0), Insn::stmt(0x16, 0)]), 3 + 1 + 1);
    let jump = |code, k, jt, jf| kernel_len(&[Insn::jump(code, k, jt, jf), RET, RET]) - 3 - 4;
    assert_eq!((jump(0x15, 1, 1, 0), jump(0x15, 1, 0, 1), jump(0x15, 1, 1, 1)), (1, 1, 2));
    assert_eq!((jump(0x45, 1, 1, 0), jump(0x45, 1, 0, 1)), (1, 2));
    assert_eq!((jump(0x15, 1 << 31, 1, 0), jump(0x1d, 1 << 31, 1, 0)), (2, 1));
    assert_eq!(kernel_len(&[Insn::stmt(0x3c, 0), RET]), 3 + 5 + 2);
    let mut long = vec![Insn::stmt(0x20, 0); 4095];
    long.push(RET);
    let len = 3 + 4095 + 2;
    let stack = vec![long.as_slice(); 8];
    assert_eq!(check_stack(&stack[..7]), Ok(()));
    let total = 8 * len + 7 * 4;
    assert!(total > MAX_PATH);
    assert_eq!(check_stack(&stack), Err(StackTooLong { at: 7, total }));
}

#[test]
fn arithmetic() {
    let data = SeccompData { nr: 7, arch: 0, instruction_pointer: 0x1_0000_0002, args: [0x5_0000_0006; 6] };
    let run = |insns: &[Insn]| {
        let mut all = insns.to_vec();
        all.push(Insn::stmt(0x16, 0));
        check(&all).unwrap();
        eval(&all, &data).unwrap()
    };
    let nr = Insn::stmt(0x20, 0);
    assert_eq!(run(&[nr]), 7);
    assert_eq!(run(&[Insn::stmt(0x20, 8)]), 2);
    assert_eq!(run(&[Insn::stmt(0x20, 12)]), 1);
    assert_eq!(run(&[Insn::stmt(0x20, 16)]), 6);
    assert_eq!(run(&[Insn::stmt(0x20, 60)]), 5);
    assert_eq!(run(&[Insn::stmt(0x80, 9)]), 64);
    for (code, k, expected) in [
        (0x04, 3, 10),
        (0x14, 8, u32::MAX),
        (0x24, 3, 21),
        (0x34, 2, 3),
        (0x44, 8, 15),
        (0x54, 3, 3),
        (0x64, 31, 1 << 31),
        (0x74, 1, 3),
        (0xa4, 1, 6),
        (0x84, 0, 7_u32.wrapping_neg()),
    ] {
        assert_eq!(run(&[nr, Insn::stmt(code, k)]), expected, "{code:#x}");
    }
    // X = 0: a division ends the program with zero; a shift by 33 is one by 1.
    assert_eq!(run(&[nr, Insn::stmt(0x3c, 0), Insn::stmt(0x04, 1)]), 0);
    assert_eq!(run(&[Insn::stmt(0x01, 33), nr, Insn::stmt(0x6c, 0)]), 14);
    assert_eq!(run(&[nr, Insn::stmt(0x07, 0), Insn::stmt(0x00, 1), Insn::stmt(0x0c, 0)]), 8);
    assert_eq!(run(&[nr, Insn::stmt(0x02, 15), Insn::stmt(0x61, 15), Insn::stmt(0x87, 0)]), 7);
}

#[test]
fn a_program_that_the_kernel_would_refuse_has_no_answer() {
    let data = SeccompData::default();
    assert_eq!(eval(&[], &data), Err(eval::Error::End));
    assert_eq!(eval(&[Insn::stmt(0x05, u32::MAX)], &data), Err(eval::Error::End));
    assert_eq!(eval(&[Insn::stmt(0x94, 1)], &data), Err(eval::Error::Instruction { at: 0 }));
}
