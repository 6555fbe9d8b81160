//! Accesses to files, each harmless where it succeeds: what is opened is neither read further nor
//! written, what is made is removed at once, and what would remove or rename is made to fail in the
//! last check. path_resolution(7).

use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use ringfence_bpf::table::Abi;

use crate::control::trial::{Deed, FREE, Identity, Passes, Reading, Trial, Word, entry};

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

/// Whether device nodes below a directory are more than names: its mount has no `nodev`, mount(8).
#[must_use]
pub fn has_devices(path: &Path) -> bool {
    use rustix::fs::StatVfsMountFlags;
    rustix::fs::statvfs(path).is_ok_and(|found| !found.f_flag.contains(StatVfsMountFlags::NODEV))
}

/// A regular file with these permission bits, in a directory or in those below it, the nearest first,
/// but not in those that `elsewhere` has.
#[must_use]
pub fn file_in(directory: &Path, bits: u32, elsewhere: &dyn Fn(&Path) -> bool) -> Option<PathBuf> {
    /// Entries of each directory, and directories in all.
    const MOST: usize = 64;
    use std::os::unix::fs::MetadataExt;
    let mut ahead = std::collections::VecDeque::from([directory.to_owned()]);
    for _ in 0..MOST {
        let entries = std::fs::read_dir(ahead.pop_front()?).into_iter().flatten();
        let mut names: Vec<PathBuf> = entries.take(MOST).flatten().map(|entry| entry.path()).collect();
        names.sort();
        for path in names.into_iter().filter(|path| !elsewhere(path)) {
            let Ok(found) = std::fs::symlink_metadata(&path) else { continue };
            if found.is_file() && found.mode() & bits == bits {
                return Some(path);
            }
            if found.is_dir() && ahead.len() < MOST {
                ahead.push_back(path);
            }
        }
    }
    None
}

/// A name is there, whatever it leads to: newfstatat(2) with `AT_SYMLINK_NOFOLLOW`.
#[must_use]
pub fn exists(path: &Path) -> Option<Trial> {
    let nofollow = 0x100;
    let stat = at(Abi::X86_64, "newfstatat", path, vec![Word::Scratch(0), Word::Value(nofollow)])?;
    Some(Trial::of(vec![stat]))
}

/// What a name leads to is a character device with this number, `makedev(3)` of small ones.
#[must_use]
pub fn device(path: &Path, major: u64, minor: u64) -> Option<Trial> {
    // `st_rdev` in `struct stat` of x86-64; 0 of what is no device.
    let number = Reading::Bits { at: 40, mask: u64::MAX >> 1 };
    let there = exists(path).map(|trial| trial.reading(number));
    there.map(|trial| trial.passing(Passes::Answer(major << 8 | minor)))
}

/// What a name leads to, without opening it, which permission bits and capabilities have a word about.
#[must_use]
pub fn see(path: &Path) -> Option<Trial> {
    let stat = || at(Abi::X86_64, "newfstatat", path, vec![Word::Scratch(0), Word::Value(0)]);
    Some(Trial::of(vec![stat()?]).then(stat()).about(seen(path)).by(Identity::Inode))
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
    named(abi, name, path_word(path), rest)
}

fn named(abi: Abi, name: &str, path: Word, rest: Vec<Word>) -> Option<Deed> {
    let mut args = vec![Word::number(AT_FDCWD), path];
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
    let link = own(writable, "link");
    let deeds = vec![
        Deed::call(Abi::X86_64, "symlinkat", vec![path_word(path), Word::number(AT_FDCWD), link.clone()])?,
        named(Abi::X86_64, "openat", link.clone(), vec![Word::Value(O_NOCTTY_NONBLOCK_CLOEXEC)])?,
    ];
    let reached = named(Abi::X86_64, "newfstatat", link.clone(), vec![Word::Scratch(0), Word::Value(0)]);
    let undo = named(Abi::X86_64, "unlinkat", link, vec![Word::Value(0)]);
    Some(Trial::of(deeds).then(reached).then(undo).about(seen(path)))
}

fn by_descriptor(path: &Path, flags: u64) -> Option<Deed> {
    let name = PathBuf::from(format!("/proc/self/fd/{FREE}{}", path.display()));
    at(Abi::X86_64, "openat", &name, vec![Word::Value(flags | O_NOCTTY_NONBLOCK_CLOEXEC)])
}

/// Opening through the entry in `/proc/self/fd` of a directory that was opened outside (CVE-2024-21626).
#[must_use]
pub fn read_by_descriptor(path: &Path) -> Option<Trial> {
    let open = at(Abi::X86_64, "openat", Path::new("/"), vec![Word::Value(O_DIRECTORY)])?;
    let place = Deed::call(Abi::X86_64, "dup2", vec![Word::Answer(0), Word::Value(FREE)])?;
    let trial = Trial::of(vec![by_descriptor(path, 0)?]).prepared(vec![open, place]);
    Some(trial.then(fstat(Abi::X86_64)).about(seen(path)))
}

/// Opening for writing by way of a descriptor that has a place only (`O_PATH`), and its entry in
/// `/proc/self/fd`: a magic link, proc(5).
#[must_use]
pub fn write_by_path_descriptor(path: &Path) -> Option<Trial> {
    let o_path = 0o10_000_000;
    let deeds = vec![
        at(Abi::X86_64, "openat", path, vec![Word::Value(o_path)])?,
        Deed::call(Abi::X86_64, "dup2", vec![Word::Answer(0), Word::Value(FREE)])?,
        by_descriptor(Path::new(""), O_WRONLY)?,
    ];
    let reached = at(Abi::X86_64, "newfstatat", path, vec![Word::Scratch(0), Word::Value(0)]);
    Some(Trial::of(deeds).then(reached).about(seen(path)))
}

/// A file is made, used by `call`, and removed again, under both names that it may have then.
#[must_use]
pub fn own_file(directory: &Path, kind: &str, call: Option<&str>) -> Option<Trial> {
    let (path, other) = (own(directory, kind), own(directory, &format!("{kind}-2")));
    let call_on = |name: &str, path: &Word, rest| named(Abi::X86_64, name, path.clone(), rest);
    let flags = Word::Value(O_WRONLY | O_CREAT_EXCL | O_NOCTTY_NONBLOCK_CLOEXEC);
    let mut deeds = vec![call_on("openat", &path, vec![flags, Word::Value(0o600)])?];
    let to_other = || vec![Word::number(AT_FDCWD), other.clone(), Word::Value(0)];
    if let Some(name) = call {
        deeds.push(match name {
            "renameat2" | "linkat" => call_on(name, &path, to_other())?,
            "truncate" => Deed::call(Abi::X86_64, name, vec![path.clone(), Word::Value(0)])?,
            "fchmodat" => call_on(name, &path, vec![Word::Value(0o640)])?,
            _ => call_on(name, &path, vec![Word::Value(0)])?,
        });
    }
    let remove = |path: &Word| call_on("unlinkat", path, vec![Word::Value(0)]);
    Some(Trial::of(deeds).then(remove(&path)).then(remove(&other)))
}

/// Where something is mounted, as the caller sees it: proc_pid_mountinfo(5). Names with characters that
/// the kernel escapes are left out.
#[must_use]
pub fn mounts() -> Vec<PathBuf> {
    let text = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let names = text.lines().filter_map(|line| line.split(' ').nth(4)).filter(|name| !name.contains('\\'));
    let mut all: Vec<PathBuf> = names.map(PathBuf::from).collect();
    all.sort();
    all.dedup();
    all
}

/// Files of this name in the directories of a directory.
#[must_use]
pub fn below(directory: &str, name: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> = entries.map(|entry| entry.path().join(name)).collect();
    all.retain(|path| path.exists());
    all.sort();
    all
}

/// Opening for writing; making something in a directory; making what does not exist.
#[must_use]
pub fn write(abi: Abi, path: &Path, target: Target) -> Option<Trial> {
    match target {
        Target::File { .. } => {
            let open = at(abi, "openat", path, vec![Word::Value(O_WRONLY | O_NOCTTY_NONBLOCK_CLOEXEC)])?;
            Some(Trial::of(vec![open]).then(fstat(abi)).about(seen(path)))
        }
        Target::Directory => create_in(abi, path, Target::Directory),
        Target::Absent => create(abi, path, Target::File { mode: 0, size: 0 }),
    }
}

/// Making a directory or a file, which is removed at once. The object is the directory that it was
/// made in.
#[must_use]
pub fn create(abi: Abi, path: &Path, kind: Target) -> Option<Trial> {
    made(abi, &path_word(path), path.parent().unwrap_or(path), kind)
}

/// The same in a directory, under a name of its own.
#[must_use]
pub fn create_in(abi: Abi, directory: &Path, kind: Target) -> Option<Trial> {
    let word = if kind == Target::Directory { "directory" } else { "file" };
    made(abi, &own(directory, word), directory, kind)
}

fn made(abi: Abi, path: &Word, parent: &Path, kind: Target) -> Option<Trial> {
    let call = |abi, name, rest| named(abi, name, path.clone(), rest);
    let (deed, flags) = if kind == Target::Directory {
        (call(abi, "mkdirat", vec![Word::Value(0o700)])?, AT_REMOVEDIR)
    } else {
        let flags = Word::Value(O_WRONLY | O_CREAT_EXCL | O_NOCTTY_NONBLOCK_CLOEXEC);
        (call(abi, "openat", vec![flags, Word::Value(0o600)])?, 0)
    };
    let undo = call(Abi::X86_64, "unlinkat", vec![Word::Value(flags)]);
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
    to_itself(path, 0)
}

/// Exchanging with itself, which does nothing after the checks of the place (`RENAME_EXCHANGE`).
#[must_use]
pub fn exchange(path: &Path) -> Option<Trial> {
    to_itself(path, 2)
}

/// To the same name `vfs_rename` ends before it looks whether something is mounted there, which would
/// be EBUSY to any other. So statx(2) is asked for that afterwards, by `STATX_ATTR_MOUNT_ROOT` of
/// `stx_attributes`; where it does not say so, as before Linux 5.8, renaming counts as let through.
fn to_itself(path: &Path, flags: u64) -> Option<Trial> {
    const AT: u16 = 512;
    let (attributes, mount_root, nofollow) = (8, 0x2000, 0x100);
    let name = || [Word::number(AT_FDCWD), path_word(path)];
    let [[a, b], [c, d]] = [name(), name()];
    let rename = Trial::call(Abi::X86_64, "renameat2", vec![a, b, c, d, Word::Value(flags)])?;
    let object = at(Abi::X86_64, "newfstatat", path, vec![Word::Scratch(0), Word::Value(nofollow)]);
    let mount =
        at(Abi::X86_64, "statx", path, vec![Word::Value(nofollow), Word::Value(0), Word::Scratch(AT)]);
    let asked = Reading::Bits { at: usize::from(AT) + attributes, mask: mount_root };
    let trial = rename.then(object).then(mount).reading(asked).passing(Passes::Answer(0));
    Some(trial.about(seen(path)))
}

/// A second name beside it, removed at once.
#[must_use]
pub fn link(path: &Path) -> Option<Trial> {
    let other = own(path.parent()?, "name");
    let args = vec![Word::number(AT_FDCWD), path_word(path), Word::number(AT_FDCWD), other.clone()];
    let trial = Trial::call(Abi::X86_64, "linkat", args)?;
    Some(trial.then(named(Abi::X86_64, "unlinkat", other, vec![Word::Value(0)])))
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

/// In a directory, a name that nothing else has, not even another attempt at the same time.
#[must_use]
pub fn own(directory: &Path, kind: &str) -> Word {
    let mut bytes = directory.join(".ringfence-attempt-").into_os_string().into_vec();
    let at = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    bytes.extend(format!("aa-{kind}-{}\0", std::process::id()).into_bytes());
    Word::Fresh(bytes, at)
}
