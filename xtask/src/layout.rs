//! `cargo xtask layout`: which functions a launch executes, found by running it one instruction at a
//! time, becomes `dist.ld`, by which `cargo xtask dist` puts them together: first what most of the
//! policies need. Names are written without what a compiler adds to tell builds apart, so that the list
//! outlives changes. A name that matches nothing does no harm, and a function that is missing costs
//! a page fault.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::bench::scene;
use crate::dist;

const HEAD: &str = "\
/* Written by `cargo xtask layout`: what a launch executes lies together, so that few pages of the
   program are mapped. Names that match nothing do no harm. */
SECTIONS
{
  .text.launch :
  {
    *crt1.o(.text .text.*)
";
const FOOT: &str = "  }\n}\nINSERT BEFORE .rodata;\n";
/// Without a janitor, whose process has no execve(2) at which the counting ends.
const BUILTINS: [&str; 3] = ["builtin:compute", "builtin:offline", "builtin:service"];
const LEVELS: [&str; 4] = ["a", "b", "c", "d"];

/// A function: where it begins, and its name as the linker knows it.
struct Symbol {
    start: u64,
    name: String,
}

/// Runs the command with the arguments after `layout`.
pub(crate) fn run(mut args: impl Iterator<Item = String>) -> Result<()> {
    if let Some(arg) = args.next() {
        bail!("unknown argument {arg}: usage: cargo xtask layout");
    }
    let place = dist::target_directory()?.join("layout");
    fs::create_dir_all(&place)?;
    let binary = dist::build_with_symbols(&place)?;
    scene::bare("true", &place.join("true"))?;
    scene::standard("steps", &place.join("steps"))?;
    let symbols = symbols(&binary)?;
    let mut names = BTreeMap::<String, usize>::new();
    let levels = LEVELS.map(|level| scene::policies().join(format!("{level}.toml")).display().to_string());
    for policy in levels.iter().map(String::as_str).chain(BUILTINS) {
        let reached = reached(&place, &binary, policy)?;
        let reached: BTreeSet<String> =
            reached.iter().flat_map(|address| names_at(&symbols, *address)).collect();
        for name in reached {
            *names.entry(name).or_default() += 1;
        }
    }
    let script = script(&names, &members()?);
    fs::write(dist::LAYOUT, script).context(dist::LAYOUT)?;
    println!("{} functions: {}", names.len(), dist::LAYOUT);
    Ok(())
}

/// The functions of a program, by address, from nm(1).
fn symbols(binary: &Path) -> Result<Vec<Symbol>> {
    let text = output(Command::new("nm").arg("--numeric-sort").arg(binary))?;
    let symbol = |line: &str| {
        let (start, rest) = line.split_once(' ')?;
        let (kind, name) = rest.split_once(' ')?;
        let code = matches!(kind, "t" | "T" | "w" | "W");
        code.then(|| u64::from_str_radix(start, 16).ok()).flatten().map(|start| (start, name.to_owned()))
    };
    Ok(text.lines().filter_map(symbol).map(|(start, name)| Symbol { start, name }).collect())
}

/// The addresses that a launch under a policy reaches, in steps of 16 bytes.
fn reached(place: &Path, binary: &Path, policy: &str) -> Result<Vec<u64>> {
    let mut command = Command::new(place.join("steps"));
    command.arg(binary).args(["run", "--policy", policy, "--", "./true"]).current_dir(place);
    let text = output(&mut command).with_context(|| policy.to_owned())?;
    let address = |line: &str| u64::from_str_radix(line.split(' ').next()?, 16).ok();
    Ok(text.lines().filter_map(address).collect())
}

/// The function at an address, and those that begin within its 16 bytes: either may have been meant.
fn names_at(symbols: &[Symbol], address: u64) -> impl Iterator<Item = String> {
    let upto = |address: u64| symbols.partition_point(|symbol| symbol.start <= address);
    let (first, after) = (upto(address).saturating_sub(1), upto(address + 15));
    symbols[first..after].iter().map(|symbol| symbol.name.clone())
}

/// The members of the C library, each with the functions in it: they have no sections of their own.
fn members() -> Result<BTreeMap<String, String>> {
    let library = dist::target_libdir()?.join("self-contained/libc.a");
    let text = output(Command::new("nm").args(["--defined-only", "--print-file-name"]).arg(library))?;
    let member = |line: &str| {
        let (file, rest) = line.rsplit_once(".lo:").or_else(|| line.rsplit_once(".o:"))?;
        let kind = if line.contains(".lo:") { "lo" } else { "o" };
        let name = rest.rsplit(' ').next()?;
        Some((name.to_owned(), format!("{}.{kind}", file.rsplit(':').next()?)))
    };
    Ok(text.lines().filter_map(member).collect())
}

fn script(names: &BTreeMap<String, usize>, members: &BTreeMap<String, String>) -> String {
    let mut patterns = BTreeMap::<String, usize>::new();
    for (name, times) in names {
        let most = patterns.entry(pattern(name)).or_default();
        *most = (*most).max(*times);
    }
    let mut patterns: Vec<(String, usize)> = patterns.into_iter().collect();
    patterns.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    let files: BTreeSet<&String> = names.keys().filter_map(|name| members.get(name)).collect();
    let mut text = HEAD.to_owned();
    for file in files {
        let _ = writeln!(text, "    *libc.a:{file}(.text .text.*)");
    }
    for (pattern, _) in patterns {
        // The compiler adds a number where it makes one of several of a name its own.
        let _ = writeln!(text, "    *(.text.{pattern} .text.{pattern}.* .text.unlikely.{pattern})");
    }
    text + FOOT
}

/// A mangled name (RFC 2603) with a star for the hash of each crate, and without the number by which a
/// linker tells local ones of a name apart.
fn pattern(name: &str) -> String {
    let name = name.split_once('.').map_or(name, |(name, _)| name);
    if !name.starts_with("_R") {
        return name.to_owned();
    }
    let mut parts = name.split("Cs");
    let mut pattern = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        pattern.push_str("Cs");
        match part.split_once('_') {
            Some((hash, rest)) if hash.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                pattern.push_str("*_");
                pattern.push_str(rest);
            }
            _ => pattern.push_str(part),
        }
    }
    pattern
}

fn output(command: &mut Command) -> Result<String> {
    let name = PathBuf::from(command.get_program()).display().to_string();
    let output = command.output().with_context(|| name.clone())?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name}: {}", said.trim());
    Ok(String::from_utf8(output.stdout)?)
}
