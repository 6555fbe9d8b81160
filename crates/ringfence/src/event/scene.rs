//! What a path leads to for a contained thread, and what leads there outside: read-only looks from
//! outside, while the thread stands still. proc_pid_root(5), openat2(2) `RESOLVE_IN_ROOT`.
//!
//! Whoever looks does so with rights of its own. Where those do not suffice the answer is unknown.

use std::ffi::OsStr;
use std::fs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{
    CWD, Mode, OFlags, PROC_SUPER_MAGIC, ResolveFlags, StatVfsMountFlags, fstat, fstatfs, fstatvfs, open,
    openat2,
};
use rustix::io::Errno;

use super::way::{Bits, Found, Node, Who};

/// What a path is, inside and outside.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// For the model: the path without links, what is there, permission bits.
    pub(super) found: Found,
    /// Whether it exists inside; `None`: not known.
    pub(super) inside: Option<bool>,
    /// The file system that it is in, or would be made in, inside.
    pub(super) mount: Option<Mount>,
    /// Whether inside and outside are one file; `None`: not known.
    pub(super) same: Option<bool>,
}

/// The mount that a path is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mount {
    /// Its number.
    pub(super) id: u64,
    /// Nothing changes there.
    pub(super) read_only: bool,
    /// No program is executed there.
    pub(super) no_exec: bool,
    /// The path is where it is mounted.
    pub(super) top: bool,
}

/// Who tried something, and the view that it is looked at in.
#[derive(Debug)]
pub(super) enum Subject {
    /// A thread that stands still.
    Thread(i32),
    /// What was kept of one that may have ended.
    Kept(Kept),
}

/// What was kept of a thread that may have ended.
#[derive(Debug)]
pub(super) struct Kept {
    /// Its root; `None`: nothing is looked at.
    pub(super) root: Option<OwnedFd>,
    /// `None`: not known.
    pub(super) who: Option<Who>,
    /// Soft limits, in the order of [`LIMITS`]; `u64::MAX`: none.
    pub(super) limits: [u64; 5],
}

/// Names of proc_pid_limits(5).
const LIMITS: [&str; 5] =
    ["Max file size", "Max processes", "Max open files", "Max locked memory", "Max address space"];

impl Subject {
    fn root(&self) -> Option<OwnedFd> {
        match self {
            Self::Thread(thread) => root_of(*thread),
            Self::Kept(kept) => kept.root.as_ref()?.try_clone().ok(),
        }
    }

    pub(super) fn who(&self) -> Option<Who> {
        match self {
            Self::Thread(thread) => who(*thread),
            Self::Kept(kept) => kept.who.clone(),
        }
    }

    /// A soft limit by its name in proc_pid_limits(5); `None`: there is none, or it is not known.
    pub(super) fn limit(&self, name: &str) -> Option<u64> {
        match self {
            Self::Thread(thread) => limit(*thread, name),
            Self::Kept(kept) => {
                let at = LIMITS.iter().position(|limit| *limit == name)?;
                Some(kept.limits[at]).filter(|limit| *limit != u64::MAX)
            }
        }
    }

    /// The path from the root, as text. Of what was kept, only a path that is absolute already.
    fn absolute(&self, from: i32, path: &[u8]) -> Option<PathBuf> {
        match self {
            Self::Thread(thread) => absolute(*thread, from, path),
            Self::Kept(_) => Some(PathBuf::from(OsStr::from_bytes(path))).filter(|path| path.is_absolute()),
        }
    }
}

/// The root of a thread that lives.
pub(super) fn root_of(thread: i32) -> Option<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    open(format!("/proc/{thread}/root"), flags, Mode::empty()).ok()
}

/// Looks for a path as the subject would: from a descriptor of it, or `AT_FDCWD`; through a link at its
/// end where `follow`.
pub(super) fn place(subject: &Subject, from: i32, path: &[u8], follow: bool) -> Option<Place> {
    let root = subject.root()?;
    let path = subject.absolute(from, path)?;
    let looked = look(root.as_fd(), &path, follow);
    let (real, inside) = match &looked {
        Ok(fd) => (real(fd)?, Some(true)),
        Err(error) => {
            let absent = matches!(*error, Errno::NOENT | Errno::NOTDIR);
            let here = real_parent(root.as_fd(), &path).unwrap_or_else(|| path.clone());
            (beyond_a_link(&here, follow).unwrap_or(here), absent.then_some(false))
        }
    };
    let stat = looked.as_ref().ok().and_then(|fd| fstat(fd).ok());
    let outside = fs::symlink_metadata(&real);
    let same = match (&stat, &outside) {
        (Some(stat), Ok(outside)) => Some(stat.st_dev == outside.dev() && stat.st_ino == outside.ino()),
        _ => None,
    };
    let mount = match &looked {
        Ok(fd) => mount(fd.as_fd()),
        Err(_) => above(root.as_fd(), &real)
            .and_then(|fd| mount(fd.as_fd()).map(|mount| Mount { top: false, ..mount })),
    };
    let bits = subject.who().and_then(|who| bits(who, root.as_fd(), &real, looked.ok().as_ref()));
    let directory = stat.map(|stat| stat.st_mode & 0o170_000 == 0o040_000);
    let found = Found { path: real, directory, inside: true, bits };
    Some(Place { found, inside, mount, same })
}

/// The path from the thread's root, as text.
fn absolute(thread: i32, from: i32, path: &[u8]) -> Option<PathBuf> {
    let path = Path::new(OsStr::from_bytes(path));
    if path.is_absolute() {
        return Some(path.to_owned());
    }
    let from = match from {
        -100 => fs::read_link(format!("/proc/{thread}/cwd")),
        fd => fs::read_link(format!("/proc/{thread}/fd/{fd}")),
    };
    from.ok().filter(|from| from.is_absolute()).map(|from| from.join(path))
}

fn look(root: BorrowedFd<'_>, path: &Path, follow: bool) -> Result<OwnedFd, Errno> {
    let last = if follow { OFlags::empty() } else { OFlags::NOFOLLOW };
    openat2(root, path, OFlags::PATH | OFlags::CLOEXEC | last, Mode::empty(), ResolveFlags::IN_ROOT)
}

/// The path without links of what is open.
fn real(fd: &OwnedFd) -> Option<PathBuf> {
    fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).ok().filter(|path| path.is_absolute())
}

/// The path without links where the last parts do not exist: the deepest directory that does, and
/// the rest as it is.
fn real_parent(root: BorrowedFd<'_>, path: &Path) -> Option<PathBuf> {
    for above in path.ancestors().skip(1) {
        if let Ok(fd) = look(root, above, true) {
            return Some(real(&fd)?.join(path.strip_prefix(above).ok()?));
        }
    }
    None
}

/// The directory that something is in. Of what is in a proc file system, whose `self` is another process
/// for whoever looks and whose processes end, the deepest that there is: nothing is mounted on those.
fn above(root: BorrowedFd<'_>, real: &Path) -> Option<OwnedFd> {
    let deepest = real.ancestors().skip(1).find_map(|path| Some((path, look(root, path, true).ok()?)));
    let (path, fd) = deepest?;
    let proc = || fstatfs(&fd).is_ok_and(|stat| stat.f_type == PROC_SUPER_MAGIC);
    (Some(path) == real.parent() || proc()).then_some(fd)
}

/// Where a link at the end of a path leads to outside, which has no name inside.
fn beyond_a_link(path: &Path, follow: bool) -> Option<PathBuf> {
    let link = follow && fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    if link { fs::canonicalize(path).ok() } else { None }
}

fn mount(fd: BorrowedFd<'_>) -> Option<Mount> {
    use rustix::fs::{AtFlags, StatxAttributes, StatxFlags, statx};
    let flags = fstatvfs(fd).ok()?.f_flag;
    let statx = statx(fd, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID).ok()?;
    Some(Mount {
        id: statx.stx_mnt_id,
        read_only: flags.contains(StatVfsMountFlags::RDONLY),
        no_exec: flags.contains(StatVfsMountFlags::NOEXEC),
        top: statx.stx_attributes.contains(StatxAttributes::MOUNT_ROOT),
    })
}

/// The permission bits of a path of this host, without links, for somebody.
#[must_use]
pub fn bits_here(path: &Path, who: Who) -> Option<Bits> {
    let root = open("/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let here = match look(root.as_fd(), path, false) {
        Ok(fd) => Some(fd),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS) => None,
        Err(_) => return None,
    };
    bits(who, root.as_fd(), path, here.as_ref())
}

fn bits(who: Who, root: BorrowedFd<'_>, real: &Path, here: Option<&OwnedFd>) -> Option<Bits> {
    let mut above: Vec<Node> = Vec::new();
    let ancestors: Vec<&Path> = real.ancestors().skip(1).collect();
    for path in ancestors.into_iter().rev() {
        match look(root, path, true) {
            Ok(fd) => above.push(node(path, &fd)?),
            // What does not exist has no bits; what cannot be looked at is not known.
            Err(Errno::NOENT | Errno::NOTDIR) => break,
            Err(Errno::ACCESS) if above.last().is_some() => break,
            Err(_) => return None,
        }
    }
    let here = match here {
        Some(fd) => Some(node(real, fd)?),
        None => None,
    };
    Some(Bits { above, here, who })
}

fn node(path: &Path, fd: &OwnedFd) -> Option<Node> {
    let stat = fstat(fd).ok()?;
    let mut room = [0u8; 256];
    let at = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let acl = rustix::fs::getxattr(at, "system.posix_acl_access", &mut room[..]).is_ok();
    Some(Node { path: path.to_owned(), mode: stat.st_mode, uid: stat.st_uid, gid: stat.st_gid, acl })
}

/// Who a thread is, proc_pid_status(5).
pub(super) fn who(thread: i32) -> Option<Who> {
    let status = fs::read_to_string(format!("/proc/{thread}/status")).ok()?;
    let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
    let fourth = |name: &str| line(name)?.split_ascii_whitespace().nth(3)?.parse().ok();
    let groups = line("Groups:")?.split_ascii_whitespace().filter_map(|id| id.parse().ok()).collect();
    Some(Who {
        uid: fourth("Uid:")?,
        gid: fourth("Gid:")?,
        groups,
        capabilities: u64::from_str_radix(line("CapEff:")?.trim(), 16).ok()?,
        uids: map(thread, "uid_map"),
        gids: map(thread, "gid_map"),
    })
}

/// Ids outside that the thread's user namespace maps, user_namespaces(7).
fn map(thread: i32, name: &str) -> Vec<(u32, u32)> {
    outside(&fs::read_to_string(format!("/proc/{thread}/{name}")).unwrap_or_default())
}

/// Ids outside of a `uid_map` or `gid_map`: first and count.
pub(super) fn outside(text: &str) -> Vec<(u32, u32)> {
    let range = |line: &str| {
        let mut words = line.split_ascii_whitespace().skip(1);
        Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
    };
    text.lines().filter_map(range).collect()
}

/// How many filters a thread has; `None`: the kernel does not say (before 5.9).
pub(super) fn filters(thread: i32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{thread}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Seccomp_filters:"))?.trim().parse().ok()
}

/// A soft limit of a process: its value, and the name of proc_pid_limits(5).
fn limit(thread: i32, name: &str) -> Option<u64> {
    let limits = fs::read_to_string(format!("/proc/{thread}/limits")).ok()?;
    limits.lines().find_map(|line| line.strip_prefix(name))?.split_ascii_whitespace().next()?.parse().ok()
}

/// Whether a process of this number exists where ringfence runs.
pub(super) fn exists_outside(pid: i32) -> bool {
    rustix::fs::statat(CWD, format!("/proc/{pid}"), rustix::fs::AtFlags::empty()).is_ok()
}
