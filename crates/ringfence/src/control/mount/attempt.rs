//! Accesses to files, each harmless where it succeeds: what is opened is neither read further nor
//! written, what is made is removed at once, and what would remove or rename is made to fail in the
//! last check. path_resolution(7).

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use ringfence_bpf::table::Abi;

use crate::control::trial::{Deed, Passes, Reading, Trial, Word, entry};

const AT_FDCWD: i64 = -100;
const AT_REMOVEDIR: u64 = 0x200;
/// include/uapi/linux/fcntl.h, Linux 6.14: every check of execve(2), and no execution.
const AT_EXECVE_CHECK: u64 = 0x10000;
const O_WRONLY: u64 = 1;
const O_CREAT_EXCL: u64 = 0o300;
const O_NOCTTY_NONBLOCK_CLOEXEC: u64 = 0o400 | 0o4000 | 0o2000000;
const O_DIRECTORY: u64 = 0o200000;
const ENOTDIR: u16 = 20;
const ENOTEMPTY: u16 = 39;

/// What a path leads to, as seen by the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A directory.
    Directory,
    /// Anything else, with its permission bits and its size.
    File {
        /// Permission bits.
        mode: u32,
        /// Bytes.
        size: u64,
    },
    /// Nothing.
    Absent,
}

/// lstat(2) of a path without links.
#[must_use]
pub fn target(path: &Path) -> Target {
    use std::os::unix::fs::MetadataExt;
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => Target::Directory,
        Ok(found) => Target::File { mode: found.mode() & 0o7777, size: found.len() },
        Err(_) => Target::Absent,
    }
}

/// Whether the caller may make files in a directory, as far as its permission bits say.
#[must_use]
pub fn may_change(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    // proc(5): the directory belongs to the effective ids of the process.
    let Ok(own) = std::fs::metadata("/proc/self") else { return false };
    std::fs::symlink_metadata(path).is_ok_and(|found| {
        let bits = found.mode();
        let owner = found.uid() == own.uid() && bits & 0o300 == 0o300;
        found.is_dir() && (own.uid() == 0 || owner || bits & 0o003 == 0o003)
    })
}

/// A regular file that everybody may read, in a directory or in one below it, but not in those that
/// `elsewhere` has.
#[must_use]
pub fn file_in(directory: &Path, elsewhere: &dyn Fn(&Path) -> bool) -> Option<PathBuf> {
    /// Of each directory.
    const MOST: usize = 64;
    use std::os::unix::fs::MetadataExt;
    let names = |directory: &Path| {
        let entries = std::fs::read_dir(directory).ok()?;
        let mut names: Vec<PathBuf> = entries.take(MOST).flatten().map(|entry| entry.path()).collect();
        names.sort();
        Some(names)
    };
    let is_file = |path: &PathBuf| {
        let found = std::fs::symlink_metadata(path);
        found.is_ok_and(|found| found.is_file() && found.mode() & 0o444 == 0o444) && !elsewhere(path)
    };
    let is_directory = |path: &PathBuf| {
        std::fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) && !elsewhere(path)
    };
    let names_here = names(directory)?;
    let here = names_here.iter().find(|path| is_file(path)).cloned();
    let below = || {
        names_here
            .iter()
            .filter(|path| is_directory(path))
            .find_map(|path| names(path)?.into_iter().find(is_file))
    };
    here.or_else(below)
}

/// A name is there, whatever it leads to: newfstatat(2) with `AT_SYMLINK_NOFOLLOW`.
#[must_use]
pub fn exists(path: &Path) -> Option<Trial> {
    let nofollow = 0x100;
    let stat = at(Abi::X86_64, "newfstatat", path, vec![Word::Scratch(0), Word::Value(nofollow)])?;
    Some(Trial::of(vec![stat]))
}

/// A directory that everybody may write, and nobody may remove others' files from: mode 1777.
#[must_use]
pub fn sticky(path: &Path) -> Option<Trial> {
    // `st_mode` in `struct stat` of x86-64.
    let mode = Reading::Bits { at: 24, mask: 0o7777 };
    exists(path).map(|trial| trial.reading(mode).passing(Passes::Answer(0o1777)))
}

/// An executable regular file in a directory; the directory itself where it is one.
#[must_use]
pub fn executable(path: &Path) -> Option<PathBuf> {
    /// A directory with more entries is not searched further.
    const MOST: usize = 512;
    use std::os::unix::fs::MetadataExt;
    let is = |path: &Path| {
        std::fs::symlink_metadata(path).is_ok_and(|found| found.is_file() && found.mode() & 0o111 == 0o111)
    };
    if is(path) {
        return Some(path.to_owned());
    }
    for directory in [path.to_owned(), path.join("bin")] {
        let Ok(entries) = std::fs::read_dir(directory) else { continue };
        let mut names: Vec<PathBuf> = entries.take(MOST).flatten().map(|entry| entry.path()).collect();
        names.sort();
        if let Some(found) = names.into_iter().find(|path| is(path)) {
            return Some(found);
        }
    }
    None
}

/// Device and inode of what a path names, links followed.
fn seen(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

fn path_word(path: &Path) -> Word {
    Word::text(path.as_os_str().as_bytes())
}

fn fstat(abi: Abi) -> Option<Deed> {
    // i386 has another structure; the object is told by the 64-bit call all the same.
    let deed = Deed::call(Abi::X86_64, "fstat", vec![Word::Answer(0), Word::Scratch(0)])?;
    (abi != Abi::X32).then_some(deed)
}

fn at(abi: Abi, name: &str, path: &Path, rest: Vec<Word>) -> Option<Deed> {
    let mut args = vec![Word::number(AT_FDCWD), path_word(path)];
    args.extend(rest);
    Deed::call(abi, name, args)
}

/// Opening for reading; entries of a directory.
#[must_use]
pub fn read(abi: Abi, path: &Path, target: Target) -> Option<Trial> {
    let mut flags = O_NOCTTY_NONBLOCK_CLOEXEC;
    if target == Target::Directory {
        flags |= O_DIRECTORY;
    }
    let mut deeds = vec![at(abi, "openat", path, vec![Word::Value(flags)])?];
    if target == Target::Directory {
        let args = vec![Word::Answer(0), Word::Scratch(1024), Word::Value(1024)];
        deeds.push(Deed::call(Abi::X86_64, "getdents64", args)?);
    }
    Some(Trial::of(deeds).then(fstat(abi)).about(seen(path)))
}

/// Opening by open(2) rather than openat(2).
#[must_use]
pub fn read_by_open(abi: Abi, path: &Path) -> Option<Trial> {
    let open = Deed::call(abi, "open", vec![path_word(path), Word::Value(O_NOCTTY_NONBLOCK_CLOEXEC)])?;
    Some(Trial::of(vec![open]).then(fstat(abi)).about(seen(path)))
}

/// Opening by openat2(2).
#[must_use]
pub fn read_by_openat2(path: &Path) -> Option<Trial> {
    let how = [O_NOCTTY_NONBLOCK_CLOEXEC, 0, 0].map(u64::to_le_bytes).concat();
    let open = at(Abi::X86_64, "openat2", path, vec![Word::Bytes(how), Word::Value(24)])?;
    Some(Trial::of(vec![open]).then(fstat(Abi::X86_64)).about(seen(path)))
}

/// Opening through a symbolic link made in a directory that can be written inside.
#[must_use]
pub fn read_by_link(path: &Path, writable: &Path) -> Option<Trial> {
    let link = writable.join(own_name("link"));
    let deeds = vec![
        Deed::call(
            Abi::X86_64,
            "symlinkat",
            vec![path_word(path), Word::number(AT_FDCWD), path_word(&link)],
        )?,
        at(Abi::X86_64, "openat", &link, vec![Word::Value(O_NOCTTY_NONBLOCK_CLOEXEC)])?,
    ];
    let reached = at(Abi::X86_64, "newfstatat", &link, vec![Word::Scratch(0), Word::Value(0)]);
    let undo = at(Abi::X86_64, "unlinkat", &link, vec![Word::Value(0)]);
    Some(Trial::of(deeds).then(reached).then(undo).about(seen(path)))
}

/// Opening for writing; making something in a directory; making what does not exist.
#[must_use]
pub fn write(abi: Abi, path: &Path, target: Target) -> Option<Trial> {
    match target {
        Target::File { .. } => {
            let open = at(abi, "openat", path, vec![Word::Value(O_WRONLY | O_NOCTTY_NONBLOCK_CLOEXEC)])?;
            Some(Trial::of(vec![open]).then(fstat(abi)).about(seen(path)))
        }
        Target::Directory => create(abi, &path.join(own_name("directory")), Target::Directory),
        Target::Absent => create(abi, path, Target::File { mode: 0, size: 0 }),
    }
}

/// Making a directory or a file, which is removed at once. The object is the directory that it was
/// made in.
#[must_use]
pub fn create(abi: Abi, path: &Path, kind: Target) -> Option<Trial> {
    let (deed, flags) = if kind == Target::Directory {
        (at(abi, "mkdirat", path, vec![Word::Value(0o700)])?, AT_REMOVEDIR)
    } else {
        let flags = Word::Value(O_WRONLY | O_CREAT_EXCL | O_NOCTTY_NONBLOCK_CLOEXEC);
        (at(abi, "openat", path, vec![flags, Word::Value(0o600)])?, 0)
    };
    let undo = at(Abi::X86_64, "unlinkat", path, vec![Word::Value(flags)]);
    let parent = path.parent().unwrap_or(path);
    let place = at(Abi::X86_64, "newfstatat", parent, vec![Word::Scratch(0), Word::Value(0)]);
    Some(Trial::of(vec![deed]).then(place).then(undo).about(seen(parent)))
}

/// Removing: rmdir(2) of a directory that is not empty, or of a file: ENOTEMPTY and ENOTDIR come
/// after the checks of the place (`vfs_rmdir`). Whether a file is a mount point is checked still
/// later, so a file that is covered by a mount shows nothing.
#[must_use]
pub fn unlink(path: &Path, target: Target) -> Option<Trial> {
    let last = match target {
        Target::Directory => {
            std::fs::read_dir(path).ok()?.next()?.ok()?;
            ENOTEMPTY
        }
        Target::File { .. } => ENOTDIR,
        Target::Absent => return None,
    };
    let deed = at(Abi::X86_64, "unlinkat", path, vec![Word::Value(AT_REMOVEDIR)])?;
    Some(Trial::of(vec![deed]).passing(Passes::SuccessOr(vec![last])).about(seen(path)))
}

/// Renaming to itself, which does nothing (rename(2)) after the checks of the place.
#[must_use]
pub fn rename(path: &Path) -> Option<Trial> {
    let args = vec![Word::number(AT_FDCWD), path_word(path), Word::number(AT_FDCWD), path_word(path)];
    Trial::call(Abi::X86_64, "renameat2", args).map(|trial| trial.about(seen(path)))
}

/// Exchanging with itself, which does nothing after the checks of the place (`RENAME_EXCHANGE`).
#[must_use]
pub fn exchange(path: &Path) -> Option<Trial> {
    let exchange = 2;
    let mut args = vec![Word::number(AT_FDCWD), path_word(path), Word::number(AT_FDCWD), path_word(path)];
    args.push(Word::Value(exchange));
    Trial::call(Abi::X86_64, "renameat2", args).map(|trial| trial.about(seen(path)))
}

/// A second name beside it, removed at once.
#[must_use]
pub fn link(path: &Path) -> Option<Trial> {
    let other = path.with_file_name(own_name("name"));
    let args = vec![Word::number(AT_FDCWD), path_word(path), Word::number(AT_FDCWD), path_word(&other)];
    let trial = Trial::call(Abi::X86_64, "linkat", args)?;
    Some(trial.then(at(Abi::X86_64, "unlinkat", &other, vec![Word::Value(0)])))
}

/// Changing permission bits to what they are.
#[must_use]
pub fn chmod(path: &Path, target: Target) -> Option<Trial> {
    let Target::File { mode, .. } = target else { return None };
    let chmod = at(Abi::X86_64, "fchmodat", path, vec![Word::Value(u64::from(mode))])?;
    Some(Trial::of(vec![chmod]).about(seen(path)))
}

/// Cutting to the size that it has.
#[must_use]
pub fn truncate(path: &Path, target: Target) -> Option<Trial> {
    let Target::File { size, .. } = target else { return None };
    let truncate = Trial::call(Abi::X86_64, "truncate", vec![path_word(path), Word::Value(size)]);
    truncate.map(|trial| trial.about(seen(path)))
}

/// Every check of execve(2), and no execution (Linux 6.14).
#[must_use]
pub fn exec(path: &Path) -> Option<Trial> {
    let rest = vec![Word::Value(0), Word::Value(0), Word::Value(AT_EXECVE_CHECK)];
    Some(Trial::of(vec![at(Abi::X86_64, "execveat", path, rest)?]))
}

/// Mapping executable: mmap(2) of a mount with `noexec` is EPERM.
#[must_use]
pub fn map_exec(path: &Path) -> Option<Trial> {
    let (read_exec, private) = (5, 2);
    let deeds = vec![
        at(Abi::X86_64, "openat", path, vec![Word::Value(O_NOCTTY_NONBLOCK_CLOEXEC)])?,
        Deed::Call {
            entry: entry(Abi::X86_64),
            number: 9,
            args: vec![
                Word::Value(0),
                Word::Value(4096),
                Word::Value(read_exec),
                Word::Value(private),
                Word::Answer(0),
                Word::Value(0),
            ],
            splits: false,
        },
    ];
    Some(Trial::of(deeds))
}

/// chroot(2), which changes the attempting process only.
#[must_use]
pub fn chroot(path: &Path) -> Option<Trial> {
    Trial::call(Abi::X86_64, "chroot", vec![path_word(path)])
}

/// A name that nothing else has.
fn own_name(kind: &str) -> String {
    format!(".ringfence-attempt-{kind}-{}", std::process::id())
}
