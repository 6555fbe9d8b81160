//! The kernel's release, and what it does with core dumps. uname(2), core(5).

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use rustix::fs::PROC_SUPER_MAGIC;

use super::{Fact, Host, Reading};

/// `uname -r`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The whole text.
    pub text: String,
    /// 6 of 6.18.
    pub major: u32,
    /// 18 of 6.18.
    pub minor: u32,
}

impl Release {
    /// Takes a release apart; parts that are no numbers are 0.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut parts = text.split(|c: char| !c.is_ascii_digit());
        let mut number = || parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
        let (major, minor) = (number(), number());
        Self { text: text.to_owned(), major, minor }
    }

    /// Whether this is at least the given release.
    #[must_use]
    pub fn at_least(&self, major: u32, minor: u32) -> bool {
        (self.major, self.minor) >= (major, minor)
    }
}

/// `kernel.core_pattern`, core(5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CorePattern {
    /// A file, in the process's own view; `RLIMIT_CORE` bounds it.
    File(String),
    /// A program that the kernel starts as root, outside of every containment. `RLIMIT_CORE` does
    /// not bound it: only the value 1 keeps it from starting (fs/coredump.c).
    Pipe(String),
    /// A Unix socket outside of every containment (6.16).
    Socket(String),
}

impl CorePattern {
    /// Takes the text of `/proc/sys/kernel/core_pattern`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let text = text.trim_end_matches('\n');
        match text.as_bytes().first() {
            Some(b'|') => Self::Pipe(text[1..].to_owned()),
            Some(b'@') => Self::Socket(text[1..].to_owned()),
            _ => Self::File(text.to_owned()),
        }
    }
}

const CORE_PATTERN: &str = "/proc/sys/kernel/core_pattern";

/// The most bytes that a file of facts may have; the longest, mountinfo, has some 150 a mount.
pub(super) const MOST: u64 = 4 << 20;

pub(super) fn release(_: &Host) -> Fact<Release> {
    let name = rustix::system::uname();
    Fact::new(Release::parse(&name.release().to_string_lossy()), "uname(2)")
}

pub(super) fn synthetic_release() -> Release {
    Release::parse("6.18.0")
}

pub(super) fn core_pattern(_: &Host) -> Fact<Reading<CorePattern>> {
    let reading = match read_small(CORE_PATTERN) {
        Ok(text) => Reading::Known(CorePattern::parse(&text)),
        Err(error) if error.kind() == ErrorKind::NotFound && proc_sys_is_there() => {
            Reading::Absent("the kernel writes no core dumps")
        }
        Err(error) => Reading::Unknown(format!("{CORE_PATTERN}: {error}")),
    };
    Fact::new(reading, CORE_PATTERN)
}

pub(super) fn synthetic_core_pattern() -> Reading<CorePattern> {
    Reading::Known(CorePattern::File("core".to_owned()))
}

/// A file of text of the kernel's; what is not UTF-8 is replaced. At most [`MOST`] bytes.
pub(super) fn read_small(path: impl AsRef<Path>) -> io::Result<String> {
    let bytes = read_bytes(path)?;
    String::from_utf8(bytes).or_else(|error| Ok(String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// A file of the kernel's, in one read where it is one line. At most [`MOST`] bytes.
pub(super) fn read_bytes(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut bytes = vec![0; 4096];
    let mut len = 0;
    loop {
        let got = file.read(&mut bytes[len..])?;
        len += got;
        if got == 0 {
            break;
        }
        // A file of one line is whole after one read that leaves room; a longer one is asked again.
        if len < bytes.len() && bytes[..len].iter().filter(|byte| **byte == b'\n').count() == 1 {
            break;
        }
        if bytes.len() - len < 1024 {
            if bytes.len() as u64 >= MOST {
                return Err(io::Error::new(ErrorKind::FileTooLarge, "more than 4 MiB"));
            }
            bytes.resize(bytes.len() * 2, 0);
        }
    }
    bytes.truncate(len);
    Ok(bytes)
}

/// Whether `/proc/sys` is that of the kernel, so that a file that is not there means something.
pub(super) fn proc_sys_is_there() -> bool {
    rustix::fs::statfs("/proc/sys").is_ok_and(|fs| fs.f_type == PROC_SUPER_MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_of_distributions_are_understood() {
        for (text, major, minor) in [
            ("6.18.44-fc-v657", 6, 18),
            ("5.10.0-32-cloud-amd64", 5, 10),
            ("7.0-rc1", 7, 0),
            ("6.1", 6, 1),
            ("odd", 0, 0),
        ] {
            let release = Release::parse(text);
            assert_eq!((release.major, release.minor), (major, minor), "{text}");
        }
        assert!(Release::parse("6.18.1").at_least(6, 9));
        assert!(!Release::parse("6.18.1").at_least(7, 0));
    }

    #[test]
    fn core_patterns_are_told_apart() {
        assert_eq!(CorePattern::parse("core\n"), CorePattern::File("core".to_owned()));
        assert_eq!(
            CorePattern::parse("|/usr/lib/systemd/systemd-coredump %P\n"),
            CorePattern::Pipe("/usr/lib/systemd/systemd-coredump %P".to_owned())
        );
        assert_eq!(CorePattern::parse("@/run/core"), CorePattern::Socket("/run/core".to_owned()));
        assert_eq!(CorePattern::parse("\n"), CorePattern::File(String::new()));
    }

    #[test]
    fn long_files_are_read_whole() {
        let path = std::env::temp_dir().join(format!("ringfence-kernel-{}", std::process::id()));
        let text = "a line\n".repeat(3000);
        std::fs::write(&path, &text).unwrap();
        assert_eq!(read_small(&path).unwrap(), text);
        std::fs::write(&path, "one line without an end").unwrap();
        assert_eq!(read_small(&path).unwrap(), "one line without an end");
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn the_live_release_is_that_of_uname() {
        let text = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        assert_eq!(Host::live().release().value.text, text.trim());
    }
}
