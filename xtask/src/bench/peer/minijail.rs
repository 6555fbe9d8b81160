//! minijail0(1).

use super::Peer;
use crate::bench::level::Level;
use crate::bench::scene::{Contender, Scene};
use crate::bench::user::User;

pub(super) fn make(peer: &Peer, scene: &Scene, _user: &User, level: Level) -> Result<Contender, String> {
    let mut contender = peer.start()?;
    contender.add("-n");
    if level == Level::A {
        contender.less = Some("no Landlock");
    } else {
        contender.add("-U -m -M -p -v -l -r -t --uts");
        contender.less = Some("the system is not read-only, no own /dev");
    }
    if level.network() {
        contender.add("-e");
    }
    if level.filter() || level == Level::A {
        contender.words.push(format!("--seccomp-bpf-binary={}", scene.filter(level).display()));
    }
    contender.add("--");
    Ok(contender.command(scene))
}
