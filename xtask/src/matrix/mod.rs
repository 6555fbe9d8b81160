//! `cargo xtask matrix`: the project's own tests and claims on real kernels, each booted under QEMU.

mod archive;
mod args;
mod boot;
mod claims;
mod cpio;
mod denials;
mod guest;
mod image;
mod kernel;
mod page;
mod place;
mod proof;
mod rights;
mod rows;
mod runner;
mod suite;
mod table;
mod tied;
mod verdict;

use std::collections::VecDeque;
use std::sync::Mutex;

use anyhow::{Result, bail, ensure};

use archive::Archive;
use args::{Args, What};
use kernel::Kernel;
use place::Place;

const HELP: &str = "\
cargo xtask matrix [OPTION…]                   the project's tests and facts on every kernel
cargo xtask matrix [OPTION…] -- test ARG…      `cargo test ARG…`, each test binary in a guest

Kernels are Debian's, newest of each series, downloaded as signed packages and kept.

  --kernel SERIES,…     5.10, 6.1, 6.12, 6.18, 7.0, 7.1, 7.2, 7.3; `generic-5.10` is the one that
                        is not made for clouds (default: all but generic ones)
  --lsm LIST            the kernel's lsm= list, comma separated; may be given several times
                        (default: landlock,lockdown,yama,apparmor,bpf)
  --append WORDS        more words for the kernel's command line
  --user root|ordinary|both
                        who runs the tests (default: both)
  --test NAME,…         of label, inspect, spawn, ringfence, verify, gate, bad_input, programs and hold
                        (default: all of them)
  --no-tests            facts, rights and claims, no test binaries
  --no-claims           facts and test binaries only
  --smoke               one short boot of each kernel: every builtin checked and run
  --all                 every kernel, every row of the table, every test
  --brief               with --all: claims only on the rows that have nothing particular
  --table DIR           write kernels.md and kernels.claims there, and the summary in README.md above
  --parallel N          boots at a time (default: one a core)
  --mirror URI          a Debian archive (default: the one that apt uses here)
  --cache DIR           where kernels are kept (default: `matrix` in the target directory)
  --refresh             look for newer kernels even where the list is younger than a day
  --keep DIR            keep each boot's console, results and disk image there
  --binary FILE         the ringfence to test (default: that of `cargo xtask dist`, built now)
  --resume              go on with a run that was interrupted: what --keep kept whole is judged again
                        rather than booted again
  --prove               boots that end badly on purpose: each must be told for what it is
  --list                which kernels the archive offers, and which are here";

/// Runs the command with the arguments after `matrix`.
pub(crate) fn run(mut words: impl Iterator<Item = String>) -> Result<()> {
    let mut first = words.next();
    if matches!(first.as_deref(), Some("--help" | "-h" | "help")) {
        println!("{HELP}");
        return Ok(());
    }
    if first.as_deref() == Some(runner::WORD) {
        return runner::run(words.collect());
    }
    let words = first.take().into_iter().chain(words);
    let args = Args::parse(words)?;
    if args.what != What::List {
        // Before anything is downloaded.
        boot::require()?;
    }
    let archive = Archive::open(&args)?;
    match &args.what {
        What::Prove => proof::prove(&archive, &args),
        What::List => list(&archive, &args),
        What::Cargo(command) => runner::cargo(&archive, &args, command),
        What::Suite => whole(&archive, &args),
    }
}

fn list(archive: &Archive, args: &Args) -> Result<()> {
    for series in &args.kernels {
        match archive.newest(series) {
            Some(package) => println!("{series:<14} {package}"),
            None => println!("{series:<14} not offered by the archive, and not kept here"),
        }
    }
    Ok(())
}

/// Boots every row, and prints the table of what came of it.
fn whole(archive: &Archive, args: &Args) -> Result<()> {
    let (kernels, missing) = kernels(archive, args)?;
    let image = suite::image(args)?;
    let rows = rows::rows(args, &kernels);
    ensure!(!rows.is_empty(), "no kernel is left to boot");
    let jobs = suite::jobs(args);
    let place = Place::new(args.keep.clone())?;
    let started = std::time::Instant::now();
    let queue = Mutex::new(rows.into_iter().enumerate().collect::<VecDeque<_>>());
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..args.parallel {
            scope.spawn(|| {
                while let Some((number, row)) = take(&queue) {
                    let seen = suite::boot(&row, &image, &jobs, &place.path, args.resume);
                    eprintln!("{}", table::progress(&row, &seen));
                    put(&results, (number, row, seen));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_default();
    results.sort_by_key(|(number, _, _)| *number);
    let results: Vec<_> = results.into_iter().map(|(_, row, seen)| (row, seen)).collect();
    println!("{}", table::human(&results, &missing));
    if let Some(directory) = &args.table {
        page::write(directory, &results, &missing)?;
    }
    println!("{}", table::speed(&results, started.elapsed()));
    println!("{}", table::total(&results));
    let broken = results.iter().filter(|(_, seen)| !suite::well(seen)).count();
    if broken > 0 {
        bail!("{broken} of {} boots did not end well", results.len());
    }
    ensure!(missing.is_empty(), "not offered by the archive: {}", missing.join(", "));
    Ok(())
}

/// The kernels that are to be booted, and the series that nobody offers.
fn kernels(archive: &Archive, args: &Args) -> Result<(Vec<Kernel>, Vec<String>)> {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for series in &args.kernels {
        match archive.newest(series) {
            Some(package) => found.push(package),
            None => missing.push(series.to_string()),
        }
    }
    for series in &missing {
        eprintln!("no kernel of series {series}: not offered by the archive, and not kept here");
    }
    Ok((archive.fetch(&found)?, missing))
}

fn take<T>(queue: &Mutex<VecDeque<T>>) -> Option<T> {
    queue.lock().ok()?.pop_front()
}

fn put<T>(results: &Mutex<Vec<T>>, result: T) {
    if let Ok(mut results) = results.lock() {
        results.push(result);
    }
}
