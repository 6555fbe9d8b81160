//! `[lsm]` becomes the LSM room's model; a generated profile holds what files, network and
//! capabilities come to.

use crate::control::{landlock, lsm, mount};
use crate::policy::Policy;
use crate::policy::model::Namespace;

use super::net;

/// The model. `rules` and `view`: what `[fs]` came to; `unique`: a number nobody else has.
pub(super) fn model(
    policy: &Policy,
    rules: &[landlock::PathRule],
    view: Option<&mount::Model>,
    unique: u64,
) -> lsm::Model {
    let pid = policy.namespaces.unshare.contains(&Namespace::Pid);
    lsm::Model::of(policy, intent(policy, rules, view), unique, pid)
}

fn intent(policy: &Policy, rules: &[landlock::PathRule], view: Option<&mount::Model>) -> lsm::Intent {
    let families = net::families(&policy.net);
    let deny = view.into_iter().flat_map(|view| &view.deny);
    lsm::Intent {
        paths: rules.iter().map(path).collect(),
        deny: deny.filter_map(|deny| Some((deny.path.clone(), deny.at?))).collect(),
        sockets: lsm::Sockets {
            stream: families.stream != crate::control::seccomp::Sockets::None,
            datagram: families.datagram != crate::control::seccomp::Sockets::None,
            unix: families.unix,
            netlink: families.netlink_route,
        },
        sockets_at: Some(policy.net.mode.at),
        capabilities_at: policy.process.capabilities.first().map(|one| one.at),
        capabilities: policy.process.capabilities.iter().map(|one| (one.value.0, one.at)).collect(),
    }
}

fn path(rule: &landlock::PathRule) -> lsm::PathRule {
    let access = rule.access;
    lsm::PathRule {
        path: rule.path.clone(),
        directory: rule.kind == landlock::Kind::Directory,
        read: access.read || access.device || access.unix,
        exec: access.exec,
        // A socket is reached by writing to it.
        write: access.write || access.device || access.unix,
        at: rule.at,
    }
}
