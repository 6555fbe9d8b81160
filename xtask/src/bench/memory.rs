//! `cargo xtask bench memory`: the memory of a launcher and of everything else that it keeps beside
//! the command, while the command sleeps. Proportional set size of `/proc/PID/smaps_rollup`, proc(5).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;

use super::args::Args;
use super::level::Level;
use super::measure;
use super::scene::{Contender, Scene};
use super::user::User;
use super::{machine, peer};

/// Kilobytes.
const GOAL: u64 = 150;
/// Until the command sleeps: far more than any launcher needs.
const START: Duration = Duration::from_secs(10);
/// What is still on its way when the command starts (a supervisor's own last steps).
const SETTLE: Duration = Duration::from_millis(200);

/// One address space: its processes, and its size in kilobytes.
struct Space {
    names: Vec<String>,
    pss: u64,
}

/// Measures and prints.
pub(crate) fn run(args: &Args) -> Result<()> {
    let scene = Scene::new(args, "sleep")?;
    for (name, value) in machine::describe() {
        println!("- {name}: {value}");
    }
    let mut rows = Vec::new();
    println!("\n| user | level | | PSS kB | of |\n|---|---|---|--:|---|");
    for user in args.who.users()? {
        for level in args.levels.iter().filter(|level| **level != Level::A) {
            for (name, result) in contenders(args, &scene, &user, *level)? {
                let spaces = result.and_then(|contender| weigh(&contender, &user, &scene.program()));
                let line = format!("| {} | {} | {name} |", user.name, level.name());
                match &spaces {
                    Ok(spaces) => println!("{line} {} | {} |", total(spaces), describe(spaces, &name)),
                    Err(why) => println!("{line} absent | {why} |"),
                }
                let kilobytes = spaces.as_deref().map(total).ok();
                rows.push(
                    json!({"level": level.name(), "root": user.root, "name": name, "pss_kb": kilobytes}),
                );
            }
        }
    }
    if let Some(path) = &args.json {
        let text = json!({"version": 1, "rows": rows}).to_string();
        fs::write(path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

type Tried = (String, Result<Contender, String>);

fn contenders(args: &Args, scene: &Scene, user: &User, level: Level) -> Result<Vec<Tried>> {
    let mut all: Vec<Tried> = scene
        .own(level)
        .into_iter()
        .filter(|contender| contender.name != "bare exec")
        .map(|contender| (contender.name.clone(), Ok(contender)))
        .collect();
    if level != Level::Default {
        for peer in peer::chosen(args.peers.as_deref())? {
            all.push((peer.name.to_owned(), peer.contender(scene, user, level)));
        }
    }
    Ok(all)
}

fn total(spaces: &[Space]) -> u64 {
    spaces.iter().map(|space| space.pss).sum()
}

fn describe(spaces: &[Space], name: &str) -> String {
    let parts: Vec<String> =
        spaces.iter().map(|space| format!("{} {}", space.names.join("+"), space.pss)).collect();
    let verdict = match (name, total(spaces) <= GOAL) {
        ("ringfence", true) => format!("; at most {GOAL}: **met**"),
        ("ringfence", false) => format!("; at most {GOAL}: **missed**"),
        _ => String::new(),
    };
    parts.join(", ") + &verdict
}

/// Starts the contender, waits until the command sleeps, and adds up what is not the command.
fn weigh(contender: &Contender, user: &User, sleeper: &Path) -> Result<Vec<Space>, String> {
    let mut child = measure::command(contender, user).spawn().map_err(|error| error.to_string())?;
    let result = await_sleeper(&mut child, sleeper).and_then(|processes| {
        std::thread::sleep(SETTLE);
        spaces(&processes)
    });
    let _ = child.kill();
    let _ = child.wait();
    result
}

/// The processes below `child`, itself included, without the sleeper, once there is one.
fn await_sleeper(child: &mut Child, sleeper: &Path) -> Result<Vec<u32>, String> {
    let start = Instant::now();
    while start.elapsed() < START {
        if let Ok(Some(status)) = child.try_wait() {
            return Err(format!("ended at once ({status})"));
        }
        let tree = tree(child.id());
        let sleeps = |pid: &u32| is_sleeper(*pid, sleeper);
        if tree.iter().any(sleeps) {
            return Ok(tree.into_iter().filter(|pid| !sleeps(pid)).collect());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Err("the command did not start".into())
}

/// By its name: other mount namespaces show its path differently, and not to everybody.
fn is_sleeper(pid: u32, sleeper: &Path) -> bool {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    sleeper.file_name().is_some_and(|file| file.as_encoded_bytes() == name.trim_end().as_bytes())
}

fn tree(root: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // The name may hold anything but is the last thing in parentheses; then state and parent.
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
        children.entry(parent.unwrap_or_default()).or_default().push(pid);
    }
    let (mut found, mut next) = (vec![root], 0);
    while let Some(pid) = found.get(next) {
        found.extend(children.get(pid).into_iter().flatten().copied().collect::<Vec<_>>());
        next += 1;
    }
    found
}

/// Processes with the same mappings share one address space (their stacks are placed at random).
fn spaces(processes: &[u32]) -> Result<Vec<Space>, String> {
    let mut spaces: BTreeMap<String, Space> = BTreeMap::new();
    for pid in processes {
        let read = |file: &str| {
            let path = format!("/proc/{pid}/{file}");
            fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))
        };
        let maps = read("maps")?;
        let rollup = read("smaps_rollup")?;
        let line = rollup.lines().find(|line| line.starts_with("Pss:"));
        let pss = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or_default();
        let space = spaces.entry(maps).or_insert(Space { names: Vec::new(), pss });
        space.names.push(read("comm")?.trim_end().to_owned());
    }
    Ok(spaces.into_values().collect())
}
