//! Ring 0's own protections, as the processor has them. proc_cpuinfo(5), and
//! Documentation/arch/x86/cpuinfo.rst.

use std::collections::BTreeSet;

use super::{Fact, Host, Reading, kernel};

/// The first processor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cpu {
    /// `GenuineIntel`, `AuthenticAMD`.
    pub vendor: Reading<String>,
    /// Which of [`FLAGS`] it has.
    pub flags: BTreeSet<&'static str>,
    /// Whether it runs under a hypervisor.
    pub hypervisor: bool,
}

/// Flags that bear on containment, and what each does.
pub const FLAGS: &[(&str, &str)] = &[
    ("nx", "data is not executed"),
    ("smap", "the kernel does not touch user memory by accident (SMAP)"),
    ("smep", "the kernel does not execute user memory (SMEP)"),
    ("umip", "ring 3 cannot read descriptor tables (UMIP)"),
];

const CPUINFO: &str = "/proc/cpuinfo";

pub(super) fn read(_: &Host) -> Fact<Cpu> {
    let cpu = match kernel::read_small(CPUINFO) {
        Ok(text) => parse(&text),
        Err(error) => Cpu {
            vendor: Reading::Unknown(format!("{CPUINFO}: {error}")),
            flags: BTreeSet::new(),
            hypervisor: false,
        },
    };
    Fact::new(cpu, CPUINFO)
}

fn parse(text: &str) -> Cpu {
    let field = |name: &str| {
        let mut lines = text.lines().take_while(|line| !line.is_empty());
        lines.find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':').map(str::trim))
    };
    let have: BTreeSet<&str> = field("flags").unwrap_or_default().split(' ').collect();
    Cpu {
        vendor: field("vendor_id").map_or_else(
            || Reading::Unknown(format!("{CPUINFO} has no vendor_id")),
            |vendor| Reading::Known(vendor.to_owned()),
        ),
        flags: FLAGS.iter().map(|(flag, _)| *flag).filter(|flag| have.contains(flag)).collect(),
        hypervisor: have.contains("hypervisor"),
    }
}

pub(super) fn synthetic() -> Cpu {
    parse("vendor_id\t: GenuineIntel\nflags\t\t: fpu nx smep smap umip\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_processor_counts() {
        let cpu = parse("vendor_id\t: AuthenticAMD\nflags\t\t: nx smep hypervisor\n\nflags\t\t: umip\n");
        assert_eq!(cpu.vendor, Reading::Known("AuthenticAMD".to_owned()));
        assert_eq!(cpu.flags, BTreeSet::from(["nx", "smep"]));
        assert!(cpu.hypervisor);
    }

    #[test]
    fn an_empty_file_is_unknown() {
        assert!(matches!(parse("").vendor, Reading::Unknown(_)));
    }
}
