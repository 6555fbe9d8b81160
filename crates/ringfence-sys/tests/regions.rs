//! Compiled programs on the running kernel: what each call is answered, at a witness of every region
//! of the diagram, through all three entries. Every action stands for an errno of its own, so that
//! nothing that is asked for ever runs.
// What was skipped.
#![allow(clippy::print_stderr)]

use std::arch::asm;
use std::collections::BTreeMap;

use ringfence_bpf::compile::{compile, optimise};
use ringfence_bpf::diagram::{Diagram, Limits, Space};
use ringfence_bpf::filter::{AbiSet, Action, FilterSpec};
use ringfence_bpf::program::{Program, SeccompData};
use ringfence_bpf::table::{self, Abi};
use ringfence_bpf::{eval, rule};
use ringfence_sys::abi::SockFilter;
use ringfence_sys::probe::{self, Answer};

#[path = "../../ringfence-bpf/tests/random/mod.rs"]
mod random;

use random::{Random, boundaries, random_spec};

/// What a thread needs to end, and its runtime in between; never sampled.
const PASS: [&str; 13] = [
    "exit",
    "exit_group",
    "futex",
    "madvise",
    "mmap",
    "mprotect",
    "munmap",
    "brk",
    "rseq",
    "rt_sigprocmask",
    "sigaltstack",
    "set_robust_list",
    "write",
];

/// `syscall`, or `int 0x80` for i386; the answer as the kernel gives it.
fn enter(data: &SeccompData) -> i64 {
    let a = data.args;
    let answer: i64;
    if data.arch == table::AUDIT_ARCH_I386 {
        // SAFETY: the filter answers every call that is sampled; nothing runs. rbx and rbp belong to
        // the compiler, so that they are exchanged and put back; no stack is used in between.
        unsafe {
            asm!("xchg rbx, r12", "xchg rbp, r13", "int 0x80", "xchg rbp, r13", "xchg rbx, r12",
                inlateout("rax") u64::from(data.nr) as i64 => answer, inlateout("r12") a[0] => _,
                in("rcx") a[1], in("rdx") a[2], in("rsi") a[3], in("rdi") a[4], inlateout("r13") a[5] => _,
                lateout("r8") _, lateout("r9") _, lateout("r10") _, lateout("r11") _, options(nostack));
        }
        // The kernel's answer is 32 bits wide there.
        return i64::from(answer as i32);
    }
    // SAFETY: as above.
    unsafe {
        asm!("syscall", inlateout("rax") u64::from(data.nr) as i64 => answer, in("rdi") a[0], in("rsi") a[1],
            in("rdx") a[2], in("r10") a[3], in("r8") a[4], in("r9") a[5], lateout("rcx") _, lateout("r11") _,
            options(nostack));
    }
    answer
}

/// Installs a program on this thread.
fn install(program: &Program) {
    let insns: Vec<SockFilter> =
        program.insns().iter().map(|i| SockFilter { code: i.code, jt: i.jt, jf: i.jf, k: i.k }).collect();
    #[repr(C)]
    struct Fprog {
        len: u16,
        filter: *const SockFilter,
    }
    let fprog = Fprog { len: insns.len() as u16, filter: insns.as_ptr() };
    let call =
        |nr, args| enter(&SeccompData { nr, arch: table::AUDIT_ARCH_X86_64, instruction_pointer: 0, args });
    // prctl(PR_SET_NO_NEW_PRIVS) and seccomp(SECCOMP_SET_MODE_FILTER), for this thread alone.
    assert_eq!(call(157, [38, 1, 0, 0, 0, 0]), 0);
    assert_eq!(call(317, [1, 0, &raw const fprog as u64, 0, 0, 0]), 0, "{} instructions", insns.len());
}

/// Calls of x86_64 that the kernel passes without asking any filter, as they are its own trampolines
/// (`kernel/seccomp.c`, `seccomp_uprobe_exception`, Linux 6.14); elsewhere they end in SIGILL.
const NEVER_ASKED: [&str; 2] = ["uretprobe", "uprobe"];

fn passing() -> FilterSpec {
    FilterSpec {
        abis: AbiSet::X86_64,
        deny: vec![],
        allow: PASS.iter().map(|name| rule::parse(name).unwrap()).collect(),
        on_deny: Action::Errno(1),
        unknown: Action::Errno(1),
        bad_abi: Action::Errno(1),
    }
}

/// Each action of a filter as an errno from 200 up; what a thread needs is allowed.
fn harmless(space: &mut Space, filter: Diagram) -> (Diagram, Diagram) {
    let codes: BTreeMap<Action, u16> = space.actions(filter).unwrap().into_iter().zip(200..).collect();
    let coded = space.map(filter, |action| Action::Errno(codes[&action])).unwrap();
    let passing = space.spec(&passing()).unwrap();
    let pass = space.set(passing, |action| action == Action::Allow).unwrap();
    let allow = space.constant(Action::Allow);
    (space.choose(pass, allow, coded).unwrap(), coded)
}

/// A witness of every action of every number, and arguments around the boundaries of the rules.
fn samples(space: &mut Space, filter: Diagram, spec: &FilterSpec, random: &mut Random) -> Vec<SeccompData> {
    let boundaries = boundaries(spec);
    let mut samples = Vec::new();
    for abi in Abi::ALL {
        for number in 0..=table::highest(abi) + 2 {
            let (arch, nr) = (abi.audit_arch(), abi.bit() | number);
            let here = space.at(filter, arch, nr);
            for action in space.actions(here).unwrap() {
                let region = space.set(here, |other| other == action).unwrap();
                let Some(data) = space.arguments(region) else { continue };
                samples.push(SeccompData { nr, arch, ..data });
            }
            let args = [0; 6].map(|_: u64| *random.pick(&boundaries));
            samples.push(SeccompData { nr, arch, instruction_pointer: 0, args });
        }
        // Numbers that no table has; -1 is what a tracer writes to skip a call, so seccomp never sees it.
        for nr in [0x3fff_ffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe] {
            samples.push(SeccompData { nr, arch: abi.audit_arch(), ..SeccompData::default() });
        }
    }
    let left_out = PASS.iter().chain(&NEVER_ASKED).filter_map(|name| table::by_name(Abi::X86_64, name));
    let left_out: Vec<u32> = left_out.map(|prototype| prototype.number).collect();
    samples.retain(|data| data.arch != table::AUDIT_ARCH_X86_64 || !left_out.contains(&data.nr));
    samples
}

#[test]
fn the_kernel_answers_what_the_diagram_does() {
    // Without that gate, `int 0x80` is a fault of the processor.
    let i386 = matches!(probe::i386(), Answer::Yes);
    if !i386 {
        eprintln!("skipped: regions::the_kernel_answers_what_the_diagram_does: int 0x80");
    }
    let mut random = Random(51);
    let (mut compared, mut answers) = (0, BTreeMap::new());
    for round in 0..12 {
        let spec = random_spec(&mut random);
        let mut space = Space::new(Limits::default());
        let filter = match round % 3 {
            // From rules, from the compiler's program, and from a program made of a diagram.
            0 => space.spec(&spec).unwrap(),
            1 => space.program(&compile(&spec).unwrap()).unwrap(),
            _ => {
                let diagram = space.spec(&spec).unwrap();
                let program = optimise(&mut space, diagram).unwrap();
                space.program(&program).unwrap()
            }
        };
        let (installed, coded) = harmless(&mut space, filter);
        let program = optimise(&mut space, installed).unwrap();
        let mut samples = samples(&mut space, coded, &spec, &mut random);
        samples.retain(|data| i386 || data.arch != table::AUDIT_ARCH_I386);
        let seen: Vec<i64> = std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                // Its memory is there before the filter is.
                let mut seen = vec![0; samples.len()];
                install(&program);
                for (seen, data) in seen.iter_mut().zip(&samples) {
                    *seen = enter(data);
                }
                seen
            });
            thread.join().unwrap()
        });
        for (data, seen) in samples.iter().zip(seen) {
            let Action::Errno(errno) = space.eval(coded, data) else { panic!("{data:x?}") };
            assert_eq!(seen, -i64::from(errno), "{data:x?} in round {round}");
            assert_eq!(eval::action(program.insns(), data), Ok(Action::Errno(errno)));
            *answers.entry((round, errno)).or_insert(0) += 1;
            compared += 1;
        }
    }
    assert!(compared > 20_000, "{compared}");
    assert!(answers.len() > 30, "{answers:?}");
}
