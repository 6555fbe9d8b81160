//! bubblewrap(1), `bwrap`.

use super::Peer;
use crate::bench::level::Level;
use crate::bench::scene::{Contender, Scene};
use crate::bench::user::User;

pub(super) fn make(peer: &Peer, scene: &Scene, _user: &User, level: Level) -> Result<Contender, String> {
    if level == Level::A {
        return Err("has no mode without namespaces".into());
    }
    let mut contender = peer.start()?;
    contender.add("--unshare-user --unshare-pid --unshare-ipc --unshare-uts --die-with-parent");
    contender.add("--ro-bind / / --dev /dev --proc /proc --tmpfs /tmp");
    if level.network() {
        contender.add("--unshare-net");
    }
    if level.filter() {
        // Its filter is whatever program it is given: the one that ringfence compiles.
        contender.add("--seccomp 10");
        contender.files.push((10, scene.filter(level)));
    }
    Ok(contender.command(scene))
}
