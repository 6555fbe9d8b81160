//! Programs to text and back: the very same instructions, whatever they were.

use ringfence_bpf::compile::compile;
use ringfence_bpf::disassemble::{assemble, disassemble};
use ringfence_bpf::filter::{AbiSet, Action, FilterSpec};
use ringfence_bpf::program::{Insn, Program};
use ringfence_bpf::{decode, rule};

const CODES: [u16; 41] = [
    0x20, 0x80, 0x81, 0x00, 0x01, 0x60, 0x61, 0x02, 0x03, 0x84, 0x05, 0x06, 0x16, 0x07, 0x87, 0x04, 0x14,
    0x24, 0x34, 0x44, 0x54, 0x64, 0x74, 0xa4, 0x0c, 0x1c, 0x2c, 0x3c, 0x4c, 0x5c, 0x6c, 0x7c, 0xac, 0x15,
    0x25, 0x35, 0x45, 0x1d, 0x2d, 0x3d, 0x4d,
];

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

    /// Accepted codes mostly; operands that matter and that do not.
    fn insn(&mut self) -> Insn {
        let code = if self.below(10) == 0 { self.next() as u16 } else { CODES[self.below(41) as usize] };
        let k = match self.below(6) {
            0 => 0,
            1 => self.below(20) as u32,
            2 => 4 * self.below(16) as u32,
            3 => [0xc000_003e, 0x4000_0003, 0x4000_0000, 0x4000_0208][self.below(4) as usize],
            4 => [0x7fff_0000, 0, 0x8000_0000, 0x0005_0001, 0x0003_0007, 0x7ff0_0000][self.below(6) as usize],
            _ => self.next() as u32,
        };
        let jump = |random: &mut Self| if random.below(3) == 0 { random.next() as u8 } else { 0 };
        Insn { code, jt: jump(self), jf: jump(self), k }
    }
}

#[test]
fn any_instructions_come_back() {
    let mut random = Random(1);
    let (mut named, mut raw) = (0, 0);
    for _ in 0..3000 {
        let insns: Vec<Insn> = (0..random.below(40)).map(|_| random.insn()).collect();
        let text = disassemble(&insns);
        assert_eq!(assemble(&text), Ok(Program::new(insns)), "{text}");
        raw += text.matches(".insn").count();
        named += text.lines().count();
    }
    assert!(named > raw + 5000 && raw > 5000, "{raw} of {named} were raw");
}

/// Every code that the decoder accepts has a mnemonic, and no other.
#[test]
fn the_accepted_codes() {
    for code in 0..=u16::MAX {
        let insns = [Insn::stmt(code, 0), Insn::stmt(0x06, 0)];
        let has_form = !disassemble(&insns).contains(".insn");
        assert_eq!(has_form, decode::decode(insns[0]).is_some(), "{code:#x}");
    }
}

#[test]
fn names() {
    let parse = |text: &str| rule::parse(text).unwrap();
    let spec = FilterSpec {
        abis: AbiSet::X86_64.with(ringfence_bpf::table::Abi::I386),
        deny: vec![parse("clone3 -> ENOSYS")],
        allow: vec![parse("read"), parse("ioctl(cmd: !TIOCSTI)")],
        on_deny: Action::Errno(1),
        unknown: Action::Errno(38),
        bad_abi: Action::KillProcess,
    };
    let program = compile(&spec).unwrap();
    let text = disassemble(program.insns());
    for part in ["[arch]", "#AUDIT_ARCH_X86_64", "#X32_BIT", "#x86_64:", "#i386:", "[arg1.low]", "ret  ALLOW"]
    {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    assert!(text.contains("ret  ERRNO(EPERM)") && text.contains("ret  ERRNO(ENOSYS)"), "{text}");
    assert_eq!(assemble(&text).unwrap(), program);
}

/// A call is named only where the architecture is certain; else both meanings are in a comment.
#[test]
fn the_architecture_must_be_certain() {
    let (nr, arch) = (Insn::stmt(0x20, 0), Insn::stmt(0x20, 4));
    let end = [Insn::stmt(0x06, 0), Insn::stmt(0x06, 0x7fff_0000)];
    let eleven = Insn::jump(0x15, 11, 0, 1);
    let open = disassemble(&[&[nr, eleven][..], &end].concat());
    assert!(open.contains("jeq  #11, next, L3") && open.contains("; x86_64:munmap or i386:execve"), "{open}");
    let checked =
        |k, jt, jf| disassemble(&[&[arch, Insn::jump(0x15, k, jt, jf), nr, eleven][..], &end].concat());
    assert!(checked(0xc000_003e, 0, 2).contains("#x86_64:munmap"));
    assert!(checked(0x4000_0003, 0, 2).contains("#i386:execve"));
    assert!(!checked(0xc000_003e, 2, 0).contains("#x86_64:munmap"));
}

#[test]
fn what_a_person_writes() {
    let text =
        "start: ld [nr] ; the number\n jeq #x86_64:ptrace, bad, next\nret ALLOW\nbad: good:\n ret ERRNO(13)";
    let insns = [
        Insn::stmt(0x20, 0),
        Insn::jump(0x15, 101, 1, 0),
        Insn::stmt(0x06, 0x7fff_0000),
        Insn::stmt(0x06, 0x0005_000d),
    ];
    assert_eq!(assemble(text).unwrap().insns(), insns);
    for (text, line, message) in [
        ("ld [nr]\nhop", 2, "no instruction `hop`"),
        ("ld [foo]", 1, "no word `foo`"),
        ("ld", 1, "`ld` does not take ``"),
        ("jeq #1, next", 1, "does not take"),
        ("a: ret ALLOW\na: ret ALLOW", 2, "twice"),
        ("ja x", 1, "no label `x`"),
        ("a: ret ALLOW\nja a", 2, "behind"),
        ("jeq #x86_64:nonsense, next, next", 1, "has no call `nonsense`"),
        ("jeq #sparc:read, next, next", 1, "no ABI `sparc`"),
        ("ret ERRNO(99999)", 1, "16 bits"),
        ("ret PERHAPS", 1, "no action"),
        ("ld #4294967296", 1, "32 bits"),
        (".insn 1, 2, 3", 1, "expected `.insn"),
        (".insn 1, 256, 3, 4", 1, "expected `.insn"),
    ] {
        let error = assemble(text).unwrap_err();
        assert!(error.line == line && error.message.contains(message), "{text:?}: {error}");
    }
    let far = format!("jeq #1, end, next\n{}end: ret ALLOW", "tax\n".repeat(256));
    assert!(assemble(&far).unwrap_err().message.contains("more than 255"));
    assert!(assemble(&"tax\n".repeat(4097)).unwrap_err().message.contains("4096"));
}
