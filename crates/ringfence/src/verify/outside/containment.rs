//! Containments of the controls: what a trial is let through in, for a denial to count.

use bumpalo::Bump;
use ringfence_sys::step::Step;

use crate::launch::attempt::Containment;

/// `CLONE_NEWNS`, `NEWCGROUP`, `NEWUTS`, `NEWIPC`, `NEWUSER`, `NEWPID`, `NEWNET`, linux/sched.h.
const ALL: u64 = 0x2_0000 | 0x200_0000 | 0x400_0000 | 0x800_0000 | 0x1000_0000 | 0x2000_0000 | 0x4000_0000;

/// What loading a filter needs, which an ordinary user may only then (seccomp(2)).
pub(super) fn unfiltered<'a>() -> Containment<'a> {
    Containment { steps: vec![Step::NoNewPrivs], namespaces: 0 }
}

/// A process without capabilities that cannot gain any.
pub(super) fn without_privileges<'a>() -> Containment<'a> {
    let steps = vec![Step::NoNewPrivs, Step::Capset { effective: 0, permitted: 0, inheritable: 0 }];
    Containment { steps, namespaces: 0 }
}

/// Namespaces of its own, over which it has every capability.
pub(super) fn own_namespaces<'a>(arena: &'a Bump, (uid, gid): (u32, u32)) -> Containment<'a> {
    let map = |id: u32| arena.alloc_str(&format!("0 {id} 1\n")).as_bytes();
    let steps = vec![
        Step::WriteFile { path: c"/proc/self/setgroups", data: b"deny" },
        Step::WriteFile { path: c"/proc/self/uid_map", data: map(uid) },
        Step::WriteFile { path: c"/proc/self/gid_map", data: map(gid) },
    ];
    Containment { steps, namespaces: ALL }
}
