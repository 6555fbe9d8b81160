//! Compiled programs answer what their specification means: over every number of every ABI, with
//! arguments at and around every boundary, and with bits that the kernel does not read.

mod random;

use ringfence_bpf::compile::{self, compile};
use ringfence_bpf::decode;
use ringfence_bpf::eval;
use ringfence_bpf::filter::{AbiSet, Action, FilterSpec};
use ringfence_bpf::program::{Program, SeccompData};
use ringfence_bpf::rule::{self, Rule, meaning};
use ringfence_bpf::table::{self, Abi};

use random::{Random, boundaries, random_spec};

fn numbers() -> impl Iterator<Item = (u32, u32)> {
    let odd = [
        0x3fff_ffff,
        0x7fff_fffe,
        0x7fff_ffff,
        0x8000_0000,
        0x8000_0029,
        0xbfff_ffff,
        0xc000_0000,
        0xc000_0029,
        0xffff_fffe,
        0xffff_ffff,
    ];
    let numbers = (0..600).chain(0x4000_0000..0x4000_0258).chain(odd);
    let archs = [table::AUDIT_ARCH_X86_64, table::AUDIT_ARCH_I386, 0xc000_00b7, 0];
    numbers.flat_map(move |nr| archs.map(|arch| (arch, nr)))
}

fn compare(spec: &FilterSpec, program: &Program, random: &mut Random, samples: usize) -> usize {
    let boundaries = boundaries(spec);
    let conditional = |abi: Abi, number: u32| {
        let rules = spec.deny.iter().chain(&spec.allow).filter(|rule| !rule.conditions.is_empty());
        rules.flat_map(|rule| rule.target.calls()).any(|call| call.number(abi) == Some(number))
    };
    let mut compared = 0;
    for (arch, nr) in numbers() {
        let mut data = SeccompData { nr, arch, ..SeccompData::default() };
        let tested = Abi::of(&data).is_some_and(|(abi, number)| conditional(abi, number));
        for _ in 0..if tested { samples } else { 1 } {
            data.instruction_pointer = random.next();
            data.args = [0; 6].map(|_: u64| *random.pick(&boundaries));
            let expected = meaning(spec, &data);
            let actual = eval::action(program.insns(), &data).unwrap();
            assert_eq!(actual, expected, "{data:x?} under {spec:#?}");
            compared += 1;
        }
    }
    compared
}

#[test]
fn random_specifications() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut compared = 0;
    for _ in 0..40 {
        let spec = random_spec(&mut random);
        let program = compile(&spec).unwrap();
        decode::check(program.insns()).unwrap();
        assert_eq!(compile(&spec).unwrap(), program, "the same rules give the same bytes");
        compared += compare(&spec, &program, &mut random, 60);
    }
    assert!(compared > 300_000, "{compared} comparisons only");
}

/// Every argument of every call of every ABI, one at a time, with a value, a range and a mask.
#[test]
fn every_argument() {
    let mut random = Random(7);
    for test in ["1", "!1", "2..=9", "-2..=3", "& 6 == 2", "!& 5", "0x7fffffff | 3 | 5 | 0..=1"] {
        let mut allow = Vec::new();
        for call in table::names() {
            let most = Abi::ALL.map(|abi| call.prototype(abi).map_or(0, |prototype| prototype.args.len()));
            for at in 0..most.into_iter().max().unwrap() {
                let before = "_, ".repeat(at);
                if let Ok(rule) = rule::parse(&format!("{}({before}{test})", call.name())) {
                    allow.push(rule);
                }
            }
        }
        assert!(allow.len() > 900, "{} arguments only", allow.len());
        for chunk in allow.chunks(300) {
            let spec = FilterSpec {
                abis: AbiSet::ALL,
                deny: chunk[..30].to_vec(),
                allow: chunk.to_vec(),
                on_deny: Action::Errno(1),
                unknown: Action::Errno(38),
                bad_abi: Action::KillProcess,
            };
            compare(&spec, &compile(&spec).unwrap(), &mut random, 12);
        }
    }
}

fn spec(deny: &[&str], allow: &[&str]) -> FilterSpec {
    let parse = |texts: &[&str]| texts.iter().map(|text| rule::parse(text).unwrap()).collect();
    FilterSpec {
        abis: AbiSet::X86_64,
        deny: parse(deny),
        allow: parse(allow),
        on_deny: Action::Errno(1),
        unknown: Action::Errno(38),
        bad_abi: Action::KillProcess,
    }
}

fn answer(spec: &FilterSpec, arch: u32, nr: u32, args: [u64; 6]) -> Action {
    let data = SeccompData { nr, arch, instruction_pointer: 0, args };
    let action = eval::action(compile(spec).unwrap().insns(), &data).unwrap();
    assert_eq!(action, meaning(spec, &data));
    action
}

/// CVE-2019-7303, CVE-2019-10063: a high half that the kernel drops must change nothing.
#[test]
fn high_halves_that_the_kernel_drops() {
    let spec = spec(&["ioctl(cmd: TIOCSTI | TIOCLINUX)", "socket(domain: AF_ALG) -> kill"], &["@known"]);
    let arch = table::AUDIT_ARCH_X86_64;
    for high in [0, 1 << 32, 0xffff_ffff << 32] {
        assert_eq!(answer(&spec, arch, 16, [0, 0x5412 | high, 0, 0, 0, 0]), Action::Errno(1));
        assert_eq!(answer(&spec, arch, 41, [38 | high, 0, 0, 0, 0, 0]), Action::KillProcess);
        assert_eq!(answer(&spec, arch, 41, [1 | high, 0, 0, 0, 0, 0]), Action::Allow);
    }
}

/// `int 0x80` from a 64-bit process leaves the high halves in `seccomp_data`; the kernel casts all
/// of them away, also those of `unsigned long`.
#[test]
fn i386_reads_32_bits_of_everything() {
    let mut spec = spec(&["unshare(CLONE_NEWUSER) -> kill"], &["@known"]);
    spec.abis = AbiSet::ALL;
    let unshare = table::by_name(Abi::I386, "unshare").unwrap().number;
    let args = [0x1000_0000 | 1 << 40, 0, 0, 0, 0, 0];
    assert_eq!(answer(&spec, table::AUDIT_ARCH_I386, unshare, args), Action::KillProcess);
    assert_eq!(answer(&spec, table::AUDIT_ARCH_X86_64, 272, args), Action::Allow);
}

#[test]
fn socket_types_ignore_their_flags() {
    let spec = spec(&[], &["socket(type: SOCK_STREAM | SOCK_DGRAM)"]);
    let arch = table::AUDIT_ARCH_X86_64;
    for (kind, allowed) in
        [(1, true), (2, true), (3, false), (0x80001, true), (0x80802, true), (0x80003, false)]
    {
        let expected = if allowed { Action::Allow } else { Action::Errno(1) };
        assert_eq!(answer(&spec, arch, 41, [1, kind, 0, 0, 0, 0]), expected, "{kind:#x}");
    }
}

#[test]
fn x32_and_negative_numbers() {
    let native = spec(&[], &["@known"]);
    let mut both = native.clone();
    both.abis = AbiSet::X86_64.with(Abi::X32);
    let arch = table::AUDIT_ARCH_X86_64;
    assert_eq!(answer(&native, arch, 0x4000_0000, [0; 6]), Action::KillProcess);
    assert_eq!(answer(&both, arch, 0x4000_0000, [0; 6]), Action::Allow);
    // execve has an x32 number of its own; the x86_64 one does not exist there, nor the reverse.
    assert_eq!(answer(&both, arch, 0x4000_0000 | 520, [0; 6]), Action::Allow);
    assert_eq!(answer(&both, arch, 0x4000_0000 | 59, [0; 6]), Action::Errno(38));
    assert_eq!(answer(&both, arch, 520, [0; 6]), Action::Errno(38));
    assert_eq!(answer(&native, arch, u32::MAX, [0; 6]), Action::Errno(38));
    assert_eq!(answer(&native, arch, 0xc000_0000, [0; 6]), Action::Errno(38));
}

/// An argument that an ABI does not have: deny all, allow none.
#[test]
fn inexpressible_conditions_open_nothing() {
    let mut spec = spec(&["mmap(prot: & PROT_EXEC == PROT_EXEC)"], &["mmap", "pread64(pos: 0)"]);
    spec.abis = AbiSet::ALL;
    assert_eq!(answer(&spec, table::AUDIT_ARCH_I386, 90, [0; 6]), Action::Errno(1));
    assert_eq!(answer(&spec, table::AUDIT_ARCH_X86_64, 9, [0; 6]), Action::Allow);
}

/// Everything that is allowed whatever its arguments must be answered by the action cache.
#[test]
fn constant_allows_are_cached() {
    let mut random = Random(3);
    for _ in 0..50 {
        let spec = random_spec(&mut random);
        let program = compile(&spec).unwrap();
        for abi in spec.abis.iter() {
            for prototype in table::prototypes(abi) {
                let is =
                    |rule: &Rule| rule.target.calls().any(|call| call.number(abi) == Some(prototype.number));
                if !spec.deny.iter().any(is)
                    && spec.allow.iter().any(|rule| rule.conditions.is_empty() && is(rule))
                {
                    let nr = abi.bit() | prototype.number;
                    assert!(eval::cached(program.insns(), abi.audit_arch(), nr), "{prototype:?}");
                }
            }
        }
    }
}

/// Jumps beyond 255 and programs near the limit; beyond it, an error.
#[test]
fn long_programs() {
    let mut random = Random(11);
    let rules = |count: u64| -> Vec<Rule> {
        let text =
            |at: u64| format!("{}({})", ["lseek", "fcntl", "openat", "prctl"][at as usize % 4], at * 7 + 3);
        (0..count).map(|at| rule::parse(&text(at)).unwrap()).collect()
    };
    for count in [100, 500, 1500] {
        let mut spec = spec(&[], &["@basic-io"]);
        spec.abis = AbiSet::ALL;
        spec.allow.extend(rules(count));
        let program = compile(&spec).unwrap();
        decode::check(program.insns()).unwrap();
        assert!(program.len() > count as usize);
        compare(&spec, &program, &mut random, 200);
    }
    let mut spec = spec(&[], &[]);
    spec.allow = rules(9000);
    assert!(matches!(compile(&spec), Err(compile::Error::TooLong { .. })));
}

#[test]
fn an_allow_rule_has_no_action() {
    let mut spec = spec(&[], &["read"]);
    spec.allow.push(rule::parse("write -> kill").unwrap());
    assert_eq!(compile(&spec), Err(compile::Error::ActionOnAllow { index: 1 }));
}

/// The search must not grow unnoticed: size of the program, and the way of a tested call.
#[test]
fn programs_are_small_and_short() {
    let spec = spec(&["clone3 -> ENOSYS", "socket(AF_ALG | AF_VSOCK)"], &["@system-service"]);
    let program = compile(&spec).unwrap();
    let arch = table::AUDIT_ARCH_X86_64;
    let executed = |nr| {
        let data = SeccompData { nr, arch, ..SeccompData::default() };
        eval::executed(program.insns(), &data).unwrap()
    };
    let most = (0..500).map(executed).max().unwrap();
    let found = (program.len(), executed(41), most);
    assert!(found.0 <= 66 && found.1 <= 9 && found.2 <= 13, "{found:?}");
}
