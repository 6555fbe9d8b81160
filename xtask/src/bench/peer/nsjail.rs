//! nsjail(1). Its filters are in Kafel, which has names of its own for some calls, and takes numbers.

use super::{Peer, allowed};
use crate::bench::level::Level;
use crate::bench::scene::{Contender, Scene};
use crate::bench::user::User;

pub(super) fn make(peer: &Peer, scene: &Scene, _user: &User, level: Level) -> Result<Contender, String> {
    let mut contender = peer.start()?;
    contender.add("--really_quiet --disable_clone_newcgroup");
    if level == Level::A {
        contender.add("-Me --disable_clone_newuser --disable_clone_newns --disable_clone_newpid");
        contender.add("--disable_clone_newipc --disable_clone_newuts --disable_clone_newnet --disable_proc");
        contender.less = Some("no Landlock");
    } else {
        contender.add("-Mo --chroot / -T /tmp --mount none:/dev:tmpfs:");
        contender.add("-B /dev/null -B /dev/zero -B /dev/full -B /dev/urandom -B /dev/tty");
        contender.add(if level.network() { "--iface_no_lo" } else { "--disable_clone_newnet" });
    }
    if level.filter() || level == Level::A {
        let number = |(_, number): (String, String)| format!("SYSCALL[{number}]");
        let calls: Vec<String> = allowed(scene, level)?.into_iter().map(number).collect();
        contender.words.push("--seccomp_string".into());
        contender.words.push(format!("ALLOW {{ {} }} DEFAULT ERRNO(1)", calls.join(", ")));
    }
    contender.add("--");
    Ok(contender.command(scene))
}
