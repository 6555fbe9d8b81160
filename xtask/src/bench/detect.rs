//! `cargo xtask bench detect`: what watching denials costs allowed calls, inside and outside, and
//! whether a burst of them is received whole while the reader stands still for two seconds.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::args::Args;
use super::user::{User, Who};
use super::{machine, scene};
use crate::dist;

/// Calls of one measurement, and how many measurements: the median counts.
const CALLS: usize = 100_000;
const RUNS: usize = 9;
/// Denials of a burst.
const BURST: u64 = 1_000_000;
/// How long the reader stands still.
const STILL: Duration = Duration::from_secs(2);
/// What is opened: every view has it.
const FILE: &str = "/usr/bin/env";

/// A plan without a view, so that Landlock alone denies to make a directory.
const BARE: &[&str] = &[
    "--explain",
    "--namespaces-unshare=pid",
    "--namespaces-unshare=user",
    "--fs-proc=none",
    "--fs-dev=none",
    "--fs-tmp=",
    "--net-mode=host",
    "--net-connect=tcp:1",
];

/// A burst: what the program does, who denies it, the source that tells, and how it is run.
struct Burst {
    what: &'static str,
    by: &'static str,
    source: &'static str,
    flags: &'static [&'static str],
    /// Capabilities that the caller goes without, in setpriv(1)'s words.
    without: Option<&'static str>,
}

const GATE: Burst =
    Burst { what: "gate", by: "the filter", source: "seccomp-notify", flags: &["--explain"], without: None };
const VIEW: Burst =
    Burst { what: "refused", by: "a read-only view", source: "ebpf", flags: &["--explain"], without: None };
/// Audit's records, with eBPF's back-pressure, without it, and with a small buffer as well.
const LANDLOCK: [Burst; 3] = [
    Burst { what: "refused", by: "Landlock", source: "audit", flags: BARE, without: None },
    Burst {
        what: "refused",
        by: "Landlock, without CAP_BPF",
        source: "audit",
        flags: BARE,
        without: Some("-bpf,-perfmon,-sys_admin"),
    },
    Burst {
        what: "refused",
        by: "Landlock, without CAP_BPF and CAP_NET_ADMIN",
        source: "audit",
        flags: BARE,
        without: Some("-bpf,-perfmon,-sys_admin,-net_admin"),
    },
];

struct Bench {
    place: PathBuf,
    runs: usize,
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.place);
    }
}

/// Measures and prints.
pub(crate) fn run(args: &Args) -> Result<()> {
    let place = args.place.clone().unwrap_or_else(|| "/opt".into());
    let place = place.join(format!("ringfence-bench-detect-{}", std::process::id()));
    std::fs::create_dir_all(&place).with_context(|| place.display().to_string())?;
    let bench = Bench { place, runs: args.runs.unwrap_or(RUNS) };
    let binary = match &args.binary {
        Some(binary) => binary.clone(),
        None => dist::build()?,
    };
    std::fs::copy(&binary, bench.ringfence()).with_context(|| binary.display().to_string())?;
    scene::standard("detect", &bench.program())?;
    for (name, value) in machine::describe() {
        println!("- {name}: {value}");
    }
    println!(
        "- open and close of {FILE}: processor time, {CALLS} in a row, median of {} such runs, interleaved",
        bench.runs
    );
    let users = match &args.who {
        Who::Caller => Who::Both(None).users().or_else(|_| Who::Caller.users())?,
        who => who.users()?,
    };
    bench.overhead(&users)?;
    bench.bursts(&users)
}

impl Bench {
    fn ringfence(&self) -> PathBuf {
        self.place.join("ringfence")
    }

    fn program(&self) -> PathBuf {
        self.place.join("program")
    }

    /// `flags`: those of `ringfence run`; `None`: without it.
    fn command(&self, user: &User, flags: Option<&[&str]>, words: &[&str]) -> Command {
        let mut line: Vec<String> = Vec::new();
        if let Some(flags) = flags {
            line.push(self.ringfence().display().to_string());
            line.push("run".into());
            line.push(format!("--fs-exec={}", self.place.display()));
            line.extend(flags.iter().map(|flag| (*flag).to_owned()));
            line.push("--".into());
        }
        line.push(self.program().display().to_string());
        line.extend(words.iter().map(|word| (*word).to_owned()));
        let mut command = match user.ids {
            None => Command::new(&line[0]),
            Some((uid, gid)) => {
                let mut command = Command::new("setpriv");
                command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".into()]);
                command.arg("--").arg(&line[0]);
                command
            }
        };
        command.args(&line[1..]).current_dir("/").stdin(Stdio::null()).stderr(Stdio::piped());
        command
    }

    fn opens(&self, user: &User, flags: Option<&[&str]>) -> Result<f64> {
        let output = self.command(user, flags, &["open", FILE, &CALLS.to_string()]).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{said}");
        if flags.is_some_and(|flags| flags.contains(&"--explain")) && user.root {
            ensure!(said.contains("ebpf: complete"), "eBPF did not watch: {said}");
        }
        String::from_utf8(output.stdout)?.trim().parse().context("nanoseconds")
    }

    fn overhead(&self, users: &[User]) -> Result<()> {
        println!(
            "\n| who | contained | ns an open and close | to contained without events |\n|---|---|--:|--:|"
        );
        for user in users {
            let kinds: [(&str, Option<&[&str]>); 3] =
                [("no", None), ("yes", Some(&[])), ("yes, `--explain`", Some(&["--explain"]))];
            let mut samples: [Vec<f64>; 3] = Default::default();
            for _ in 0..self.runs {
                for (samples, (_, flags)) in samples.iter_mut().zip(kinds) {
                    samples.push(self.opens(user, flags)?);
                }
            }
            let medians = samples.map(median);
            for ((name, _), ns) in kinds.iter().zip(medians) {
                println!("| {} | {name} | {ns:.0} | {:.2} |", user.name, ns / medians[1]);
            }
            if user.root {
                self.bystander(user, medians[0])?;
            }
        }
        Ok(())
    }

    /// What others pay while somebody is watched by eBPF.
    fn bystander(&self, user: &User, alone: f64) -> Result<()> {
        let sleep = ["run", "--explain", "--", "/bin/sleep", "1000"];
        let mut watched =
            Command::new(self.ringfence()).args(sleep).stdin(Stdio::null()).stderr(Stdio::null()).spawn()?;
        // Attached long before that: it takes a tenth of a second.
        std::thread::sleep(Duration::from_secs(2));
        let samples: Result<Vec<f64>> = (0..self.runs).map(|_| self.opens(user, None)).collect();
        let _ = Command::new("kill").arg(watched.id().to_string()).status();
        watched.wait()?;
        let ns = median(samples?);
        println!(
            "| {} | no, beside one with `--explain` | {ns:.0} | {:.2} of not contained alone |",
            user.name,
            ns / alone
        );
        Ok(())
    }

    fn bursts(&self, users: &[User]) -> Result<()> {
        println!(
            "\nA burst of {BURST} denials; the reader is stopped for {} s in the middle.\n",
            STILL.as_secs()
        );
        let auditing = auditing();
        println!(
            "| who | denied by | seconds | what the source says | denials told |\n|---|---|--:|---|--:|"
        );
        for user in users {
            let mut kinds = vec![&GATE];
            if user.root {
                kinds.push(&VIEW);
                kinds.extend(LANDLOCK.iter().filter(|_| auditing));
            }
            for kind in kinds {
                let Burst { by, source, .. } = kind;
                let (seconds, said) = self.burst(user, kind)?;
                let line = said.lines().find(|line| line.trim_start().starts_with(&format!("{source}: ")));
                let line = line.with_context(|| format!("{source} says nothing: {said}"))?;
                let told: u64 = said.lines().filter_map(times).sum();
                let verdict = line.split(" (").next().unwrap_or(line).trim();
                println!("| {} | {by} | {seconds:.1} | {verdict} | {told} |", user.name);
            }
        }
        if !auditing {
            println!("\nLandlock denials were left out: auditing is off here (`auditctl -e 1`).");
        }
        Ok(())
    }

    fn burst(&self, user: &User, kind: &Burst) -> Result<(f64, String)> {
        let begun = Instant::now();
        let times = BURST.to_string();
        let mut command = self.command(user, Some(kind.flags), &[kind.what, &times]);
        if let Some(without) = kind.without {
            let plain = command;
            command = Command::new("setpriv");
            command.arg(format!("--bounding-set={without}")).arg("--").arg(plain.get_program());
            command.args(plain.get_args()).stdin(Stdio::null()).stderr(Stdio::piped());
        }
        // Where nothing is that the policy denies by name.
        let child = command.current_dir(&self.place).stdout(Stdio::null()).spawn()?;
        std::thread::sleep(Duration::from_secs(1));
        signal("STOP", child.id())?;
        std::thread::sleep(STILL);
        signal("CONT", child.id())?;
        let output = child.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{said}");
        Ok((begun.elapsed().as_secs_f64(), said))
    }
}

/// How often a denial was told, of a line of the summary about the burst.
fn times(line: &str) -> Option<u64> {
    line.rsplit_once(", ")?.1.strip_suffix(" times]")?.parse().ok()
}

/// Whether the kernel records what Landlock denies; auditctl(8).
fn auditing() -> bool {
    let said = Command::new("auditctl").arg("-s").output();
    said.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).lines().any(|line| line == "enabled 1"))
}

fn signal(name: &str, pid: u32) -> Result<()> {
    let status = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status()?;
    if !status.success() {
        bail!("the burst was over before the reader was stopped");
    }
    Ok(())
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}
