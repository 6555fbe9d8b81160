//! The options of `cargo xtask bench`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::level::Level;
use super::user::Who;

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Args {
    /// Measured runs of each; `None`: the benchmark's own number.
    pub(crate) runs: Option<usize>,
    /// In the order of the alphabet.
    pub(crate) levels: Vec<Level>,
    /// Who runs them.
    pub(crate) who: Who,
    /// The peers; `None`: all.
    pub(crate) peers: Option<Vec<String>>,
    /// Microseconds of rest after each run.
    pub(crate) pause: u64,
    /// A ringfence that is built already.
    pub(crate) binary: Option<PathBuf>,
    /// Where programs are put.
    pub(crate) place: Option<PathBuf>,
    /// Where the figures go.
    pub(crate) json: Option<PathBuf>,
}

impl Args {
    /// `None` where help is asked for.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Self>> {
        let mut args = Self {
            runs: None,
            levels: Level::MEASURED.to_vec(),
            who: Who::default(),
            peers: None,
            pause: 0,
            binary: None,
            place: None,
            json: None,
        };
        while let Some(option) = words.next() {
            if option == "--help" || option == "-h" {
                return Ok(None);
            }
            let value = words.next().with_context(|| format!("{option} needs a value"))?;
            args.set(&option, &value).with_context(|| format!("{option} {value}"))?;
        }
        Ok(Some(args))
    }

    fn set(&mut self, option: &str, value: &str) -> Result<()> {
        match option {
            "--runs" => self.runs = Some(value.parse()?),
            "--level" => {
                self.levels = value.split(',').map(Level::parse).collect::<Result<_>>()?;
                self.levels.sort();
                self.levels.dedup();
            }
            "--user" => self.who = value.parse()?,
            "--peers" if value == "all" => self.peers = None,
            "--peers" if value == "none" => self.peers = Some(Vec::new()),
            "--peers" => self.peers = Some(value.split(',').map(str::to_owned).collect()),
            "--pause" => self.pause = value.parse()?,
            "--binary" => self.binary = Some(value.into()),
            "--place" => self.place = Some(value.into()),
            "--json" => self.json = Some(value.into()),
            _ => bail!("unknown option"),
        }
        Ok(())
    }
}
