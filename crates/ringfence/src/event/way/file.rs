//! Accesses to files: the filter's answer to the usual call, the view, and Landlock's rules.

use std::path::{Path, PathBuf};

use super::bits::{self, Bits};
use super::{Answer, Model, Stop, Way, guard};
use crate::control::landlock::right::fs;
use crate::control::mount;
use crate::event::errno::{EACCES, EBUSY, ENOENT, EROFS};
use crate::event::{Cause, Control, Known, Line, Remedy, Setting};
use crate::operation::Access;
use crate::policy::Origin;

const AT_FDCWD: u64 = (-100_i64) as u64;
const O_WRONLY: u64 = 1;
const O_CREAT: u64 = 0o100;
const O_EXCL: u64 = 0o200;

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Absolute, without symbolic links.
    pub path: PathBuf,
    /// What is there; `None`: nothing.
    pub directory: Option<bool>,
    /// Whether that was seen from inside the containment, rather than on the host.
    pub inside: bool,
    /// Permission bits on the way and there; `None` where they could not be read.
    pub bits: Option<Bits>,
}

/// What is done to a path, as the kernel tells deeds apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deed {
    /// Only the name is looked up: stat(2), access(2), `O_PATH`.
    Look,
    /// open(2) for reading.
    Read,
    /// open(2) for writing what exists.
    Write,
    /// open(2) that makes a file.
    Create,
    /// execve(2).
    Exec,
    /// unlink(2).
    Unlink,
    /// rmdir(2).
    Rmdir,
    /// mkdir(2).
    Mkdir,
    /// mknod(2) of a fifo or socket.
    Mknod,
    /// mknod(2) of a device.
    Device,
    /// symlink(2).
    Symlink,
    /// link(2): the new name.
    Link,
    /// rename(2), of either name.
    Rename,
    /// chmod(2).
    Chmod,
    /// chown(2).
    Chown,
    /// utimensat(2).
    Times,
    /// truncate(2).
    Truncate,
    /// chroot(2).
    Chroot,
    /// chdir(2).
    Chdir,
    /// setxattr(2) and its neighbours.
    Attribute,
}

impl Deed {
    /// Whether it is about something that is there, rather than about its directory.
    #[must_use]
    pub fn of_what_exists(self) -> bool {
        !matches!(
            self,
            Self::Look | Self::Create | Self::Mkdir | Self::Mknod | Self::Device | Self::Symlink | Self::Link
        )
    }

    fn changes(self) -> bool {
        !matches!(self, Self::Look | Self::Read | Self::Exec | Self::Chroot | Self::Chdir)
    }

    /// The deed of an access of the language, on what is there.
    fn of(access: Access, directory: Option<bool>) -> Self {
        match access {
            Access::Read => Self::Read,
            Access::Write if directory == Some(false) => Self::Write,
            Access::Write | Access::Create => Self::Create,
            Access::Exec => Self::Exec,
            Access::Unlink if directory == Some(true) => Self::Rmdir,
            Access::Unlink => Self::Unlink,
            Access::Rename => Self::Rename,
            Access::Link => Self::Link,
            Access::Chmod => Self::Chmod,
            Access::Truncate => Self::Truncate,
            Access::Chroot => Self::Chroot,
        }
    }
}

/// What is done, in the terms of each control.
struct Needs {
    deed: Deed,
    /// Landlock's rights, and on what.
    rights: u64,
    on: PathBuf,
    key: &'static str,
}

pub(super) fn way(model: &Model, access: Access, found: &Found) -> Way {
    let deed = Deed::of(access, found.directory);
    let what = format!("{} {}", access.word(), found.path.display());
    let mut way = Way::by(model, what, vec![usual_call(deed)]);
    // What is made in a directory that exists is a new name in it.
    let inside = deed == Deed::Create && found.directory == Some(true);
    let target = if inside { below(found) } else { found.clone() };
    way.stops.extend(stops(model, deed, &target));
    way
}

/// A name that does not exist yet, in the directory that was found.
fn below(found: &Found) -> Found {
    let mut bits = found.bits.clone();
    if let Some(bits) = &mut bits {
        bits.above.extend(bits.here.take());
    }
    Found { path: found.path.join("..new.."), directory: None, inside: found.inside, bits }
}

/// What each control behind the filter says, in the kernel's order.
pub(crate) fn stops(model: &Model, deed: Deed, found: &Found) -> Vec<Stop> {
    let needs = needs(deed, found);
    let view = model.view.as_ref().map(|view| in_view(model, view, found, &needs));
    let bits = bits::stop(found.bits.as_ref(), deed);
    let landlock = landlock(model, &needs);
    let program = guard::file(model, deed, &found.path);
    let (first, last) = if guard::comes_before_bits(deed) { (program, None) } else { (None, program) };
    // The view decides first whether there is such a name. Then, for what exists, permission bits
    // come before the mount's read-only flag; for what is made, after it and after Landlock
    // (fs/namei.c, `lookup_open`, `may_open`; fs/open.c, `do_dentry_open`). A mount without programs
    // is asked before the bits of the file (`may_open`), and a change of attributes after the mount.
    let hidden = view.as_ref().is_some_and(|view| view.answer == Answer::Denies(ENOENT));
    const OF_WHAT_EXISTS: u64 = fs::EXECUTE | fs::WRITE_FILE | fs::READ_FILE | fs::READ_DIR | fs::TRUNCATE;
    let early = hidden || deed == Deed::Exec || (needs.rights == 0 && deed.changes());
    if needs.rights & !OF_WHAT_EXISTS != 0 {
        view.into_iter().chain(landlock).chain([bits]).collect()
    } else if early {
        view.into_iter().chain(first).chain([bits]).chain(landlock).chain(last).collect()
    } else {
        [bits].into_iter().chain(view).chain(landlock).collect()
    }
}

/// The call that is usually made for a deed.
fn usual_call(deed: Deed) -> (&'static str, [u64; 6]) {
    let open = |flags| ("openat", [AT_FDCWD, 1, flags, 0o644, 0, 0]);
    let at = |call, third| (call, [AT_FDCWD, 1, third, 0, 0, 0]);
    match deed {
        Deed::Look => ("newfstatat", [AT_FDCWD, 1, 1, 0, 0, 0]),
        Deed::Read => open(0),
        Deed::Write => open(O_WRONLY),
        Deed::Create => open(O_WRONLY | O_CREAT | O_EXCL),
        Deed::Exec => ("execve", [1, 1, 1, 0, 0, 0]),
        Deed::Rmdir => at("unlinkat", 0x200),
        Deed::Unlink => at("unlinkat", 0),
        Deed::Mkdir => at("mkdirat", 0o755),
        Deed::Mknod => at("mknodat", 0o010_644),
        Deed::Device => at("mknodat", 0o020_600),
        Deed::Symlink => ("symlinkat", [1, AT_FDCWD, 1, 0, 0, 0]),
        Deed::Link => ("linkat", [AT_FDCWD, 1, AT_FDCWD, 1, 0, 0]),
        Deed::Rename => ("renameat2", [AT_FDCWD, 1, AT_FDCWD, 1, 0, 0]),
        Deed::Chmod => at("fchmodat", 0o644),
        Deed::Chown => at("fchownat", 0),
        Deed::Times => at("utimensat", 0),
        Deed::Truncate => ("truncate", [1, 0, 0, 0, 0, 0]),
        Deed::Chroot => ("chroot", [1, 0, 0, 0, 0, 0]),
        Deed::Chdir => ("chdir", [1, 0, 0, 0, 0, 0]),
        Deed::Attribute => ("setxattr", [1, 1, 1, 0, 0, 0]),
    }
}

fn needs(deed: Deed, found: &Found) -> Needs {
    let parent = || found.path.parent().unwrap_or(Path::new("/")).to_owned();
    let directory = found.directory == Some(true);
    let here = found.path.clone();
    let (rights, on, key) = match deed {
        Deed::Look | Deed::Chdir | Deed::Chroot => (0, here, "fs.read"),
        Deed::Read if directory => (fs::READ_DIR, here, "fs.read"),
        Deed::Read => (fs::READ_FILE, here, "fs.read"),
        Deed::Exec => (fs::EXECUTE, here, "fs.exec"),
        Deed::Write => (fs::WRITE_FILE, here, "fs.write"),
        Deed::Create => (fs::MAKE_REG, parent(), "fs.write"),
        Deed::Unlink => (fs::REMOVE_FILE, parent(), "fs.write"),
        Deed::Rmdir => (fs::REMOVE_DIR, parent(), "fs.write"),
        Deed::Mkdir => (fs::MAKE_DIR, parent(), "fs.write"),
        Deed::Mknod => (fs::MAKE_FIFO, parent(), "fs.write"),
        Deed::Device => (fs::MAKE_CHAR, parent(), "fs.write"),
        Deed::Symlink => (fs::MAKE_SYM, parent(), "fs.write"),
        Deed::Link => (fs::MAKE_REG, parent(), "fs.write"),
        Deed::Rename if directory => (fs::REMOVE_DIR | fs::MAKE_DIR, parent(), "fs.write"),
        Deed::Rename => (fs::REMOVE_FILE | fs::MAKE_REG, parent(), "fs.write"),
        Deed::Truncate => (fs::TRUNCATE, here, "fs.write"),
        Deed::Chmod | Deed::Chown | Deed::Times | Deed::Attribute => (0, here, "fs.write"),
    };
    Needs { deed, rights, on, key }
}

/// What is known of `/proc` and `/dev`; `None` elsewhere.
fn in_special(model: &Model, view: &mount::Model, found: &Found, needs: &Needs) -> Option<Stop> {
    let proc = found.path.starts_with("/proc");
    if proc && needs.deed.changes() && matches!(view.proc, mount::Proc::Own { .. }) {
        let mut stop = Stop::new(Control::Mount, Answer::Denies(EROFS), "shown read-only");
        stop.line = model.line(view.proc_at);
        stop.remedy = Some(Known::Predicted(Remedy::None("a /proc of its own is never writable")));
        stop.cause = Some(Cause::ReadOnly);
        return Some(stop);
    }
    let unknown = "what /proc and /dev hold is the program's own, and not modelled";
    (proc || found.path.starts_with("/dev")).then(|| Stop::new(Control::Mount, Answer::Unknown, unknown))
}

fn in_view(model: &Model, view: &mount::Model, found: &Found, needs: &Needs) -> Stop {
    let exec = needs.deed == Deed::Exec;
    if let Some(stop) = in_special(model, view, found, needs) {
        return stop;
    }
    let stop = |answer, about: &str, at: Option<Origin>| {
        let mut stop = Stop::new(Control::Mount, answer, about);
        stop.line = model.line(at);
        if let Answer::Denies(errno) = answer {
            stop.remedy = Some(remedy(needs));
            stop.cause = Some(match errno {
                ENOENT => Cause::Hidden,
                EROFS => Cause::ReadOnly,
                _ => Cause::NoExec,
            });
        }
        stop
    };
    let path = &found.path;
    let moves = matches!(needs.deed, Deed::Unlink | Deed::Rmdir | Deed::Rename);
    if let Some(deny) = view.deny.iter().find(|deny| path.starts_with(&deny.path)) {
        if moves
            && path == &deny.path
            && view.places.iter().any(|place| place.access.write && path.starts_with(&place.path))
        {
            let mut stop = stop(Answer::Denies(EBUSY), "covered, and so a mount", deny.at);
            (stop.remedy, stop.cause) = (Some(Known::Predicted(Remedy::Remove)), Some(Cause::Mounted));
            return stop;
        }
        let mut stop =
            stop(Answer::Denies(if path == &deny.path { EACCES } else { ENOENT }), "covered", deny.at);
        stop.remedy = Some(Known::Predicted(Remedy::Remove));
        stop.cause = Some(Cause::Covered);
        return stop;
    }
    let private = view
        .tmp
        .iter()
        .filter(|tmp| path.starts_with(&tmp.path))
        .max_by_key(|tmp| tmp.path.as_os_str().len());
    let places: Vec<_> = view.places.iter().filter(|place| path.starts_with(&place.path)).collect();
    let deepest = places.iter().max_by_key(|place| place.path.as_os_str().len());
    if let Some(tmp) = private.filter(|tmp| deepest.is_none_or(|place| tmp.path.starts_with(&place.path))) {
        return in_private(tmp, found, needs, &stop);
    }
    let Some(deepest) = deepest else { return stop(Answer::Denies(ENOENT), "not part of the view", None) };
    let granting = |wanted: fn(&mount::Access) -> bool| places.iter().find(|place| wanted(&place.access));
    match exec {
        true => match granting(|access| access.exec) {
            Some(place) => stop(Answer::Allows, "shown, with programs", place.at),
            None => stop(Answer::Denies(EACCES), "shown without programs", deepest.at),
        },
        false if needs.deed.changes() => match granting(|access| access.write) {
            Some(place) => stop(Answer::Allows, "shown, and writable", place.at),
            None => stop(Answer::Denies(EROFS), "shown read-only", deepest.at),
        },
        false => stop(Answer::Allows, "shown", deepest.at),
    }
}

/// A private directory is empty at first: what the host has there has no name in it.
fn in_private(
    tmp: &mount::Tmp,
    found: &Found,
    needs: &Needs,
    stop: &dyn Fn(Answer, &str, Option<Origin>) -> Stop,
) -> Stop {
    let exists = |path: &Path| found.bits.iter().flat_map(|bits| &bits.above).any(|node| node.path == path);
    let parent = found.path.parent().unwrap_or(Path::new("/"));
    let makes = !needs.deed.of_what_exists() && needs.deed != Deed::Look;
    match needs.deed {
        _ if found.path == tmp.path => stop(Answer::Allows, "private and writable", tmp.at),
        _ if makes && parent == tmp.path => stop(Answer::Allows, "private and writable", tmp.at),
        _ if makes && exists(parent) => stop(Answer::Denies(ENOENT), "private: not the host's", tmp.at),
        _ if !makes && !found.inside && found.directory.is_some() => {
            stop(Answer::Denies(ENOENT), "private: not the host's", tmp.at)
        }
        Deed::Exec if !tmp.exec => stop(Answer::Denies(EACCES), "private, and without programs", tmp.at),
        _ => stop(Answer::Unknown, "private: it holds what the program put there", tmp.at),
    }
}

/// The rights that the plan's own rules grant there, by the steps that set them.
fn landlock(model: &Model, needs: &Needs) -> Option<Stop> {
    let ruleset = model.ruleset.as_ref()?;
    if needs.rights == 0 {
        return Some(Stop::new(Control::Landlock, Answer::Allows, "Landlock has no right for this"));
    }
    let mut nearest: Option<(usize, Option<Line>)> = None;
    let mut granted = 0;
    for (path, access, at) in &ruleset.paths {
        if needs.on.starts_with(path) {
            granted |= access;
            let len = path.as_os_str().len();
            if nearest.as_ref().is_none_or(|(other, _)| *other < len) {
                nearest = Some((len, model.line(*at)));
            }
        }
    }
    let missing = needs.rights & ruleset.fs & !granted;
    let line = nearest.and_then(|(_, line)| line);
    let about = format!("{} on {}", names(needs.rights), needs.on.display());
    let mut stop = Stop::new(Control::Landlock, Answer::Allows, about);
    stop.line = line;
    if missing != 0 {
        let device = "ringfence grants nobody to make devices";
        let never = needs.deed == Deed::Device;
        stop.answer = Answer::Denies(EACCES);
        stop.cause = Some(Cause::MissingRight(names(missing)));
        stop.remedy = Some(if never { Known::Predicted(Remedy::None(device)) } else { remedy(needs) });
        stop.logged = Some(model.of_landlock.clone());
    }
    Some(stop)
}

/// What shows a path, or lets the deed be done there.
pub(super) fn to_allow(deed: Deed, found: &Found) -> Known<Remedy> {
    remedy(&needs(deed, found))
}

fn remedy(needs: &Needs) -> Known<Remedy> {
    match needs.on.to_str() {
        Some(path) => {
            let setting = Setting { key: needs.key, value: path.to_owned(), list: true };
            Known::Predicted(Remedy::Settings(vec![setting]))
        }
        None => Known::Unknown("a policy cannot name this path".to_owned()),
    }
}

fn names(rights: u64) -> String {
    const NAMES: [(u64, &str); 12] = [
        (fs::EXECUTE, "fs.execute"),
        (fs::WRITE_FILE, "fs.write_file"),
        (fs::READ_FILE, "fs.read_file"),
        (fs::READ_DIR, "fs.read_dir"),
        (fs::REMOVE_DIR, "fs.remove_dir"),
        (fs::REMOVE_FILE, "fs.remove_file"),
        (fs::MAKE_DIR, "fs.make_dir"),
        (fs::MAKE_REG, "fs.make_reg"),
        (fs::MAKE_FIFO, "fs.make_fifo"),
        (fs::MAKE_CHAR, "fs.make_char"),
        (fs::MAKE_SYM, "fs.make_sym"),
        (fs::TRUNCATE, "fs.truncate"),
    ];
    let names: Vec<_> = NAMES.iter().filter(|(bit, _)| rights & bit != 0).map(|(_, name)| *name).collect();
    names.join(",")
}
