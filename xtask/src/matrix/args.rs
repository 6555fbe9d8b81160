//! The options of `cargo xtask matrix`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use super::HELP;
use super::kernel::{SERIES, Series};
use super::suite;

/// The LSMs of a boot that asks for none in particular.
pub(super) const LSM: &str = "landlock,lockdown,yama,apparmor,bpf";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// The project's own tests and facts.
    Suite,
    /// A command of cargo's, with its test binaries in guests.
    Cargo(Vec<String>),
    /// Which kernels there are.
    List,
    /// Boots that end badly.
    Prove,
}

/// Who runs tests in a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum User {
    Root,
    Ordinary,
    Both,
}

#[derive(Debug, Clone)]
pub(super) struct Args {
    pub(super) what: What,
    pub(super) kernels: Vec<Series>,
    pub(super) lsms: Vec<String>,
    pub(super) append: String,
    pub(super) user: User,
    /// Test binaries by name; empty: all that say something about a kernel.
    pub(super) tests: Vec<String>,
    pub(super) smoke: bool,
    /// Facts, rights and claims only.
    pub(super) no_tests: bool,
    /// Facts and tests only.
    pub(super) no_claims: bool,
    pub(super) all: bool,
    /// Claims only on the rows that have nothing particular.
    pub(super) brief: bool,
    pub(super) table: Option<PathBuf>,
    pub(super) parallel: usize,
    pub(super) mirror: Option<String>,
    pub(super) cache: Option<PathBuf>,
    pub(super) refresh: bool,
    pub(super) keep: Option<PathBuf>,
    /// Boots that are kept there whole are not made again.
    pub(super) resume: bool,
    /// The ringfence to test; `None`: the one that is shipped, built now.
    pub(super) binary: Option<PathBuf>,
}

impl Args {
    pub(super) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let mut args = Self::default();
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} needs a value\n\n{HELP}"));
            match word.as_str() {
                "--kernel" => {
                    let series = value()?.split(',').map(str::parse).collect::<Result<Vec<_>>>()?;
                    args.kernels.extend(series);
                }
                "--lsm" => args.lsms.push(lsm_list(value()?)?),
                "--append" => args.append = value()?,
                "--user" => {
                    args.user = match value()?.as_str() {
                        "root" => User::Root,
                        "ordinary" => User::Ordinary,
                        "both" => User::Both,
                        other => bail!("--user {other}: root, ordinary or both"),
                    }
                }
                "--test" => args.tests.extend(value()?.split(',').map(str::to_owned)),
                "--smoke" => args.smoke = true,
                "--no-claims" => args.no_claims = true,
                "--no-tests" => args.no_tests = true,
                "--brief" => args.brief = true,
                "--all" => args.all = true,
                "--binary" => args.binary = Some(value()?.into()),
                "--resume" => args.resume = true,
                "--prove" => args.what = What::Prove,
                "--list" => args.what = What::List,
                "--table" => args.table = Some(value()?.into()),
                "--parallel" => args.parallel = value()?.parse().context("--parallel takes a number")?,
                "--mirror" => args.mirror = Some(value()?),
                "--cache" => args.cache = Some(value()?.into()),
                "--refresh" => args.refresh = true,
                "--keep" => args.keep = Some(value()?.into()),
                "--" => args.what = What::Cargo(words.by_ref().collect()),
                other => bail!("unknown argument {other}\n\n{HELP}"),
            }
        }
        args.check()
    }

    fn check(mut self) -> Result<Self> {
        ensure!(self.parallel > 0, "--parallel 0 boots nothing");
        for name in &self.tests {
            ensure!(suite::is_test(name), "--test {name}: one of {}", suite::test_names());
        }
        ensure!(!self.resume || self.keep.is_some(), "--resume goes on with what --keep kept: name it");
        ensure!(!(self.smoke && self.all), "--smoke and --all exclude each other");
        ensure!(
            !(self.all && !(self.kernels.is_empty() && self.lsms.is_empty() && self.append.is_empty())),
            "--all boots every row: leave --kernel, --lsm and --append out"
        );
        if self.kernels.is_empty() {
            self.kernels = SERIES.iter().map(|series| series.parse()).collect::<Result<_>>()?;
            if self.all {
                self.kernels.push("generic-5.10".parse()?);
            }
        }
        if self.lsms.is_empty() {
            self.lsms.push(LSM.to_owned());
        }
        Ok(self)
    }
}

impl Default for Args {
    fn default() -> Self {
        Self {
            what: What::Suite,
            kernels: Vec::new(),
            lsms: Vec::new(),
            append: String::new(),
            user: User::Both,
            tests: Vec::new(),
            smoke: false,
            no_tests: false,
            no_claims: false,
            all: false,
            brief: false,
            table: None,
            parallel: std::thread::available_parallelism().map_or(1, usize::from),
            mirror: None,
            cache: None,
            refresh: false,
            keep: None,
            resume: false,
            binary: None,
        }
    }
}

/// A word for the kernel's command line: what is not one would be another parameter.
fn lsm_list(list: String) -> Result<String> {
    let plain = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase());
    ensure!(list.split(',').all(plain), "--lsm {list}: names of LSMs, separated by commas");
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args> {
        Args::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn the_command_of_cargo_comes_last() {
        let args = parse("--kernel 6.1,7.3 --lsm landlock,bpf -- test -p ringfence --lib").unwrap();
        assert_eq!(args.kernels.iter().map(Series::to_string).collect::<Vec<_>>(), ["6.1", "7.3"]);
        assert_eq!(args.lsms, ["landlock,bpf"]);
        assert_eq!(args.what, What::Cargo(["test", "-p", "ringfence", "--lib"].map(str::to_owned).to_vec()));
    }

    #[test]
    fn without_options_all_series_are_booted() {
        let args = parse("").unwrap();
        assert_eq!((args.kernels.len(), args.lsms.len()), (SERIES.len(), 1));
        assert_eq!(parse("--all").unwrap().kernels.len(), SERIES.len() + 1);
    }

    #[test]
    fn what_makes_no_sense_is_an_error() {
        for line in [
            "--kernel",
            "--kernel new",
            "--lsm a,b c",
            "--lsm apparmor=1",
            "--lsm a,,b",
            "--parallel 0",
            "--smoke --all",
            "--all --kernel 6.1",
            "--user me",
            "--test no",
            "6.1",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
