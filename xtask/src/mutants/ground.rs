//! Files of the mutants' own, so that every key of `[fs]` has something to be about.

use std::path::PathBuf;

use ringfence::policy::Flag;

/// A directory below the home of temporary files, removed when dropped.
pub(super) struct Ground {
    path: PathBuf,
}

impl Ground {
    pub(super) fn make() -> anyhow::Result<Self> {
        let path = PathBuf::from("/var/lib").join(format!("ringfence-mutants-{}", std::process::id()));
        let path = if std::fs::create_dir(&path).is_ok() {
            path
        } else {
            let path = std::env::current_dir()?.join(format!("target/mutants-{}", std::process::id()));
            std::fs::create_dir_all(&path)?;
            path
        };
        for directory in ["readable", "writable", "writable/denied", "runnable", "hidden"] {
            std::fs::create_dir(path.join(directory))?;
        }
        for file in ["readable/file", "writable/file", "writable/denied/file", "hidden/file"] {
            std::fs::write(path.join(file), "content\n")?;
        }
        for file in ["readable/program", "runnable/program", "writable/program"] {
            std::fs::copy("/bin/true", path.join(file))?;
        }
        Ok(Self { path })
    }

    /// A place in it.
    pub(super) fn at(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    /// The unweakened policy: the default one, and one entry of every list.
    pub(super) fn flags(&self) -> Vec<Flag> {
        [
            ("--fs-exec", self.at("runnable")),
            ("--fs-read", self.at("readable")),
            ("--fs-write", self.at("writable")),
            ("--fs-deny", self.at("writable/denied")),
            ("--fs-deny", self.at("writable/absent")),
            ("--limits-open-files", "512".into()),
            ("--limits-file-size", "1M".into()),
            ("--namespaces-hostname", "ringfence-mutants".into()),
            ("--expect-deny", format!("read {}", self.at("hidden/file"))),
            ("--expect-deny", format!("write {}", self.at("writable/absent"))),
        ]
        .into_iter()
        .map(|(name, value)| Flag { name: name.into(), value })
        .collect()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let _ = std::env::set_current_dir("/");
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
