//! Kernel versions, as far as system calls need them.

use std::fmt;
use std::str::FromStr;

/// A kernel version. The third number counts only before 3.0 (`2.6.27`); later it is a bug-fix
/// release, which brings no system call, and is zero here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Version {
    /// The first number.
    pub major: u8,
    /// The second number.
    pub minor: u8,
    /// The third number where the first is below 3, else zero.
    pub patch: u8,
}

/// A text that is no kernel version.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no kernel version: expected numbers such as 6.12")]
pub struct BadVersion(String);

impl Version {
    /// A version of these numbers.
    pub const fn new(major: u8, minor: u8, patch: u8) -> Self {
        Self { major, minor, patch }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { major, minor, patch } = self;
        match patch {
            0 => write!(f, "{major}.{minor}"),
            _ => write!(f, "{major}.{minor}.{patch}"),
        }
    }
}

impl FromStr for Version {
    type Err = BadVersion;

    /// Reads `6.12`, `2.6.32` and what uname(2) answers (`6.18.44-1-amd64`).
    fn from_str(text: &str) -> Result<Self, BadVersion> {
        let bad = || BadVersion(text.to_owned());
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let mut numbers = text[..end].split('.').map(str::parse::<u32>);
        let mut next = || numbers.next().and_then(Result::ok);
        let (major, minor) = (next().ok_or_else(bad)?, next().ok_or_else(bad)?);
        let small = |number: u32| u8::try_from(number).map_err(|_| bad());
        let patch = if major < 3 { small(next().unwrap_or(0))? } else { 0 };
        Ok(Self { major: small(major)?, minor: small(minor)?, patch })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        for (text, version) in [
            ("6.12", (6, 12, 0)),
            ("6.18.44-1-amd64", (6, 18, 0)),
            ("2.6.32", (2, 6, 32)),
            ("7.3-rc7", (7, 3, 0)),
            ("4.9.337", (4, 9, 0)),
        ] {
            let (major, minor, patch) = version;
            assert_eq!(text.parse(), Ok(Version::new(major, minor, patch)), "{text}");
        }
        for text in ["", "6", "x.y", "6.300", "-1.2"] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
        assert_eq!(Version::new(2, 6, 27).to_string(), "2.6.27");
        assert!(Version::new(2, 6, 32) < Version::new(3, 0, 0));
        assert!(Version::new(5, 9, 0) < Version::new(5, 10, 0));
    }
}
