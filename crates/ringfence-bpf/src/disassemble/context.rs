//! What is certain before each instruction: the word that A holds, and which architectures are
//! still possible. One walk forward, as programs have no loops.

use super::form;
use crate::program::{Insn, code};
use crate::table::{AUDIT_ARCH_I386, AUDIT_ARCH_X86_64};

/// Which architectures are possible.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Archs {
    pub(super) x86_64: bool,
    pub(super) i386: bool,
    pub(super) other: bool,
}

/// What is known before an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Context {
    /// Whether some way leads here at all, conditions aside.
    pub(super) reached: bool,
    /// The byte offset of the word that A holds unchanged.
    pub(super) word: Option<u32>,
    pub(super) archs: Archs,
}

impl Archs {
    const ANY: Self = Self { x86_64: true, i386: true, other: true };
    const NONE: Self = Self { x86_64: false, i386: false, other: false };

    /// The `AUDIT_ARCH_*` word where only one is possible.
    pub(super) fn certain(self) -> Option<u32> {
        match self {
            Self { x86_64: true, i386: false, other: false } => Some(AUDIT_ARCH_X86_64),
            Self { x86_64: false, i386: true, other: false } => Some(AUDIT_ARCH_I386),
            _ => None,
        }
    }

    /// What is left where the architecture is, or is not, this word.
    fn compared(self, word: u32, equal: bool) -> Self {
        let keep = |arch: u32| (arch == word) == equal;
        Self {
            x86_64: self.x86_64 && keep(AUDIT_ARCH_X86_64),
            i386: self.i386 && keep(AUDIT_ARCH_I386),
            other: self.other && !(equal && matches!(word, AUDIT_ARCH_X86_64 | AUDIT_ARCH_I386)),
        }
    }
}

const UNREACHED: Context = Context { reached: false, word: None, archs: Archs::NONE };

/// The context of every instruction.
pub(super) fn contexts(insns: &[Insn]) -> Vec<Context> {
    let mut contexts = vec![UNREACHED; insns.len()];
    if let Some(first) = contexts.first_mut() {
        *first = Context { reached: true, word: None, archs: Archs::ANY };
    }
    for (at, insn) in insns.iter().enumerate() {
        let context = contexts[at];
        if !context.reached {
            continue;
        }
        match form::targets(insns.len(), at, *insn) {
            [None, None] if matches!(insn.code, 0x06 | 0x16 | 0x05) => {}
            [None, None] => join(&mut contexts, at + 1, after(context, *insn)),
            targets => {
                for (target, equal) in targets.into_iter().zip([true, false]) {
                    let mut next = context;
                    if insn.code == code::JEQ && context.word == Some(4) {
                        next.archs = context.archs.compared(insn.k, equal);
                    }
                    if let Some(target) = target {
                        join(&mut contexts, target, next);
                    }
                }
            }
        }
    }
    contexts
}

/// The context behind an instruction that does not jump.
fn after(mut context: Context, insn: Insn) -> Context {
    match insn.code {
        code::LD_ABS => context.word = Some(insn.k),
        // These leave A as it is: they load X, or store.
        0x81 | 0x01 | 0x61 | 0x02 | 0x03 | 0x07 => {}
        _ => context.word = None,
    }
    context
}

fn join(contexts: &mut [Context], at: usize, new: Context) {
    let Some(old) = contexts.get_mut(at) else { return };
    if !old.reached {
        *old = new;
        return;
    }
    if old.word != new.word {
        old.word = None;
    }
    old.archs.x86_64 |= new.archs.x86_64;
    old.archs.i386 |= new.archs.i386;
    old.archs.other |= new.archs.other;
}
