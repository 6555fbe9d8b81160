//! Debian's archive: which kernels it offers, their packages with apt's own verification, and what
//! is kept of them. Nothing of the machine's own package system is read but its mirror, or changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};

use super::args::Args;
use super::image;
use super::kernel::{Kernel, Package, Series};
use super::tied::{NOT_STARTED, tied};
use crate::dist;

/// Where kernels have been, oldest first; one that is gone from the mirror is said and left out.
const SUITES: [&str; 7] =
    ["bullseye", "bookworm", "bookworm-backports", "trixie", "trixie-backports", "sid", "experimental"];
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// How long a list of packages is good.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);
const IMAGE: &str = "vmlinuz";
/// The same kernel, decompressed; absent where it can only be booted compressed.
const PLAIN: &str = "vmlinux";
const SUMS: &str = "SHA256SUMS";
const ORIGIN: &str = "origin";
/// Where packages are until they are unpacked, and how the name of a kernel ends until it is whole.
const DOWNLOAD: &str = "download";
const HALF: &str = "half";
/// What apt says of a package that is not the one that the signed list names.
const WRONG: [&str; 2] = ["mismatch", "unexpected size"];

/// What the mirror offers, and what is kept.
#[derive(Debug)]
pub(super) struct Archive {
    place: PathBuf,
    newest: BTreeMap<Series, Package>,
}

impl Archive {
    /// Brings the list of packages up to date where it is old. Without a network, what is kept serves.
    pub(super) fn open(args: &Args) -> Result<Self> {
        let place = match &args.cache {
            Some(place) => std::path::absolute(place)?,
            None => dist::target_directory()?.join("matrix"),
        };
        let mut archive = Self { place, newest: BTreeMap::new() };
        archive.tidy()?;
        if let Err(error) = archive.update(args) {
            eprintln!("the archive cannot be asked, and only kernels that are kept are used: {error:#}");
        }
        for package in archive.offered()?.into_iter().chain(archive.kept()?) {
            let known = archive.newest.entry(package.series.clone()).or_insert_with(|| package.clone());
            if package.age() > known.age() {
                *known = package;
            }
        }
        Ok(archive)
    }

    /// Makes what is missing of the cache, and removes what a run left there that was killed.
    fn tidy(&self) -> Result<()> {
        for directory in ["lists/partial", "cache/archives/partial", "kernels"] {
            let directory = self.place.join(directory);
            fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
        }
        let _alone = self.alone()?;
        let halves = fs::read_dir(self.place.join("kernels"))?.flatten().map(|entry| entry.path());
        let halves = halves.filter(|path| path.extension().is_some_and(|extension| extension == HALF));
        for left in halves.chain([self.place.join(DOWNLOAD)]) {
            let _scratch = Scratch(left);
        }
        Ok(())
    }

    /// The newest package of a series.
    pub(super) fn newest(&self, series: &Series) -> Option<Package> {
        self.newest.get(series).cloned()
    }

    /// Kernels to boot: those that are not kept, or not whole, are downloaded. Where one cannot be
    /// reached, the newest that is kept of its series serves, and that is said.
    pub(super) fn fetch(&self, packages: &[Package]) -> Result<Vec<Kernel>> {
        let _alone = self.alone()?;
        packages.iter().map(|package| self.one(package)).collect()
    }

    fn one(&self, package: &Package) -> Result<Kernel> {
        if self.is_whole(package)? {
            return self.here(package);
        }
        let error = match self.download(package) {
            Ok(()) => return self.here(package),
            Err(error) => error,
        };
        // What is not what was signed is no lack of a network: somebody has to look at it.
        if error.downcast_ref::<Unreached>().is_none() {
            return Err(error);
        }
        let mut older = self.kept()?;
        older.retain(|kept| kept.series == package.series);
        older.sort_by(|a, b| b.age().cmp(&a.age()));
        for kept in older {
            if self.is_whole(&kept)? {
                eprintln!("{error:#}; {kept} is kept, and serves instead");
                return self.here(&kept);
            }
        }
        Err(error.context(format!("no kernel of series {} is kept, and none can be had", package.series)))
    }

    /// Whether a kernel is kept; one that is not what was unpacked is removed.
    fn is_whole(&self, package: &Package) -> Result<bool> {
        let kept = self.kernel(package);
        if !kept.exists() || whole(&kept) {
            return Ok(kept.exists());
        }
        eprintln!("{package}: what is kept is not what was unpacked, and is removed");
        fs::remove_dir_all(&kept).with_context(|| kept.display().to_string())?;
        Ok(false)
    }

    /// Two runs that share a cache change it one after the other.
    fn alone(&self) -> Result<fs::File> {
        let path = self.place.join("lock");
        let file = fs::File::create(&path).with_context(|| path.display().to_string())?;
        if file.try_lock().is_err() {
            eprintln!("another run changes {}: waiting for it", self.place.display());
            file.lock().with_context(|| path.display().to_string())?;
        }
        Ok(file)
    }

    fn here(&self, package: &Package) -> Result<Kernel> {
        let kept = self.kernel(package);
        let origin = fs::read_to_string(kept.join(ORIGIN)).with_context(|| kept.display().to_string())?;
        let plain = kept.join(PLAIN);
        Ok(Kernel {
            series: package.series.clone(),
            origin: origin.trim().to_owned(),
            image: if plain.exists() { plain } else { kept.join(IMAGE) },
        })
    }

    fn kernel(&self, package: &Package) -> PathBuf {
        self.place.join("kernels").join(&package.name)
    }

    fn kept(&self) -> Result<Vec<Package>> {
        let entries = fs::read_dir(self.place.join("kernels"))?.flatten();
        Ok(entries.filter_map(|entry| Package::named(entry.file_name().to_str()?)).collect())
    }

    fn offered(&self) -> Result<Vec<Package>> {
        let names = self.apt("apt-cache").args(["pkgnames", "linux-"]).output();
        let Ok(names) = names else { return Ok(Vec::new()) };
        Ok(String::from_utf8_lossy(&names.stdout).lines().filter_map(Package::named).collect())
    }

    /// apt verifies each list's signature by the keyring, and each package by the lists.
    fn update(&self, args: &Args) -> Result<()> {
        let _alone = self.alone()?;
        let stamp = self.place.join("updated");
        let age = fs::metadata(&stamp).and_then(|stamp| stamp.modified()).ok();
        let age = age.and_then(|then| SystemTime::now().duration_since(then).ok());
        if age.is_some_and(|age| age < FRESH) && !args.refresh && args.mirror.is_none() {
            return Ok(());
        }
        ensure!(Path::new(KEYRING).exists(), "{KEYRING} is missing: install debian-archive-keyring");
        let mirror = args.mirror.clone().map_or_else(mirror, Ok)?;
        fs::write(self.place.join("sources.list"), sources(&mirror))?;
        fs::write(self.place.join("apt.conf"), self.settings())?;
        fs::write(self.place.join("status"), "")?;
        let output = tied(self.apt("apt-get").arg("update")).stdin(Stdio::null()).output();
        let output = output.context("apt-get")?;
        let absent = output.status.code().is_some_and(|code| NOT_STARTED.contains(&code));
        ensure!(!absent, "apt-get cannot be executed: kernels come as Debian packages");
        for line in complaints(&output) {
            eprintln!("apt: {line}");
        }
        // One suite that is gone makes apt fail as a whole; the others are there nevertheless.
        ensure!(!self.offered()?.is_empty(), "apt-get update brought no list of packages");
        let reached = |line: &str| line.starts_with("Get:") || line.starts_with("Hit:");
        ensure!(
            String::from_utf8_lossy(&output.stdout).lines().any(reached),
            "{mirror} could not be reached, and the lists are old"
        );
        fs::write(&stamp, "")?;
        Ok(())
    }

    fn settings(&self) -> String {
        let place = self.place.display();
        let lines = [
            format!("Dir::State::lists \"{place}/lists\";"),
            format!("Dir::State::status \"{place}/status\";"),
            format!("Dir::Cache \"{place}/cache\";"),
            "Dir::Cache::pkgcache \"pkgcache.bin\";".to_owned(),
            "Dir::Cache::srcpkgcache \"srcpkgcache.bin\";".to_owned(),
            format!("Dir::Etc::sourcelist \"{place}/sources.list\";"),
            "Dir::Etc::sourceparts \"/dev/null\";".to_owned(),
            "APT::Architecture \"amd64\";".to_owned(),
            "APT::Architectures { \"amd64\"; };".to_owned(),
            "APT::Get::AllowUnauthenticated \"false\";".to_owned(),
            "Acquire::AllowInsecureRepositories \"false\";".to_owned(),
            "Acquire::Retries \"1\";".to_owned(),
            "Acquire::http::Timeout \"20\";".to_owned(),
            "Acquire::Languages \"none\";".to_owned(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled \"false\";".to_owned(),
            // The place belongs to the caller, not to apt's own user.
            "APT::Sandbox::User \"root\";".to_owned(),
            // Nothing of the machine's own is to be cleaned up afterwards.
            "#clear APT::Update::Post-Invoke;".to_owned(),
            "#clear APT::Update::Post-Invoke-Success;".to_owned(),
        ];
        lines.join("\n") + "\n"
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("APT_CONFIG", self.place.join("apt.conf")).env("LC_ALL", "C").stdin(Stdio::null());
        command
    }

    /// One after the other, so that one that cannot be had costs no other.
    fn download(&self, package: &Package) -> Result<()> {
        let place = Scratch(self.place.join(DOWNLOAD));
        fs::create_dir_all(&place.0).with_context(|| place.0.display().to_string())?;
        eprintln!("downloading {package}");
        let mut apt = self.apt("apt-get");
        apt.args(["download", &package.name]).current_dir(&place.0);
        let output = tied(&apt).stdin(Stdio::null()).output().context("apt-get")?;
        if !output.status.success() {
            let said = complaints(&output);
            let error = format!("{package} could not be downloaded: {}", said.join("; "));
            ensure!(!said.iter().any(|line| WRONG.iter().any(|wrong| line.contains(wrong))), "{error}");
            return Err(Unreached(error).into());
        }
        let deb = deb(&place.0, package)?;
        self.unpack(package, &deb).with_context(|| deb.display().to_string())
    }

    /// Only the kernel: modules are not needed. The directory gets its name when it is complete.
    fn unpack(&self, package: &Package, deb: &Path) -> Result<()> {
        let scratch = Scratch(self.place.join("kernels").join(format!("{}.{HALF}", package.name)));
        let half = &scratch.0;
        fs::create_dir_all(half)?;
        let script =
            "set -o pipefail; dpkg-deb --fsys-tarfile \"$1\" | tar -xO --wildcards '*/vmlinuz*' >\"$2\"";
        let words = ["-c", script, "unpack"];
        let status = Command::new("bash").args(words).arg(deb).arg(half.join(IMAGE)).status()?;
        ensure!(status.success(), "no kernel could be unpacked from it");
        let name = deb.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let version = name.split('_').nth(1).unwrap_or_default().replace("%3a", ":");
        fs::write(half.join(ORIGIN), format!("{} {version}\n", package.name))?;
        let mut files = vec![IMAGE];
        match image::decompress(&half.join(IMAGE), &half.join(PLAIN)) {
            Ok(()) => files.push(PLAIN),
            Err(why) => {
                eprintln!("{package} boots compressed, and more slowly: {why:#}");
                let _ = fs::remove_file(half.join(PLAIN));
            }
        }
        let sums = Command::new("sha256sum").args(files).current_dir(half).output().context("sha256sum")?;
        ensure!(sums.status.success(), "sha256sum failed");
        fs::write(half.join(SUMS), sums.stdout)?;
        ensure!(whole(half), "what was unpacked is no kernel");
        fs::rename(half, self.kernel(package))?;
        Ok(())
    }
}

/// A kernel could not be had, and nothing says that it is a wrong one.
#[derive(Debug)]
struct Unreached(String);

impl std::fmt::Display for Unreached {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str(&self.0)
    }
}

impl std::error::Error for Unreached {}

/// A directory that goes away, whatever comes of it.
#[derive(Debug)]
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The kernel is the one that was unpacked, and begins as the boot protocol says:
/// Documentation/arch/x86/boot.rst, `HdrS` at 0x202.
fn whole(kept: &Path) -> bool {
    let quiet = |command: &mut Command| {
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    let magic = fs::read(kept.join(IMAGE)).is_ok_and(|image| image.get(0x202..0x206) == Some(b"HdrS"));
    magic && quiet(Command::new("sha256sum").args(["--check", "--strict", SUMS]).current_dir(kept))
}

/// `NAME_VERSION_ARCH.deb`: the colon of an epoch is escaped in it.
fn deb(place: &Path, package: &Package) -> Result<PathBuf> {
    let files = fs::read_dir(place)?.flatten().map(|entry| entry.path());
    let is = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.split_once('_').is_some_and(|(name, _)| name == package.name) && name.ends_with(".deb")
    };
    files.into_iter().find(is).with_context(|| format!("apt-get downloaded no {package}"))
}

/// The mirror from which this machine has its own packages.
fn mirror() -> Result<String> {
    let output = Command::new("apt-get")
        .args(["indextargets", "--format", "$(ORIGIN) $(LABEL) $(REPO_URI)"])
        .output()
        .context("apt-get: kernels come as Debian packages")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let uri = text.lines().find_map(|line| line.strip_prefix("Debian Debian "));
    uri.map(str::to_owned)
        .context("apt has no Debian archive here: name one by --mirror, or run apt-get update")
}

fn sources(mirror: &str) -> String {
    let line = |suite: &str| format!("deb [arch=amd64 signed-by={KEYRING}] {mirror} {suite} main\n");
    SUITES.iter().map(|suite| line(suite)).collect()
}

fn complaints(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().filter(|line| line.starts_with("E:") || line.starts_with("W:")).map(str::to_owned).collect()
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
