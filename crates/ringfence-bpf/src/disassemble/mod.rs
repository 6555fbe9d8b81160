//! Programs as text and back: names of words, architectures, calls and actions, and labels.
//!
//! The mnemonics are those of the kernel's `bpf_asm` (`tools/bpf/bpf_exp.y`,
//! `Documentation/networking/filter.rst`); operands have names where seccomp(2) gives them one:
//!
//! ```text
//!         ld   [arch]
//!         jeq  #AUDIT_ARCH_X86_64, next, L5
//!         ld   [nr]
//!         jeq  #x86_64:ptrace, next, L6
//!         ret  ERRNO(EPERM)
//! L5:     ret  KILL_PROCESS
//! L6:     ret  ALLOW
//! ```
//!
//! `next` is the following instruction; a label is the place of its instruction, counted from
//! zero. Words are `nr`, `arch`, `ip.low`, `ip.high`, `arg0.low` to `arg5.high`. A call is named
//! where every way to the comparison fixes the architecture. An instruction that has no such form
//! (a code that is none, an operand that the kernel ignores and that is not zero, a jump beyond
//! the end) is written as its four fields, `.insn CODE, JT, JF, K`: so [`assemble`] gives back the
//! very instructions, whatever they were. After `;` comes a comment.

mod assemble;
mod context;
mod form;

use std::fmt::Write as _;

use crate::filter::Action;
use crate::program::Insn;
use crate::table::{self, Abi, X32_BIT};

pub use assemble::{Error, assemble};

use context::{Context, contexts};
use form::{Form, WORDS};

/// The text of a program, one instruction a line, with a final newline. Any instructions are
/// accepted: [`crate::decode::check`] says what the kernel would refuse.
pub fn disassemble(insns: &[Insn]) -> String {
    let contexts = contexts(insns);
    let mut labelled = vec![false; insns.len()];
    for (at, insn) in insns.iter().enumerate() {
        for target in form::targets(insns.len(), at, *insn).into_iter().flatten() {
            labelled[target] |= target != at + 1;
        }
    }
    let mut text = String::new();
    for (at, insn) in insns.iter().enumerate() {
        let label = if labelled[at] { format!("L{at}:") } else { String::new() };
        let (body, comment) = instruction(insns.len(), at, *insn, &contexts[at]);
        let line = format!("{label:<8}{body}");
        let _ = if comment.is_empty() {
            writeln!(text, "{line}")
        } else {
            writeln!(text, "{line:<48}; {comment}")
        };
    }
    text
}

/// The name of an action as the text of a program has it: `ALLOW`, `ERRNO(EPERM)`, `TRACE(3)`.
pub fn action(action: Action) -> String {
    let data = |name: &str, data: u16| if data == 0 { name.to_owned() } else { format!("{name}({data})") };
    match action {
        Action::KillProcess => "KILL_PROCESS".into(),
        Action::KillThread => "KILL_THREAD".into(),
        Action::Trap(number) => data("TRAP", number),
        Action::Errno(number) => match table::errno_name(number) {
            Some(name) => format!("ERRNO({name})"),
            None => format!("ERRNO({number})"),
        },
        Action::UserNotif => "USER_NOTIF".into(),
        Action::Trace(number) => data("TRACE", number),
        Action::Log => "LOG".into(),
        Action::Allow => "ALLOW".into(),
    }
}

/// The instruction, and what to say about it.
fn instruction(len: usize, at: usize, insn: Insn, context: &Context) -> (String, String) {
    let Insn { code, jt, jf, k } = insn;
    let Some((mnemonic, form)) = form::of(len, at, insn) else {
        return (format!(".insn {code:#06x}, {jt}, {jf}, {k:#x}"), String::new());
    };
    let label = |skip: u32| match skip {
        0 => "next".to_owned(),
        _ => format!("L{}", at + 1 + skip as usize),
    };
    let mut comment = if context.reached { String::new() } else { "never reached".to_owned() };
    let operand = match form {
        Form::None => String::new(),
        Form::Length => "#len".into(),
        Form::Word => match WORDS.get(k as usize / 4).filter(|_| k % 4 == 0) {
            Some(word) => format!("[{word}]"),
            None => format!("[{k}]"),
        },
        Form::Scratch => format!("M[{k}]"),
        Form::Constant => format!("#{}", number(k)),
        Form::X => "x".into(),
        Form::A => "a".into(),
        Form::Target => label(k),
        Form::Action => {
            let known = Action::from_value(k);
            if known.value() == k {
                action(known)
            } else {
                comment = match known {
                    Action::KillProcess => "an unknown action: the kernel kills the process".into(),
                    known => format!("the kernel reads {}", action(known)),
                };
                format!("#{k:#x}")
            }
        }
        Form::Branch => {
            let (name, also) = compared(context, k);
            if comment.is_empty() {
                comment = also;
            }
            format!("#{name}, {}, {}", label(jt.into()), label(jf.into()))
        }
        Form::BranchX => format!("x, {}, {}", label(jt.into()), label(jf.into())),
    };
    (format!("{mnemonic:<4} {operand}").trim_end().to_owned(), comment)
}

/// The constant of a comparison by name, and a comment where the name is not certain.
fn compared(context: &Context, k: u32) -> (String, String) {
    match context.word {
        Some(4) => match k {
            table::AUDIT_ARCH_X86_64 => ("AUDIT_ARCH_X86_64".into(), String::new()),
            table::AUDIT_ARCH_I386 => ("AUDIT_ARCH_I386".into(), String::new()),
            _ => (number(k), String::new()),
        },
        Some(0) if k == X32_BIT && context.archs.x86_64 => ("X32_BIT".into(), String::new()),
        Some(0) => match context.archs.certain() {
            Some(arch) => (call(arch, k).unwrap_or_else(|| number(k)), String::new()),
            None => {
                let of = |arch| call(arch, k);
                let names = [of(table::AUDIT_ARCH_X86_64), of(table::AUDIT_ARCH_I386)];
                (number(k), names.into_iter().flatten().collect::<Vec<_>>().join(" or "))
            }
        },
        _ => (number(k), String::new()),
    }
}

/// `ABI:NAME` of a number under an architecture.
fn call(arch: u32, nr: u32) -> Option<String> {
    let data = crate::program::SeccompData { nr, arch, ..Default::default() };
    let (abi, number): (Abi, u32) = Abi::of(&data)?;
    table::by_number(abi, number).map(|prototype| format!("{}:{}", abi.name(), prototype.name))
}

/// Small numbers in decimal, as people write them; others show their bits.
fn number(k: u32) -> String {
    if k < 4096 { k.to_string() } else { format!("{k:#x}") }
}
