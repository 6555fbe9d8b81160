//! The acceptance rules: thousands of programs that the kernel takes exactly where `decode` does.

use std::sync::mpsc;
use std::thread;

use ringfence_bpf::decode::{check, check_stack, kernel_len};
use ringfence_bpf::program::Insn;

use crate::call;

const EINVAL: isize = -22;
const ENOMEM: isize = -12;
const ALLOW: Insn = Insn::stmt(0x06, 0x7fff_0000);

/// Numbers that look random and are the same each time (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// An instruction of a program of `len` that is mostly right.
    fn insn(&mut self, at: u64, len: u64) -> Insn {
        const CODES: [u16; 41] = [
            0x20, 0x80, 0x81, 0x00, 0x01, 0x60, 0x61, 0x02, 0x03, 0x84, 0x05, 0x06, 0x16, 0x07, 0x87, 0x04,
            0x14, 0x24, 0x34, 0x44, 0x54, 0x64, 0x74, 0xa4, 0x0c, 0x1c, 0x2c, 0x3c, 0x4c, 0x5c, 0x6c, 0x7c,
            0xac, 0x15, 0x25, 0x35, 0x45, 0x1d, 0x2d, 0x3d, 0x4d,
        ];
        let code = CODES[self.below(41) as usize];
        let left = (len - at).max(1);
        let jump = (code & 7) == 5;
        let skip = |random: &mut Self| random.below(left) as u8;
        let k = match code {
            0x20 => 4 * self.below(16) as u32,
            0x60 | 0x61 | 0x02 | 0x03 => self.below(16) as u32,
            0x05 => self.below(left) as u32,
            0x64 | 0x74 => self.below(32) as u32,
            _ => self.next() as u32,
        };
        let (jt, jf) = if jump { (skip(self), skip(self)) } else { (0, 0) };
        Insn { code, jt, jf, k }
    }

    fn mutate(&mut self, insns: &mut Vec<Insn>) {
        let at = self.below(insns.len() as u64) as usize;
        match self.below(8) {
            0 => insns[at].code = self.next() as u16 & 0xff,
            1 => insns[at].code ^= 1 << self.below(16),
            2 => insns[at].k = self.next() as u32,
            3 => insns[at].k ^= 1 << self.below(8),
            4 => insns[at].jt = self.next() as u8,
            5 => insns[at].jf = self.below(8) as u8,
            6 => insns.truncate(at.max(1)),
            _ => {}
        }
    }
}

/// Runs `test` on a thread beside another one that has a filter which this one lacks.
fn beside_a_filtered_thread(test: impl FnOnce() + Send) {
    let (ready, wait) = mpsc::channel();
    let (done, end) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            call::no_new_privs();
            assert_eq!(call::install(&[ALLOW]), 0);
            ready.send(()).unwrap();
            let _ = end.recv();
        });
        wait.recv().unwrap();
        scope.spawn(move || {
            call::no_new_privs();
            test();
            drop(done);
        });
    });
}

fn agree(insns: &[Insn]) -> bool {
    let kernel = call::offer(insns);
    let accepted = check(insns).is_ok();
    assert!(kernel > 0 || kernel == EINVAL, "the kernel answers {kernel}");
    assert_eq!(kernel > 0, accepted, "the kernel answers {kernel}, decode {:?}: {insns:x?}", check(insns));
    accepted
}

#[test]
fn mutated_programs() {
    beside_a_filtered_thread(|| {
        let mut random = Random(5);
        let (mut accepted, mut refused) = (0, 0);
        for _ in 0..20_000 {
            let len = 1 + random.below(12);
            let mut insns: Vec<Insn> = (0..len).map(|at| random.insn(at, len)).collect();
            insns.push(ALLOW);
            for _ in 0..random.below(3) {
                random.mutate(&mut insns);
            }
            if agree(&insns) { accepted += 1 } else { refused += 1 }
        }
        assert!(accepted > 2_000 && refused > 2_000, "{accepted} accepted, {refused} refused");
    });
}

/// Every code, with operands that are right for some.
#[test]
fn every_code() {
    beside_a_filtered_thread(|| {
        let mut accepted = 0;
        for code in 0..=0x1ff {
            for k in [0, 4, 31, 32, 60, 64, u32::MAX] {
                for (jt, jf) in [(0, 0), (1, 0), (0, 2)] {
                    accepted += usize::from(agree(&[Insn { code, jt, jf, k }, ALLOW, ALLOW]));
                }
            }
        }
        assert!(accepted > 200, "{accepted} accepted");
    });
}

#[test]
fn lengths() {
    beside_a_filtered_thread(|| {
        assert_eq!(call::offer(&[]), EINVAL);
        for (len, accepted) in [(1, true), (4096, true), (4097, false)] {
            assert_eq!(agree(&vec![ALLOW; len]), accepted);
        }
    });
}

/// The bound on all filters of a thread, for programs that the kernel converts to other lengths:
/// the very filter that is too much.
#[test]
fn stacks() {
    let harden = std::fs::read_to_string("/proc/sys/net/core/bpf_jit_harden").unwrap_or_default();
    if matches!(harden.trim(), "1" | "2") {
        eprintln!("skipped: gate::decoder::stacks: bpf_jit_harden makes programs longer");
        return;
    }
    let fill = |insn: Insn, len: usize| {
        let mut insns = vec![insn; len - 2];
        insns.extend([ALLOW, ALLOW]);
        insns
    };
    let loads = fill(Insn::stmt(0x20, 0), 4096);
    let returns = vec![ALLOW; 4096];
    let large = fill(Insn::jump(0x15, u32::MAX, 0, 1), 4096);
    let bits = fill(Insn::jump(0x45, 1, 0, 1), 4000);
    // By one: a division by zero would answer zero, which kills the thread.
    let divisions = [vec![Insn::stmt(0x01, 1)], fill(Insn::stmt(0x3c, 0), 1500)].concat();
    for program in [loads, returns, large, bits, divisions] {
        check(&program).unwrap();
        thread::spawn(move || {
            call::no_new_privs();
            let mut stack: Vec<&[Insn]> = Vec::new();
            for _ in 0..64 {
                stack.push(&program);
                let kernel = call::install(&program);
                assert!(kernel == 0 || kernel == ENOMEM, "the kernel answers {kernel}");
                let said = check_stack(&stack);
                assert_eq!(kernel == 0, said.is_ok(), "filter {}: kernel {kernel}, {said:?}", stack.len());
                if kernel != 0 {
                    stack.pop();
                    exact(&mut stack);
                    return;
                }
            }
            panic!("no bound was hit");
        })
        .join()
        .unwrap();
    }
}

/// The longest short program that still fits, and one instruction more.
fn exact(stack: &mut Vec<&[Insn]>) {
    let fits = |stack: &[&[Insn]], len: usize| {
        let program = vec![Insn::stmt(0x80, 0); len - 1];
        let last = [program, vec![ALLOW]].concat();
        let mut stack = stack.to_vec();
        stack.push(&last);
        check_stack(&stack).is_ok()
    };
    let Some(longest) = (1..=4096).rev().find(|len| fits(stack, *len)) else { return };
    let program = |len: usize| [vec![Insn::stmt(0x80, 0); len - 1], vec![ALLOW]].concat();
    if longest < 4096 {
        assert_eq!(call::install(&program(longest + 1)), ENOMEM);
    }
    assert!(kernel_len(&program(longest)) > longest);
    assert_eq!(call::install(&program(longest)), 0);
}
