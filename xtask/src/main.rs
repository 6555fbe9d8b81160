//! What cargo alone cannot do.
// Its output is what a person asked it for.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod dist;
mod ebpf;
mod layout;
mod matrix;
mod mutants;
mod tables;

const HELP: &str = "\
cargo xtask COMMAND

  dist                     build the small static binary: target/dist/ringfence
  ebpf [--check]           compile the eBPF programs to the objects that are committed
  layout                   find out what a launch executes, for dist to put it together
  bench launch             start-up times of ringfence, the kernel's floor and its peers
  bench calls              system calls that ringfence makes and the floor does not
  bench memory             memory of the supervisors while the command sleeps
  bench endurance          thousands of runs in a row, and what they leave behind
  bench compile            policy to plan, and rules to filter, in one process
  mutants-of-policy        weaken a plan in one place after the other; the verifier must notice
  bench gate               seccomp programs: to diagrams, optimised, compared, and what each costs a call
  bench verify             the default policy, with and without its depth
  bench detect             what watching denials costs, and whether a burst is received whole
  matrix                   the tests and facts on real kernels, booted under QEMU
  tables                   generate the system call tables

`cargo xtask bench --help` and `cargo xtask matrix --help` have the options.";

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("bench") => bench::run(args),
        Some("dist") => dist::run(args),
        Some("ebpf") => ebpf::run(args),
        Some("layout") => layout::run(args),
        Some("matrix") => matrix::run(args),
        Some("mutants-of-policy") => mutants::run(args),
        Some("tables") => tables::run(args),
        Some("--help" | "-h" | "help") | None => {
            println!("{HELP}");
            Ok(())
        }
        Some(other) => anyhow::bail!("no command `{other}`\n\n{HELP}"),
    }
}
