//! Filters back to rules: the rules mean the very filter, or what they cannot say is listed.

use ringfence_bpf::compile::compile;
use ringfence_bpf::decompile::{Answers, Listing, Rules, decompile};
use ringfence_bpf::diagram::Space;
use ringfence_bpf::disassemble::assemble;
use ringfence_bpf::filter::{AbiSet, Action, FilterSpec};
use ringfence_bpf::program::{Program, SeccompData};
use ringfence_bpf::table::{self, Abi};
use ringfence_bpf::{eval, rule};

fn of(program: &Program) -> Listing {
    let mut space = Space::default();
    let filter = space.program(program).unwrap();
    decompile(&mut space, filter).unwrap()
}

fn spec(abis: AbiSet, deny: &[&str], allow: &[&str]) -> FilterSpec {
    let parse = |texts: &[&str]| texts.iter().map(|text| rule::parse(text).unwrap()).collect();
    FilterSpec {
        abis,
        deny: parse(deny),
        allow: parse(allow),
        on_deny: Action::Errno(1),
        unknown: Action::Errno(38),
        bad_abi: Action::KillProcess,
    }
}

fn rules(listing: &Listing, abi: Abi) -> &Rules {
    match &listing.abis[abi as usize] {
        Answers::Rules(rules) => rules,
        Answers::Always(action) => panic!("always {action:?}"),
    }
}

/// The second path: what the listed specification means, without diagrams, against the interpreter.
fn same_meaning(program: &Program, spec: &FilterSpec) {
    let values =
        [0, 1, 2, 5, 10, 0x5411, 0x5412, 0x5413, 0x1000_0000, 0xffff_ffff, u64::MAX, 1 << 32, 1 << 40 | 1];
    for abi in Abi::ALL {
        for number in 0..=table::highest(abi) + 2 {
            for (at, value) in values.iter().enumerate() {
                let mut args = [values[(at * 7 + number as usize) % values.len()]; 6];
                args[number as usize % 6] = *value;
                let data = SeccompData {
                    nr: abi.bit() | number,
                    arch: abi.audit_arch(),
                    instruction_pointer: 0,
                    args,
                };
                let answer = eval::action(program.insns(), &data).unwrap();
                assert_eq!(rule::meaning(spec, &data), answer, "{data:x?}");
            }
        }
    }
}

#[test]
fn rules_come_back() {
    let program = compile(&spec(
        AbiSet::X86_64,
        &["clone3 -> ENOSYS", "ptrace -> kill"],
        &["read", "write", "ioctl(cmd: !TIOCSTI)", "socket(domain: AF_UNIX | AF_INET)", "kill(sig: 0)"],
    ))
    .unwrap();
    let listing = of(&program);
    let found = rules(&listing, Abi::X86_64);
    assert_eq!(found.deny, ["ptrace -> kill", "clone3 -> ENOSYS"]);
    assert_eq!(
        found.allow,
        ["read", "write", "ioctl(cmd: !TIOCSTI)", "socket(domain: AF_UNIX | AF_INET)", "kill(sig: 0)"]
    );
    assert_eq!((found.on_deny, found.unknown), (Action::Errno(1), Some(Action::Errno(38))));
    assert_eq!(listing.abis[1], Answers::Always(Action::KillProcess));
    assert_eq!(listing.foreign, Some(Action::KillProcess));
    same_meaning(&program, listing.spec.as_ref().unwrap());
}

#[test]
fn a_filter_that_names_what_it_denies() {
    let program = compile(&spec(
        AbiSet::ALL,
        &["unshare(flags: & CLONE_NEWUSER == CLONE_NEWUSER)", "mount"],
        &["@known"],
    ))
    .unwrap();
    let listing = of(&program);
    let found = rules(&listing, Abi::X86_64);
    assert_eq!(found.allow, ["@known"]);
    assert_eq!(found.other, []);
    assert_eq!(found.deny, ["mount", "unshare(flags: & CLONE_NEWUSER == CLONE_NEWUSER)"]);
    same_meaning(&program, listing.spec.as_ref().unwrap());
}

/// Every kind of test, on every ABI, comes back as a specification with the same meaning.
#[test]
fn every_kind_of_test() {
    for test in
        ["1", "!1", "2..=9", "-2..=3", "& 6 == 2", "!& 5", "0x7fffffff | 3 | 5 | 0..=1", "& 0x80 == 0x80 | 1"]
    {
        for abis in [AbiSet::X86_64, AbiSet::ALL, AbiSet::NONE.with(Abi::I386)] {
            let allow = format!("lseek(whence: {test})");
            let deny = format!("fcntl(cmd: {test}) -> EACCES");
            let program = compile(&spec(abis, &[&deny], &[&allow, "fcntl", "read"])).unwrap();
            let listing = of(&program);
            let spec = listing.spec.as_ref().unwrap_or_else(|| panic!("{test} {abis:?}: {listing:#?}"));
            same_meaning(&program, spec);
        }
    }
}

/// What rules cannot say is listed as it is, and nothing else is lost.
#[test]
fn beyond_the_language() {
    let program = assemble(
        "ld [arch]\njeq #AUDIT_ARCH_X86_64, next, deny\nld [nr]\njge #X32_BIT, deny, next\n\
         jeq #x86_64:read, allow, next\njeq #x86_64:socket, sock, next\njeq #x86_64:write, wr, next\njeq #600, allow, enosys\n\
         sock: ld [arg0.high]\njeq #0, allow, deny\nwr: ld [ip.low]\njeq #7, allow, deny\n\
         allow: ret ALLOW\ndeny: ret ERRNO(EPERM)\nenosys: ret ERRNO(ENOSYS)",
    )
    .unwrap();
    let listing = of(&program);
    assert_eq!(listing.spec, None);
    let found = rules(&listing, Abi::X86_64);
    assert_eq!(found.allow, ["read"]);
    assert_eq!(found.unknown, Some(Action::Errno(38)));
    let others: Vec<(u32, u32, usize)> =
        found.other.iter().map(|other| (other.first, other.last, other.answers.len())).collect();
    assert_eq!(others, [(1, 1, 2), (41, 41, 2), (600, 600, 1)]);
}

/// Data of an action that rules have no name for is not dropped.
#[test]
fn action_data() {
    let program = assemble(
        "ld [arch]\njeq #AUDIT_ARCH_X86_64, next, deny\nld [nr]\njge #X32_BIT, deny, next\njeq #x86_64:read, allow, next\n\
         jeq #x86_64:write, trace, enosys\nallow: ret ALLOW\ndeny: ret KILL_PROCESS\nenosys: ret ERRNO(ENOSYS)\ntrace: ret TRACE(7)",
    )
    .unwrap();
    let listing = of(&program);
    assert_eq!(listing.spec, None);
    assert_eq!(rules(&listing, Abi::X86_64).other[0].first, 1);
}

/// Many filters take every number from bit 30 on for x32, the negative ones too.
#[test]
fn negative_numbers() {
    let program = assemble(
        "ld [arch]\njeq #AUDIT_ARCH_X86_64, next, kill\nld [nr]\njge #X32_BIT, kill, next\njeq #x86_64:read, allow, next\n\
         jgt #472, enosys, deny\nallow: ret ALLOW\ndeny: ret ERRNO(EPERM)\nenosys: ret ERRNO(ENOSYS)\nkill: ret KILL_PROCESS",
    )
    .unwrap();
    let listing = of(&program);
    assert_eq!(listing.negative, Some(Action::KillProcess));
    let unknown: Vec<u32> = rules(&listing, Abi::X86_64).other.iter().map(|other| other.first).collect();
    assert_eq!(unknown, [337], "the hole in the table gets another answer than what is above it");
}

/// Two ABIs with different rules of one name are no single specification.
#[test]
fn abis_that_differ() {
    let program = assemble(
        "ld [arch]\njeq #AUDIT_ARCH_X86_64, next, other\nld [nr]\njge #X32_BIT, deny, next\njeq #x86_64:read, allow, deny\n\
         other: jeq #AUDIT_ARCH_I386, next, deny\nld [nr]\njeq #i386:write, allow, deny\nallow: ret ALLOW\ndeny: ret ERRNO(EPERM)",
    )
    .unwrap();
    let listing = of(&program);
    assert_eq!(listing.spec, None);
    assert_eq!(rules(&listing, Abi::X86_64).allow, ["read"]);
    assert_eq!(rules(&listing, Abi::I386).allow, ["write"]);
}

#[test]
fn one_answer() {
    let listing = of(&assemble("ret LOG").unwrap());
    assert_eq!(listing.abis, [const { Answers::Always(Action::Log) }; 3]);
    assert_eq!((listing.foreign, listing.spec), (Some(Action::Log), None));
}
