//! `[lsm] bpf`, with what `[fs]` and `[net]` come to, becomes the BPF LSM room's model.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::control::tree::lies_in;
use crate::control::{bpf_lsm, landlock, mount};
use crate::host::Host;
use crate::host::path::{Resolved, Resolver};
use crate::policy::Policy;
use crate::policy::model::{Namespace, Transport};

use super::net;

const SYS_PTRACE: u8 = 19;

/// The model; `None` where the policy says `off`.
pub(super) fn model(
    policy: &Policy,
    host: &Host,
    resolver: &mut Resolver<'_>,
    rules: &[landlock::PathRule],
    view: Option<&mount::Model>,
) -> Option<bpf_lsm::Model> {
    let wanted = &policy.lsm.bpf;
    if !wanted.value {
        return None;
    }
    let (connect, bind) = (&policy.net.connect, &policy.net.bind);
    let kept = policy.process.capabilities.iter().find(|one| one.value.0 == SYS_PTRACE);
    let own_users = policy.namespaces.unshare.contains(&Namespace::User);
    Some(bpf_lsm::Model {
        at: wanted.at,
        paths: paths(host, resolver, rules, view),
        tcp_connect: net::ports(connect, Transport::Tcp),
        tcp_bind: net::ports(bind, Transport::Tcp),
        udp_connect: net::ports(connect, Transport::Udp),
        udp_bind: net::ports(bind, Transport::Udp),
        own_pids: policy.namespaces.unshare.contains(&Namespace::Pid),
        traces_init: kept.filter(|_| !own_users).map(|one| one.at),
    })
}

/// Landlock's rules, and the same for whatever is mounted below each: a file is known by the
/// directories of its own file system.
fn paths(
    host: &Host,
    resolver: &mut Resolver<'_>,
    rules: &[landlock::PathRule],
    view: Option<&mount::Model>,
) -> Vec<bpf_lsm::PathRule> {
    let mounts = mount_points(host, resolver, view);
    let mut paths = Vec::new();
    for rule in rules {
        let access = rule.access;
        let own = bpf_lsm::PathRule {
            path: rule.path.clone(),
            exec: access.exec,
            write: access.write,
            device: access.device,
            unix: access.unix,
            at: rule.at,
        };
        if !(own.exec || own.write || own.device || own.unix) {
            continue;
        }
        let below = mounts.iter().filter(|path| **path != rule.path && lies_in(path, &rule.path));
        let below = below.map(|path| bpf_lsm::PathRule { path: path.clone(), ..own.clone() });
        let nodes = view.filter(|_| access.device && rule.path == Path::new("/dev")).into_iter();
        let nodes = nodes.flat_map(|view| mount::mounted_on_dev(&view.dev));
        let nodes = nodes.map(|name| bpf_lsm::PathRule { path: Path::new("/dev").join(name), ..own.clone() });
        let more: Vec<_> = below.chain(nodes).collect();
        paths.push(own);
        paths.extend(more);
    }
    paths
}

/// Mount points of the host that the view shows.
fn mount_points(host: &Host, resolver: &mut Resolver<'_>, view: Option<&mount::Model>) -> BTreeSet<PathBuf> {
    let hidden = |path: &Path| {
        view.is_some_and(|view| {
            let own = [Path::new("/proc"), Path::new("/dev")].into_iter();
            let private = view.tmp.iter().map(|tmp| tmp.path.as_path());
            let denied = view.deny.iter().map(|deny| deny.path.as_path());
            own.chain(private).chain(denied).any(|above| lies_in(path, above))
        })
    };
    let mounts = host.mounts().value.known().into_iter().flatten();
    let mut there =
        |path: &Path| resolver.locate(path).is_ok_and(|found: Resolved| found.exists() && found.real == path);
    mounts.map(|mount| mount.at.clone()).filter(|path| !hidden(path) && there(path)).collect()
}
