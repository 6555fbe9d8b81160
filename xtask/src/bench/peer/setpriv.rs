//! setpriv(1) of util-linux: the nearest that it has to level a.

use super::Peer;
use crate::bench::level::Level;
use crate::bench::scene::{Contender, Scene};
use crate::bench::user::User;

pub(super) fn make(peer: &Peer, scene: &Scene, user: &User, level: Level) -> Result<Contender, String> {
    if level != Level::A {
        return Err("makes no namespaces".into());
    }
    let mut contender = peer.start()?;
    contender.add("--no-new-privs --inh-caps=-all");
    if user.root {
        contender.add("--bounding-set=-all");
    }
    contender.less = Some("neither seccomp nor Landlock");
    Ok(contender.command(scene))
}
