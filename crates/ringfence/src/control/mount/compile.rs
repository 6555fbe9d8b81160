//! The view as steps.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bumpalo::Bump;
use ringfence_sys::abi::MountAttr;
use ringfence_sys::step::{Dir, Slot, Step};

use crate::control::tree::{parent, upwards};
use crate::control::{Actual, Compiled, Control, Planned, Promise, Refusal, Stage};
use crate::policy::Origin;

use super::cover::{self, own_attributes};
use super::dev;
use super::model::{Access, Dev, Kind, Model, Place, Proc, Tmp};
use super::place::{Entry, Layout};

/// `MOUNT_ATTR_*` of linux/mount.h.
pub(super) const RDONLY: u64 = 1;
pub(super) const NOSUID: u64 = 2;
pub(super) const NODEV: u64 = 4;
pub(super) const NOEXEC: u64 = 8;
const MS_PRIVATE: u64 = 1 << 18;
const SLOT_WORDS: usize = Slot::COUNT.div_ceil(64);

/// Steps that make the view of `model`.
///
/// # Errors
/// What no mount can express: a path both allowed and denied, more places than there are slots.
pub fn compile<'a>(model: &Model, arena: &'a Bump) -> Result<Compiled<'a>, Refusal> {
    let deny = cover::outermost(&model.deny);
    let layout = Layout::new(&model.places, &model.tmp, &deny);
    let nosuid = if model.nosuid { NOSUID } else { 0 };
    let mut build = Build::new(arena);
    let in_place = layout.root();
    if in_place.is_none() {
        build.root = Some(build.slot()?);
    }
    let trees = open_places(&mut build, &layout, nosuid)?;
    build.at = model.dev_at;
    let nodes = match model.dev {
        Dev::Minimal { random_is_urandom } => Some(dev::open(&mut build, random_is_urandom)?),
        _ => None,
    };
    let masks = open_masks(&mut build, model)?;
    let covers = cover::open(&mut build, &deny, &layout)?;
    match in_place {
        Some(access) => whole(&mut build, access, nosuid),
        None => fresh_root(&mut build),
    }
    lay(&mut build, &layout, &trees, model)?;
    build.at = model.proc_at;
    proc(&mut build, model, &masks)?;
    build.at = model.dev_at;
    match (&nodes, model.dev) {
        (Some(nodes), _) => dev::cover(&mut build, nodes)?,
        (None, Dev::Absent) if in_place.is_some() => hide(&mut build, Path::new("/dev"))?,
        _ => {}
    }
    cover::cover(&mut build, &covers)?;
    build.at = None;
    switch(&mut build);
    Ok(Compiled { steps: build.steps, promises: promises(model) })
}

/// The attributes that hold `access`.
pub(super) fn attributes(access: Access) -> u64 {
    let mut set = NODEV;
    if !access.write {
        set |= RDONLY;
    }
    if !access.exec {
        set |= NOEXEC;
    }
    set
}

/// What the functions of this room share while they emit steps.
pub(super) struct Build<'a> {
    arena: &'a Bump,
    steps: Vec<Planned<'a>>,
    /// Bit n of word m: slot 64 * m + n is in use.
    used: [u64; SLOT_WORDS],
    /// The new root, where there is one.
    root: Option<Slot>,
    /// The policy line of what is being emitted.
    pub(super) at: Option<Origin>,
}

impl<'a> Build<'a> {
    fn new(arena: &'a Bump) -> Self {
        Self { arena, steps: Vec::with_capacity(64), used: [0; SLOT_WORDS], root: None, at: None }
    }

    pub(super) fn slot(&mut self) -> Result<Slot, Refusal> {
        // The last slot is kept for other rooms.
        let room = self.used.iter().position(|word| *word != u64::MAX);
        let free = room.map(|word| 64 * word + self.used[word].trailing_ones() as usize);
        let free = free.filter(|free| *free < Slot::COUNT - 1).ok_or_else(|| Refusal {
            message: format!("the view needs more than {} mounts at once", Slot::COUNT - 1),
            help: "name directories that contain the many paths, rather than each of them".into(),
            at: self.at,
        })?;
        self.used[free / 64] |= 1 << (free % 64);
        Ok(Slot(free as u8))
    }

    pub(super) fn free(&mut self, slot: Slot) {
        self.used[usize::from(slot.0) / 64] &= !(1 << (slot.0 % 64));
    }

    pub(super) fn bytes(&self, bytes: &[u8]) -> Result<&'a CStr, Refusal> {
        crate::control::arena::cstr(self.arena, bytes)
    }

    pub(super) fn path(&self, path: &Path) -> Result<&'a CStr, Refusal> {
        self.bytes(path.as_os_str().as_bytes())
    }

    pub(super) fn options(&self, pairs: &[(&'static CStr, &'static CStr)]) -> &'a [(&'a CStr, &'a CStr)] {
        self.arena.alloc_slice_copy(pairs)
    }

    /// A path of the view as steps name it before the switch.
    pub(super) fn target(&self, path: &Path) -> Result<(Dir, &'a CStr), Refusal> {
        match self.root {
            None => Ok((Dir::Cwd, self.path(path)?)),
            Some(root) => {
                let bytes = path.as_os_str().as_bytes();
                Ok((Dir::Slot(root), self.bytes(bytes.strip_prefix(b"/").unwrap_or(bytes))?))
            }
        }
    }

    fn push(&mut self, stage: Stage, step: Step<'a>, at: Option<Origin>) {
        self.steps.push(Planned { stage, control: Control::Mount, step, at });
    }

    pub(super) fn open(&mut self, step: Step<'a>, at: Option<Origin>) {
        self.push(Stage::ViewOpen, step, at);
    }

    fn view(&mut self, step: Step<'a>, at: Option<Origin>) {
        self.push(Stage::View, step, at);
    }

    pub(super) fn cover(&mut self, step: Step<'a>) {
        self.push(Stage::ViewCover, step, self.at);
    }
}

type Trees = BTreeMap<OsString, Slot>;

/// Copies of every place, with the attributes that hold its rights, before anything changes.
fn open_places(build: &mut Build<'_>, layout: &Layout<'_>, nosuid: u64) -> Result<Trees, Refusal> {
    let mut trees = Trees::new();
    for (path, entry) in &layout.entries {
        let Entry::Host(place, access) = entry else { continue };
        if path == "/" {
            continue;
        }
        build.at = place.at;
        let slot = build.slot()?;
        let from = build.path(Path::new(path))?;
        build.open(Step::CloneTree { path: from, slot }, place.at);
        build.open(own_attributes(slot, attributes(*access) | nosuid), place.at);
        trees.insert(path.clone(), slot);
    }
    Ok(trees)
}

/// The same view in place: one call for every mount of the host.
fn whole(build: &mut Build<'_>, access: Access, nosuid: u64) {
    let attr =
        MountAttr { set: attributes(access) | nosuid, propagation: MS_PRIVATE, ..MountAttr::default() };
    build.view(Step::MountSetattr { dir: Dir::Cwd, path: c"/", recursive: true, attr }, None);
}

/// A tmpfs on top of `/`, which holds the names of the view.
fn fresh_root(build: &mut Build<'_>) {
    let Some(root) = build.root else { return };
    let private = MountAttr { propagation: MS_PRIVATE, ..MountAttr::default() };
    build.view(Step::MountSetattr { dir: Dir::Cwd, path: c"/", recursive: true, attr: private }, None);
    let options = build.options(&[(c"mode", c"0755")]);
    let attr = NOSUID | NODEV | NOEXEC;
    build.view(Step::NewFilesystem { fstype: c"tmpfs", options, attr, slot: root }, None);
    build.view(Step::MoveMount { tree: root, dir: Dir::Cwd, path: c"/", close: false }, None);
}

/// Every mount in its place, what contains before what is contained, with the names it needs.
fn lay(build: &mut Build<'_>, layout: &Layout<'_>, trees: &Trees, model: &Model) -> Result<(), Refusal> {
    let mut made = BTreeSet::new();
    for (path, entry) in &layout.entries {
        let (kind, at) = match entry {
            Entry::Host(place, _) => (place.kind, place.at),
            Entry::Private(tmp) => (Kind::Directory, tmp.at),
        };
        let place = Path::new(path);
        if path == "/" {
            continue;
        }
        name(build, layout, place, kind, at, &mut made)?;
        match (entry, trees.get(path)) {
            (Entry::Private(tmp), _) => private(build, tmp)?,
            (Entry::Host(..), Some(slot)) => {
                let (dir, path) = build.target(place)?;
                build.view(Step::MoveMount { tree: *slot, dir, path, close: true }, at);
                build.free(*slot);
            }
            (Entry::Host(..), None) => {}
        }
    }
    if matches!(model.proc, Proc::Own { .. }) {
        name(build, layout, Path::new("/proc"), Kind::Directory, model.proc_at, &mut made)?;
    }
    if matches!(model.dev, Dev::Minimal { .. }) {
        name(build, layout, Path::new("/dev"), Kind::Directory, model.dev_at, &mut made)?;
    }
    links(build, model.places.iter(), layout, &mut made)
}

/// mkdir -p below whatever is ours to fill (the new root, or a private directory), and a file at
/// the end where it is one. Inside a place of the host the name exists already.
fn name(
    build: &mut Build<'_>,
    layout: &Layout<'_>,
    path: &Path,
    kind: Kind,
    at: Option<Origin>,
    made: &mut BTreeSet<OsString>,
) -> Result<(), Refusal> {
    let base = match layout.outside(path) {
        Some((_, Entry::Host(..))) => return Ok(()),
        Some((base, Entry::Private(_))) => base,
        None if build.root.is_some() => Path::new("/"),
        None => return Ok(()),
    };
    let outside = |part: &&Path| part.as_os_str() != base.as_os_str();
    let mut parts: Vec<_> = upwards(path).take_while(outside).collect();
    parts.reverse();
    for part in parts {
        if !made.insert(part.into()) {
            continue;
        }
        let (dir, name) = build.target(part)?;
        if part.as_os_str() == path.as_os_str() && kind == Kind::File {
            build.view(Step::Mkfile { dir, path: name, mode: 0o444 }, at);
        } else {
            build.view(Step::Mkdir { dir, path: name, mode: 0o755 }, at);
        }
    }
    Ok(())
}

/// Links that lie outside every place (inside one they are there already).
fn links<'m>(
    build: &mut Build<'_>,
    places: impl Iterator<Item = &'m Place>,
    layout: &Layout<'_>,
    made: &mut BTreeSet<OsString>,
) -> Result<(), Refusal> {
    for place in places {
        for link in &place.links {
            let inside = matches!(layout.around(&link.at), Some((_, Entry::Host(..))));
            if inside || made.contains(link.at.as_os_str()) {
                continue;
            }
            if let Some(parent) = parent(&link.at).filter(|parent| *parent != Path::new("/")) {
                name(build, layout, parent, Kind::Directory, place.at, made)?;
            }
            made.insert(link.at.clone().into());
            let (dir, path) = build.target(&link.at)?;
            let target = build.path(&link.target)?;
            build.view(Step::Symlink { target, dir, path }, place.at);
        }
    }
    Ok(())
}

fn private(build: &mut Build<'_>, tmp: &Tmp) -> Result<(), Refusal> {
    let attr = NOSUID | NODEV | if tmp.exec { 0 } else { NOEXEC };
    if build.root.is_none() {
        // mount(2) takes MS_*, which have the values of MOUNT_ATTR_* for these.
        let target = build.path(&tmp.path)?;
        build.view(Step::Mount { fstype: c"tmpfs", target, flags: attr, data: c"mode=1777" }, tmp.at);
        return Ok(());
    }
    let slot = build.slot()?;
    let options = build.options(&[(c"mode", c"1777")]);
    build.view(Step::NewFilesystem { fstype: c"tmpfs", options, attr, slot }, tmp.at);
    let (dir, path) = build.target(&tmp.path)?;
    build.view(Step::MoveMount { tree: slot, dir, path, close: true }, tmp.at);
    build.free(slot);
    Ok(())
}

fn open_masks(build: &mut Build<'_>, model: &Model) -> Result<Vec<Option<Slot>>, Refusal> {
    let Proc::Own { masks } = &model.proc else { return Ok(Vec::new()) };
    build.at = model.proc_at;
    let mut slots = Vec::new();
    for mask in masks {
        slots.push(match mask.kind {
            Kind::Directory => None,
            Kind::File => {
                let slot = build.slot()?;
                build.open(Step::CloneTree { path: c"/dev/null", slot }, model.proc_at);
                build.open(own_attributes(slot, RDONLY | NOSUID | NOEXEC | NODEV), model.proc_at);
                Some(slot)
            }
        });
    }
    Ok(slots)
}

/// A new procfs needs one in sight that nothing covers: it comes before the switch.
fn proc(build: &mut Build<'_>, model: &Model, masks: &[Option<Slot>]) -> Result<(), Refusal> {
    let path = Path::new("/proc");
    match &model.proc {
        Proc::Own { masks: entries } => {
            let attr = RDONLY | NOSUID | NODEV | NOEXEC;
            if build.root.is_none() {
                // The same bits as MS_*; one call.
                build.cover(Step::Mount { fstype: c"proc", target: c"/proc", flags: attr, data: c"" });
            } else {
                let slot = build.slot()?;
                build.cover(Step::NewFilesystem { fstype: c"proc", options: &[], attr, slot });
                let (dir, target) = build.target(path)?;
                build.cover(Step::MoveMount { tree: slot, dir, path: target, close: true });
                build.free(slot);
            }
            for (mask, slot) in entries.iter().zip(masks) {
                let slot = match slot {
                    Some(slot) => *slot,
                    None => cover::empty_directory(build)?,
                };
                let (dir, path) = build.target(&mask.path)?;
                build.cover(Step::MoveMount { tree: slot, dir, path, close: true });
                build.free(slot);
            }
            Ok(())
        }
        Proc::Absent if build.root.is_none() => hide(build, path),
        _ => Ok(()),
    }
}

fn hide(build: &mut Build<'_>, path: &Path) -> Result<(), Refusal> {
    let slot = cover::empty_directory(build)?;
    let (dir, path) = build.target(path)?;
    build.cover(Step::MoveMount { tree: slot, dir, path, close: true });
    build.free(slot);
    Ok(())
}

/// pivot_root(2), after the tmpfs of names has become read-only.
fn switch(build: &mut Build<'_>) {
    let Some(root) = build.root else { return };
    let attr = MountAttr { set: RDONLY, ..MountAttr::default() };
    let read_only = Step::MountSetattr { dir: Dir::Slot(root), path: c"", recursive: false, attr };
    build.push(Stage::ViewSwitch, read_only, None);
    build.push(Stage::ViewSwitch, Step::PivotRoot { root }, None);
    build.push(Stage::ViewSwitch, Step::Close(root), None);
}

fn promises(model: &Model) -> Vec<Promise> {
    let mut promises = Vec::new();
    let mut promise = |name, requested: String, at| {
        promises.push(Promise { name, control: Control::Mount, requested, actual: Actual::Full, at });
    };
    for place in &model.places {
        let what = match (place.access.write, place.access.exec) {
            (true, true) => "read, write and execute",
            (true, false) => "read and write",
            (false, true) => "read and execute",
            (false, false) => "read",
        };
        promise("mount.place", format!("{what} {}", place.path.display()), place.at);
    }
    for deny in &model.deny {
        promise("mount.deny", format!("nothing at {}", deny.path.display()), deny.at);
    }
    for tmp in &model.tmp {
        promise("mount.tmp", format!("private {}", tmp.path.display()), tmp.at);
    }
    promises
}
