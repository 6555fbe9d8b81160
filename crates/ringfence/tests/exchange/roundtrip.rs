//! Each real filter: shortened and proven; exported, and read again.

use std::path::Path;

use ringfence::exchange::export::{Target, export};
use ringfence::exchange::gate::{Failure, cost};
use ringfence::exchange::{self, Conditions, Imported, recognise};

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

#[test]
fn every_real_filter_becomes_shorter_and_stays_the_same() {
    let mut filters = 0;
    for folder in ["docker", "podman", "firecracker", "crosvm"] {
        let Some(folder) = corpus::find("every_real_filter", folder) else { return };
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if name == "constants.json" || name.ends_with(".frequency") {
                continue;
            }
            for gate in file(&path).gates {
                // Equality is shown inside: what is not proven is an error.
                let short = gate.optimised(&mut space()).unwrap_or_else(|error| panic!("{name}: {error}"));
                let plain: usize = gate.programs().unwrap().iter().map(|program| program.len()).sum();
                assert!(short.len() < plain, "{name}: {} of {plain}", short.len());
                assert!(cost(&short).worst <= 60, "{name}: {:?}", cost(&short));
                filters += 1;
            }
        }
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
    let mut space = space();
    let (whole, read) = (imported.gates[0].diagram(&mut space).unwrap(), read.diagram(&mut space).unwrap());
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
