//! Each finding on a filter that has the fault and on one that has not; every witness answered by
//! the interpreter as well.

use std::collections::BTreeSet;

use ringfence_bpf::compile::compile;
use ringfence_bpf::diagram::Space;
use ringfence_bpf::disassemble::assemble;
use ringfence_bpf::filter::{AbiSet, Action, FilterSpec};
use ringfence_bpf::finding::{self, Finding, Id, Severity};
use ringfence_bpf::program::Program;
use ringfence_bpf::table::{self, Abi};
use ringfence_bpf::{eval, relate, rule};

/// The findings of a program, with every witness run by the interpreter.
fn findings(program: &Program) -> Vec<Finding> {
    let mut space = Space::default();
    let filter = space.program(program).unwrap();
    let found = finding::check(&mut space, filter, &[program]).unwrap();
    for finding in &found {
        for witness in &finding.witnesses {
            let answer = eval::action(program.insns(), &witness.data).unwrap();
            assert_eq!(answer, witness.action, "{finding:#?}");
        }
        assert!(!finding.message.ends_with('.') && !finding.fix.is_empty(), "{finding:#?}");
    }
    found
}

fn of(program: &Program, id: Id) -> Option<Finding> {
    findings(program).into_iter().find(|finding| finding.id == id)
}

fn text(program: &str) -> Program {
    assemble(program).unwrap()
}

fn spec(abis: &[Abi], deny: &[&str], allow: &[&str]) -> FilterSpec {
    let parse = |texts: &[&str]| texts.iter().map(|text| rule::parse(text).unwrap()).collect();
    FilterSpec {
        abis: abis.iter().copied().collect::<AbiSet>(),
        deny: parse(deny),
        allow: parse(allow),
        on_deny: Action::Errno(1),
        unknown: Action::Errno(38),
        bad_abi: Action::KillProcess,
    }
}

fn rules(deny: &[&str], allow: &[&str]) -> Program {
    compile(&spec(&[Abi::X86_64], deny, allow)).unwrap()
}

/// x86_64 alone, then this; `allow`, `deny` and `enosys` are there to jump to.
fn native(body: &str) -> Program {
    text(&format!(
        "ld [arch]\njeq #AUDIT_ARCH_X86_64, next, deny\nld [nr]\njge #X32_BIT, deny, next\n{body}\n\
         allow: ret ALLOW\ndeny: ret ERRNO(EPERM)\nenosys: ret ERRNO(ENOSYS)\n"
    ))
}

#[test]
fn ids_are_for_good() {
    let codes: Vec<String> = Id::ALL.iter().map(|id| id.to_string()).collect();
    assert_eq!(codes.first().unwrap(), "RF-G001 truncation-bypass");
    assert_eq!(codes.last().unwrap(), "RF-G017 foreign-arch");
    for (at, code) in codes.iter().enumerate() {
        assert!(code.starts_with(&format!("RF-G{:03} ", at + 1)), "{code}");
    }
    assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), Id::ALL.len());
    assert!(Severity::High > Severity::Medium && Severity::Low > Severity::Note);
}

/// CVE-2019-10063: `ioctl(fd, TIOCSTI)` denied as 64 bits, so that bit 32 lets it pass.
#[test]
fn truncation_bypass() {
    let deny = |high: &str| {
        native(&format!(
            "jeq #x86_64:ioctl, next, allow\nld [arg1.low]\njeq #0x5412, next, allow\n{high}\nja deny"
        ))
    };
    let hole = deny("ld [arg1.high]\njeq #0, next, allow");
    let found = of(&hole, Id::TruncationBypass).unwrap();
    let [denied, runs] = found.witnesses[..] else { panic!("{found:#?}") };
    assert_eq!((denied.action, runs.action), (Action::Errno(1), Action::Allow));
    assert_eq!((denied.data.args[1], runs.data.args[1] as u32), (0x5412, 0x5412));
    assert_ne!(runs.data.args[1] >> 32, 0);
    assert_eq!((found.severity, found.call.unwrap().name()), (Severity::High, "ioctl"));
    assert!(found.message.contains("32 bits"), "{}", found.message);
    assert_eq!(of(&deny(""), Id::TruncationBypass), None);
}

/// A filter that lists 64-bit values: a dirty register is denied, which opens nothing.
#[test]
fn truncation_overblock() {
    let list = |high: &str| {
        native(&format!(
            "jeq #x86_64:socket, next, allow\nld [arg0.low]\njeq #1, next, deny\n{high}\nja allow"
        ))
    };
    let program = list("ld [arg0.high]\njeq #0, next, deny");
    let found = of(&program, Id::TruncationOverblock).unwrap();
    assert_eq!((found.severity, of(&program, Id::TruncationBypass)), (Severity::Note, None));
    assert_eq!(of(&list(""), Id::TruncationOverblock), None);
    // The kernel reads all of an `unsigned long`: no finding whatever the filter compares.
    let brk = native("jeq #x86_64:brk, next, allow\nld [arg0.high]\njeq #0, allow, deny");
    assert_eq!(of(&brk, Id::TruncationOverblock), None);
}

/// `AT_FDCWD` as 64 bits: compilers write it with and without its sign.
#[test]
fn negative_numbers_have_two_clean_forms() {
    let program = native(
        "jeq #x86_64:openat, next, allow\nld [arg0.low]\njeq #0xffffff9c, next, allow\n\
         ld [arg0.high]\njeq #0, deny, next\njeq #0xffffffff, deny, allow",
    );
    let found = of(&program, Id::TruncationBypass).unwrap();
    let high = found.witnesses[1].data.args[0] >> 32;
    assert!(high != 0 && high != 0xffff_ffff, "{found:#?}");
}

#[test]
fn truncation_to_16_bits() {
    let program = native(
        "jeq #x86_64:chmod, next, allow\nld [arg1.low]\njeq #0o4755, deny, allow"
            .replace("0o4755", "2541")
            .as_str(),
    );
    let found = of(&program, Id::TruncationBypass).unwrap();
    assert!(found.message.contains("16 bits"));
    assert_eq!(found.witnesses[0].data.args[1] & 0xffff, found.witnesses[1].data.args[1] & 0xffff);
}

/// What rules compile to has no truncation in either direction, on any ABI.
#[test]
fn rules_compare_what_the_kernel_reads() {
    let all = spec(
        &Abi::ALL,
        &[
            "ioctl(cmd: TIOCSTI)",
            "socket(domain: AF_ALG)",
            "clone(flags: & CLONE_NEWUSER == CLONE_NEWUSER)",
            "kill(-1)",
        ],
        &["@known"],
    );
    for finding in findings(&compile(&all).unwrap()) {
        let truncation = matches!(finding.id, Id::TruncationBypass | Id::TruncationOverblock);
        assert!(!truncation, "{finding:#?}");
    }
}

#[test]
fn abi_unchecked() {
    let program = text(
        "ld [nr]\njge #X32_BIT, deny, next\njeq #101, deny, allow\nallow: ret ALLOW\ndeny: ret ERRNO(EPERM)",
    );
    let found = of(&program, Id::AbiUnchecked).unwrap();
    assert_eq!(found.severity, Severity::High);
    assert_eq!(found.call.unwrap().name(), "ptrace");
    assert_eq!(found.witnesses[1].data.arch, table::AUDIT_ARCH_I386);
    assert_eq!(of(&native("jeq #101, deny, allow"), Id::AbiUnchecked), None);
}

#[test]
fn x32_open() {
    let program = text(
        "ld [arch]\njeq #AUDIT_ARCH_X86_64, next, deny\nld [nr]\njeq #x86_64:ptrace, deny, allow\n\
         allow: ret ALLOW\ndeny: ret ERRNO(EPERM)",
    );
    let found = of(&program, Id::X32Open).unwrap();
    assert_eq!(found.abis, [Abi::X32]);
    assert_eq!(found.witnesses[1].data.nr, table::X32_BIT | 521);
    assert_eq!(found.witnesses[0].data.nr, 101);
    assert_eq!(of(&native("jeq #x86_64:ptrace, deny, allow"), Id::X32Open), None);
}

#[test]
fn i386_open() {
    let program = text(
        "ld [arch]\njeq #AUDIT_ARCH_I386, allow, next\njeq #AUDIT_ARCH_X86_64, next, deny\nld [nr]\n\
         jge #X32_BIT, deny, next\njeq #x86_64:ptrace, deny, allow\nallow: ret ALLOW\ndeny: ret ERRNO(EPERM)",
    );
    let found = of(&program, Id::I386Open).unwrap();
    assert_eq!(found.witnesses[1].data.nr, 26);
    assert_eq!(of(&program, Id::AbiUnchecked), None);
    let both = compile(&spec(&[Abi::X86_64, Abi::I386], &["ptrace"], &["@known"])).unwrap();
    assert_eq!(of(&both, Id::I386Open), None);
}

#[test]
fn unknown_numbers() {
    let open = native("jeq #x86_64:ptrace, deny, allow");
    let found = of(&open, Id::UnknownAllowed).unwrap();
    assert_eq!(found.witnesses[0].data.nr, table::highest(Abi::X86_64) + 1);
    assert_eq!(of(&open, Id::UnknownNotEnosys), None);
    let eperm = native("jeq #x86_64:read, allow, deny");
    assert!(of(&eperm, Id::UnknownAllowed).is_none() && of(&eperm, Id::UnknownNotEnosys).is_some());
    let enosys = rules(&[], &["read"]);
    assert!(of(&enosys, Id::UnknownAllowed).is_none() && of(&enosys, Id::UnknownNotEnosys).is_none());
}

#[test]
fn sibling_gap() {
    let gap = rules(&["openat(flags: & O_WRONLY == O_WRONLY)"], &["@known"]);
    let found = of(&gap, Id::SiblingGap).unwrap();
    assert!(
        found.message.contains("openat2") && found.message.contains("behind a pointer"),
        "{}",
        found.message
    );
    let closed = rules(&["openat(flags: & O_WRONLY == O_WRONLY)", "openat2 -> ENOSYS"], &["@known"]);
    assert_eq!(of(&closed, Id::SiblingGap).filter(|found| found.call == table::call("openat")), None);
    // A list of what may run leaves older calls out; that is no gap.
    assert_eq!(of(&rules(&[], &["openat"]), Id::SiblingGap), None);
    // A list of what may not, and the newer call was forgotten.
    let forgotten = of(&native("jeq #x86_64:chmod, deny, allow"), Id::SiblingGap).unwrap();
    assert!(forgotten.message.starts_with("chmod is denied, but fchmodat"), "{}", forgotten.message);
}

#[test]
fn socketcall_is_a_sibling() {
    let with = |deny: &[&str]| compile(&spec(&[Abi::X86_64, Abi::I386], deny, &["@known"])).unwrap();
    let open = findings(&with(&["socket(AF_VSOCK)"]));
    assert!(
        open.iter().any(|found| found.id == Id::SiblingGap && found.message.contains("socketcall(1)")),
        "{open:#?}"
    );
    let closed = findings(&with(&["socket(AF_VSOCK)", "socketcall(1)"]));
    assert!(!closed.iter().any(|found| found.message.contains("socketcall(1)")), "{closed:#?}");
}

#[test]
fn eperm_where_enosys() {
    let eperm = of(&rules(&["clone3"], &["@known"]), Id::EpermWhereEnosys).unwrap();
    assert_eq!((eperm.call.unwrap().name(), eperm.severity), ("clone3", Severity::Medium));
    assert_eq!(of(&rules(&["clone3 -> ENOSYS"], &["@known"]), Id::EpermWhereEnosys), None);
}

#[test]
fn io_uring_open() {
    let found = of(&rules(&["connect"], &["@known"]), Id::IoUringOpen).unwrap();
    assert!(found.message.contains("connect"), "{}", found.message);
    assert_eq!(of(&rules(&["connect", "io_uring_setup"], &["@known"]), Id::IoUringOpen), None);
}

#[test]
fn dangerous_allow() {
    let calls = |program: &Program| -> Vec<String> {
        let found = findings(program).into_iter().filter(|found| found.id == Id::DangerousAllow);
        found.map(|found| found.message.split(" is permitted").next().unwrap().to_owned()).collect()
    };
    assert_eq!(calls(&rules(&[], &["read", "write"])), [""; 0]);
    assert_eq!(calls(&rules(&[], &["read", "ptrace"])), ["ptrace"]);
    assert_eq!(calls(&rules(&[], &["ioctl(cmd: !TIOCSTI)"])), ["ioctl(_, TIOCLINUX)"]);
    assert_eq!(calls(&rules(&[], &["personality(0 | 8 | 0xffffffff)"])), [""; 0]);
    assert_eq!(calls(&rules(&[], &["clone(flags: !& CLONE_NEWUSER)"])), [""; 0]);
    assert_eq!(calls(&rules(&[], &["clone"])), ["clone(& CLONE_NEWUSER == CLONE_NEWUSER)"]);
    let everything = calls(&rules(&[], &["@known"]));
    let there = |danger: &&finding::Danger| {
        table::by_name(Abi::X86_64, danger.call).is_some_and(|prototype| prototype.entry().is_some())
    };
    assert_eq!(everything.len(), finding::dangers().iter().filter(there).count());
}

/// Each danger names a call, and a constant whose bits are within its mask.
#[test]
fn dangers_name_what_exists() {
    for danger in finding::dangers() {
        let implemented = |abi| table::by_name(abi, danger.call).is_some_and(|p| p.entry().is_some());
        assert!(Abi::ALL.into_iter().any(implemented), "{}", danger.call);
        if let Some((at, mask, constant)) = danger.only {
            let value = table::constant(constant).unwrap() as u64;
            assert!(value & mask == value && value != 0, "{danger:?}");
            let prototype = table::by_name(Abi::X86_64, danger.call).unwrap();
            assert!(usize::from(at) < prototype.args.len());
        }
    }
}

#[test]
fn unreachable() {
    let program = native(
        "jeq #5, next, other\njeq #6, dead, allow\ndead: ret TRAP(3)\nother: jgt #3, next, allow\njgt #2, deny, gone\n\
         gone: ret LOG",
    );
    let found = of(&program, Id::Unreachable).unwrap();
    // `dead`, `gone`, and `enosys`, which nothing names.
    assert_eq!(found.instructions, [6, 9, 12]);
    assert_eq!(of(&rules(&["ptrace"], &["@known"]), Id::Unreachable), None);
}

#[test]
fn instruction_pointer() {
    let program = native("ld [ip.high]\njeq #0x7fff, allow, deny");
    let found = of(&program, Id::InstructionPointer).unwrap();
    assert_eq!(found.witnesses.len(), 1);
    assert_eq!(of(&native("jeq #1, allow, deny"), Id::InstructionPointer), None);
}

#[test]
fn unknown_action() {
    let found = of(&native("jeq #5, next, allow\nret #0x12340000"), Id::UnknownAction).unwrap();
    assert_eq!(found.instructions, [5]);
    assert_eq!(of(&native("jeq #5, next, allow\nret KILL_PROCESS"), Id::UnknownAction), None);
}

#[test]
fn negative_number() {
    let program = text(
        "ld [arch]\njeq #AUDIT_ARCH_X86_64, next, deny\nld [nr]\njeq #101, deny, allow\nallow: ret ALLOW\ndeny: ret ERRNO(1)",
    );
    assert!(of(&program, Id::NegativeNumber).unwrap().witnesses[0].data.nr >= 1 << 31);
    assert_eq!(of(&native("jeq #101, deny, allow"), Id::NegativeNumber), None);
}

#[test]
fn pointer_compared() {
    let program = native("jeq #x86_64:openat, next, allow\nld [arg1.low]\njeq #0x1000, deny, allow");
    assert_eq!(of(&program, Id::PointerCompared).unwrap().call.unwrap().name(), "openat");
    let null = native(
        "jeq #x86_64:openat, next, allow\nld [arg1.low]\njeq #0, next, allow\nld [arg1.high]\njeq #0, deny, allow",
    );
    assert_eq!(of(&null, Id::PointerCompared), None);
}

#[test]
fn foreign_arch() {
    let program = text(
        "ld [arch]\njeq #AUDIT_ARCH_I386, deny, next\nld [nr]\njeq #101, deny, allow\nallow: ret ALLOW\ndeny: ret ERRNO(1)",
    );
    let found = of(&program, Id::ForeignArch).unwrap();
    assert!(!matches!(found.witnesses[0].data.arch, table::AUDIT_ARCH_X86_64 | table::AUDIT_ARCH_I386));
    assert_eq!(of(&native("jeq #101, deny, allow"), Id::ForeignArch), None);
}

/// A filter that denies everything has nothing wrong but dead weight; one that permits everything
/// has no truncation.
#[test]
fn the_extremes() {
    assert_eq!(findings(&text("ret KILL_PROCESS")), []);
    let open: BTreeSet<Id> = findings(&text("ret ALLOW")).iter().map(|found| found.id).collect();
    let expected = [Id::UnknownAllowed, Id::DangerousAllow, Id::NegativeNumber, Id::ForeignArch];
    assert_eq!(open, BTreeSet::from(expected));
}

#[test]
fn the_worst_come_first() {
    let program = text("ld [nr]\njeq #101, deny, allow\nallow: ret ALLOW\ndeny: ret ERRNO(EPERM)");
    let found = findings(&program);
    assert!(found.windows(2).all(|pair| pair[0].severity >= pair[1].severity));
    let mut space = Space::default();
    let filter = space.program(&program).unwrap();
    let set = space.set(filter, |action| relate::strictness(action) == 0).unwrap();
    assert!(!set.is_empty());
}
