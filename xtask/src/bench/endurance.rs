//! `cargo xtask bench endurance`: many runs in a row, and what they leave behind.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::args::Args;
use super::scene::Scene;
use super::{machine, measure};

const RUNS: usize = 10_000;
/// The kernel takes namespaces down after the processes are gone, a grace period later.
const SETTLE: Duration = Duration::from_secs(3);
/// The objects of `/proc/slabinfo` (slabinfo(5)) that stand for what a containment is made of.
const OBJECTS: [&str; 5] = ["net_namespace", "mnt_cache", "pid_namespace", "user_namespace", "task_struct"];

/// A count, before and after.
struct Count {
    name: String,
    value: u64,
    /// Whether it must not grow: nobody else changes it.
    strict: bool,
}

/// Runs, counts and prints.
pub(crate) fn run(args: &Args) -> Result<()> {
    let scene = Scene::new(args, "true")?;
    let runs = args.runs.unwrap_or(RUNS);
    for (name, value) in machine::describe() {
        println!("- {name}: {value}");
    }
    println!("\n| user | level | runs | failed | seconds | | before | after | growth |");
    println!("|---|---|--:|--:|--:|---|--:|--:|--:|");
    let mut left = 0;
    for user in args.who.users()? {
        for &level in &args.levels {
            let Some(ringfence) = scene.own(level).into_iter().find(|one| one.name == "ringfence") else {
                continue;
            };
            let one = |runs| measure::time(&scene, &user, &[&ringfence], runs, args.pause);
            one(50)?;
            std::thread::sleep(SETTLE);
            let (before, start) = (counts(&scene), Instant::now());
            let timing = one(runs)?;
            let seconds = start.elapsed().as_secs_f64();
            std::thread::sleep(SETTLE);
            let failed: usize = timing.iter().map(|timing| timing.failed).sum();
            println!("| {} | {} | {runs} | {failed} | {seconds:.1} | | | | |", user.name, level.name());
            for (before, after) in before.iter().zip(counts(&scene)) {
                let growth = after.value as i64 - before.value as i64;
                let mark = if before.strict && growth > 0 { " **left behind**" } else { "" };
                println!(
                    "| | | | | | {} | {} | {} | {growth}{mark} |",
                    before.name, before.value, after.value
                );
                left += usize::from(before.strict && growth > 0);
            }
            left += failed;
        }
    }
    if left > 0 {
        bail!("{left} counts grew or runs failed");
    }
    Ok(())
}

fn counts(scene: &Scene) -> Vec<Count> {
    let count = |name: &str, value: usize, strict| Count { name: name.into(), value: value as u64, strict };
    let lines = |path: &str| fs::read_to_string(path).unwrap_or_default().lines().count();
    let mut counts = vec![
        count("processes of the benchmark", processes(scene.place()), true),
        count("mounts", lines("/proc/self/mountinfo"), true),
        count("cgroups", directories(Path::new("/sys/fs/cgroup"), 8), true),
        count("entries of /tmp named ringfence", named(Path::new("/tmp")), true),
        count("entries of /run named ringfence", named(Path::new("/run")), true),
        count("all processes", named_numbers(), false),
    ];
    counts.push(Count {
        name: "open files of the system".into(),
        value: field("/proc/sys/fs/file-nr", 0),
        strict: false,
    });
    for name in ["MemAvailable", "Slab", "SUnreclaim"] {
        let value = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let line = value.lines().find(|line| line.starts_with(&format!("{name}:")));
        let value = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or_default();
        counts.push(Count { name: format!("{name} kB"), value, strict: false });
    }
    let slabs = fs::read_to_string("/proc/slabinfo").unwrap_or_default();
    for name in OBJECTS {
        let line = slabs.lines().find(|line| line.split_whitespace().next() == Some(name));
        if let Some(value) = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()) {
            counts.push(Count { name: format!("kernel objects {name}"), value, strict: false });
        }
    }
    counts
}

fn field(path: &str, at: usize) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().nth(at).and_then(|word| word.parse().ok()).unwrap_or_default()
}

fn entries(directory: &Path) -> impl Iterator<Item = fs::DirEntry> {
    fs::read_dir(directory).into_iter().flatten().flatten()
}

/// Processes whose program lies in the benchmark's directory.
fn processes(place: &Path) -> usize {
    let ours = |entry: &fs::DirEntry| {
        fs::read_link(entry.path().join("exe")).is_ok_and(|program| program.starts_with(place))
    };
    entries(Path::new("/proc")).filter(ours).count()
}

fn named(directory: &Path) -> usize {
    entries(directory).filter(|entry| entry.file_name().to_string_lossy().contains("ringfence")).count()
}

fn named_numbers() -> usize {
    entries(Path::new("/proc"))
        .filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok())
        .count()
}

fn directories(root: &Path, depth: usize) -> usize {
    if depth == 0 {
        return 0;
    }
    let below = entries(root).filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    below.map(|entry| 1 + directories(&entry.path(), depth - 1)).sum()
}
