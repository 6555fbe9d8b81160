//! `cargo xtask bench calls`: the system calls that ringfence makes, beside those of the floor. What
//! the floor does not make is either the price of what a person needs (errors, signals, terminals)
//! or waste; the difference is what there is to look at.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::args::Args;
use super::level::Level;
use super::scene::{Contender, Scene};

/// Prints a table for each level.
pub(crate) fn run(args: &Args) -> Result<()> {
    let scene = Scene::new(args, "true")?;
    for &level in &args.levels {
        let mut counted: BTreeMap<String, [usize; 2]> = BTreeMap::new();
        for contender in scene.own(level) {
            let column = match contender.name.as_str() {
                "kernel floor" => 0,
                "ringfence" => 1,
                _ => continue,
            };
            for name in trace(&scene, &contender)? {
                counted.entry(name).or_default()[column] += 1;
            }
        }
        print(level, &counted);
    }
    Ok(())
}

fn print(level: Level, counted: &BTreeMap<String, [usize; 2]>) {
    let sum = |column: usize| counted.values().map(|counts| counts[column]).sum::<usize>();
    println!("\n### {}: floor {}, ringfence {}\n", level.name(), sum(0), sum(1));
    println!("| call | floor | ringfence | more |\n|---|--:|--:|--:|");
    for (name, [floor, own]) in counted.iter().filter(|(_, [floor, own])| floor != own) {
        println!("| {name} | {floor} | {own} | {:+} |", *own as i64 - *floor as i64);
    }
}

/// The names of all calls of a command and its children, by strace(1).
fn trace(scene: &Scene, contender: &Contender) -> Result<Vec<String>> {
    let output = scene.place().join("trace");
    let status = Command::new("strace")
        .args(["-f", "-qq", "--signal=none", "-o"])
        .arg(&output)
        .args(&contender.words)
        .current_dir("/")
        .status()
        .context("strace is needed")?;
    ensure!(status.success(), "{} failed under strace", contender.name);
    let text = std::fs::read_to_string(&output)?;
    // "PID name(arguments…" begins a call; "<... name resumed>" ends one that was begun already.
    let name = |line: &str| {
        let call = line.split_once(' ')?.1.trim_start();
        let (name, _) = call.split_once('(')?;
        name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_').then(|| name.to_owned())
    };
    Ok(text.lines().filter_map(name).collect())
}
