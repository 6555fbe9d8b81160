//! hakoniwa(1): its view is made of binds below a new root; its filter for level d is its own
//! copy of Podman's.

use super::Peer;
use crate::bench::level::Level;
use crate::bench::scene::{Contender, Scene};
use crate::bench::user::User;

pub(super) fn make(peer: &Peer, scene: &Scene, _user: &User, level: Level) -> Result<Contender, String> {
    if level == Level::A {
        return Err("has no mode without namespaces".into());
    }
    let mut contender = peer.start()?;
    contender.add("run --unshare-ipc --unshare-uts --devfs /dev --tmpfs /tmp --bindmount-ro");
    contender.words.push(scene.place().display().to_string());
    if level.network() {
        contender.add("--unshare-network");
    }
    contender.add(if level.filter() { "--seccomp podman" } else { "--seccomp unconfined" });
    contender.add("--");
    Ok(contender.command(scene))
}
