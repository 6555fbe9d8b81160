//! Attempts without a containment: the entries of the gate, signals, and the shared page.

use std::time::{Duration, Instant};

use ringfence_sys::abi::SockFilter;
use ringfence_sys::attempt::{
    Arg, Attempt, Deed, Entry, Holding, Image, Instruction, Page, Probe, Record, Request, Script, Tried,
    addresses, attempt, hold,
};
use ringfence_sys::spawn::Ended;
use ringfence_sys::step::Step;

const NO_ARGS: [Arg<'static>; 6] = [Arg::Value(0); 6];
const GETPID: u32 = 39;
const GETPID_I386: u32 = 20;

fn vdso() -> Option<(usize, usize)> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let line = maps.lines().find(|line| line.ends_with("[vdso]"))?;
    let (from, to) = line.split_whitespace().next()?.split_once('-')?;
    let number = |text| usize::from_str_radix(text, 16).ok();
    Some((number(from)?, number(to)? - number(from)?))
}

fn go(steps: &[Step<'_>], what: &Attempt<'_>, page: &mut Page) -> (Tried, Record) {
    let request = Request { namespaces: 0, cgroup: None, vdso: vdso(), limit: Duration::from_secs(5) };
    let tried = attempt(steps, &request, what, page, &mut |_| true).unwrap();
    (tried, page.record())
}

fn call(entry: Entry, number: u32, args: [Arg<'_>; 6]) -> Deed<'_> {
    Deed::Call { entry, number, args, splits: false }
}

#[test]
fn every_entry_of_the_gate_reaches_the_kernel() {
    let mut page = Page::new().unwrap();
    let deeds = [
        call(Entry::Syscall, GETPID, NO_ARGS),
        call(Entry::Int80, GETPID_I386, NO_ARGS),
        call(Entry::Syscall32, GETPID_I386, NO_ARGS),
    ];
    let (tried, record) = go(&[], &Attempt::Deeds(&deeds[..1]), &mut page);
    assert_eq!((tried.ended, tried.late, record.done, record.signal), (Ended::Exited(0), false, 1, None));
    let pid = page.answer(0).unwrap();
    assert!(pid > 1 && pid != i64::from(std::process::id()), "{pid}");
    for entry in [Entry::Int80, Entry::Syscall32, Entry::Sysenter] {
        let pair = [deeds[0], call(entry, GETPID_I386, NO_ARGS)];
        let (_, record) = go(&[], &Attempt::Deeds(&pair), &mut page);
        if let Some(signal) = record.signal {
            // The other vendor's fast entry is no instruction; without 32-bit support int 0x80 faults.
            println!("{entry:?}: {signal:?}");
            assert!(signal.number == 4 || signal.number == 11, "{entry:?}: {signal:?}");
            continue;
        }
        assert_eq!(page.answer(0), page.answer(1), "{entry:?}");
    }
}

#[test]
fn six_arguments_arrive_in_their_order_through_every_entry() {
    // A filter that answers the low byte of an argument as an errno.
    let mut page = Page::new().unwrap();
    for index in 0..6u32 {
        let program = [
            SockFilter { code: 0x20, jt: 0, jf: 0, k: 0 },
            SockFilter { code: 0x15, jt: 0, jf: 3, k: 999 },
            SockFilter { code: 0x20, jt: 0, jf: 0, k: 16 + 8 * index },
            SockFilter { code: 0x44, jt: 0, jf: 0, k: 0x0005_0000 },
            SockFilter { code: 0x16, jt: 0, jf: 0, k: 0 },
            SockFilter { code: 0x06, jt: 0, jf: 0, k: 0x7fff_0000 },
        ];
        let steps = [Step::NoNewPrivs, Step::SeccompFilter { flags: 0, program: &program }];
        for entry in [Entry::Syscall, Entry::Int80, Entry::Syscall32, Entry::Sysenter] {
            let probe = Probe { entry, number: 999, args: [11, 12, 13, 14, 15, 16] };
            let (_, record) = go(&steps, &Attempt::Sweep(&[probe]), &mut page);
            assert_eq!(record.failed, None);
            if record.signal.is_none() {
                assert_eq!(page.answer(0), Some(-i64::from(11 + index)), "{entry:?} argument {index}");
            }
        }
    }
}

#[test]
fn addresses_are_where_the_kernel_sees_them() {
    let at = addresses();
    let mut page = Page::new().unwrap();
    let words = |address: u64| [address as u32, (address >> 32) as u32];
    for (entry, address) in [(Entry::Syscall, at.syscall), (Entry::Int80, at.int80)] {
        let [low, high] = words(address);
        let program = [
            SockFilter { code: 0x20, jt: 0, jf: 0, k: 8 },
            SockFilter { code: 0x15, jt: 0, jf: 3, k: low },
            SockFilter { code: 0x20, jt: 0, jf: 0, k: 12 },
            SockFilter { code: 0x15, jt: 0, jf: 1, k: high },
            SockFilter { code: 0x06, jt: 0, jf: 0, k: 0x0005_0000 | 4001 },
            SockFilter { code: 0x06, jt: 0, jf: 0, k: 0x7fff_0000 },
        ];
        let steps = [Step::NoNewPrivs, Step::SeccompFilter { flags: 0, program: &program }];
        let probe = Probe { entry, number: 39, args: [0; 6] };
        let (_, record) = go(&steps, &Attempt::Sweep(&[probe]), &mut page);
        if record.signal.is_none() {
            assert_eq!(page.answer(0), Some(-4001), "{entry:?}");
        }
    }
}

#[test]
fn a_trap_of_the_filter_is_seen() {
    let program = [
        SockFilter { code: 0x20, jt: 0, jf: 0, k: 0 },
        SockFilter { code: 0x15, jt: 0, jf: 1, k: GETPID },
        SockFilter { code: 0x06, jt: 0, jf: 0, k: 0x0003_0000 | 77 },
        SockFilter { code: 0x06, jt: 0, jf: 0, k: 0x7fff_0000 },
    ];
    let steps = [Step::NoNewPrivs, Step::ResetSignals, Step::SeccompFilter { flags: 0, program: &program }];
    let mut page = Page::new().unwrap();
    let deeds = [call(Entry::Syscall, 102, NO_ARGS), call(Entry::Syscall, GETPID, NO_ARGS)];
    let (_, record) = go(&steps, &Attempt::Deeds(&deeds), &mut page);
    let signal = record.signal.unwrap();
    assert_eq!((signal.number, signal.code, signal.call, signal.data), (31, 1, GETPID as i32, 77));
    assert_eq!((signal.arch, record.begun, record.done), (0xc000_003e, 2, 1));
}

#[test]
fn a_privileged_instruction_traps_and_a_plain_one_does_not() {
    let mut page = Page::new().unwrap();
    let (_, record) = go(&[], &Attempt::Deeds(&[Deed::Instruction(Instruction::Nop)]), &mut page);
    assert_eq!((record.done, record.signal), (1, None));
    for instruction in [Instruction::Cli, Instruction::Hlt, Instruction::Rdmsr, Instruction::ReadCr3] {
        let (_, record) = go(&[], &Attempt::Deeds(&[Deed::Instruction(instruction)]), &mut page);
        let signal = record.signal.unwrap();
        assert_eq!((signal.number, signal.code, record.done), (11, 0x80, 0), "{instruction:?}");
    }
}

#[test]
fn a_step_that_fails_is_told_by_the_page() {
    let mut page = Page::new().unwrap();
    let steps = [Step::ResetSignals, Step::Chdir(c"/nowhere/at/all")];
    let (_, record) = go(&steps, &Attempt::Deeds(&[]), &mut page);
    let failed = record.failed.unwrap();
    assert_eq!((failed.step, failed.errno.0, record.begun), (1, 2, 0));
}

#[test]
fn what_hangs_is_killed_and_said_to_be_late() {
    const PAUSE: u32 = 34;
    let mut page = Page::new().unwrap();
    let deeds = [call(Entry::Syscall, PAUSE, NO_ARGS)];
    let request = Request { namespaces: 0, cgroup: None, vdso: None, limit: Duration::from_millis(100) };
    let start = Instant::now();
    let tried = attempt(&[], &request, &Attempt::Deeds(&deeds), &mut page, &mut |_| true).unwrap();
    assert!(tried.late && start.elapsed() < Duration::from_secs(3), "{tried:?}");
    assert_eq!((page.record().begun, page.record().done), (1, 0));
}

#[test]
fn answers_bytes_and_scratch_pass_between_deeds() {
    let (open, read, fork) = (2, 0, 57);
    let mut page = Page::new().unwrap();
    let v = Arg::Value(0);
    let deeds = [
        call(Entry::Syscall, open, [Arg::Bytes(b"/proc/self/comm\0"), v, v, v, v, v]),
        call(Entry::Syscall, read, [Arg::Answer(0), Arg::Scratch(8), Arg::Value(64), v, v, v]),
        Deed::Call { entry: Entry::Syscall, number: fork, args: NO_ARGS, splits: true },
        call(Entry::Syscall, read, [Arg::Value(u64::MAX), v, v, v, v, v]),
    ];
    let (_, record) = go(&[], &Attempt::Deeds(&deeds), &mut page);
    assert_eq!((record.done, record.signal), (4, None));
    let mut bytes = [0; 16];
    page.scratch(&mut bytes);
    assert!(page.answer(0) > Some(2) && page.answer(1) > Some(0), "{:?}", page.answer(0));
    assert_ne!(&bytes[8..12], b"\0\0\0\0");
    assert!(page.answer(2) > Some(1) && page.answer(3) == Some(-9));
}

/// What the child does to its memory does not reach its maker.
#[test]
fn the_child_has_memory_of_its_own() {
    const MUNMAP: u32 = 11;
    let witness = vec![7u8; 1 << 20];
    let at = witness.as_ptr() as u64 & !4095;
    let mut page = Page::new().unwrap();
    let v = Arg::Value(0);
    let deeds = [call(Entry::Syscall, MUNMAP, [Arg::Value(at + 4096), Arg::Value(1 << 19), v, v, v, v])];
    let (_, record) = go(&[], &Attempt::Deeds(&deeds), &mut page);
    assert_eq!((record.done, page.answer(0)), (1, Some(0)));
    assert!(witness.iter().all(|byte| *byte == 7));
}

const OPEN: u32 = 2;
const DUP: u32 = 32;
const CLOSE: u32 = 3;
const FCNTL: u32 = 72;

fn limits() -> Request<'static> {
    Request { namespaces: 0, cgroup: None, vdso: None, limit: Duration::from_secs(5) }
}

/// What was opened before the steps is still there after them, unless a step closes it.
#[test]
fn deeds_before_the_steps_are_on_the_outside() {
    let v = Arg::Value(0);
    let before = [call(Entry::Syscall, OPEN, [Arg::Bytes(b"/\0"), v, v, v, v, v])];
    let deeds = [call(Entry::Syscall, FCNTL, [Arg::Answer(0), Arg::Value(1), v, v, v, v])];
    let script = Script { before: &before, deeds: &deeds, program: None, token: 0 };
    let mut page = Page::new().unwrap();
    let close = Step::CloseRange { first: 3, last: u32::MAX, on_exec: false };
    for (steps, wanted) in [(&[][..], 0), (&[close][..], -9)] {
        let (_, record) = go(steps, &Attempt::Script(script), &mut page);
        assert_eq!((record.done, page.answer(1)), (2, Some(wanted)), "{steps:?}");
        assert!(page.answer(0) > Some(2));
    }
    // One that fails is the last: nothing is tried then.
    let before = [call(Entry::Syscall, OPEN, [Arg::Bytes(b"/nowhere/at/all\0"), v, v, v, v, v])];
    let (_, record) = go(&[], &Attempt::Script(Script { before: &before, ..script }), &mut page);
    assert_eq!((record.begun, page.answer(0), page.answer(1)), (1, Some(-2), None));
}

/// The program after execve(2) has neither the descriptors that close there nor the memory of before.
#[test]
fn deeds_after_execve_are_done_by_a_new_program() {
    let v = Arg::Value(0);
    let mut page = Page::new().unwrap();
    let image = Image::new(&page).unwrap();
    let path = Arg::Bytes(b"/\0");
    let before = [
        call(Entry::Syscall, OPEN, [path, v, v, v, v, v]),
        call(Entry::Syscall, OPEN, [path, Arg::Value(0o2000000), v, v, v, v]),
    ];
    let flags = |answer| call(Entry::Syscall, FCNTL, [Arg::Answer(answer), Arg::Value(1), v, v, v, v]);
    let deeds = [
        flags(0),
        flags(1),
        call(Entry::Syscall, FCNTL, [Arg::Value(image.page() as u64), Arg::Value(1), v, v, v, v]),
        call(Entry::Syscall, FCNTL, [Arg::Value(image.descriptor() as u64), Arg::Value(1), v, v, v, v]),
        call(Entry::Syscall, OPEN, [Arg::Bytes(b"/proc/self/comm\0"), v, v, v, v, v]),
        call(Entry::Syscall, 0, [Arg::Answer(6), Arg::Scratch(0), Arg::Value(64), v, v, v]),
        call(Entry::Syscall, DUP, [Arg::Answer(0), v, v, v, v, v]),
        Deed::Again(3),
        call(Entry::Syscall, CLOSE, [Arg::Value(99), v, v, v, v, v]),
        Deed::Again(3),
    ];
    let script = Script { before: &before, deeds: &deeds, program: Some(&image), token: 0 };
    let steps = [
        Step::CloseRange { first: 1000, last: u32::MAX, on_exec: false },
        Step::CloseRange { first: 1000, last: u32::MAX, on_exec: true },
    ];
    let (tried, record) = go(&steps, &Attempt::Script(script), &mut page);
    assert_eq!((tried.ended, record.executed, record.refused), (Ended::Exited(0), true, None));
    let answers: Vec<_> = (2..12).map(|at| page.answer(at).unwrap()).collect();
    assert_eq!(answers[..4], [0, -9, -9, -9]);
    assert!(answers[7] >= answers[6] + 3, "one more descriptor each time: {answers:?}");
    assert_eq!(answers[8..], [-9, -9]);
    let mut name = [0; 17];
    page.scratch(&mut name);
    assert_eq!(name[answers[5] as usize - 1], b'\n', "{name:?}");
}

#[test]
fn a_program_that_may_not_be_executed_is_told() {
    let mut page = Page::new().unwrap();
    let image = Image::new(&page).unwrap();
    // A filter that lets only execve(2) with the token 77 pass.
    let insn = |code, jt, jf, k| SockFilter { code, jt, jf, k };
    let deny = [
        insn(0x20, 0, 0, 0),
        insn(0x15, 4, 0, 322),
        insn(0x15, 0, 4, 59),
        insn(0x20, 0, 0, 40),
        insn(0x15, 0, 1, 77),
        insn(0x06, 0, 0, 0x7fff_0000),
        insn(0x06, 0, 0, 0x0005_0000 | 13),
        insn(0x06, 0, 0, 0x7fff_0000),
    ];
    let steps = [Step::NoNewPrivs, Step::SeccompFilter { flags: 0, program: &deny }];
    let deeds = [call(Entry::Syscall, GETPID, NO_ARGS)];
    for (token, executed) in [(0, false), (77, true)] {
        let script = Script { before: &[], deeds: &deeds, program: Some(&image), token };
        let (_, record) = go(&steps, &Attempt::Script(script), &mut page);
        assert_eq!((record.executed, page.answer(0).is_some()), (executed, executed), "token {token}");
        assert_eq!(record.refused.map(|errno| errno.0), (!executed).then_some(13));
    }
}

#[test]
fn a_branch_is_a_second_process_and_the_first_waits_for_it() {
    let getppid = call(Entry::Syscall, 110, NO_ARGS);
    let deeds = [
        call(Entry::Syscall, GETPID, NO_ARGS),
        Deed::Branch(4),
        getppid,
        call(Entry::Syscall, GETPID, NO_ARGS),
        call(Entry::Syscall, GETPID, NO_ARGS),
    ];
    let mut page = Page::new().unwrap();
    let (_, record) = go(&[], &Attempt::Deeds(&deeds), &mut page);
    let answers: Vec<_> = (0..5).map(|at| page.answer(at).unwrap()).collect();
    assert_eq!(record.done, 5);
    assert_eq!(answers[2], answers[0], "the second process' parent");
    assert!(answers[1] == answers[3] && answers[4] == answers[0], "{answers:?}");
}

#[test]
fn a_peer_holds_until_it_is_released() {
    let deeds = [call(Entry::Syscall, GETPID, NO_ARGS), Deed::Hold, call(Entry::Syscall, GETPID, NO_ARGS)];
    let mut page = Page::new().unwrap();
    let held = hold(&[], &limits(), &Attempt::Deeds(&deeds), &mut page, &mut |_| true).unwrap();
    let Holding::Held(held) = held else { panic!("{held:?}") };
    assert_eq!((page.answer(0), page.answer(2)), (Some(i64::from(held.pid())), None));
    let tried = held.release(&page, Duration::from_secs(5));
    assert_eq!((tried.ended, page.answer(2)), (Ended::Exited(0), page.answer(0)));
    // One that never holds is over.
    let over = hold(&[], &limits(), &Attempt::Deeds(&deeds[..1]), &mut page, &mut |_| true).unwrap();
    assert!(matches!(over, Holding::Over(Tried { late: false, .. })), "{over:?}");
}
