//! `cargo xtask bench`: what containment costs, against the kernel's floor and other tools.

mod args;
mod calls;
mod compile;
mod detect;
mod endurance;
mod gate;
mod launch;
mod level;
mod machine;
mod measure;
mod memory;
mod peer;
pub(crate) mod scene;
mod table;
mod user;
mod verify;

use anyhow::{Result, bail};

use args::Args;

const HELP: &str = "\
cargo xtask bench launch|calls|memory|endurance|compile|gate|detect|verify [OPTION…]

  --runs N              measured runs of each (launch 200, endurance 10000, compile 1000, gate 40, verify 5)
  --level a,b,c,d       a: seccomp and Landlock; b: namespaces and an own view;
                        c: b and an empty network; d: c and a filter of Docker's size;
                        default: `ringfence run` without a policy (launch only)
  --user root|ordinary|both|ordinary:NAME
                        who runs them (the caller; as root also another user: NAME, else 65534)
  --peers all|none|NAME,…
                        of those on PATH
  --pause MICROSECONDS  rest after each run, so that the kernel's own clean-up ends (launch: 0)
  --binary FILE         a ringfence that is built already (else `cargo xtask dist` is run)
  --place DIR           where programs are put that the contained run: it must be visible to every
                        user and under every peer, so not in a home, /tmp, /run or /var/tmp
                        (as root /opt, else ~/.cache)
  --json FILE           the figures for programs (launch, memory)";

/// Runs the command with the arguments after `bench`.
pub(crate) fn run(mut words: impl Iterator<Item = String>) -> Result<()> {
    let what = words.next();
    let what = what.as_deref();
    if matches!(what, None | Some("--help" | "-h" | "help")) {
        println!("{HELP}");
        return Ok(());
    }
    let Some(args) = Args::parse(words)? else {
        println!("{HELP}");
        return Ok(());
    };
    match what {
        Some("calls") => calls::run(&args),
        Some("compile") => compile::run(&args),
        Some("detect") => detect::run(&args),
        Some("endurance") => endurance::run(&args),
        Some("gate") => gate::run(&args),
        Some("launch") => launch::run(&args),
        Some("memory") => memory::run(&args),
        Some("verify") => verify::run(&args),
        other => bail!("no benchmark `{}`\n\n{HELP}", other.unwrap_or_default()),
    }
}
