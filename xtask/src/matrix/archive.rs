//! Debian's archive: which kernels it offers, their packages with apt's own verification, and what
//! is kept of them. Nothing of the machine's own package system is read but its mirror, or changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail, ensure};

use super::args::Args;
use super::image;
use super::kernel::{Kernel, Package, Series};
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
        for directory in ["lists/partial", "cache/archives/partial", "kernels"] {
            let directory = place.join(directory);
            fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
        }
        let mut archive = Self { place, newest: BTreeMap::new() };
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

    /// The newest package of a series.
    pub(super) fn newest(&self, series: &Series) -> Option<Package> {
        self.newest.get(series).cloned()
    }

    /// Kernels to boot: those that are not kept, or not whole, are downloaded.
    pub(super) fn fetch(&self, packages: &[Package]) -> Result<Vec<Kernel>> {
        let _alone = self.alone()?;
        let mut absent = Vec::new();
        for package in packages {
            let kept = self.kernel(package);
            if kept.exists() && !whole(&kept) {
                eprintln!("{package}: what is kept is not what was unpacked; it is fetched again");
                fs::remove_dir_all(&kept)?;
            }
            if !kept.exists() {
                absent.push(package);
            }
        }
        if !absent.is_empty() {
            self.download(&absent)?;
        }
        packages.iter().map(|package| self.here(package)).collect()
    }

    /// Two runs that share a cache change it one after the other.
    fn alone(&self) -> Result<fs::File> {
        let path = self.place.join("lock");
        let file = fs::File::create(&path).with_context(|| path.display().to_string())?;
        file.lock().with_context(|| path.display().to_string())?;
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
        let output = self.apt("apt-get").arg("update").output().context("apt-get: is this Debian?")?;
        for line in complaints(&output) {
            eprintln!("apt: {line}");
        }
        // One suite that is gone makes apt fail as a whole; the others are there nevertheless.
        ensure!(!self.offered()?.is_empty(), "apt-get update brought no list of packages");
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

    fn download(&self, packages: &[&Package]) -> Result<()> {
        let place = self.place.join("download");
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(&place)?;
        eprintln!("downloading {} kernels", packages.len());
        let names = packages.iter().map(|package| &package.name);
        let output = self.apt("apt-get").arg("download").args(names).current_dir(&place).output();
        let output = output.context("apt-get")?;
        if !output.status.success() {
            bail!("apt-get download: {}", complaints(&output).join("; "));
        }
        for package in packages {
            let deb = deb(&place, package)?;
            self.unpack(package, &deb).with_context(|| deb.display().to_string())?;
        }
        fs::remove_dir_all(&place)?;
        Ok(())
    }

    /// Only the kernel: modules are not needed. The directory gets its name when it is complete.
    fn unpack(&self, package: &Package, deb: &Path) -> Result<()> {
        let half = self.place.join("kernels").join(format!("{}.half", package.name));
        let _ = fs::remove_dir_all(&half);
        fs::create_dir_all(&half)?;
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
        let sums = Command::new("sha256sum").args(files).current_dir(&half).output().context("sha256sum")?;
        ensure!(sums.status.success(), "sha256sum failed");
        fs::write(half.join(SUMS), sums.stdout)?;
        ensure!(whole(&half), "what was unpacked is no kernel");
        fs::rename(&half, self.kernel(package))?;
        Ok(())
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
mod tests {
    use super::*;

    fn archive() -> Archive {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let place = std::env::temp_dir().join(format!("ringfence-archive-{}-{number}", std::process::id()));
        fs::create_dir_all(place.join("kernels")).unwrap();
        Archive { place, newest: BTreeMap::new() }
    }

    fn package() -> Package {
        Package::named("linux-image-6.1.0-50-cloud-amd64").unwrap()
    }

    fn keep(archive: &Archive, image: &[u8]) {
        let kept = archive.kernel(&package());
        fs::create_dir_all(&kept).unwrap();
        fs::write(kept.join(IMAGE), image).unwrap();
        let sums = Command::new("sha256sum").arg(IMAGE).current_dir(&kept).output().unwrap();
        fs::write(kept.join(SUMS), sums.stdout).unwrap();
        fs::write(kept.join(ORIGIN), "linux-image-6.1.0-50-cloud-amd64 6.1.176-1\n").unwrap();
    }

    fn kernel() -> Vec<u8> {
        let mut image = vec![0; 4096];
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image
    }

    #[test]
    fn what_was_cut_short_is_not_whole() {
        let archive = archive();
        keep(&archive, &kernel());
        let kept = archive.kernel(&package());
        assert!(whole(&kept));
        assert_eq!(archive.here(&package()).unwrap().origin, "linux-image-6.1.0-50-cloud-amd64 6.1.176-1");
        fs::write(kept.join(IMAGE), &kernel()[..2048]).unwrap();
        assert!(!whole(&kept), "a truncated kernel");
        fs::remove_file(kept.join(SUMS)).unwrap();
        assert!(!whole(&kept), "no sums");
        keep(&archive, b"<html>not found</html>");
        assert!(!whole(&kept), "no kernel");
        fs::remove_dir_all(&archive.place).unwrap();
    }

    #[test]
    fn a_package_that_is_half_a_package_is_not_unpacked() {
        let archive = archive();
        let deb = archive.place.join("linux-image-6.1.0-50-cloud-amd64_6.1.176-1_amd64.deb");
        fs::write(&deb, b"!<arch>\ndebian-binary   ").unwrap();
        assert!(archive.unpack(&package(), &deb).is_err());
        assert!(!archive.kernel(&package()).exists());
        fs::remove_dir_all(&archive.place).unwrap();
    }

    #[test]
    fn two_runs_change_what_is_kept_one_after_the_other() {
        let archive = archive();
        let first = archive.alone().unwrap();
        let second = fs::File::create(archive.place.join("lock")).unwrap();
        assert!(second.try_lock().is_err());
        drop(first);
        // A child that another test starts holds a copy of the descriptor until its execve.
        let free = |_| {
            second.try_lock().is_ok() || {
                std::thread::sleep(std::time::Duration::from_millis(10));
                false
            }
        };
        assert!((0..500).any(free), "the lock is still held");
        fs::remove_dir_all(&archive.place).unwrap();
    }

    #[test]
    fn only_signed_lists_are_asked_for() {
        let text = sources("http://mirror.example/debian");
        assert_eq!(text.lines().count(), SUITES.len());
        assert!(text.lines().all(|line| line.contains("signed-by=") && !line.contains("trusted")));
    }
}
