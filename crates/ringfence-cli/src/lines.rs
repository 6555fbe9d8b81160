//! A file of lines that is bounded: it stops, or begins again beside older ones, and never waits long for
//! whoever reads it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How much is written without `--events-limit`: more would fill a disk at the program's will.
const MOST_BYTES: u64 = 256 << 20;
/// The least limit: several times the longest event.
const LEAST_BYTES: u64 = 64 << 10;
/// How long a reader of a pipe may take before an event is given up.
const PATIENCE: Duration = Duration::from_secs(1);
/// `O_NONBLOCK` of asm-generic/fcntl.h.
const O_NONBLOCK: i32 = 0o4000;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Bytes of one file; `None`: it ends at a bound of its own, and events after that are not written.
    pub(crate) limit: Option<u64>,
    /// How many older files are kept beside it: `FILE.1` is the youngest of them.
    pub(crate) keep: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { limit: None, keep: 3 }
    }
}

/// A file of lines.
#[derive(Debug)]
pub(crate) struct Lines {
    path: PathBuf,
    bounds: Bounds,
    file: File,
    written: u64,
    /// Why a line was not written; one that was not written whole is the last.
    fault: Option<String>,
    broken: bool,
}

impl Lines {
    /// Opens `path`, which is emptied.
    pub(crate) fn open(path: &Path, bounds: Bounds) -> io::Result<Self> {
        let file = open(path)?;
        if bounds.limit.is_some() && !file.metadata()?.is_file() {
            let why = "--events-limit begins new files, and this is no regular file";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        Ok(Self { path: path.to_owned(), bounds, file, written: 0, fault: None, broken: false })
    }

    /// Writes a line, which has its newline.
    pub(crate) fn write(&mut self, line: &str) -> io::Result<()> {
        let done = self.one(line);
        if let Err(error) = &done {
            self.fault.get_or_insert_with(|| error.to_string());
        }
        done
    }

    /// The last line, for which there is always room.
    pub(crate) fn end(&mut self, line: &str) -> io::Result<()> {
        let done = self.whole(line);
        if let Err(error) = &done {
            self.fault.get_or_insert_with(|| error.to_string());
        }
        done
    }

    /// Why not everything was written.
    pub(crate) fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    fn one(&mut self, line: &str) -> io::Result<()> {
        let len = line.len() as u64;
        match self.bounds.limit {
            Some(limit) if self.written > 0 && self.written + len > limit => self.begin_again()?,
            Some(_) => {}
            None if self.written >= MOST_BYTES => {
                let why =
                    format!("it has {} MiB, and --events-limit did not say otherwise", MOST_BYTES >> 20);
                return Err(io::Error::new(io::ErrorKind::StorageFull, why));
            }
            None => {}
        }
        self.whole(line)
    }

    /// Each file becomes the next older one, by rename(2): whoever has one open keeps it, whole.
    fn begin_again(&mut self) -> io::Result<()> {
        for number in (1..self.bounds.keep).rev() {
            match std::fs::rename(self.older(number), self.older(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if self.bounds.keep > 0 {
            std::fs::rename(&self.path, self.older(1))?;
        }
        self.file = open(&self.path)?;
        self.written = 0;
        self.broken = false;
        Ok(())
    }

    fn older(&self, number: u32) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(format!(".{number}"));
        name.into()
    }

    fn whole(&mut self, line: &str) -> io::Result<()> {
        if self.broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut rest = line.as_bytes();
        let deadline = Instant::now() + PATIENCE;
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(error) => {
                    self.broken = true;
                    return Err(error);
                }
            }
        }
        self.written += line.len() as u64;
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    File::options().write(true).create(true).truncate(true).custom_flags(O_NONBLOCK).open(path)
}

/// Bytes as `[limits]` writes them: a number, with K, M or G for 1024 and its powers.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(['K', 'M', 'G']);
    let shift = match &text[digits.len()..] {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => return Err("write a number of bytes, such as 64K, 10M or 1G".to_owned()),
    };
    let number: u64 =
        digits.parse().map_err(|_| "write a number of bytes, such as 64K, 10M or 1G".to_owned())?;
    match number.checked_mul(1 << shift) {
        Some(bytes) if bytes >= LEAST_BYTES => Ok(bytes),
        Some(_) => Err("less than 64K does not hold the longest event".to_owned()),
        None => Err("more than there can be".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bounded() {
        assert_eq!(size("64K"), Ok(65_536));
        assert_eq!(size("2G"), Ok(2 << 30));
        for bad in ["", "K", "1", "1KM", "-1", "99999999999G", "10m"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn files_begin_again_between_lines() {
        let place = std::env::temp_dir().join(format!("ringfence-lines-{}", std::process::id()));
        std::fs::create_dir(&place).unwrap();
        let path = place.join("log");
        let mut lines = Lines::open(&path, Bounds { limit: Some(25), keep: 2 }).unwrap();
        for number in 0..7 {
            lines.write(&format!("line {number:04}\n")).unwrap();
        }
        let read = |name: &str| std::fs::read_to_string(place.join(name)).unwrap_or_default();
        assert_eq!(read("log"), "line 0006\n");
        assert_eq!(read("log.1"), "line 0004\nline 0005\n");
        assert_eq!(read("log.2"), "line 0002\nline 0003\n");
        assert_eq!(read("log.3"), "");
        std::fs::remove_dir_all(&place).unwrap();
    }
}
