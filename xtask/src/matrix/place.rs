//! Where boots put their files: a directory that goes away with its run, however that ends.
//!
//! A keeper waits on a pipe that only the run holds open, so that a SIGKILL of the run is a word to it
//! like any other. Where the keeper is killed too, the next run sweeps: a run that lives holds a lock on
//! a file in its directory, and what nobody locks is nobody's. flock(2), pipe(7).

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};

const PREFIX: &str = "ringfence-matrix-";
const LOCK: &str = "alive";
/// `O_NOFOLLOW` and `O_NONBLOCK` of x86-64: a link or a pipe of that name is no lock of a run's.
const PLAIN_FILE: i32 = 0o400_000 | 0o4000;
/// How many names a run tries: somebody else may have made a directory of a name that it would take.
const NAMES: u32 = 100;
/// A directory without a lock may be a run's that is about to make it.
const YOUNG: Duration = Duration::from_secs(60);
/// Waits for the end of its input. What the run started is killed when the run ends, and may write for
/// another moment.
const KEEPER: &str = "while read -r _; do :; done
for _ in 1 2 3 4 5 6 7 8 9 10; do rm -rf -- \"$1\" && [ ! -e \"$1\" ] && exit; sleep 0.2; done";

/// A directory for the files of a run.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// `None`: it was named by the user, and stays.
    own: Option<Own>,
}

/// What makes a directory go away.
#[derive(Debug)]
struct Own {
    keeper: Child,
    /// Locked as long as the run lives.
    _alive: File,
}

impl Place {
    /// A directory of the run's own for temporary files, or the one that is to be kept.
    pub(super) fn new(keep: Option<PathBuf>) -> Result<Self> {
        let Some(path) = keep else { return Self::below(&std::env::temp_dir()) };
        fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
        Ok(Self { path, own: None })
    }

    /// Removes what runs left there that are gone, and makes a directory.
    fn below(directory: &Path) -> Result<Self> {
        sweep(directory);
        let path = create(directory)?;
        let made = own(&path).with_context(|| path.display().to_string());
        if made.is_err() {
            let _ = fs::remove_dir_all(&path);
        }
        Ok(Self { own: Some(made?), path })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(own) = &mut self.own else { return };
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("{} stays: {error}", self.path.display());
        }
        // The pipe is closed first.
        let _ = own.keeper.wait();
    }
}

/// A new directory that only its owner may enter; what is there already is nobody's to use, and a link
/// is not followed.
fn create(directory: &Path) -> Result<PathBuf> {
    for number in 0..NAMES {
        let path = directory.join(format!("{PREFIX}{}-{number}", std::process::id()));
        match fs::DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        }
    }
    bail!("{}: {NAMES} names for a directory are taken: remove {PREFIX}*", directory.display())
}

fn own(path: &Path) -> Result<Own> {
    let alive = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path.join(LOCK))?;
    alive.try_lock().context("lock it")?;
    let keeper = Command::new("sh")
        .args(["-c", KEEPER, "keeper"])
        .arg(path)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // The terminal's signals end the run; this ends after it.
        .process_group(0)
        .spawn()
        .context("sh")?;
    Ok(Own { keeper, _alive: alive })
}

/// Removes the directories of runs that are gone. Another user's stay, and so does whatever is no
/// directory.
fn sweep(directory: &Path) {
    let Ok(me) = fs::metadata("/proc/self").map(|own| own.uid()) else { return };
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let Some(process) = entry.file_name().to_str().and_then(process) else { continue };
        let ours = fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir() && found.uid() == me);
        if ours && is_left(&path, process) {
            // Another run may sweep at the same time.
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// The process that a directory's name tells of.
fn process(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok()
}

/// A process id is given again, and says nothing where there is a lock.
fn is_left(path: &Path, process: u32) -> bool {
    match OpenOptions::new().read(true).custom_flags(PLAIN_FILE).open(path.join(LOCK)) {
        Ok(lock) => lock.metadata().is_ok_and(|lock| lock.is_file()) && lock.try_lock().is_ok(),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let made = fs::symlink_metadata(path).and_then(|found| found.modified()).ok();
            let age = made.and_then(|made| SystemTime::now().duration_since(made).ok());
            age.is_some_and(|age| age > YOUNG) && !Path::new(&format!("/proc/{process}")).exists()
        }
        Err(_) => false,
    }
}

#[cfg(test)]
#[path = "place_tests.rs"]
mod tests;
