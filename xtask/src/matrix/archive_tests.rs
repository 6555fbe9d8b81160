//! What is kept and downloaded: whole, or an error that leaves nothing behind.

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

const NEWER: &str = "linux-image-6.1.0-51-cloud-amd64";

/// Whether packages can be made and downloaded here.
fn is_debian() -> bool {
    let there = |program: &str| Command::new(program).arg("--version").output().is_ok();
    there("apt-get") && there("dpkg-deb") || {
        eprintln!("skipped: needs apt-get and dpkg-deb");
        false
    }
}

/// A mirror below the cache with one package, of which a test makes what it needs. Nobody signs it.
struct Mirror {
    deb: PathBuf,
    directory: PathBuf,
}

impl Mirror {
    fn new(archive: &Archive) -> Self {
        let directory = archive.place.join("mirror");
        let tree = archive.place.join("tree");
        fs::create_dir_all(tree.join("DEBIAN")).unwrap();
        fs::create_dir_all(tree.join("boot")).unwrap();
        fs::create_dir_all(&directory).unwrap();
        let control = format!("Package: {NEWER}\nVersion: 6.1.177-1\nArchitecture: amd64\n");
        let control = control + "Maintainer: nobody <nobody@example.org>\nDescription: a kernel\n";
        fs::write(tree.join("DEBIAN/control"), &control).unwrap();
        fs::write(tree.join("boot/vmlinuz-6.1.0-51-cloud-amd64"), kernel()).unwrap();
        let deb = directory.join("kernel.deb");
        let build = Command::new("dpkg-deb").arg("--build").args([&tree, &deb]).output().unwrap();
        assert!(build.status.success(), "{build:?}");
        let sum = Command::new("sha256sum").arg(&deb).output().unwrap().stdout;
        let sum = String::from_utf8(sum).unwrap();
        let more = format!(
            "Filename: ./kernel.deb\nSize: {}\nSHA256: {}\n",
            fs::metadata(&deb).unwrap().len(),
            sum.split(' ').next().unwrap()
        );
        fs::write(directory.join("Packages"), control + &more).unwrap();
        let mirror = Self { deb, directory };
        mirror.list(archive);
        mirror
    }

    /// Brings the lists up to date.
    fn list(&self, archive: &Archive) {
        archive.tidy().unwrap();
        let source = format!("deb [arch=amd64 trusted=yes] copy:{} ./\n", self.directory.display());
        fs::write(archive.place.join("sources.list"), source).unwrap();
        fs::write(archive.place.join("apt.conf"), archive.settings()).unwrap();
        fs::write(archive.place.join("status"), "").unwrap();
        let output = archive.apt("apt-get").arg("update").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(archive.offered().unwrap().iter().any(|package| package.name == NEWER));
    }
}

fn newer() -> Package {
    Package::named(NEWER).unwrap()
}

/// Files of what is not whole.
fn halves(archive: &Archive) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for directory in [".", "kernels", "cache/archives", "cache/archives/partial", "download"] {
        let entries = fs::read_dir(archive.place.join(directory)).into_iter().flatten().flatten();
        found.extend(entries.map(|entry| entry.path()).filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.contains(".deb") || name.ends_with(".half") || name == "download" || name.contains("FAILED")
        }));
    }
    found
}

#[test]
fn a_package_is_downloaded_and_unpacked() {
    if !is_debian() {
        return;
    }
    let archive = archive();
    Mirror::new(&archive);
    let kernels = archive.fetch(&[newer()]).unwrap();
    assert_eq!(kernels[0].origin, format!("{NEWER} 6.1.177-1"));
    assert_eq!(fs::read(archive.kernel(&newer()).join(IMAGE)).unwrap(), kernel());
    assert_eq!(halves(&archive), Vec::<PathBuf>::new());
    fs::remove_dir_all(&archive.place).unwrap();
}

#[test]
fn a_package_with_a_wrong_checksum_is_an_error_and_removed() {
    if !is_debian() {
        return;
    }
    let archive = archive();
    let mirror = Mirror::new(&archive);
    keep(&archive, &kernel());
    let whole = fs::read(&mirror.deb).unwrap();
    let mut wrong = whole.clone();
    *wrong.last_mut().unwrap() ^= 1;
    for bytes in [&wrong[..], &whole[..whole.len() / 2]] {
        fs::write(&mirror.deb, bytes).unwrap();
        // An older kernel that is kept does not hide it.
        let error = format!("{:#}", archive.fetch(&[newer()]).unwrap_err());
        assert!(error.starts_with(&format!("{NEWER} could not be downloaded: E: ")), "{error}");
        assert!(error.contains("Hash Sum mismatch"), "{error}");
        assert!(!archive.kernel(&newer()).exists());
        assert_eq!(halves(&archive), Vec::<PathBuf>::new());
    }
    fs::remove_dir_all(&archive.place).unwrap();
}

#[test]
fn what_cannot_be_reached_does_not_hide_what_is_kept() {
    if !is_debian() {
        return;
    }
    let archive = archive();
    let mirror = Mirror::new(&archive);
    fs::remove_file(&mirror.deb).unwrap();
    let error = format!("{:#}", archive.fetch(&[newer()]).unwrap_err());
    assert!(error.starts_with("no kernel of series 6.1 is kept, and none can be had: "), "{error}");
    assert_eq!(halves(&archive), Vec::<PathBuf>::new());
    keep(&archive, &kernel());
    let kernels = archive.fetch(&[newer()]).unwrap();
    assert_eq!(kernels[0].origin, "linux-image-6.1.0-50-cloud-amd64 6.1.176-1");
    // One that is kept and not whole serves nobody.
    fs::write(archive.kernel(&package()).join(IMAGE), "").unwrap();
    assert!(archive.fetch(&[newer()]).is_err());
    assert!(!archive.kernel(&package()).exists());
    fs::remove_dir_all(&archive.place).unwrap();
}

#[test]
fn without_a_network_what_is_kept_is_found() {
    if !is_debian() {
        return;
    }
    let archive = archive();
    let mirror = Mirror::new(&archive);
    // A newer one is listed: of an archive where nobody listens now.
    let list = archive.place.join("lists/127.0.0.1:1_debian_dists_sid_main_binary-amd64_Packages");
    fs::copy(mirror.directory.join("Packages"), list).unwrap();
    let place = archive.place.to_str().unwrap();
    let words = ["--cache", place, "--mirror", "http://127.0.0.1:1/debian", "--kernel", "6.1"];
    let args = Args::parse(words.into_iter().map(str::to_owned)).unwrap();
    keep(&archive, &kernel());
    let opened = Archive::open(&args).unwrap();
    let newest = opened.newest(&"6.1".parse().unwrap()).unwrap();
    assert_eq!(newest.name, NEWER);
    assert_eq!(opened.fetch(&[newest]).unwrap()[0].origin, "linux-image-6.1.0-50-cloud-amd64 6.1.176-1");
    assert!(!archive.place.join("updated").exists(), "the lists are not new");
    fs::remove_dir_all(&archive.place).unwrap();
}

#[test]
fn what_a_killed_run_left_in_the_cache_is_removed() {
    let archive = archive();
    for left in ["download", "kernels/linux-image-6.1.0-51-cloud-amd64.half"] {
        fs::create_dir_all(archive.place.join(left)).unwrap();
        fs::write(archive.place.join(left).join("half.deb"), "").unwrap();
    }
    keep(&archive, &kernel());
    archive.tidy().unwrap();
    assert_eq!(halves(&archive), Vec::<PathBuf>::new());
    assert!(whole(&archive.kernel(&package())));
    fs::remove_dir_all(&archive.place).unwrap();
}
