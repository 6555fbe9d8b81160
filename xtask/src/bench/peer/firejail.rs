//! firejail(1).

use super::{Peer, allowed};
use crate::bench::level::Level;
use crate::bench::scene::{Contender, Scene};
use crate::bench::user::User;

pub(super) fn make(peer: &Peer, scene: &Scene, user: &User, level: Level) -> Result<Contender, String> {
    if level == Level::A {
        return Err("has no mode without namespaces".into());
    }
    let mut contender = peer.start()?;
    contender.add("--quiet --noprofile --nonewprivs --caps.drop=all --ipc-namespace --read-only=/");
    contender.add("--private-tmp --private-dev");
    if user.root {
        contender.less = Some("no user namespace");
    } else {
        contender.add("--noroot");
    }
    if level.network() {
        contender.add("--net=none");
    }
    if level.filter() {
        let names: Vec<String> = allowed(scene, level)?.into_iter().map(|(name, _)| name).collect();
        contender.words.push(format!("--seccomp.keep={}", names.join(",")));
    }
    Ok(contender.command(scene))
}
