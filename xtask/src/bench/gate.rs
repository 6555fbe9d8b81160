//! `cargo xtask bench gate`: seccomp programs that real profiles compile to, as diagrams, optimised,
//! and what each costs a call.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::args::Args;
use super::{machine, scene};

/// The folder of profiles, beside the repository; `RINGFENCE_CORPUS` names another.
const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus");
const SCRIPT: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/ringfence-bpf/tests/foreign/libseccomp.py");
/// Processes for each filter, in shuffled rounds.
const RUNS: usize = 40;

/// Name, profile, and the options of the script.
const PROFILES: [(&str, &str, &[&str]); 7] = [
    ("Docker", "docker/default.json", &[]),
    ("Docker before 2023-11", "docker/2023-10-io_uring-allowed.json", &[]),
    ("Docker of 2023-11", "docker/2023-11-io_uring-blocked.json", &[]),
    ("Podman", "podman/seccomp.json", &[]),
    ("Firecracker vmm", "firecracker/x86_64.json", &["--filter", "vmm", "--arch", "x86_64"]),
    ("Firecracker api", "firecracker/x86_64.json", &["--filter", "api", "--arch", "x86_64"]),
    ("Firecracker vcpu", "firecracker/x86_64.json", &["--filter", "vcpu", "--arch", "x86_64"]),
];

/// Calls that do nothing: with the arguments that a filter tests, and refused by the kernel after it.
/// The last one is refused by Docker's filter; without it, by its null pointers.
const CALLS: [(&str, &str); 5] = [
    ("getppid", "110:"),
    ("personality(0xffffffff)", "135:4294967295"),
    ("socket(AF_UNIX, bad)", "41:1,65535,0"),
    ("futex_waitv(bad)", "449:0,0,0,0,0"),
    ("add_key, denied", "248:0,0,0,0,0"),
];

struct Bench {
    place: PathBuf,
    library: PathBuf,
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.place);
    }
}

/// Measures and prints.
pub(crate) fn run(args: &Args) -> Result<()> {
    let corpus = std::env::var_os("RINGFENCE_CORPUS").map_or_else(|| PathBuf::from(CORPUS), PathBuf::from);
    ensure!(corpus.is_dir(), "no profiles at {}: name their folder by RINGFENCE_CORPUS", corpus.display());
    let place = std::env::temp_dir().join(format!("ringfence-bench-gate-{}", std::process::id()));
    fs::create_dir(&place).with_context(|| place.display().to_string())?;
    let bench = Bench { place, library: scene::library()? };
    for (name, value) in machine::describe() {
        println!("- {name}: {value}");
    }
    bench.sizes(&corpus)?;
    bench.comparisons()?;
    bench.corpus()?;
    bench.adversaries()?;
    bench.calls(args.runs.unwrap_or(RUNS))
}

fn micro(nanoseconds: &str) -> Result<String> {
    Ok(format!("{:.1}", nanoseconds.parse::<f64>()? / 1e3))
}

impl Bench {
    fn file(&self, profile: usize, kind: &str) -> PathBuf {
        self.place.join(format!("{profile}-{kind}.bpf"))
    }

    /// Runs `ringfence-bench`, and gives the fields of its line.
    fn library(&self, words: &[&Path]) -> Result<Vec<String>> {
        let output = Command::new(&self.library).args(words).output().context("ringfence-bench")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().split('\t').map(str::to_owned).collect())
    }

    fn compile(&self, corpus: &Path, profile: usize, level: &str, kind: &str) -> Result<()> {
        let (name, path, options) = PROFILES[profile];
        let target = fs::File::create(self.file(profile, kind))?;
        let mut command = Command::new("python3");
        command.arg(SCRIPT).arg(corpus.join(path)).args(options).args(["--optimise", level]);
        let status = command.stdout(target).stderr(Stdio::null()).status().context("python3")?;
        ensure!(status.success(), "{name}: libseccomp.so.2 and python3 are needed, and the profile");
        Ok(())
    }

    fn sizes(&self, corpus: &Path) -> Result<()> {
        println!(
            "\n| profile | libseccomp | its tree | ringfence | of libseccomp's | one comparison each | to diagram µs | to program µs | proof µs |"
        );
        println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|");
        for (profile, (name, ..)) in PROFILES.iter().enumerate() {
            self.compile(corpus, profile, "1", "linear")?;
            self.compile(corpus, profile, "2", "tree")?;
            let (linear, tree) = (self.file(profile, "linear"), self.file(profile, "tree"));
            let short = self.file(profile, "short");
            let [before, after, fewest, diagram, program, proof] =
                &self.library(&["optimise".as_ref(), &linear, &short])?[..]
            else {
                bail!("ringfence-bench wrote something else");
            };
            println!(
                "| {name} | {before} | {} | {after} | {:.2} | {fewest} | {} | {} | {} |",
                fs::metadata(&tree)?.len() / 8,
                after.parse::<f64>()? / before.parse::<f64>()?,
                micro(diagram)?,
                micro(program)?,
                micro(proof)?,
            );
        }
        Ok(())
    }

    fn comparisons(&self) -> Result<()> {
        println!(
            "\n| compared | equal | differences | equality µs | differences µs |\n|---|---|--:|--:|--:|"
        );
        let linear = |profile| self.file(profile, "linear");
        let pairs = [
            ("Docker, linear and tree", linear(0), self.file(0, "tree")),
            ("Docker before and of 2023-11", linear(1), linear(2)),
            ("Docker and Podman", linear(0), linear(3)),
        ];
        for (name, first, second) in pairs {
            let [equal, differences, equality, listing] =
                &self.library(&["compare".as_ref(), &first, &second])?[..]
            else {
                bail!("ringfence-bench wrote something else");
            };
            println!("| {name} | {equal} | {differences} | {} | {} |", micro(equality)?, micro(listing)?);
        }
        Ok(())
    }

    fn corpus(&self) -> Result<()> {
        let files: Vec<PathBuf> = (0..PROFILES.len())
            .flat_map(|profile| [self.file(profile, "linear"), self.file(profile, "tree")])
            .collect();
        let words: Vec<&Path> =
            std::iter::once("corpus".as_ref()).chain(files.iter().map(PathBuf::as_path)).collect();
        let [time] = &self.library(&words)?[..] else { bail!("ringfence-bench wrote something else") };
        println!(
            "\nAll {} programs to diagrams, optimised, proven, and each compared with the next: {} ms",
            files.len(),
            time.parse::<f64>()? / 1e6
        );
        Ok(())
    }

    /// The hardest of the programs that were written to be hard, by the processor's time.
    fn adversaries(&self) -> Result<()> {
        let output = Command::new(&self.library).arg("adversary").output().context("ringfence-bench")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout)?;
        println!("\nHostile programs, ms of processor; in parentheses where the answer is a refusal:\n");
        println!("| | instructions | diagram | findings | rules | differences | shorter program |");
        println!("|---|--:|--:|--:|--:|--:|--:|");
        for line in text.lines() {
            let [name, length, times @ ..] = &line.split('\t').collect::<Vec<_>>()[..] else {
                println!("\nThe most memory at any time: {} MB", line.parse::<u64>()? / 1000);
                continue;
            };
            let milli = |time: &&str| -> Result<String> {
                let digits = time.trim_start_matches('-');
                let text = format!("{:.1}", digits.parse::<f64>()? / 1e6);
                Ok(if digits == *time { text } else { format!("({text})") })
            };
            let cells: Vec<String> = times.iter().map(milli).collect::<Result<_>>()?;
            println!("| {name} | {length} | {} |", cells.join(" | "));
        }
        Ok(())
    }

    fn calls(&self, runs: usize) -> Result<()> {
        let (peer, own) = (self.file(0, "seccompiler"), self.file(0, "native"));
        self.library(&["seccompiler".as_ref(), &self.file(0, "linear"), &peer])?;
        self.library(&["optimise".as_ref(), &peer, &own])?;
        let contenders = [
            ("no filter", PathBuf::new()),
            ("libseccomp", self.file(0, "linear")),
            ("libseccomp's tree", self.file(0, "tree")),
            ("ringfence", self.file(0, "short")),
            ("seccompiler (x86_64 only)", peer),
            ("ringfence (the same)", own),
        ];
        let answer = self.place.join("answer");
        scene::standard("answer", &answer)?;
        let mut times = vec![vec![Vec::new(); CALLS.len()]; contenders.len()];
        for round in 0..runs {
            for at in 0..contenders.len() {
                // Each position in a round equally often.
                let at = (at + round) % contenders.len();
                let mut command = Command::new(&answer);
                command.arg(&contenders[at].1).args(["40", "2000"]).args(CALLS.map(|(_, call)| call));
                let output = command.output().context("answer")?;
                ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                let text = String::from_utf8(output.stdout)?;
                for (line, times) in text.lines().zip(&mut times[at]) {
                    times.push(line.parse::<f64>()?);
                }
            }
        }
        let median = |times: &mut Vec<f64>| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        };
        let medians: Vec<Vec<f64>> =
            times.iter_mut().map(|calls| calls.iter_mut().map(median).collect()).collect();
        let heads: Vec<&str> = CALLS.iter().map(|(name, _)| *name).collect();
        println!("\nDocker's profile, ns a call: the fastest of 40 batches, median of {runs} processes:\n");
        println!("| | instructions | {} |\n|---|--:|{}", heads.join(" | "), "--:|".repeat(heads.len()));
        for ((name, path), own) in contenders.iter().zip(&medians) {
            let insns = fs::metadata(path).map_or(0, |file| file.len() / 8);
            let cells: Vec<String> = own.iter().map(|own| format!("{own:.0}")).collect();
            println!("| {name} | {insns} | {} |", cells.join(" | "));
        }
        Ok(())
    }
}
