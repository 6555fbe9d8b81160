//! Covers: what lies below a place and must not be reached.

use std::path::Path;

use ringfence_sys::abi::MountAttr;
use ringfence_sys::step::{Dir, Slot, Step};

use crate::control::Refusal;
use crate::control::tree::lies_in;

use super::compile::{Build, NODEV, NOEXEC, NOSUID, RDONLY};
use super::model::{Deny, Kind, is_below_a_deny};
use super::place::{Entry, Layout};

/// The denied paths that a place makes reachable, each with the cover that `ViewOpen` made for a file.
pub(super) struct Covers<'m>(Vec<(&'m Deny, Option<Slot>)>);

/// Without those that lie in another: nothing is left to be covered below a cover.
pub(super) fn outermost(deny: &[Deny]) -> Vec<Deny> {
    deny.iter().filter(|inner| !is_below_a_deny(&inner.path, deny)).cloned().collect()
}

/// `ViewOpen`: the cover of a file is the null device on a mount that does not open devices (`EACCES`).
pub(super) fn open<'a, 'm>(
    build: &mut Build<'a>,
    deny: &'m [Deny],
    layout: &Layout<'_>,
) -> Result<Covers<'m>, Refusal> {
    let mut covers = Vec::new();
    for deny in deny {
        refuse_contradiction(deny, layout)?;
        match layout.around(&deny.path) {
            None => continue,
            Some((tmp, Entry::Private(_))) => return Err(inside_tmp(deny, tmp)),
            Some((_, Entry::Host(..))) => {}
        }
        let slot = match deny.kind {
            Kind::Directory => None,
            Kind::File => Some(null_cover(build, deny)?),
        };
        covers.push((deny, slot));
    }
    covers.sort_by(|a, b| a.0.path.cmp(&b.0.path));
    Ok(Covers(covers))
}

fn null_cover<'a>(build: &mut Build<'a>, deny: &Deny) -> Result<Slot, Refusal> {
    let slot = build.slot()?;
    build.open(Step::CloneTree { path: c"/dev/null", slot }, deny.at);
    build.open(own_attributes(slot, RDONLY | NOSUID | NOEXEC | NODEV), deny.at);
    Ok(slot)
}

/// mount_setattr(2) on the detached tree of a slot.
pub(super) fn own_attributes<'a>(slot: Slot, set: u64) -> Step<'a> {
    let attr = MountAttr { set, ..MountAttr::default() };
    Step::MountSetattr { dir: Dir::Slot(slot), path: c"", recursive: true, attr }
}

/// `ViewCover`: after all that the view shows, so that a cover lies on top.
pub(super) fn cover<'a>(build: &mut Build<'a>, covers: &Covers<'_>) -> Result<(), Refusal> {
    for (deny, slot) in &covers.0 {
        build.at = deny.at;
        let slot = match slot {
            Some(slot) => *slot,
            None => empty_directory(build)?,
        };
        let (dir, path) = build.target(&deny.path)?;
        build.cover(Step::MoveMount { tree: slot, dir, path, close: true });
        build.free(slot);
    }
    Ok(())
}

/// An empty directory that nobody may enter.
pub(super) fn empty_directory(build: &mut Build<'_>) -> Result<Slot, Refusal> {
    let slot = build.slot()?;
    let options = build.options(&[(c"mode", c"0000"), (c"nr_inodes", c"1")]);
    let attr = RDONLY | NOSUID | NOEXEC | NODEV;
    build.cover(Step::NewFilesystem { fstype: c"tmpfs", options, attr, slot });
    Ok(slot)
}

fn refuse_contradiction(deny: &Deny, layout: &Layout<'_>) -> Result<(), Refusal> {
    let Some(allowed) = layout.entries.keys().map(Path::new).find(|path| lies_in(path, &deny.path)) else {
        return Ok(());
    };
    let (allowed, denied) = (allowed.display(), deny.path.display());
    Err(Refusal {
        message: format!("`{allowed}` is allowed, but lies at or below `{denied}`, which is denied"),
        help: "remove one of the two; what no list allows is denied already".into(),
        at: deny.at,
    })
}

fn inside_tmp(deny: &Deny, tmp: &Path) -> Refusal {
    Refusal {
        message: format!(
            "`{}` is denied, but lies in `{}`, which is private and starts empty",
            deny.path.display(),
            tmp.display()
        ),
        help: "remove the path from `fs.deny`: nothing of the host is reachable there".into(),
        at: deny.at,
    }
}
