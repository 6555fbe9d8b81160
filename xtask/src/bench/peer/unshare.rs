//! unshare(1) of util-linux.

use super::Peer;
use crate::bench::level::Level;
use crate::bench::scene::{Contender, Scene};
use crate::bench::user::User;

pub(super) fn make(peer: &Peer, scene: &Scene, _user: &User, level: Level) -> Result<Contender, String> {
    if level == Level::A || level.filter() {
        return Err("installs no filter".into());
    }
    let mut contender = peer.start()?;
    contender.add("--user --map-current-user --mount --pid --fork --ipc --uts --mount-proc");
    if level.network() {
        contender.add("--net");
    }
    contender.less = Some("the system is not read-only, no own /tmp and /dev");
    Ok(contender.command(scene))
}
