//! The walk along a path, component by component, as the kernel does it. path_resolution(7).

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::hash::{BuildHasherDefault, Hasher};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{FileType, PROC_SUPER_MAGIC, lstat, major, readlink, statfs};
use rustix::io::Errno;

use super::variable::VARIABLES;
use super::{Kind, Link, Object, PLACEHOLDER_MODE, Resolved};

/// `MAXSYMLINKS` of include/linux/namei.h.
const MOST_LINKS: usize = 40;

/// Why a path cannot be resolved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nothing was written.
    #[error("it is empty")]
    Empty,
    /// A NUL, which no path can have.
    #[error("it has a NUL character in it")]
    Nul,
    /// A variable that is not in [`VARIABLES`].
    #[error("${0} is not one of the variables that a path may have")]
    UnknownVariable(String),
    /// A variable without a value.
    #[error("${0} is not set")]
    Unset(&'static str),
    /// A variable whose value would lead elsewhere than it should.
    #[error("${0} is {1:?}, which is not an absolute path")]
    BadVariable(&'static str, OsString),
    /// `~name`.
    #[error("`~{0}` is another user's home")]
    OtherHome(String),
    /// The working directory is gone.
    #[error("the working directory has been removed, or cannot be seen")]
    NoDirectory,
    /// Not there.
    #[error("{} does not exist", existing.join(missing.iter().collect::<PathBuf>()).display())]
    Missing {
        /// What does.
        existing: PathBuf,
        /// What does not, by name.
        missing: Vec<OsString>,
    },
    /// `..` behind something that does not exist.
    #[error("{} does not exist, and `..` leads on from it", .0.display())]
    DotDot(PathBuf),
    /// Something below a file.
    #[error("{} is not a directory", .0.display())]
    NotDirectory(PathBuf),
    /// Too many symbolic links.
    #[error("more than 40 symbolic links, the last one {}", .0.display())]
    Loop(PathBuf),
    /// A link that leads elsewhere for every process.
    #[error("{} leads elsewhere for every process", .0.display())]
    Magic(PathBuf),
    /// Another errno of lstat(2) or readlink(2).
    #[error("{}: {error}", at.display())]
    Errno {
        /// Where.
        at: PathBuf,
        /// What.
        error: Errno,
    },
}

impl Fault {
    /// What to do about it.
    #[must_use]
    pub fn help(&self, written: &str) -> String {
        match self {
            Self::Empty => "write `.` for the working directory, or take the entry out".to_owned(),
            Self::Nul => "take it out".to_owned(),
            Self::UnknownVariable(_) => {
                let known = VARIABLES.map(|(name, _)| format!("${name}")).join(", ");
                format!("known are {known}; `\\$` is a plain `$`")
            }
            Self::Unset(name) => {
                format!("set {name}, or write \"-{written}\" to leave it out where it is not")
            }
            Self::BadVariable(name, _) => format!("set {name} rightly in ringfence's environment"),
            Self::OtherHome(_) => "write the whole path".to_owned(),
            Self::NoDirectory => "change to a directory that exists, or write the whole path".to_owned(),
            Self::Missing { .. } => {
                format!("create it, or write \"-{written}\" to leave it out where it does not exist")
            }
            Self::DotDot(_) => "write the path without `..`".to_owned(),
            Self::NotDirectory(at) => format!("write a path that does not go on below {}", at.display()),
            Self::Loop(_) => "write the path that the links should lead to".to_owned(),
            Self::Magic(_) => "write the path itself; what /proc shows is decided by fs.proc".to_owned(),
            Self::Errno { error: Errno::ACCESS, .. } => {
                "run ringfence as a user who may search that directory, or write a path above it".to_owned()
            }
            Self::Errno { error: Errno::NAMETOOLONG, .. } => {
                "a component has at most 255 bytes, a path at most 4095".to_owned()
            }
            Self::Errno { .. } => "look at the file system there".to_owned(),
        }
    }
}

/// What was found at an absolute path without symbolic links in its directory.
#[derive(Debug, Clone)]
enum Node {
    Object(Object),
    Link(PathBuf),
    Missing,
    Failed(Fault),
}

/// What was looked at already, by path. Never walked through in order.
#[derive(Debug)]
pub(super) struct Seen(HashMap<OsString, Node, BuildHasherDefault<PathHasher>>);

/// Multiply and rotate, eight bytes at once. The paths are those of the caller's own policy, so
/// that collisions chosen to be many would only slow down who chose them.
#[derive(Debug, Default)]
pub(super) struct PathHasher(u64);

impl Hasher for PathHasher {
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn finish(&self) -> u64 {
        // The table takes its bucket from the low bits, the product is best in the high ones.
        self.0.rotate_left(26)
    }
}

/// One walk: where it is, what that is, and what is still to go, the next component last.
struct Walk {
    real: PathBuf,
    here: Object,
    links: Vec<Link>,
    ahead: Vec<OsString>,
}

impl Seen {
    pub(super) const fn new() -> Self {
        Self(HashMap::with_hasher(BuildHasherDefault::new()))
    }

    pub(super) fn walk(&mut self, path: &Path) -> Result<Resolved, Fault> {
        let mut walk = match self.known_directory(path) {
            Some(walk) => walk,
            None => Walk::from_root(self.root()?, path),
        };
        while let Some(name) = walk.ahead.pop() {
            if walk.here.kind != Kind::Dir {
                return Err(Fault::NotDirectory(walk.real));
            }
            if name == "." {
                continue;
            }
            if name == ".." {
                walk.real.pop();
                walk.here = self.object(&walk.real)?;
                continue;
            }
            walk.real.push(&name);
            match self.look(&walk.real) {
                Node::Object(object) => walk.here = *object,
                Node::Failed(fault) => return Err(fault.clone()),
                Node::Link(target) => {
                    let target = target.clone();
                    self.follow(&mut walk, target)?;
                }
                Node::Missing => {
                    let here = walk.here;
                    let mut resolved = walk.end_at_missing(name)?;
                    resolved.placeholders = self.placeholders(&resolved, here);
                    return Ok(resolved);
                }
            }
        }
        let Walk { real, here, links, .. } = walk;
        let mut resolved = Resolved {
            written: String::new(),
            existing: real.clone(),
            real,
            found: Some(here),
            links,
            missing: Vec::new(),
            placeholders: Vec::new(),
        };
        resolved.placeholders = self.placeholders(&resolved, here);
        Ok(resolved)
    }

    /// Where all of `path` but its name is a directory that was looked at already, a walk that has
    /// come that far: what was looked at has no link in its directory, and this is no link itself.
    fn known_directory(&self, path: &Path) -> Option<Walk> {
        let text = path.as_os_str().as_bytes();
        let slash = text.iter().rposition(|byte| *byte == b'/')?;
        let (directory, name) = (OsStr::from_bytes(&text[..slash]), OsStr::from_bytes(&text[slash + 1..]));
        if name.is_empty() || name == "." || name == ".." {
            return None;
        }
        let Node::Object(here) = self.0.get(directory)? else { return None };
        let mut real = PathBuf::with_capacity(text.len());
        real.push(directory);
        (here.kind == Kind::Dir).then(|| Walk {
            real,
            here: *here,
            links: Vec::new(),
            ahead: vec![name.to_owned()],
        })
    }

    /// `deepest` is what the part that exists leads to.
    fn placeholders(&mut self, resolved: &Resolved, deepest: Object) -> Vec<PathBuf> {
        let stands_for_one = |object: Object| object.kind == Kind::Dir && object.mode == PLACEHOLDER_MODE;
        let mut found = Vec::new();
        if stands_for_one(deepest) {
            let is_one = |seen: &mut Self, path: &Path| seen.object(path).is_ok_and(stands_for_one);
            let parts = resolved.existing.ancestors().take_while(|path| is_one(self, path));
            found.extend(parts.map(Path::to_owned));
            found.reverse();
        }
        let mut path = resolved.existing.clone();
        for name in &resolved.missing {
            path.push(name);
            found.push(path.clone());
        }
        found
    }

    fn follow(&mut self, walk: &mut Walk, target: PathBuf) -> Result<(), Fault> {
        if walk.links.len() == MOST_LINKS {
            return Err(Fault::Loop(walk.real.clone()));
        }
        walk.links.push(Link { at: walk.real.clone(), target: target.clone() });
        if target.is_absolute() {
            walk.real = PathBuf::from("/");
            walk.here = self.root()?;
        } else {
            walk.real.pop();
        }
        walk.push(&target);
        Ok(())
    }

    fn root(&mut self) -> Result<Object, Fault> {
        self.object(Path::new("/"))
    }

    /// A directory that the walk has come through, or `/`.
    fn object(&mut self, path: &Path) -> Result<Object, Fault> {
        match self.look(path) {
            Node::Object(object) => Ok(*object),
            Node::Failed(fault) => Err(fault.clone()),
            Node::Link(_) | Node::Missing => {
                Err(Fault::Missing { existing: path.to_owned(), missing: Vec::new() })
            }
        }
    }

    fn look(&mut self, path: &Path) -> &Node {
        let key = path.as_os_str();
        if !self.0.contains_key(key) {
            self.0.insert(key.to_owned(), look(path));
        }
        &self.0[key]
    }
}

impl Walk {
    fn from_root(root: Object, path: &Path) -> Self {
        let mut walk =
            Self { real: PathBuf::from("/"), here: root, links: Vec::new(), ahead: Vec::with_capacity(16) };
        walk.push(path);
        walk
    }

    /// Puts the components of a path ahead. A trailing slash demands a directory: `.` says so.
    fn push(&mut self, path: &Path) {
        let text = path.as_os_str().as_encoded_bytes();
        if text.ends_with(b"/") || text.ends_with(b"/.") {
            self.ahead.push(OsString::from("."));
        }
        let names = path.components().rev().filter_map(|component| match component {
            Component::Normal(name) => Some(name),
            Component::ParentDir => Some(OsStr::new("..")),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
        });
        self.ahead.extend(names.map(OsStr::to_owned));
    }

    fn end_at_missing(self, name: OsString) -> Result<Resolved, Fault> {
        let Self { mut real, links, ahead, .. } = self;
        let mut missing = vec![name];
        missing.extend(ahead.into_iter().rev().filter(|name| name != "."));
        if missing.iter().any(|name| name == "..") {
            return Err(Fault::DotDot(real));
        }
        let existing = real.parent().map_or_else(|| PathBuf::from("/"), Path::to_owned);
        real.extend(&missing[1..]);
        let placeholders = Vec::new();
        Ok(Resolved { written: String::new(), real, found: None, links, existing, missing, placeholders })
    }
}

fn look(path: &Path) -> Node {
    let stat = match lstat(path) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Node::Missing,
        Err(error) => return Node::Failed(Fault::Errno { at: path.to_owned(), error }),
    };
    if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
        return look_at_link(path, stat.st_dev);
    }
    Node::Object(Object {
        kind: Kind::of(stat.st_mode),
        device: stat.st_dev,
        inode: stat.st_ino,
        uid: stat.st_uid,
        mode: stat.st_mode & 0o7777,
    })
}

/// Links of proc(5) lead elsewhere for every process, some past any path at all.
fn look_at_link(path: &Path, device: u64) -> Node {
    let directory = path.parent().unwrap_or(path);
    // A file system without a device of its own has major number 0; proc is one.
    if major(device) == 0 && statfs(directory).is_ok_and(|fs| fs.f_type == PROC_SUPER_MAGIC) {
        return Node::Failed(Fault::Magic(path.to_owned()));
    }
    match readlink(path, Vec::new()) {
        Ok(target) => Node::Link(PathBuf::from(OsString::from_vec(target.into_bytes()))),
        Err(error) => Node::Failed(Fault::Errno { at: path.to_owned(), error }),
    }
}
