//! `cargo xtask bench verify`: how long the default policy takes to be verified, and how much memory.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::args::Args;
use super::machine;

/// What one run came to.
struct Run {
    attempts: u64,
    wall: Duration,
    /// Peak of resident memory in KiB, `VmHWM` of proc_pid_status(5).
    peak: u64,
}

/// Carries it out and prints a table.
pub(crate) fn run(args: &Args) -> Result<()> {
    let binary = args.binary.clone().map_or_else(crate::dist::build, Ok)?;
    let runs = args.runs.unwrap_or(5);
    for (name, value) in machine::describe() {
        println!("- {name}: {value}");
    }
    println!("- load average: {}\n", machine::load());
    println!(
        "| verify, default policy | attempts | median s | fastest s | memory MB |\n|---|--:|--:|--:|--:|"
    );
    for (name, more) in [("plain", &[][..]), ("`--depth`", &["--depth"][..])] {
        let mut all = (0..runs).map(|_| once(&binary, more)).collect::<Result<Vec<_>>>()?;
        all.sort_by_key(|run| run.wall);
        let (Some(fastest), Some(median)) = (all.first(), all.get(all.len() / 2)) else { continue };
        let peak = all.iter().map(|run| run.peak).max().unwrap_or_default();
        println!(
            "| {name} | {} | {:.2} | {:.2} | {:.1} |",
            median.attempts,
            median.wall.as_secs_f64(),
            fastest.wall.as_secs_f64(),
            peak as f64 / 1024.0
        );
    }
    Ok(())
}

fn once(binary: &Path, more: &[&str]) -> Result<Run> {
    let out: PathBuf = std::env::temp_dir().join(format!("ringfence-bench-verify-{}", std::process::id()));
    let file = std::fs::File::create(&out)?;
    let start = Instant::now();
    let mut child = Command::new(binary)
        .args(["verify", "--format", "json"])
        .args(more)
        // The default policy gives the working directory: one that it gives anyway.
        .current_dir("/usr/share")
        .stdout(file)
        .stderr(Stdio::null())
        .spawn()
        .context("ringfence verify")?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let code = loop {
        if let Some(code) = child.try_wait()? {
            break code;
        }
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = now.unwrap_or(0).max(peak);
        std::thread::sleep(Duration::from_millis(5));
    };
    let wall = start.elapsed();
    let text = std::fs::read_to_string(&out)?;
    std::fs::remove_file(&out)?;
    ensure!(matches!(code.code(), Some(0 | 3)), "ringfence verify ended with {code}");
    let report: serde_json::Value = serde_json::from_str(&text)?;
    let attempts = report["summary"]["attempts"].as_u64().context("a report without attempts")?;
    Ok(Run { attempts, wall, peak })
}
