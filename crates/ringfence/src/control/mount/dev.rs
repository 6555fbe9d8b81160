//! `/dev`, minimal: a tmpfs with the nodes that programs cannot do without, each a bind of the
//! host's node, because mknod(2) of a device is denied in a user namespace.

use crate::control::Refusal;
use ringfence_sys::step::{Dir, Slot, Step};

use super::Dev;
use super::compile::{Build, NODEV, NOEXEC, NOSUID};

const NODES: [&str; 5] = ["null", "zero", "full", "urandom", "tty"];
const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// What is mounted on a minimal `/dev`, by name.
#[must_use]
pub fn mounted(dev: &Dev) -> Vec<&'static str> {
    let Dev::Minimal { random_is_urandom } = dev else { return Vec::new() };
    let random = (!random_is_urandom).then_some("random");
    NODES.into_iter().chain(random).chain(["pts"]).collect()
}

/// Descriptors of the nodes, opened before the host's `/dev` gets out of sight.
pub(super) struct Nodes(Vec<(&'static str, Slot)>);

/// `ViewOpen`: copies of the host's nodes.
pub(super) fn open<'a>(build: &mut Build<'a>, random_is_urandom: bool) -> Result<Nodes, Refusal> {
    let random = (!random_is_urandom).then_some("random");
    let mut nodes = Vec::new();
    for name in NODES.into_iter().chain(random) {
        let slot = build.slot()?;
        let path = build.bytes(format!("/dev/{name}").as_bytes())?;
        build.open(Step::CloneTree { path, slot }, build.at);
        nodes.push((name, slot));
    }
    Ok(Nodes(nodes))
}

/// `ViewCover`: the tmpfs, attached first, so that older kernels can mount on it too.
pub(super) fn cover<'a>(build: &mut Build<'a>, nodes: &Nodes) -> Result<(), Refusal> {
    let dev = build.slot()?;
    let options = build.options(&[(c"mode", c"0755")]);
    build.cover(Step::NewFilesystem { fstype: c"tmpfs", options, attr: NOSUID | NOEXEC | NODEV, slot: dev });
    let (dir, path) = build.target(std::path::Path::new("/dev"))?;
    build.cover(Step::MoveMount { tree: dev, dir, path, close: false });
    for (name, slot) in &nodes.0 {
        let path = build.bytes(name.as_bytes())?;
        build.cover(Step::Mkfile { dir: Dir::Slot(dev), path, mode: 0o666 });
        build.cover(Step::MoveMount { tree: *slot, dir: Dir::Slot(dev), path, close: true });
        build.free(*slot);
    }
    let links =
        if nodes.0.iter().any(|(name, _)| *name == "random") { None } else { Some(("random", "urandom")) };
    for (name, target) in LINKS.into_iter().chain(links) {
        let (path, target) = (build.bytes(name.as_bytes())?, build.bytes(target.as_bytes())?);
        build.cover(Step::Symlink { target, dir: Dir::Slot(dev), path });
    }
    build.cover(Step::Mkdir { dir: Dir::Slot(dev), path: c"shm", mode: 0o1777 });
    build.cover(Step::Chmod { dir: Dir::Slot(dev), path: c"shm", mode: 0o1777 });
    build.cover(Step::Mkdir { dir: Dir::Slot(dev), path: c"pts", mode: 0o755 });
    let pts = build.slot()?;
    let options = build.options(&[(c"ptmxmode", c"0666"), (c"mode", c"0620")]);
    build.cover(Step::NewFilesystem { fstype: c"devpts", options, attr: NOSUID | NOEXEC, slot: pts });
    build.cover(Step::MoveMount { tree: pts, dir: Dir::Slot(dev), path: c"pts", close: true });
    build.free(pts);
    build.cover(Step::Close(dev));
    build.free(dev);
    Ok(())
}
