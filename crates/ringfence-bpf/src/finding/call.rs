//! Inputs as calls that a person can read.

use crate::program::SeccompData;
use crate::table::{self, Abi};

/// An input as a call: `socket(0x100000028, 0x0, 0x0)`, with its ABI before it where that is not
/// x86_64 (`i386:socketcall(0x1, 0x0)`), and the number where no table has it
/// (`x86_64:9999(0x0, …)`). Arguments that the kernel does not read are left out.
pub fn describe(data: &SeccompData) -> String {
    let values = |count: usize| {
        let texts: Vec<String> = data.args[..count].iter().map(|value| format!("{value:#x}")).collect();
        texts.join(", ")
    };
    let Some((abi, number)) = Abi::of(data) else {
        return format!("arch {:#x}: {}({})", data.arch, data.nr as i32, values(6));
    };
    let prefix = if abi == Abi::X86_64 { String::new() } else { format!("{}:", abi.name()) };
    match table::by_number(abi, number) {
        Some(prototype) => format!("{prefix}{}({})", prototype.name, values(prototype.args.len())),
        None => format!("{}:{}({})", abi.name(), number as i32, values(6)),
    }
}
