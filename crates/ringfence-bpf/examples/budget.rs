//! Measures the way from policy text to program, for a filter of the size of Docker's default.
//!
//! `cargo run --release --example budget`; prints medians in microseconds.
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use ringfence_bpf::compile::compile;
use ringfence_bpf::eval;
use ringfence_bpf::filter::{AbiSet, Action, FilterSpec};
use ringfence_bpf::program::SeccompData;
use ringfence_bpf::rule::{self, ParseError, Rule};
use ringfence_bpf::table::{self, Abi};

/// What Docker's default does not allow without capabilities, as groups and names.
const WITHOUT: [&str; 10] = [
    "@clock",
    "@cpu-emulation",
    "@debug",
    "@keyring",
    "@module",
    "@mount",
    "@obsolete",
    "@raw-io",
    "@reboot",
    "@swap",
];

const CONDITIONS: [&str; 9] = [
    "personality(0)",
    "personality(8)",
    "personality(0x20000)",
    "personality(0x20008)",
    "personality(0xffffffff)",
    "socket(domain: 0..=37 | 39 | 41..=50)",
    "clone(flags: !& (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP))",
    "ptrace(request: PTRACE_TRACEME | PTRACE_CONT)",
    "clock_settime(clockid: 1..=3)",
];

fn spec(allow: &[String], abis: AbiSet) -> Result<FilterSpec, ParseError> {
    let deny = ["clone3 -> ENOSYS", "ioctl(cmd: TIOCSTI | TIOCLINUX)"];
    Ok(FilterSpec {
        abis,
        deny: deny.iter().map(|text| rule::parse(text)).collect::<Result<Vec<Rule>, _>>()?,
        allow: allow.iter().map(|text| rule::parse_allow(text)).collect::<Result<Vec<Rule>, _>>()?,
        on_deny: Action::Errno(1),
        unknown: Action::Errno(38),
        bad_abi: Action::KillProcess,
    })
}

fn median(mut run: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..501)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let left_out: Vec<_> =
        WITHOUT.iter().filter_map(|name| table::group(name)).flat_map(|group| group.members()).collect();
    let conditional = ["personality", "socket", "clone", "ptrace", "clock_settime"];
    let mut names: Vec<String> = table::names()
        .filter(|call| !left_out.contains(call) && !conditional.contains(&call.name()))
        .map(|call| call.name().to_owned())
        .collect();
    names.extend(CONDITIONS.map(String::from));
    let mut groups = vec!["@system-service".to_owned()];
    groups.extend(CONDITIONS.map(String::from));

    // A launcher does it once, with nothing in the caches.
    let start = Instant::now();
    let cold = spec(&names, AbiSet::X86_64).map(|spec| compile(&spec))??;
    println!("first run, names, x86_64: {:.1} us ({})", start.elapsed().as_secs_f64() * 1e6, cold.len());

    for (label, allow, abis) in [
        ("names, x86_64", &names, AbiSet::X86_64),
        ("names, three ABIs", &names, AbiSet::ALL),
        ("@system-service, x86_64", &groups, AbiSet::X86_64),
        ("@system-service, three ABIs", &groups, AbiSet::ALL),
    ] {
        let parsed = spec(allow, abis)?;
        let program = compile(&parsed)?;
        let parse = median(|| drop(black_box(spec(black_box(allow), abis))));
        let compiled = median(|| drop(black_box(compile(black_box(&parsed)))));
        let whole = median(|| drop(black_box(spec(black_box(allow), abis).map(|spec| compile(&spec)))));
        let steps = |call: &str, args| -> Option<usize> {
            let nr = table::by_name(Abi::X86_64, call)?.number;
            let data = SeccompData { nr, arch: Abi::X86_64.audit_arch(), args, ..Default::default() };
            eval::executed(program.insns(), &data).ok()
        };
        println!(
            "{label}: {} rules, {} instructions; parse {parse:.1} us, compile {compiled:.1} us, both {whole:.1} us; \
             executed: getppid {:?}, personality(0) {:?}, socket(AF_UNIX) {:?}, socket(AF_VSOCK) {:?}",
            allow.len() + 2,
            program.len(),
            steps("getppid", [0; 6]),
            steps("personality", [0; 6]),
            steps("socket", [1, 0, 0, 0, 0, 0]),
            steps("socket", [40, 0, 0, 0, 0, 0]),
        );
        let cached = table::prototypes(Abi::X86_64)
            .iter()
            .filter(|prototype| eval::cached(program.insns(), Abi::X86_64.audit_arch(), prototype.number));
        println!("  answered by the kernel's action cache: {}", cached.count());
    }
    Ok(())
}
