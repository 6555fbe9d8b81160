//! Names of kernels: a series as people write it, a package as Debian does, and one that is here.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Result, bail};

/// Every series that a whole run boots.
pub(super) const SERIES: [&str; 8] = ["5.10", "6.1", "6.12", "6.18", "7.0", "7.1", "7.2", "7.3"];

/// `6.1`, or `generic-5.10`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Series {
    version: [u32; 2],
    generic: bool,
}

/// A package that has a kernel in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) series: Series,
    pub(super) name: String,
    numbers: Vec<u32>,
    rank: u8,
}

/// A kernel that can be booted.
#[derive(Debug, Clone)]
pub(super) struct Kernel {
    pub(super) series: Series,
    /// Package and version.
    pub(super) origin: String,
    pub(super) image: PathBuf,
}

impl FromStr for Series {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (generic, version) = match text.strip_prefix("generic-") {
            Some(version) => (true, version),
            None => (false, text),
        };
        let numbers: Vec<Option<u32>> = version.split('.').map(|number| number.parse().ok()).collect();
        match numbers[..] {
            [Some(major), Some(minor)] => Ok(Self { version: [major, minor], generic }),
            _ => bail!("`{text}` is no series of kernels: write 6.1, or generic-5.10"),
        }
    }
}

impl Series {
    /// Not made for clouds.
    pub(super) const fn is_generic(&self) -> bool {
        self.generic
    }

    /// Major and minor number.
    pub(super) const fn version(&self) -> [u32; 2] {
        self.version
    }
}

impl fmt::Display for Series {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor] = self.version;
        write!(to, "{}{major}.{minor}", if self.generic { "generic-" } else { "" })
    }
}

impl fmt::Display for Package {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.name)
    }
}

impl Package {
    /// A package by its name; `None` where it has no kernel for this kind of machine.
    ///
    /// `linux-image-6.1.0-50-cloud-amd64`, and from 6.19 `linux-binary-7.2.13+deb14-cloud-amd64`
    /// beside a `linux-image` that has no kernel in it.
    pub(super) fn named(name: &str) -> Option<Self> {
        let (rest, rank) = match (name.strip_prefix("linux-binary-"), name.strip_prefix("linux-image-")) {
            (Some(rest), _) => (rest, 2),
            (_, Some(rest)) => (rest, 1),
            _ => return None,
        };
        let (rest, rank) = match rest.strip_suffix("-unsigned") {
            Some(rest) => (rest, rank - 1),
            None => (rest, rank),
        };
        let rest = rest.strip_suffix("-amd64")?;
        let (version, generic) = match rest.strip_suffix("-cloud") {
            Some(version) => (version, false),
            None => (rest, true),
        };
        if !version.starts_with(|first: char| first.is_ascii_digit()) || version.contains("-rt") {
            return None;
        }
        let upstream = version.split_once("+deb").map_or(version, |(upstream, _)| upstream);
        let numbers: Vec<u32> = upstream.split(['.', '-']).map(|n| n.parse().ok()).collect::<Option<_>>()?;
        let (&major, &minor) = (numbers.first()?, numbers.get(1)?);
        Some(Self {
            series: Series { version: [major, minor], generic },
            name: name.to_owned(),
            numbers,
            rank,
        })
    }

    /// Newer ones, and of those the ones that have the kernel in them, come later.
    pub(super) fn age(&self) -> (&[u32], u8) {
        (&self.numbers, self.rank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newest(names: &[&str]) -> String {
        let packages = names.iter().map(|name| Package::named(name).unwrap_or_else(|| panic!("{name}")));
        packages.max_by(|a, b| a.age().cmp(&b.age())).unwrap().name
    }

    #[test]
    fn numbers_are_compared_as_numbers() {
        let names = [
            "linux-image-6.12.9+deb13-cloud-amd64",
            "linux-image-6.12.117+deb13-cloud-amd64",
            "linux-image-6.12.95+deb12-cloud-amd64",
        ];
        assert_eq!(newest(&names), names[1]);
        assert_eq!(
            newest(&["linux-binary-7.3-cloud-amd64", "linux-binary-7.3.4+deb13-cloud-amd64"]),
            "linux-binary-7.3.4+deb13-cloud-amd64"
        );
        assert_eq!(
            newest(&["linux-image-5.10.0-9-cloud-amd64", "linux-image-5.10.0-32-cloud-amd64"]),
            "linux-image-5.10.0-32-cloud-amd64"
        );
    }

    #[test]
    fn the_package_with_the_kernel_in_it_is_taken() {
        assert_eq!(
            newest(&["linux-binary-7.0.13+deb13-cloud-amd64", "linux-image-7.0.13+deb13-cloud-amd64"]),
            "linux-binary-7.0.13+deb13-cloud-amd64"
        );
        assert_eq!(
            newest(&["linux-image-6.1.0-50-cloud-amd64-unsigned", "linux-image-6.1.0-50-cloud-amd64"]),
            "linux-image-6.1.0-50-cloud-amd64"
        );
    }

    #[test]
    fn other_packages_are_none() {
        for name in [
            "linux-image-amd64",
            "linux-image-cloud-amd64",
            "linux-image-6.1.0-50-rt-amd64",
            "linux-image-6.1.0-50-cloud-amd64-dbg",
            "linux-modules-7.3-cloud-amd64",
            "linux-image-6.1.0-50-arm64",
        ] {
            assert_eq!(Package::named(name), None, "{name}");
        }
        assert!(
            Package::named("linux-image-5.10.0-32-amd64")
                .is_some_and(|package| package.series.to_string() == "generic-5.10")
        );
    }

    #[test]
    fn a_series_is_read_as_it_is_written() {
        for text in SERIES.iter().chain(&["generic-5.10"]) {
            assert_eq!(text.parse::<Series>().unwrap().to_string(), *text);
        }
        for text in ["6", "6.1.2", "generic", "6.x", ""] {
            assert!(text.parse::<Series>().is_err(), "{text}");
        }
    }
}
