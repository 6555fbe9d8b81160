//! What libseccomp makes of profiles that real projects ship: its linear program and its tree are
//! equal, and so is what is made of them. Skipped where the profiles, python3 or libseccomp are absent.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use ringfence_bpf::compile::shortened;
use ringfence_bpf::diagram::{Limits, Space};
use ringfence_bpf::filter::Action;
use ringfence_bpf::program::{Insn, Program, SeccompData};
use ringfence_bpf::relate::{self, Calls};
use ringfence_bpf::table::{self, Abi};
use ringfence_bpf::{decode, eval};

use crate::random::Random;

const PROFILES: [(&str, &[&str]); 7] = [
    ("docker/default.json", &[]),
    ("docker/2023-10-io_uring-allowed.json", &[]),
    ("docker/2023-11-io_uring-blocked.json", &[]),
    ("podman/seccomp.json", &[]),
    ("firecracker/x86_64.json", &["--filter", "vmm", "--arch", "x86_64"]),
    ("firecracker/x86_64.json", &["--filter", "api", "--arch", "x86_64"]),
    ("firecracker/x86_64.json", &["--filter", "vcpu", "--arch", "x86_64"]),
];

/// Beside the repository; `RINGFENCE_CORPUS` names another folder.
fn corpus() -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpus");
    std::env::var_os("RINGFENCE_CORPUS").map_or_else(|| beside.into(), PathBuf::from)
}

fn compiled(profile: &str, options: &[&str], level: &str) -> Option<Program> {
    let path = corpus().join(profile);
    if !path.exists() {
        return None;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/foreign/libseccomp.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(path).args(options).args(["--optimise", level]).stderr(Stdio::null());
    let output = command.output().ok().filter(|output| output.status.success())?;
    let insn = |b: &[u8]| Insn {
        code: u16::from_ne_bytes([b[0], b[1]]),
        jt: b[2],
        jf: b[3],
        k: u32::from_ne_bytes([b[4], b[5], b[6], b[7]]),
    };
    Some(Program::new(output.stdout.chunks_exact(8).map(insn).collect()))
}

#[test]
fn libseccomps_programs_are_equal_and_become_shorter() {
    let mut random = Random(71);
    for (profile, options) in PROFILES {
        let (Some(linear), Some(tree)) = (compiled(profile, options, "1"), compiled(profile, options, "2"))
        else {
            eprintln!("skipped: foreign::libseccomps_programs_are_equal_and_become_shorter: {profile}");
            continue;
        };
        decode::check(linear.insns()).unwrap();
        let mut space = Space::new(Limits::default());
        let (a, b) = (space.program(&linear).unwrap(), space.program(&tree).unwrap());
        assert_eq!(a, b, "{profile} {options:?}");
        let short = shortened(&mut space, &linear).unwrap();
        let third = options.is_empty();
        let most = if third { linear.len() / 3 } else { linear.len() };
        assert!(short.len() <= most, "{profile}: {} of {}", short.len(), linear.len());
        for _ in 0..20_000 {
            let arch = *random.pick(&[table::AUDIT_ARCH_X86_64, table::AUDIT_ARCH_I386, 0]);
            let nr = random.below(500) as u32 | *random.pick(&[0, 0, 0x4000_0000]);
            let args = [0; 6].map(|_: u64| *random.pick(&[0, 1, 8, 38, 40, 0x7e02_0000, 1 << 32, u64::MAX]));
            let data = SeccompData { nr, arch, instruction_pointer: 0, args };
            let expected = eval::action(linear.insns(), &data).unwrap();
            assert_eq!(space.eval(a, &data), expected, "{data:x?}");
            assert_eq!(eval::action(short.insns(), &data).unwrap(), expected, "{data:x?}");
        }
    }
}

/// Docker blocked io_uring in November 2023: that and nothing else.
#[test]
fn the_difference_of_two_profiles_is_what_changed() {
    let profile = |name| compiled(&format!("docker/{name}.json"), &[], "1");
    let (Some(old), Some(new)) = (profile("2023-10-io_uring-allowed"), profile("2023-11-io_uring-blocked"))
    else {
        eprintln!("skipped: foreign::the_difference_of_two_profiles_is_what_changed: its profiles");
        return;
    };
    let mut space = Space::new(Limits::default());
    let (old, new) = (space.program(&old).unwrap(), space.program(&new).unwrap());
    assert!(relate::subset(&mut space, new, old).unwrap() && !relate::subset(&mut space, old, new).unwrap());
    let found: Vec<_> = relate::difference(&mut space, old, new)
        .unwrap()
        .into_iter()
        .map(|difference| {
            assert_eq!((difference.old, difference.new), (Action::Allow, Action::Errno(1)));
            assert_eq!(difference.conditions.unwrap().len(), 1);
            difference.calls
        })
        .collect();
    let expected: Vec<Calls> = Abi::ALL
        .into_iter()
        .flat_map(|abi| [425, 426, 427].map(|number| Calls::Known(abi, number)))
        .collect();
    assert_eq!(found, expected);
}
