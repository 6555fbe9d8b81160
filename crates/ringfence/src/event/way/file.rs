//! Accesses to files: the filter's answer to the usual call, the view, and Landlock's rules.

use std::path::{Path, PathBuf};

use ringfence_bpf::table::Abi;
use ringfence_sys::step::Step;

use super::{Answer, Model, Stop, Way};
use crate::control::landlock::right::fs;
use crate::control::mount;
use crate::event::{Cause, Control, Known, Line, Remedy, Setting, logged};
use crate::operation::Access;
use crate::policy::Origin;

const EPERM: u16 = 1;
const ENOENT: u16 = 2;
const EACCES: u16 = 13;
const EROFS: u16 = 30;
const AT_FDCWD: u64 = (-100_i64) as u64;
const O_WRONLY: u64 = 1;
const O_CREAT: u64 = 0o100;
const O_EXCL: u64 = 0o200;
const SYS_CHROOT: u8 = 18;

/// What a path leads to on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Absolute, without symbolic links.
    pub path: PathBuf,
    /// What is there; `None`: nothing.
    pub directory: Option<bool>,
}

/// What is done, in the terms of each control.
struct Needs {
    call: (&'static str, [u64; 6]),
    /// It changes what is there.
    changes: bool,
    /// Landlock's rights, and on what.
    rights: u64,
    on: PathBuf,
    key: &'static str,
}

pub(super) fn way(model: &Model<'_>, access: Access, found: &Found) -> Way {
    let needs = needs(access, found);
    let mut stops: Vec<Stop> = model.filter(needs.call.0, needs.call.1).into_iter().collect();
    let view = model.plan.view.as_ref().map(|view| in_view(model, view, access, found, &needs));
    let bits = match access {
        Access::Chroot if !kept(model, SYS_CHROOT) => {
            let mut stop =
                Stop::new(Control::Credential, Answer::Denies(EPERM), "chroot(2) needs CAP_SYS_CHROOT");
            let setting =
                Setting { key: "process.capabilities", value: "CAP_SYS_CHROOT".to_owned(), list: true };
            stop.remedy = Some(Known::Predicted(Remedy::Settings(vec![setting])));
            stop
        }
        _ => Stop::new(Control::Credential, Answer::Unknown, "permission bits and ACLs are not modelled"),
    };
    let landlock = landlock(model, &needs);
    // The view decides first whether there is such a name. Then, for what exists, permission bits
    // come before the mount's read-only flag; for what is made, after it and after Landlock
    // (fs/namei.c, `lookup_open`, `may_open`; fs/open.c, `do_dentry_open`).
    let hidden = view.as_ref().is_some_and(|view| view.answer == Answer::Denies(ENOENT));
    const OF_WHAT_EXISTS: u64 = fs::EXECUTE | fs::WRITE_FILE | fs::READ_FILE | fs::READ_DIR | fs::TRUNCATE;
    if hidden || needs.rights & !OF_WHAT_EXISTS != 0 {
        stops.extend(view);
        stops.extend(landlock);
        stops.push(bits);
    } else {
        stops.push(bits);
        stops.extend(view);
        stops.extend(landlock);
    }
    let what = format!("{} {}", access.word(), found.path.display());
    Way { what, abi: Abi::X86_64, stops }
}

fn kept(model: &Model<'_>, capability: u8) -> bool {
    model.policy.process.capabilities.iter().any(|kept| kept.value.0 == capability)
}

fn needs(access: Access, found: &Found) -> Needs {
    let parent = || found.path.parent().unwrap_or(Path::new("/")).to_owned();
    let directory = found.directory == Some(true);
    let here = found.path.clone();
    let inside = if directory { here.clone() } else { parent() };
    let open = |flags| ("openat", [AT_FDCWD, 1, flags, 0o644, 0, 0]);
    let (call, changes, rights, on, key) = match access {
        Access::Read if directory => (open(0), false, fs::READ_DIR, here, "fs.read"),
        Access::Read => (open(0), false, fs::READ_FILE, here, "fs.read"),
        Access::Write if found.directory == Some(false) => {
            (open(O_WRONLY), true, fs::WRITE_FILE, here, "fs.write")
        }
        Access::Write | Access::Create => {
            (open(O_WRONLY | O_CREAT | O_EXCL), true, fs::MAKE_REG, inside, "fs.write")
        }
        Access::Exec => (("execve", [1, 1, 1, 0, 0, 0]), false, fs::EXECUTE, here, "fs.exec"),
        Access::Unlink if directory => {
            (("unlinkat", [AT_FDCWD, 1, 0x200, 0, 0, 0]), true, fs::REMOVE_DIR, parent(), "fs.write")
        }
        Access::Unlink => {
            (("unlinkat", [AT_FDCWD, 1, 0, 0, 0, 0]), true, fs::REMOVE_FILE, parent(), "fs.write")
        }
        Access::Rename => {
            let rights =
                if directory { fs::REMOVE_DIR | fs::MAKE_DIR } else { fs::REMOVE_FILE | fs::MAKE_REG };
            (("renameat2", [AT_FDCWD, 1, AT_FDCWD, 1, 0, 0]), true, rights, parent(), "fs.write")
        }
        Access::Link => {
            (("linkat", [AT_FDCWD, 1, AT_FDCWD, 1, 0, 0]), true, fs::MAKE_REG, parent(), "fs.write")
        }
        Access::Chmod => (("fchmodat", [AT_FDCWD, 1, 0o644, 0, 0, 0]), true, 0, here, "fs.write"),
        Access::Truncate => (("truncate", [1, 0, 0, 0, 0, 0]), true, fs::TRUNCATE, here, "fs.write"),
        Access::Chroot => (("chroot", [1, 0, 0, 0, 0, 0]), false, 0, here, "fs.read"),
    };
    Needs { call, changes, rights, on, key }
}

fn in_view(model: &Model<'_>, view: &mount::Model, access: Access, found: &Found, needs: &Needs) -> Stop {
    let special = ["/proc", "/dev"].iter().any(|special| found.path.starts_with(special));
    if special {
        return Stop::new(
            Control::Mount,
            Answer::Unknown,
            "what /proc and /dev hold is the program's own, and not modelled",
        );
    }
    let stop = |answer, about: &str, at: Option<Origin>| {
        let mut stop = Stop::new(Control::Mount, answer, about);
        stop.line = model.line(at);
        if let Answer::Denies(_) = answer {
            stop.remedy = Some(remedy(needs));
        }
        stop
    };
    let path = &found.path;
    if let Some(deny) = view.deny.iter().find(|deny| path.starts_with(&deny.path)) {
        let mut stop =
            stop(Answer::Denies(if path == &deny.path { EACCES } else { ENOENT }), "covered", deny.at);
        stop.remedy = Some(Known::Predicted(Remedy::Remove));
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
        return match access {
            Access::Exec if !tmp.exec => {
                stop(Answer::Denies(EACCES), "private, and without programs", tmp.at)
            }
            _ if needs.changes || path == &tmp.path => stop(Answer::Allows, "private and writable", tmp.at),
            _ => stop(Answer::Unknown, "private: it holds what the program put there", tmp.at),
        };
    }
    let Some(deepest) = deepest else { return stop(Answer::Denies(ENOENT), "not part of the view", None) };
    let granting = |wanted: fn(&mount::Access) -> bool| places.iter().find(|place| wanted(&place.access));
    match access {
        Access::Exec => match granting(|access| access.exec) {
            Some(place) => stop(Answer::Allows, "shown, with programs", place.at),
            None => stop(Answer::Denies(EACCES), "shown without programs", deepest.at),
        },
        _ if needs.changes => match granting(|access| access.write) {
            Some(place) => stop(Answer::Allows, "shown, and writable", place.at),
            None => stop(Answer::Denies(EROFS), "shown read-only", deepest.at),
        },
        _ => stop(Answer::Allows, "shown", deepest.at),
    }
}

/// The rights that the plan's own rules grant there, by the steps that set them.
fn landlock(model: &Model<'_>, needs: &Needs) -> Option<Stop> {
    let steps = &model.plan.steps;
    let handled = steps.iter().find_map(|planned| match planned.step {
        Step::LandlockCreate { attr, .. } => Some(attr.fs),
        _ => None,
    })?;
    if needs.rights == 0 {
        return Some(Stop::new(Control::Landlock, Answer::Allows, "Landlock has no right for this"));
    }
    let mut nearest: Option<(usize, Option<Line>)> = None;
    let mut granted = 0;
    for planned in steps {
        let Step::LandlockPath { path, access, .. } = planned.step else { continue };
        let Ok(rule) = path.to_str() else { continue };
        if needs.on.starts_with(rule) {
            granted |= access;
            if nearest.as_ref().is_none_or(|(len, _)| *len < rule.len()) {
                nearest = Some((rule.len(), model.line(planned.at)));
            }
        }
    }
    let missing = needs.rights & handled & !granted;
    let line = nearest.and_then(|(_, line)| line);
    let about = format!("{} on {}", names(needs.rights), needs.on.display());
    let mut stop = Stop::new(Control::Landlock, Answer::Allows, about);
    stop.line = line;
    if missing != 0 {
        stop.answer = Answer::Denies(EACCES);
        stop.cause = Some(Cause::MissingRight(names(missing)));
        stop.remedy = Some(remedy(needs));
        let flag = model.plan.landlock.as_ref().is_some_and(|model| model.log);
        stop.logged = Some(logged::landlock(flag, model.host));
    }
    Some(stop)
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
    const NAMES: [(u64, &str); 9] = [
        (fs::EXECUTE, "fs.execute"),
        (fs::WRITE_FILE, "fs.write_file"),
        (fs::READ_FILE, "fs.read_file"),
        (fs::READ_DIR, "fs.read_dir"),
        (fs::REMOVE_DIR, "fs.remove_dir"),
        (fs::REMOVE_FILE, "fs.remove_file"),
        (fs::MAKE_DIR, "fs.make_dir"),
        (fs::MAKE_REG, "fs.make_reg"),
        (fs::TRUNCATE, "fs.truncate"),
    ];
    let names: Vec<_> = NAMES.iter().filter(|(bit, _)| rights & bit != 0).map(|(_, name)| *name).collect();
    names.join(",")
}
