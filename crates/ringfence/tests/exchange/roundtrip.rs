//! Each real filter: shortened and proven; exported, and read again.

use std::path::Path;

use ringfence::exchange::export::{Target, export};
use ringfence::exchange::gate::{Failure, cost};
use ringfence::exchange::{self, Conditions, Filter, Gate, Imported, Meaning, recognise};

use super::{corpus, import, options, space};
use ringfence::exchange::Language;

/// Imports a file of the corpus; what it includes is beside it.
fn file(path: &Path) -> Imported {
    let directory = path.parent().unwrap().to_owned();
    let beside = |name: &str| {
        let name = Path::new(name).file_name().unwrap();
        std::fs::read(directory.join(name))
    };
    let bytes = std::fs::read(path).unwrap();
    let name = path.to_str().unwrap();
    let language = recognise(&bytes, name).unwrap();
    exchange::import(&bytes, name, language, &options(Conditions::default(), &beside))
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Every filter of the corpus, with its file's name; `None` where that is skipped.
fn real(test: &str) -> Option<Vec<(String, Gate)>> {
    let mut gates = Vec::new();
    for folder in ["docker", "podman", "firecracker", "crosvm"] {
        for entry in std::fs::read_dir(corpus::find(test, folder)?).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if name == "constants.json" || name.ends_with(".frequency") {
                continue;
            }
            gates.extend(file(&path).gates.into_iter().map(|gate| (name.to_owned(), gate)));
        }
    }
    Some(gates)
}

#[test]
fn every_real_filter_becomes_shorter_and_stays_the_same() {
    let mut filters = 0;
    let Some(gates) = real("every_real_filter") else { return };
    for (name, gate) in gates {
        // Equality is shown inside: what is not proven is an error.
        let short = gate.optimised(&mut space()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let plain: usize = gate.programs().unwrap().iter().map(|program| program.len()).sum();
        assert!(short.len() < plain, "{name}: {} of {plain}", short.len());
        assert!(cost(&short).worst <= 60, "{name}: {:?}", cost(&short));
        filters += 1;
    }
    assert!(filters > 45, "{filters}");
}

/// Exports that are proven inside, and what they say.
fn exported(text: &str, language: Language, target: Target) -> Result<String, String> {
    let imported = import(text, language).unwrap_or_else(|error| panic!("{error}"));
    match export(&imported.gates[0], target) {
        Ok(exported) => Ok(String::from_utf8_lossy(&exported.bytes).into_owned()),
        Err(Failure::Bad(error)) => Err(error.to_string()),
        Err(failure) => panic!("{failure}"),
    }
}

const OCI: &str = r#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "architectures": ["SCMP_ARCH_X86"],
  "syscalls": [{"names": ["read", "write", "mmap2"], "action": "SCMP_ACT_ALLOW"},
    {"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 8, "op": "SCMP_CMP_LE"}]},
    {"names": ["clone"], "action": "SCMP_ACT_KILL", "args": [{"index": 0, "value": 268435456, "valueTwo": 268435456,
      "op": "SCMP_CMP_MASKED_EQ"}]}]}"#;
const MINIJAIL: &str = "@default trap\nread: 1\nwrite: arg0 == 1 || arg0 == 2\nopenat: return ENOENT\n\
                        mmap: arg2 in ~PROT_EXEC && arg3 & MAP_PRIVATE\nlseek: arg1 >= 4 && arg1 <= 9\n";
const UNIT: &str = "[Service]\nSystemCallArchitectures=native\nSystemCallFilter=read write openat\n\
                    SystemCallErrorNumber=EPERM\n";

#[test]
fn what_a_language_can_say_it_says() {
    for target in [Target::Bpf, Target::C, Target::Assembly, Target::Oci] {
        exported(OCI, Language::Oci, target).unwrap();
    }
    let oci = exported(OCI, Language::Oci, Target::Oci).unwrap();
    assert!(oci.contains("\"personality\"") && oci.contains("SCMP_CMP_LE"), "{oci}");
    let minijail = exported(MINIJAIL, Language::Minijail, Target::Minijail).unwrap();
    assert!(minijail.starts_with("@default trap\n") && minijail.contains("openat: return 2"), "{minijail}");
    let unit = exported(UNIT, Language::Systemd, Target::Systemd).unwrap();
    assert!(unit.contains("SystemCallErrorNumber=EPERM"), "{unit}");
    let policy = exported(UNIT, Language::Systemd, Target::Ringfence).unwrap();
    assert!(policy.contains("\"openat\"") && policy.contains("on_deny = \"EPERM\""), "{policy}");
}

/// Every real filter goes into each language that can say it, and comes back the same: that is
/// proven inside. These are all that can.
#[test]
fn every_real_filter_goes_where_it_can() {
    let mut written = std::collections::BTreeMap::<&str, usize>::new();
    let Some(gates) = real("every_real_export") else { return };
    for (name, gate) in gates {
        for (target, word) in Target::ALL {
            match export(&gate, target) {
                Ok(_) => *written.entry(word).or_default() += 1,
                Err(Failure::Bad(_)) => {}
                Err(failure) => panic!("{name} as {word}: {failure}"),
            }
        }
        let read = gate.as_read().unwrap_or_else(|error| panic!("{name}: {error}"));
        export(&read, Target::Ringfence).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let all = 4 + 3 + 46;
    let said: Vec<(&str, usize)> = written.into_iter().collect();
    // Of OCI's own four and of all minijail policies; seccompiler's language has one answer beside the
    // default, and no architecture that ends the thread.
    let expected = [
        ("asm", all),
        ("bpf", all),
        ("c", all),
        ("firecracker", 3),
        ("minijail", 46),
        ("oci", 4 + 46),
        ("ringfence", 3),
    ];
    assert_eq!(said, expected);
}

const THREADS: &str = r#"{"vmm": {"default_action": "trap", "filter_action": "allow", "filter": [
  {"syscall": "read"}, {"syscall": "socket", "args": [{"index": 0, "type": "dword", "op": "eq", "val": 1},
    {"index": 1, "type": "qword", "op": {"masked_eq": 255}, "val": 5}]},
  {"syscall": "ioctl", "args": [{"index": 1, "type": "dword", "op": "ne", "val": 21522}]},
  {"syscall": "lseek", "args": [{"index": 1, "type": "qword", "op": "ge", "val": 4},
    {"index": 1, "type": "qword", "op": "le", "val": 9}]}]}}"#;

#[test]
fn firecracker_says_what_it_can() {
    let text = exported(THREADS, Language::Firecracker, Target::Firecracker).unwrap();
    for part in ["\"vmm\"", "\"dword\"", "\"ne\"", "\"masked_eq\": 255", "\"filter_action\": \"allow\""] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // What seccompiler itself makes of the text is in `firecracker.rs`.
    let refused = |text, language| exported(text, language, Target::Firecracker).unwrap_err();
    assert!(refused(MINIJAIL, Language::Minijail).contains("one answer beside its default"));
    assert!(refused(UNIT, Language::Systemd).contains("not expressible exactly as firecracker"));
}

/// Intervals and any of several bits, which an OCI profile has no word for, become several rules.
#[test]
fn oci_says_intervals_and_any_bit_by_several_rules() {
    let text = "@default kill\nlseek: arg1 >= 4 && arg1 <= 9\nfcntl: arg1 & 0x30\nread: arg2 >= 5 && arg2 <= 0x100000004\n";
    let oci = exported(text, Language::Minijail, Target::Oci).unwrap();
    assert!(oci.matches("\"lseek\"").count() == 2 && oci.matches("\"fcntl\"").count() == 2, "{oci}");
}

#[test]
fn what_a_language_cannot_say_is_refused_with_a_reason() {
    let refused = |text, language, target| exported(text, language, target).unwrap_err();
    assert!(refused(OCI, Language::Oci, Target::Systemd).contains("depends on its arguments"));
    assert!(refused(OCI, Language::Oci, Target::Minijail).contains("kill, trap"));
    assert!(refused(OCI, Language::Oci, Target::Ringfence).contains("personality"));
    assert!(refused(MINIJAIL, Language::Minijail, Target::Systemd).contains("TRAP"));
    // x32 is not told apart by minijail, and is by an OCI profile.
    let wrong = refused(MINIJAIL, Language::Minijail, Target::Oci);
    assert!(wrong.contains("not expressible exactly") || wrong.contains("numbers"), "{wrong}");
}

#[test]
fn the_bits_that_the_kernel_reads_can_be_asked_for() {
    let imported = import(OCI, Language::Oci).unwrap();
    let read = imported.gates[0].as_read().unwrap();
    // A program has no rules to look at, and gives the same.
    let program = imported.gates[0].optimised(&mut space()).unwrap();
    let program = Filter { label: String::new(), meaning: Meaning::Program(program) };
    let program = Gate { name: String::new(), stack: vec![program] }.as_read().unwrap();
    let mut space = space();
    let program = program.diagram(&mut space).unwrap();
    let (whole, read) = (imported.gates[0].diagram(&mut space).unwrap(), read.diagram(&mut space).unwrap());
    assert_eq!(program, read);
    let differ = space.unequal(whole, read).unwrap();
    let witness = space.witness(differ).unwrap();
    assert!(witness.args[0] >> 32 != 0, "{witness:x?}");
    let data = ringfence_bpf::program::SeccompData {
        nr: 135,
        arch: ringfence_bpf::table::AUDIT_ARCH_X86_64,
        instruction_pointer: 0,
        args: [8, 0, 0, 0, 0, 0],
    };
    assert_eq!(space.eval(whole, &data), space.eval(read, &data));
}
