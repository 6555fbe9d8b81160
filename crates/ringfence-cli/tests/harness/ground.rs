//! Where a test stands: whose processes it starts, with which home and working directory.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::run::Run;
use super::skip;

/// Where programs are looked for: a distribution's places, then a machine's own.
pub(crate) const PATH: &str = "/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin";
/// Whom root's tests become, where /etc/passwd has it; it then may have subordinate ids as well.
const USER: &str = "ringfence-test";
/// Whom they become otherwise: ids that nobody has.
const NOBODY: (u32, u32) = (64001, 64001);

/// Who runs ringfence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Root,
    User,
}

/// A home with a working directory in it and a copy of ringfence beside it, all gone afterwards.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) who: Who,
    /// The test, for skips.
    pub(crate) test: String,
    root: PathBuf,
    ids: Option<(u32, u32)>,
}

/// Runs `test` as `who`, where this process can.
pub(crate) fn stand(who: Who, name: &str, test: fn(&Ground)) {
    if let Some(ground) = Ground::new(who, name) {
        test(&ground);
    }
}

/// Whether the tests themselves run as root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

impl Ground {
    /// `None`, with a skip, where this process cannot be `who`.
    pub(crate) fn new(who: Who, test: &str) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        if who == Who::Root && !is_root() {
            skip(test, "needs root");
            return None;
        }
        let ids = (who == Who::User && is_root()).then(user);
        let name =
            format!("ringfence-test-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let root = std::env::temp_dir().join(name);
        let ground = Self { who, test: test.into(), root, ids };
        fs::create_dir(&ground.root).unwrap();
        fs::set_permissions(&ground.root, fs::Permissions::from_mode(0o755)).unwrap();
        ground.own(&ground.root);
        ground.directory("home");
        ground.directory("home/work");
        ground.place_binary();
        Some(ground)
    }

    /// A link or copy made by another process: a descriptor open for writing here would reach
    /// the children that other threads start meanwhile, and make execve fail with ETXTBSY.
    fn place_binary(&self) {
        let given = std::env::var_os("RINGFENCE_BIN");
        let from = given.unwrap_or_else(|| env!("CARGO_BIN_EXE_ringfence").into());
        let to = self.binary();
        let copy = |link: &[&str]| {
            let done = Command::new("cp")
                .args(link)
                .arg(&from)
                .arg(&to)
                .stderr(std::process::Stdio::null())
                .status();
            done.is_ok_and(|status| status.success())
        };
        assert!(copy(&["--link"]) || copy(&[]), "cannot copy {from:?}");
    }

    /// The whole place; what else lies in it than home and binary is out of the program's sight.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The user's home.
    pub(crate) fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    /// The directory in which everything starts.
    pub(crate) fn work(&self) -> PathBuf {
        self.root.join("home/work")
    }

    /// ringfence, where everybody can execute it.
    pub(crate) fn binary(&self) -> PathBuf {
        self.root.join("ringfence")
    }

    /// The user and group of the processes.
    pub(crate) fn ids(&self) -> (u32, u32) {
        let own = || (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        self.ids.unwrap_or_else(own)
    }

    /// Writes a file of the user's, relative to the ground.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.root.join(name);
        fs::write(&path, text).unwrap();
        self.own(&path);
        path
    }

    /// Makes a directory of the user's, relative to the ground.
    pub(crate) fn directory(&self, name: &str) -> PathBuf {
        let path = self.root.join(name);
        fs::create_dir(&path).unwrap();
        self.own(&path);
        path
    }

    /// Gives a file to the user.
    pub(crate) fn own(&self, path: &Path) {
        if let Some((uid, gid)) = self.ids {
            std::os::unix::fs::lchown(path, Some(uid), Some(gid)).unwrap();
        }
    }

    /// `ringfence run FLAGS -- COMMAND`; flags are separated by blanks.
    pub(crate) fn ringfence(&self, flags: &str, command: &[&str]) -> Run {
        let mut words = vec!["run"];
        words.extend(flags.split_whitespace());
        words.push("--");
        words.extend(command);
        self.command(&self.binary(), &words)
    }

    /// A shell's script inside. The ground is its `$0`, so that what is left of it can be found.
    pub(crate) fn shell(&self, flags: &str, script: &str) -> Run {
        self.ringfence(flags, &["sh", "-c", script, self.root.to_str().unwrap()])
    }

    /// A program as the same user in the same place, without ringfence.
    pub(crate) fn plain(&self, command: &[&str]) -> Run {
        self.command(Path::new(command[0]), &command[1..])
    }

    /// Any program as the user.
    pub(crate) fn command(&self, program: &Path, words: &[&str]) -> Run {
        let mut command = Command::new(program);
        command.args(words).current_dir(self.work()).env_clear();
        command.env("PATH", PATH).env("HOME", self.home()).env("LANG", "C.UTF-8").env("TERM", "xterm");
        command.env("USER", "tester").env("LOGNAME", "tester").env("SHELL", "/bin/sh");
        if let Some((uid, gid)) = self.ids {
            // Without groups of its own, std clears root's as it sets the user.
            command.uid(uid).gid(gid);
        }
        Run::new(command)
    }

    /// Whether this kernel's Landlock is new enough for what these flags ask for; says how old it is.
    pub(crate) fn landlock(&self, flags: &str) -> bool {
        let binary = self.binary();
        let words = [&["check"], &flags.split_whitespace().collect::<Vec<_>>()[..], &["--", "true"]].concat();
        let check = self.command(&binary, &words).go();
        let old = check.err.lines().find(|line| check.status != 0 && line.contains("Landlock ABI"));
        if let Some(line) = old {
            skip(&self.test, &format!("needs a newer Landlock: {}", line.trim()));
        }
        old.is_none()
    }

    /// Whether all of these programs are installed; says which one is not.
    pub(crate) fn has(&self, programs: &[&str]) -> bool {
        let missing = programs.iter().find(|program| find(program).is_none());
        if let Some(program) = missing {
            skip(&self.test, &format!("needs {program}"));
        }
        missing.is_none()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if std::env::var_os("RINGFENCE_TEST_KEEP").is_none() {
            let _ = fs::remove_dir_all(&self.root);
        }
    }
}

/// A program along [`PATH`].
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    PATH.split(':').map(|directory| Path::new(directory).join(program)).find(|path| path.is_file())
}

fn user() -> (u32, u32) {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let ids = |line: &str| {
        let mut words = line.split(':');
        (words.next()? == USER).then_some(())?;
        Some((words.nth(1)?.parse().ok()?, words.next()?.parse().ok()?))
    };
    passwd.lines().find_map(ids).unwrap_or(NOBODY)
}
