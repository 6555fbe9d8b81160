//! The tables against the types of the running kernel: BTF of every call's function that the
//! compiler has not inlined.
#![allow(clippy::print_stderr)]

mod format;

use ringfence_bpf::table::{self, Abi};

use format::{Btf, Kind};

/// Widths in which the kernel's function takes more than it reads: those of `wide.txt`.
fn narrower(name: &str, argument: &str) -> bool {
    matches!(
        (name, argument),
        ("clone", "clone_flags")
            | ("mmap", "prot" | "flags" | "fd")
            | ("mount", "flags")
            | ("ptrace", "pid")
            | ("remap_file_pages", "flags")
            | ("mbind", "mode")
            | ("vmsplice", "nr_segs")
            | ("readv" | "writev" | "preadv" | "pwritev" | "preadv2" | "pwritev2", "fd" | "vlen")
    )
}

#[test]
fn prototypes() {
    let Ok(bytes) = std::fs::read("/sys/kernel/btf/vmlinux") else {
        eprintln!("skipped: btf::prototypes: /sys/kernel/btf/vmlinux");
        return;
    };
    let btf = Btf::new(&bytes).unwrap();
    let (mut calls, mut arguments) = (0, 0);
    for prototype in table::prototypes(Abi::X86_64) {
        let Some(entry) = prototype.entry() else { continue };
        let Some(mut parameters) = btf.function(&format!("__do_{entry}")) else { continue };
        // `SYSCALL_DEFINE0` hands the registers on, by this name.
        parameters.retain(|parameter| parameter.name != "__unused");
        calls += 1;
        let name = prototype.name;
        assert_eq!(parameters.len(), prototype.args.len(), "{name}");
        for (parameter, argument) in parameters.iter().zip(prototype.args) {
            arguments += 1;
            let shown = argument.name;
            assert_eq!(parameter.name, shown, "{name}");
            let (bits, pointer) = match parameter.kind {
                Kind::Number { bytes } => (8 * bytes, false),
                Kind::Pointer => (64, true),
            };
            assert_eq!(pointer, argument.pointer, "{name} {shown}");
            if u32::from(argument.width) != bits {
                assert!(u32::from(argument.width) < bits && narrower(name, shown), "{name} {shown}: {bits}");
            }
        }
    }
    eprintln!("{calls} calls, {arguments} arguments");
    assert!(calls > 40 && arguments > 100, "{calls} calls, {arguments} arguments");
}
