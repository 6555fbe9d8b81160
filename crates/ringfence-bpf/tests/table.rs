//! The tables against other sources: the headers of this machine, systemd, and themselves.
#![allow(clippy::print_stderr)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use ringfence_bpf::table::{self, Abi, CallId};

#[test]
fn numbers_that_are_known_by_heart() {
    for (name, numbers) in [
        ("read", [Some(0), Some(3), Some(0)]),
        ("execve", [Some(59), Some(11), Some(520)]),
        ("ioctl", [Some(16), Some(54), Some(514)]),
        ("socketcall", [None, Some(102), None]),
        ("clone3", [Some(435), Some(435), Some(435)]),
        ("landlock_create_ruleset", [Some(444), Some(444), Some(444)]),
    ] {
        let call = table::call(name).unwrap();
        assert_eq!(Abi::ALL.map(|abi| call.number(abi)), numbers, "{name}");
    }
    assert_eq!(table::call("nonsense"), None);
    assert_eq!(table::call(""), None);
}

#[test]
fn lookups_agree() {
    let mut last = "";
    for call in table::names() {
        assert!(last < call.name(), "names are sorted");
        last = call.name();
        assert_eq!(table::call(call.name()), Some(call));
        for abi in Abi::ALL {
            if let Some(number) = call.number(abi) {
                let prototype = table::by_number(abi, number).unwrap();
                assert_eq!((prototype.name, prototype.abi, prototype.number), (call.name(), abi, number));
                assert!(number <= table::highest(abi));
            }
        }
    }
    for abi in Abi::ALL {
        let table = table::prototypes(abi);
        assert!(table.windows(2).all(|pair| pair[0].number < pair[1].number));
        assert!(table.iter().all(|p| table::by_name(abi, p.name) == Some(p)));
        assert!(table.iter().all(|p| p.args.len() <= 6));
    }
    let x32_only = table::prototypes(Abi::X32).iter().filter(|p| p.number >= 512).count();
    assert_eq!(x32_only, 36);
    assert!(table::highest(Abi::X86_64) < 512);
    for sorted in [table::constants(), table::errnos()] {
        assert!(sorted.windows(2).all(|pair| pair[0].name < pair[1].name));
    }
}

#[test]
fn widths() {
    for (abi, call, argument, width, signed, pointer) in [
        (Abi::X86_64, "socket", "family", 32, true, false),
        (Abi::X86_64, "ioctl", "cmd", 32, false, false),
        (Abi::X86_64, "ioctl", "arg", 64, false, false),
        (Abi::X32, "ioctl", "arg", 32, false, false),
        (Abi::X86_64, "openat", "filename", 64, false, true),
        (Abi::X86_64, "chmod", "mode", 16, false, false),
        (Abi::X86_64, "unshare", "unshare_flags", 64, false, false),
        (Abi::X86_64, "clone", "clone_flags", 32, false, false),
    ] {
        let args = table::by_name(abi, call).unwrap().args;
        let arg = args.iter().find(|arg| arg.name == argument).unwrap();
        assert_eq!((arg.width, arg.signed, arg.pointer), (width, signed, pointer), "{call} {argument}");
    }
    assert!(table::prototypes(Abi::I386).iter().flat_map(|p| p.args).all(|arg| arg.width <= 32));
}

#[test]
fn constants() {
    for (name, value) in [
        ("AF_UNIX", 1),
        ("SOCK_CLOEXEC", 0o2_000_000),
        ("PTRACE_SEIZE", 0x4206),
        ("TIOCSTI", 0x5412),
        ("TIOCLINUX", 0x541c),
        ("CLONE_NEWUSER", 0x1000_0000),
        ("CLONE_NEWTIME", 0x80),
        ("PROT_EXEC", 4),
        ("MAP_ANONYMOUS", 0x20),
        ("O_TMPFILE", 0o20_200_000),
        ("PR_SET_SECCOMP", 22),
        ("SIGSYS", 31),
        ("FUTEX_WAIT_PRIVATE", 128),
        ("F_DUPFD_CLOEXEC", 1030),
        ("AT_FDCWD", -100),
        ("S_IFBLK", 0o60_000),
        ("TUNSETIFF", 0x4004_54ca),
        ("PR_SET_VMA", 0x5356_4d41),
        ("MNT_DETACH", 2),
        ("SOL_SOCKET", 1),
    ] {
        assert_eq!(table::constant(name), Some(value), "{name}");
    }
    assert_eq!((table::errno("EPERM"), table::errno("ENOSYS")), (Some(1), Some(38)));
}

/// Every number in the headers of this machine is in the table; the table may be newer.
#[test]
fn headers_of_this_machine() {
    for (abi, file) in [(Abi::X86_64, "64"), (Abi::I386, "32"), (Abi::X32, "x32")] {
        let folder = "/usr/include/x86_64-linux-gnu/asm";
        let path = format!("{folder}/unistd_{file}.h");
        if !Path::new(&path).exists() {
            eprintln!("skipped: {path}");
            continue;
        }
        let mut checked = 0;
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let Some((name, value)) =
                line.strip_prefix("#define __NR_").and_then(|rest| rest.split_once(' '))
            else {
                continue;
            };
            let value = value.trim_matches(['(', ')']);
            let value = value.strip_prefix("__X32_SYSCALL_BIT + ").unwrap_or(value);
            let number = value.parse().unwrap();
            assert_eq!(table::by_name(abi, name).map(|p| p.number), Some(number), "{file} {name}");
            checked += 1;
        }
        assert!(checked > 300, "{path} has {checked} numbers");
    }
}

/// Members that systemd moved to another group since 252 and before 262, whose groups ours are.
const MOVED: [(&str, &str); 1] = [("@mount", "open_tree")];

/// The groups against the systemd of this machine: it has no member that ours lack.
#[test]
fn groups_of_systemd() {
    let Ok(output) = Command::new("systemd-analyze").arg("syscall-filter").output() else {
        eprintln!("skipped: systemd-analyze");
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let mut current = None;
    let mut missing = BTreeSet::new();
    let mut checked = 0;
    for line in text.lines().map(str::trim_end) {
        if line.starts_with('@') {
            current = table::group(line);
            assert!(current.is_some(), "no group {line}");
        } else if let (Some(group), Some(call)) = (current, table::call(line.trim())) {
            checked += 1;
            let moved = MOVED.contains(&(group.name, call.name()));
            if !moved && !group.members().any(|member| member == call) {
                missing.insert((group.name, call.name()));
            }
        }
    }
    assert!(checked > 500, "{checked} members only");
    assert_eq!(missing, BTreeSet::new());
}

#[test]
fn groups_are_flat() {
    let members =
        |name: &str| -> BTreeSet<&str> { table::group(name).unwrap().members().map(CallId::name).collect() };
    assert!(members("@system-service").is_superset(&members("@network-io")));
    assert!(members("@privileged").is_superset(&members("@module")));
    assert_eq!(members("@known").len(), table::names().len());
    assert!(table::elsewhere("arm_fadvise64_64") && !table::elsewhere("read"));
}
