//! `cargo xtask bench compile`: policy to plan and rules to filter, inside one process.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::args::Args;
use super::level::Level;
use super::{machine, scene};

const RUNS: usize = 1000;
/// Goals in microseconds: the whole way for the default policy; the filter for one of Docker's size.
const PLAN: f64 = 300.0;
const FILTER: f64 = 200.0;

/// Measures and prints.
pub(crate) fn run(args: &Args) -> Result<()> {
    let library = scene::library()?;
    for (name, value) in machine::describe() {
        println!("- {name}: {value}");
    }
    println!("\n| policy | stage | min µs | median µs | p90 µs | goal |\n|---|---|--:|--:|--:|---|");
    for level in Level::MEASURED.into_iter().rev() {
        let mut command = Command::new(&library);
        command.args(["compile", &args.runs.unwrap_or(RUNS).to_string()]);
        if level != Level::Default {
            command.arg(scene::source(level));
        }
        let output = command.current_dir("/").output().context("ringfence-bench")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for line in String::from_utf8(output.stdout)?.lines() {
            println!("{}", row(level, line).context("ringfence-bench wrote something else")?);
        }
    }
    Ok(())
}

fn row(level: Level, line: &str) -> Option<String> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [stage, numbers @ ..] = &fields[..] else { return None };
    let micro: Vec<f64> =
        numbers.iter().map(|n| n.parse::<f64>().ok().map(|n| n / 1e3)).collect::<Option<_>>()?;
    let [min, median, p90] = micro[..] else { return None };
    let goal = match level {
        Level::Default if *stage == "load and plan" => verdict(median, PLAN),
        Level::D if stage.starts_with("filter") => verdict(median, FILTER),
        _ => String::new(),
    };
    Some(format!("| {} | {stage} | {min:.1} | {median:.1} | {p90:.1} | {goal} |", level.name()))
}

fn verdict(median: f64, most: f64) -> String {
    let word = if median <= most { "met" } else { "missed" };
    format!("at most {most:.0}: **{word}**")
}
