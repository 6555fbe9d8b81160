//! What is still there after ringfence has ended: processes, mounts, cgroups, files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::ground::Ground;

/// How long what was killed may take to go: namespaces and cgroups are torn down asynchronously.
const PATIENCE: Duration = Duration::from_secs(10);
/// How deep cgroups are searched; a test's are two below a controller.
const DEPTH: usize = 6;

/// A picture of what has a name in the ground and could stay: mounts and files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    mounts: BTreeSet<String>,
    files: BTreeSet<PathBuf>,
}

impl Ground {
    /// What is there now.
    pub(crate) fn picture(&self) -> Picture {
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let root = self.root().to_str().unwrap();
        let mounts = table.lines().filter(|line| line.contains(root)).map(str::to_owned).collect();
        let mut files = BTreeSet::new();
        everything(&self.home(), &mut files);
        Picture { mounts, files }
    }

    /// No process of this ground is left, and nothing is there that was not in `before`.
    #[track_caller]
    pub(crate) fn nothing_left(&self, before: &Picture) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (now, processes) = (self.picture(), self.processes());
            if now == *before && processes.is_empty() {
                return;
            }
            if Instant::now() > deadline {
                panic!("left behind: {processes:?}\nbefore: {before:#?}\nnow: {now:#?}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Processes that run this ground's ringfence, or name it in their arguments.
    pub(crate) fn processes(&self) -> Vec<String> {
        let root = self.root().to_str().unwrap();
        let ours = |pid: &str| {
            let exe = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
            let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let words = String::from_utf8_lossy(&words).replace('\0', " ");
            let found = exe.starts_with(self.root()) || words.contains(root);
            found.then(|| format!("{pid} {} {words}", exe.display()))
        };
        let pids = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.file_name());
        let pids = pids.filter_map(|name| name.into_string().ok());
        pids.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
            .filter_map(|pid| ours(&pid))
            .collect()
    }
}

/// All cgroups that look like ringfence's. Other tests may have some for a while.
pub(crate) fn cgroups() -> BTreeSet<PathBuf> {
    let mut cgroups = BTreeSet::new();
    directories(Path::new("/sys/fs/cgroup"), DEPTH, &mut cgroups);
    cgroups.retain(|path| path.to_string_lossy().contains("ringfence"));
    cgroups
}

fn directories(path: &Path, depth: usize, found: &mut BTreeSet<PathBuf>) {
    let Ok(entries) = fs::read_dir(path) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        found.insert(entry.path());
        if depth > 0 {
            directories(&entry.path(), depth - 1, found);
        }
    }
}

fn everything(path: &Path, found: &mut BTreeSet<PathBuf>) {
    let Ok(entries) = fs::read_dir(path) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            everything(&entry.path(), found);
        }
        found.insert(entry.path());
    }
}
