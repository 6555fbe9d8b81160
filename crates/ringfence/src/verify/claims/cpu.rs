//! The processor's rings: privileged instructions trap.

use super::{Claim, PROTECTION, Scene};
use crate::control::trial::{Deed, Instruction, Passes, Trial};
use crate::verify::{Intent, Part, Reference, Test};

const PRIVILEGED: [(&str, Instruction); 23] = [
    ("cli", Instruction::Cli),
    ("sti", Instruction::Sti),
    ("hlt", Instruction::Hlt),
    ("in", Instruction::In),
    ("out", Instruction::Out),
    ("mov-from-cr0", Instruction::ReadCr0),
    ("mov-to-cr0", Instruction::WriteCr0),
    ("mov-from-cr3", Instruction::ReadCr3),
    ("mov-from-cr4", Instruction::ReadCr4),
    ("mov-to-cr4", Instruction::WriteCr4),
    ("mov-from-dr7", Instruction::ReadDr7),
    ("rdmsr", Instruction::Rdmsr),
    ("wrmsr", Instruction::Wrmsr),
    ("lgdt", Instruction::Lgdt),
    ("lidt", Instruction::Lidt),
    ("lldt", Instruction::Lldt),
    ("ltr", Instruction::Ltr),
    ("lmsw", Instruction::Lmsw),
    ("clts", Instruction::Clts),
    ("invd", Instruction::Invd),
    ("wbinvd", Instruction::Wbinvd),
    ("invlpg", Instruction::Invlpg),
    ("swapgs", Instruction::Swapgs),
];

/// What UMIP stops: the kernel then emulates it with constants (`arch/x86/kernel/umip.c`; `sldt` and
/// `str` since 5.10, and with SIGSEGV before).
const UMIP: [(&str, Instruction); 5] = [
    ("sgdt", Instruction::Sgdt),
    ("sidt", Instruction::Sidt),
    ("sldt", Instruction::Sldt),
    ("smsw", Instruction::Smsw),
    ("str", Instruction::Str),
];

pub(super) fn claims(scene: &Scene) -> Vec<Claim> {
    let mut all: Vec<Claim> = PRIVILEGED.iter().map(|(name, instruction)| trap(name, *instruction)).collect();
    all.extend(UMIP.iter().map(|(name, instruction)| umip(name, *instruction, scene)));
    all
}

fn trap(name: &str, instruction: Instruction) -> Claim {
    let trial = Trial::of(vec![Deed::Instruction(instruction)]).passing(Passes::NoSignal);
    // Ring 0 is nowhere to be tried from: what must pass is an instruction that is not privileged.
    let test =
        Test::Trial { trial: trial.into(), without: Vec::new(), controls: vec![Reference::PlainInstruction] };
    Claim::new(Part::Cpu, Intent::Deny, name, format!("instruction {name}"), test)
        .route("ring 3")
        .because("a privileged instruction must trap, or the kernel is no kernel")
        .see(&["iopl(2)", PROTECTION])
}

/// No privileged instruction by itself: whether it traps is told.
fn umip(name: &str, instruction: Instruction, scene: &Scene) -> Claim {
    let claim = Claim { intent: Intent::Tell, ..trap(name, instruction) };
    claim.because(match scene.umip {
        true => "UMIP stops it, and the kernel answers with constants, or by a signal",
        false => "this processor has no UMIP: it tells where the kernel keeps its tables",
    })
}
