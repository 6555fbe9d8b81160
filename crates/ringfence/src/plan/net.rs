//! `[net]` becomes a network namespace, Landlock's ports, and seccomp's address families.

use crate::control::net;
use crate::control::port::{PortRule, Ports};
use crate::control::seccomp::{Families, Sockets};
use crate::policy::model::{Namespace, Net, NetMode, Port, SyscallMode, Transport};
use crate::policy::{At, Policy};

/// The network room's model.
pub(super) fn model(policy: &Policy) -> net::Model {
    net::Model {
        mode: policy.net.mode.value,
        mode_at: Some(policy.net.mode.at),
        own_namespace: policy.namespaces.unshare.contains(&Namespace::Net),
        families_filtered: policy.syscalls.mode.value != SyscallMode::Off,
    }
}

/// Which sockets may be made at all.
pub(super) fn families(net: &Net) -> Families {
    let unix = !net.unix.is_empty();
    let at = Some(net.mode.at);
    match net.mode.value {
        NetMode::None => {
            Families { stream: Sockets::None, datagram: Sockets::None, unix, netlink_route: false, at }
        }
        NetMode::Loopback => {
            Families { stream: Sockets::Ports, datagram: Sockets::Ports, unix, netlink_route: true, at }
        }
        NetMode::Host => Families {
            stream: sockets(net, Transport::Tcp),
            datagram: sockets(net, Transport::Udp),
            unix,
            netlink_route: true,
            at,
        },
    }
}

/// Whether the host's network is open as a whole: every port of TCP and UDP both ways, and Unix sockets.
pub(super) fn everything(net: &Net) -> bool {
    let every = |list: &[At<Port>], transport| {
        list.iter().any(|port| port.value.transport == transport && port.value.port.is_none())
    };
    let both_ways = |transport| every(&net.connect, transport) && every(&net.bind, transport);
    let ports = both_ways(Transport::Tcp) && both_ways(Transport::Udp);
    net.mode.value == NetMode::Host && ports && !net.unix.is_empty()
}

fn sockets(net: &Net, transport: Transport) -> Sockets {
    let any = net.connect.iter().chain(&net.bind).any(|port| port.value.transport == transport);
    if any { Sockets::Ports } else { Sockets::None }
}

/// The rules for one transport and direction.
pub(super) fn ports(list: &[At<Port>], transport: Transport) -> Ports {
    let of_transport = || list.iter().filter(|port| port.value.transport == transport);
    if of_transport().any(|port| port.value.port.is_none()) {
        return Ports::Every;
    }
    let only = of_transport().filter_map(|port| Some(PortRule { port: port.value.port?, at: Some(port.at) }));
    Ports::Only(only.collect())
}
