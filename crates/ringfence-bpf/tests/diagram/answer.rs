//! What is returned: computed words, words that name no action, and stacks of filters.

use ringfence_bpf::diagram::{Limits, Space};
use ringfence_bpf::filter::Action;
use ringfence_bpf::program::{Insn, SeccompData};
use ringfence_bpf::{eval, relate};

use crate::{load, program, ret};

/// `kernel/seccomp.c`, `seccomp_run_filters`: from the newest filter, replaced only by what is
/// strictly less as a signed number; then `__seccomp_filter`.
fn stacked(words: &[u32]) -> Action {
    let mut answer = 0x7fff_0000_u32;
    for word in words.iter().rev() {
        if ((word & 0xffff_0000) as i32) < ((answer & 0xffff_0000) as i32) {
            answer = *word;
        }
    }
    Action::from_value(answer)
}

#[test]
fn the_strictest_of_a_stack_wins_and_of_equals_the_newest() {
    let words = [
        0x8000_0000,
        0,
        0x0003_0001,
        0x0003_0002,
        0x0005_0001,
        0x0005_0026,
        0x7fc0_0000,
        0x7ff0_0001,
        0x7ff0_0002,
        0x7ffc_0000,
        0x7fff_0000,
        0x0001_0000,
        0x9000_0000,
        0x7fff_0042,
        0x0005_0000,
    ];
    let mut space = Space::new(Limits::default());
    let filters: Vec<_> = words.iter().map(|word| space.program(&program(&[ret(*word)])).unwrap()).collect();
    let input = SeccompData::default();
    for (first, a) in words.iter().zip(&filters) {
        for (second, b) in words.iter().zip(&filters) {
            for (third, c) in words.iter().zip(&filters) {
                let stack = space.stack(&[*a, *b, *c]).unwrap();
                let expected = stacked(&[*first, *second, *third]);
                assert_eq!(space.eval(stack, &input), expected, "{first:x} {second:x} {third:x}");
            }
        }
    }
    let none = space.stack(&[]).unwrap();
    assert_eq!(space.eval(none, &input), Action::Allow);
}

/// Alone every such word kills; below another filter's kill of the thread, only some do.
#[test]
fn words_that_name_no_action_are_equal_alone_and_not_in_a_stack() {
    let mut space = Space::new(Limits::default());
    let mut filter = |word| space.program(&program(&[ret(word)])).unwrap();
    let (unknown, kill, thread) = (filter(0x0001_0000), filter(0x8000_0000), filter(0));
    assert_ne!(unknown, kill);
    assert!(relate::equal(&mut space, unknown, kill).unwrap());
    let stack = |space: &mut Space, filter| {
        let stack = space.stack(&[filter, thread]).unwrap();
        space.eval(stack, &SeccompData::default())
    };
    assert_eq!(stack(&mut space, unknown), Action::KillThread);
    assert_eq!(stack(&mut space, kill), Action::KillProcess);
}

/// Data that the kernel does not look at makes no difference, data that it does look at makes one.
#[test]
fn equal_answers_are_one_diagram() {
    let mut space = Space::new(Limits::default());
    let mut filter = |word| space.program(&program(&[ret(word)])).unwrap();
    assert_eq!(filter(0x7fff_0000), filter(0x7fff_ffff));
    assert_eq!(filter(0), filter(0x0000_0042));
    assert_ne!(filter(0x0005_0001), filter(0x0005_0002));
    assert_ne!(filter(0x0003_0001), filter(0x0003_0002));
}

/// `RET A`: the errno is the low byte of the number; then the whole first argument.
#[test]
fn computed_answers() {
    let errno =
        program(&[load(0), Insn::stmt(0x54, 0xff), Insn::stmt(0x44, 0x0005_0000), Insn::stmt(0x16, 0)]);
    let whole = program(&[load(16), Insn::stmt(0x16, 0)]);
    let mut space = Space::new(Limits::default());
    let (few, all) = (space.program(&errno).unwrap(), space.program(&whole).unwrap());
    assert_eq!(space.actions(few).unwrap().len(), 256);
    // Trap, errno and trace have 16 bits of data each; five other actions have none.
    assert_eq!(space.actions(all).unwrap().len(), 3 * 65536 + 5);
    for word in [0, 1, 38, 0x0005_0026, 0x0003_ffff, 0x7fff_0000, 0x7ffc_0001, 0x8000_0000, 0xffff_ffff] {
        let data = SeccompData { nr: word, args: [u64::from(word), 0, 0, 0, 0, 0], ..SeccompData::default() };
        assert_eq!(space.eval(few, &data), eval::action(errno.insns(), &data).unwrap());
        assert_eq!(space.eval(all, &data), eval::action(whole.insns(), &data).unwrap());
    }
}
