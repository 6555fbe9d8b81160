//! Privileged instructions, one each. In ring 3 the processor raises a general protection fault,
//! which the kernel turns into SIGSEGV (Intel SDM volume 2; AMD APM volume 3).

use core::arch::asm;

use super::Instruction;

/// Executes one. An answer is what the instruction read; 0 where it reads nothing.
///
/// # Safety
/// The process is made for nothing but this, and runs in ring 3 without `iopl(3)`.
pub(super) unsafe fn execute(instruction: Instruction, room: *mut u8) -> i64 {
    let mut value: u64 = 0;
    // SAFETY: each traps in ring 3, or (the last five) stores at most 10 bytes to `room`, or a word
    // to a register; the caller vouches for that.
    unsafe {
        match instruction {
            Instruction::Nop => asm!("nop"),
            Instruction::Cli => asm!("cli"),
            Instruction::Sti => asm!("sti"),
            Instruction::Hlt => asm!("hlt"),
            Instruction::In => asm!("in al, dx", in("dx") 0x80u16, out("al") _),
            Instruction::Out => asm!("out dx, al", in("dx") 0x80u16, in("al") 0u8),
            Instruction::ReadCr0 => asm!("mov {}, cr0", out(reg) value),
            Instruction::WriteCr0 => asm!("mov cr0, {}", in(reg) 0u64),
            Instruction::ReadCr3 => asm!("mov {}, cr3", out(reg) value),
            Instruction::ReadCr4 => asm!("mov {}, cr4", out(reg) value),
            Instruction::WriteCr4 => asm!("mov cr4, {}", in(reg) 0u64),
            Instruction::ReadDr7 => asm!("mov {}, dr7", out(reg) value),
            Instruction::Rdmsr => {
                asm!("rdmsr", in("ecx") 0x1bu32, out("eax") _, out("edx") _);
            }
            Instruction::Wrmsr => asm!("wrmsr", in("ecx") 0x1bu32, in("eax") 0u32, in("edx") 0u32),
            Instruction::Lgdt => asm!("lgdt [{}]", in(reg) room),
            Instruction::Lidt => asm!("lidt [{}]", in(reg) room),
            Instruction::Lldt => asm!("lldt {0:x}", in(reg) 0u64),
            Instruction::Ltr => asm!("ltr {0:x}", in(reg) 0u64),
            Instruction::Lmsw => asm!("lmsw {0:x}", in(reg) 1u64),
            Instruction::Clts => asm!("clts"),
            Instruction::Invd => asm!("invd"),
            Instruction::Wbinvd => asm!("wbinvd"),
            Instruction::Invlpg => asm!("invlpg [{}]", in(reg) room),
            Instruction::Swapgs => asm!("swapgs"),
            Instruction::Sgdt => asm!("sgdt [{}]", in(reg) room),
            Instruction::Sidt => asm!("sidt [{}]", in(reg) room),
            Instruction::Sldt => asm!("sldt {}", out(reg) value),
            Instruction::Str => asm!("str {}", out(reg) value),
            Instruction::Smsw => asm!("smsw {}", out(reg) value),
        }
    }
    value as i64
}
